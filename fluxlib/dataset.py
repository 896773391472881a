"""Load a dataset's folder onto one regular grid of time, with an account of every row."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib import cache, writers
from fluxlib.errors import FluxError
from fluxlib.fluence import DAY, daily_fluence
from fluxlib.goes import read_goes
from fluxlib.manifest import NAME, Entry, Manifest, parse_cadence, read_manifest
from fluxlib.omni import read_omni
from fluxlib.swpc import FIRST_WITH_E08, read_dpd
from fluxlib.table import read_table

CHANNELS = ("e0.6", "e0.8", "e2", "e4")
ACCOUNT = ["source", "series", "file", "read", "kept", "rejected", "why", "filled"]


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
    key = cache.make_key(dataset_key(manifest.folder), str(step))
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
        cadence = parse_cadence(entry.cadence, entry.label)
        frame = _read_entry(entry, manifest.folder, accounts)
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
        frame = _read_entry(entry, manifest.folder, accounts)
        cadence = parse_cadence(entry.cadence, entry.label)
        frame = _put_on_grid(frame, cadence, step)
        merged = frame if merged is None else merged.combine_first(frame)
        columns = dict.fromkeys([*merged.columns, *frame.columns])
        merged = merged[list(columns)]
    if merged is None:
        return pd.DataFrame(index=pd.DatetimeIndex([], name="time"))
    grid = pd.date_range(merged.index[0], merged.index[-1], freq=step, name="time")
    return merged.reindex(grid)


def _read_entry(entry: Entry, folder: Path, accounts: list[dict]) -> pd.DataFrame:
    """Read an entry's files, keep the usable rows in order of time, account for every row."""
    frames = []
    for path in entry.paths:
        frame = _read_file(entry, path)
        _check_cadence(frame.index, entry, path)
        frames.append(_drop_unusable(frame, entry))
    _drop_repeated(frames)
    accounts += [
        _describe(entry, path, folder, frame)
        for path, frame in zip(entry.paths, frames, strict=True)
    ]
    for frame in frames:
        frame.attrs = {}
    joined = pd.concat(frames).sort_index()
    if joined.empty:
        raise FluxError(
            f"{folder / NAME}: {entry.label} ({entry.files}) has no row within its "
            f"period {_print_period(entry)}; check the period or the files."
        )
    return joined


def _drop_repeated(frames: list[pd.DataFrame]) -> None:
    """Drop, in place of the list, the rows whose time an earlier file has too."""
    times = pd.DatetimeIndex(np.concatenate([frame.index for frame in frames]))
    if times.is_unique:
        return
    ends = np.cumsum([len(frame) for frame in frames])
    for i, again in enumerate(np.split(times.duplicated(), ends[:-1])):
        if again.any():
            first = str(frames[i].index[again][0])
            frames[i].attrs["account"].reject("in an earlier file too", first, int(again.sum()))
            frames[i] = frames[i][~again]


def _describe(entry: Entry, path: Path, folder: Path, frame: pd.DataFrame) -> dict:
    account = frame.attrs["account"]
    return {
        "source": entry.label,
        "series": entry.series or "drivers",
        "file": path.relative_to(folder).as_posix(),
        "read": account.read,
        "kept": account.kept,
        "rejected": sum(account.rejected.values()),
        "why": account.explain(),
        "filled": ", ".join(f"{name} {count}" for name, count in account.filled.items()),
    }


def _read_file(entry: Entry, path: Path) -> pd.DataFrame:
    if entry.format == "goes-csv":
        frame = read_goes(path)
        found = frame.attrs["satellite"]
        if found and found != entry.satellite:
            raise FluxError(
                f"{path}: the file says that it is of {found}; {entry.label} of the manifest "
                f"says {entry.satellite}."
            )
    elif entry.format == "dpd":
        frame = read_dpd(path, satellite=entry.satellite)
    elif entry.format == "table":
        frame = read_table(path)
    else:
        frame = read_omni(path)
        if frame.attrs["kind"] != entry.format:
            raise FluxError(
                f"{path}: the file is of format {frame.attrs['kind']!r}; {entry.label} of the "
                f"manifest says {entry.format!r}."
            )
    if entry.kind == "flux" and not set(frame.columns) <= set(CHANNELS):
        unknown = sorted(set(frame.columns) - set(CHANNELS))
        raise FluxError(
            f"{path}: line 1 has the column {unknown[0]!r}; expected flux columns named "
            f"{', '.join(CHANNELS)} (integral flux above that energy in MeV)."
        )
    if entry.kind == "flux":
        number = "".join(c for c in entry.satellite if c.isdigit())
        if number and int(number) >= FIRST_WITH_E08 and "e0.6" in frame:
            raise FluxError(
                f"{path}: column e0.6 for {entry.satellite}, but GOES-{FIRST_WITH_E08} and later "
                "measure >0.8 MeV; name the column e0.8."
            )
        frame = _blank_nonpositive(frame)
    return frame


def _blank_nonpositive(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with NaN for flux <= 0, which has no logarithm: below background."""
    account = frame.attrs["account"]
    below = frame <= 0
    for name, count in below.sum().items():
        if count:
            account.filled[name] += int(count)
    return frame.mask(below)


def _check_cadence(index: pd.DatetimeIndex, entry: Entry, path: Path) -> None:
    """Raise if the file's usual step is not the manifest's cadence."""
    if len(index) < 3:
        return
    steps = np.diff(np.sort(index.values))
    values, counts = np.unique(steps[steps > np.timedelta64(0)], return_counts=True)
    usual = pd.Timedelta(values[np.argmax(counts)])
    if usual != parse_cadence(entry.cadence, entry.label):
        raise FluxError(
            f"{path}: its usual step is {_print_step(usual)}; {entry.label} of the manifest says "
            f"cadence {entry.cadence!r}."
        )


def _drop_unusable(frame: pd.DataFrame, entry: Entry) -> pd.DataFrame:
    """Return the rows within the entry's period and on its grid; account for the others."""
    account = frame.attrs["account"]
    outside = np.zeros(len(frame), bool)
    if entry.period is not None:
        outside = (frame.index < entry.period[0]) | (frame.index >= entry.period[1])
    if outside.any():
        account.reject(
            f"outside {_print_period(entry)}", str(frame.index[outside][0]), int(outside.sum())
        )
        frame = frame[~outside]
    off = frame.index != frame.index.floor(parse_cadence(entry.cadence, entry.label))
    if off.any():
        account.reject(f"off the {entry.cadence} grid", str(frame.index[off][0]), int(off.sum()))
        frame = frame[~off]
    return frame


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


def _print_period(entry: Entry) -> str:
    first, end = entry.period
    return f"{first:%Y-%m-%d} to {end - DAY:%Y-%m-%d}"


def _print_step(step: pd.Timedelta) -> str:
    minutes = step.total_seconds() / 60
    return f"{minutes / 60:g} h" if minutes % 60 == 0 else f"{minutes:g} min"
