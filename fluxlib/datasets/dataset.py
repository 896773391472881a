"""A dataset in memory: flux by satellite, drivers, and the account of what was read."""

from dataclasses import dataclass, field

import pandas as pd

from fluxlib.datasets.manifest import Manifest

ACCOUNT = ["source", "series", "file", "product", "read", "kept", "rejected", "why", "filled"]


@dataclass
class Dataset:
    """Flux of several satellites and drivers on one regular grid of time.

    Attributes
    ----------
    manifest : Manifest
        Names, positions, reference satellite and the order of the daily series.
    cadence : Timedelta
        The grid's step.
    flux : dict of DataFrame
        By series: `e0.6 e0.8 e2 e4` as the files have them, e/(cm2 s sr), linear.
    fluence : dict of DataFrame
        By series: the same channels by day, e/(cm2 day sr), of native daily files, or of the
        flux files where they cover at least 80 % of the day; the same whatever the grid.
    drivers : DataFrame
        Solar wind and indices on the grid; coarser ones are repeated within their interval.
    account : DataFrame
        A row for each file and manifest entry: the archive's product, rows read, kept, rejected
        and why.
    flags : dict of Series
        By series whose files have any: the archive's flags on the grid, bits of
        `fluxlib.observations.Quality`; of a coarser grid, every bit that a sample has.
    """

    manifest: Manifest
    cadence: pd.Timedelta
    flux: dict[str, pd.DataFrame]
    fluence: dict[str, pd.DataFrame]
    drivers: pd.DataFrame
    account: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=ACCOUNT))
    flags: dict[str, pd.Series] = field(default_factory=dict)

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
        frames = [
            self.fluence[series].dropna(subset="e2").assign(series=series)
            for series in self.manifest.daily
            if "e2" in self.fluence.get(series, ())
        ]
        frames = [frame for frame in frames if len(frame)]
        if not frames:
            empty = pd.DataFrame({"e2": [], "series": []}, pd.DatetimeIndex([], name="time"))
            return empty.astype({"e2": float, "series": object})
        joined = pd.concat(frames)
        joined = joined[~joined.index.duplicated()].sort_index()
        days = pd.date_range(joined.index[0], joined.index[-1], freq="D", name="time")
        return joined.reindex(days)
