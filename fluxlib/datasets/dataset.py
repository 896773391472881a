"""Load a dataset's folder onto one regular grid of time, with an account of every row."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from fluxlib.datasets import cache
from fluxlib.datasets import writing as writers
from fluxlib.datasets.loading import ACCOUNT, CHANNELS, read_entry
from fluxlib.datasets.manifest import NAME, Entry, Manifest, parse_cadence, read_manifest
from fluxlib.datasets.series import daily_fluence
from fluxlib.errors import FluxError
from fluxlib.utils.time_grid import DAY


@dataclass
class Dataset:
    """Flux of several satellites, drivers, and what was read to get them.

    Attributes
    ----------
    manifest : Manifest
        Names, positions, reference satellite and the order of the daily series.
    cadence : Timedelta
        The grid's step.
    flux : dict of DataFrame
        By series: `e0.6 e0.8 e2 e4` as the files have them, e/(cm2 s sr).
    fluence : dict of DataFrame
        By series: the same channels by day, e/(cm2 day sr), of native daily files, or of the
        flux files where they cover at least 80 % of the day; the same whatever the grid.
    drivers : DataFrame
        Solar wind and indices on the grid; coarser ones are repeated within their interval.
    account : DataFrame
        A row for each file and manifest entry: rows read, kept, rejected and why.
    """

    manifest: Manifest
    cadence: pd.Timedelta
    flux: dict[str, pd.DataFrame]
    fluence: dict[str, pd.DataFrame]
    drivers: pd.DataFrame
    account: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=ACCOUNT))

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.manifest.name

    @property
    def daily(self) -> pd.DataFrame:
        """The one daily series: each day from the first of `manifest.daily` that has >2 MeV.

        Returns
        -------
        DataFrame
            Fluence, e/(cm2 day sr), on every day from the first to the last, and `series`, the
            source of each day (missing where no series has it).
        """
        result = None
        for series in self.manifest.daily:
            frame = self.fluence.get(series)
            if frame is None or "e2" not in frame:
                continue
            frame = frame[frame["e2"].notna()].assign(series=series)
            if result is None:
                result = frame
            else:
                result = pd.concat([result, frame[~frame.index.isin(result.index)]])
        if result is None or result.empty:
            return pd.DataFrame(
                columns=["e2", "series"], index=pd.DatetimeIndex([], name="time")
            ).astype({"e2": float, "series": object})
        days = pd.date_range(result.index.min(), result.index.max(), freq="D", name="time")
        return result.reindex(days)

    def write(self, folder: str | Path) -> Path:
        """Write the dataset in the archives' native formats, with its `dataset.toml`.

        Parameters
        ----------
        folder : path
            Made if absent; must hold no dataset yet.

        Returns
        -------
        Path
            The folder. Loading it gives the same numbers to the digits that the formats hold.
        """
        return writers.write_dataset(self, folder)


def load(folder: str | Path, cadence: str = "1h") -> Dataset:
    """Load everything that a dataset's folder holds onto one grid.

    Finer series are averaged over each interval; flux coarser than the grid is left out, and
    coarser drivers are repeated within their interval. Tables are cached as Parquet under the
    content of the manifest and files, so a second call is quick.

    Parameters
    ----------
    folder : path
        A folder with a `dataset.toml`.
    cadence : str
        The grid's step, such as "5min" or "1h"; a length that divides a day.

    Raises
    ------
    FluxError
        If the manifest or a file cannot be used; the message says which, where and what to do.
    """
    step = parse_cadence(cadence, "cadence")
    manifest = read_manifest(folder)
    key = cache.hash_parts(dataset_key(manifest.folder), str(step))
    parts = cache.recall(key)
    if parts is None:
        parts = _read_everything(manifest, step)
        cache.remember(key, parts)
    return Dataset(
        manifest=manifest,
        cadence=step,
        flux=_pick(parts, "flux"),
        fluence=_pick(parts, "fluence"),
        drivers=parts["drivers"],
        account=parts["account"],
    )


def dataset_key(folder: str | Path) -> str:
    """Return a hash of a dataset's content: its manifest, files, and the code that reads them."""
    manifest = read_manifest(folder)
    paths = {path for entry in (*manifest.flux, *manifest.drivers) for path in entry.paths}
    return cache.hash_files(manifest.folder, [manifest.folder / NAME, *sorted(paths)])


def _pick(parts: dict[str, pd.DataFrame], kind: str) -> dict[str, pd.DataFrame]:
    prefix = f"{kind}-"
    return {name.removeprefix(prefix): t for name, t in parts.items() if name.startswith(prefix)}


def _read_everything(manifest: Manifest, step: pd.Timedelta) -> dict[str, pd.DataFrame]:
    """Return the tables of a dataset by the name that the cache gives them."""
    accounts: list[dict] = []
    flux: dict[str, list] = {}
    fluence: dict[str, list] = {}
    for entry in manifest.flux:
        cadence = _match_cadence(entry, step)
        frame = read_entry(entry, manifest.folder, accounts)
        regular = _put_on_grid(frame, cadence, cadence)
        # Coverage is counted in the files' own samples, whatever the grid.
        daily = regular if cadence == DAY else daily_fluence(regular)
        fluence.setdefault(entry.series, []).append(daily)
        if cadence <= step and cadence < DAY:
            flux.setdefault(entry.series, []).append(_put_on_grid(regular, cadence, step))
    return {
        **{f"flux-{series}": _join_in_time(frames, step) for series, frames in flux.items()},
        **{f"fluence-{series}": _join_in_time(frames, DAY) for series, frames in fluence.items()},
        "drivers": _read_drivers(manifest, step, accounts),
        "account": pd.DataFrame(accounts, columns=ACCOUNT),
    }


def _read_drivers(manifest: Manifest, step: pd.Timedelta, accounts: list) -> pd.DataFrame:
    """Merge the driver entries; where two have a value, the manifest's earlier one counts."""
    merged: pd.DataFrame | None = None
    for entry in manifest.drivers:
        cadence = _match_cadence(entry, step)
        frame = read_entry(entry, manifest.folder, accounts)
        frame = _put_on_grid(frame, cadence, step)
        merged = frame if merged is None else merged.combine_first(frame)
        columns = dict.fromkeys([*merged.columns, *frame.columns])
        merged = merged[list(columns)]
    if merged is None:
        return pd.DataFrame(index=pd.DatetimeIndex([], name="time"))
    grid = pd.date_range(merged.index[0], merged.index[-1], freq=step, name="time")
    return merged.reindex(grid)


def _match_cadence(entry: Entry, step: pd.Timedelta) -> pd.Timedelta:
    """Return an entry's cadence; raise if neither it nor the step holds the other whole."""
    cadence = parse_cadence(entry.cadence, entry.label)
    if max(cadence, step) % min(cadence, step):
        raise FluxError(
            f"cadence is {step}, which does not fit {entry.label} of the manifest, every "
            f"{entry.cadence}; choose a multiple or a fraction of that."
        )
    return cadence


def _put_on_grid(frame: pd.DataFrame, cadence: pd.Timedelta, step: pd.Timedelta) -> pd.DataFrame:
    """Return the frame averaged to the grid, or repeated within intervals coarser than it."""
    if cadence < step:
        return frame.resample(step).mean()
    last = frame.index[-1] + cadence - step
    grid = pd.date_range(frame.index[0], last, freq=step, name="time")
    held = frame.reindex(grid.floor(cadence))
    return held.set_axis(grid)


def _join_in_time(frames: list[pd.DataFrame], step: pd.Timedelta) -> pd.DataFrame:
    """Return one regular grid from the frames of a series, which share no time."""
    joined = pd.concat(frames).sort_index()
    # Two entries may each have a part of a coarser interval that holds the border.
    joined = joined.groupby(level=0).mean() if joined.index.has_duplicates else joined
    grid = pd.date_range(joined.index[0], joined.index[-1], freq=step, name="time")
    return joined.reindex(grid)[[name for name in CHANNELS if name in joined]]
