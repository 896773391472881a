"""A dataset in memory: flux by satellite, drivers, and the account of what was read."""

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from fluxlib.datasets.manifest import Manifest
from fluxlib.errors import FluxError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACCOUNT = ["source", "series", "file", "product", "read", "kept", "rejected", "why", "filled"]


class Tables(dict):
    """Tables by the name of their series; a name that is not there gets a helpful error."""

    def __missing__(self, name: object) -> None:
        near = difflib.get_close_matches(str(name).lower().replace("-", ""), self, n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        there = ", ".join(map(str, self)) or "none"
        raise FluxError(f"there is no series {name!r}; expected one of {there}{hint}")


@dataclass(repr=False)
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
        `fluxlib.io.Quality`; of a coarser grid, every bit that a sample has.
    """

    manifest: Manifest
    cadence: pd.Timedelta
    flux: dict[str, pd.DataFrame]
    fluence: dict[str, pd.DataFrame]
    drivers: pd.DataFrame
    account: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=ACCOUNT))
    flags: dict[str, pd.Series] = field(default_factory=dict)

    def __post_init__(self):
        self.flux, self.fluence = Tables(self.flux), Tables(self.fluence)

    def __repr__(self) -> str:
        span = "no flux"
        if self.flux:
            first = min(frame.index[0] for frame in self.flux.values())
            last = max(frame.index[-1] for frame in self.flux.values())
            span = f"flux every {self.cadence} from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        kind = "simulated" if self.manifest.synthetic else "observed"
        drivers = ", ".join(self.drivers) or "none"
        return (
            f"<Dataset {self.name}, {kind}: {', '.join(self.fluence)}; {span}; drivers {drivers}>"
        )

    def describe(self) -> pd.DataFrame:
        """Return a row for each series: satellite, position, days, channels, and what is missing.

        `known` is the percentage of the grid's samples, or of days without a finer grid, that have
        >2 MeV flux, between the first and the last of them.
        """
        rows = {}
        for series, fluence in self.fluence.items():
            frame = self.flux.get(series, fluence)
            known = frame["e2"].dropna() if "e2" in frame else frame.iloc[:, 0].dropna()
            part = frame[known.index[0] : known.index[-1]] if len(known) else frame[:0]
            rows[series] = {
                "satellite": self.manifest.satellite(series),
                "position": self.manifest.position(series) or "",
                "from": f"{known.index[0]:%Y-%m-%d}" if len(known) else "",
                "to": f"{known.index[-1]:%Y-%m-%d}" if len(known) else "",
                "channels": ", ".join(frame),
                "known (%)": round(100 * len(known) / max(1, len(part)), 1),
            }
        return pd.DataFrame(rows).T

    def _repr_html_(self) -> str:
        kind = "simulated" if self.manifest.synthetic else "observed"
        drivers = ", ".join(self.drivers) or "none"
        return (
            f"<p><b>{self.manifest.title}</b> ({self.name}, {kind}), every {self.cadence}</p>"
            f"{self.describe().to_html()}<p>Drivers: {drivers}</p>"
        )

    def plot(self, series: str | None = None, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the >2 MeV flux of a series with its gaps, or the daily fluence of all.

        Parameters
        ----------
        series : str, optional
            One of `flux`. Gaps of a day or more are shaded.
        ax : Axes, optional
            Where to draw; a new figure by default.

        Raises
        ------
        FluxError
            If there is no such series.
        """
        from matplotlib import pyplot as plt

        ax = plt.subplots(figsize=(10, 3.5))[1] if ax is None else ax
        note = " (simulated)" if self.manifest.synthetic else ""
        if series is None:
            for name, frame in self.fluence.items():
                ax.plot(frame.index, frame.get("e2"), ".", markersize=2, label=name)
            ax.legend(markerscale=5, loc="center left", bbox_to_anchor=(1, 0.5))
            ax.set(ylabel="Fluence >2 MeV\n(e/(cm$^2$ day sr))", title=f"Daily fluence{note}")
        else:
            flux = self.flux[series]["e2"]
            ax.plot(flux.index, flux, linewidth=0.6)
            gaps = flux.isna().groupby(flux.notna().cumsum()).sum() * self.cadence
            for number in gaps.index[gaps >= pd.Timedelta("1D")]:
                times = flux.index[(flux.notna().cumsum() == number) & flux.isna()]
                ax.axvspan(times[0], times[-1], color="0.85", linewidth=0)
            ax.set(ylabel="Flux >2 MeV\n(e/(cm$^2$ s sr))", title=f"{series}{note}; gaps in grey")
        ax.set_yscale("log")
        return ax

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
