"""From pairs of satellites to one series: the best path to the reference, and the joins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from fluxlib.calibration.model import Calibration
from fluxlib.errors import FluxError

WINDOW = pd.Timedelta("27D")  # to both sides of a join: all that a rotation of the Sun brings
HARMONICS = 2  # of a daily cycle: 24 h and 12 h


@dataclass(frozen=True)
class Chain:
    """How each satellite reaches the reference.

    Attributes
    ----------
    reference
        The satellite on whose scale everything ends.
    paths
        Satellite to the satellites passed on the way, itself first, the reference last.
    table
        Indexed by satellite: ``path`` as text, ``steps``, and ``error``, the standard error in
        dex that the calibrations on the path add up to.
    """

    reference: str
    paths: dict[str, list[str]]
    table: pd.DataFrame
    links: dict[tuple[str, str], Calibration]

    def apply(self, satellite: str, series: pd.Series) -> pd.Series:
        """Put log10 values of a satellite on the reference's scale."""
        if satellite not in self.paths:
            raise FluxError(
                f"satellite {satellite!r} is not linked to {self.reference}: "
                f"{', '.join(self.paths)} are"
            )
        path = self.paths[satellite]
        for start, goal in pairwise(path):
            if (goal, start) in self.links:
                series = self.links[goal, start].apply(series)
            else:
                series = self.links[start, goal].invert(series)
        return series


def calibration_chain(pairs: Mapping[tuple[str, str], Calibration], reference: str) -> Chain:
    """Find every satellite's best path to the reference.

    The best path adds the least variance: Dijkstra's algorithm on each calibration's squared
    ``error``. Orthogonal calibrations have no direction, so a pair serves both ways.

    Parameters
    ----------
    pairs
        Keys (onto, of): what ``fit_calibration(onto, of)`` gave.
    reference
        The satellite to reach.

    Raises
    ------
    FluxError
        If no pair has the reference, or one cannot be inverted.
    """
    names = sorted({name for pair in pairs for name in pair})
    if reference not in names:
        raise FluxError(
            f"reference {reference!r} is in no pair of satellites; there are {', '.join(names)}"
        )
    for (onto, of), link in pairs.items():
        if not link.rises:
            raise FluxError(f"the calibration of {of} onto {onto} falls with flux: leave it out")
    position = {name: i for i, name in enumerate(names)}
    rows = [position[onto] for onto, _ in pairs]
    columns = [position[of] for _, of in pairs]
    variance = [max(link.error**2, 1e-12) for link in pairs.values()]  # 0 would mean no link
    size = (len(names), len(names))
    graph = csr_array((variance, (rows, columns)), shape=size)
    total, before = dijkstra(
        graph, directed=False, indices=position[reference], return_predecessors=True
    )
    paths = {
        name: _walk(names, before, position[name])
        for name in names
        if np.isfinite(total[position[name]])
    }
    table = pd.DataFrame(
        {
            "path": {name: " > ".join(path) for name, path in paths.items()},
            "steps": {name: len(path) - 1 for name, path in paths.items()},
            "error": {name: np.sqrt(total[position[name]]) for name in paths},
        }
    ).rename_axis("satellite")
    return Chain(reference, paths, table, dict(pairs))


def _walk(names, before, at):
    path = [names[at]]
    while before[at] >= 0:
        at = before[at]
        path.append(names[at])
    return path


def join_series(series_by_satellite: Mapping[str, pd.Series], order: Sequence[str]) -> pd.DataFrame:
    """Join satellites to one series: at each time the first of the order that has a value.

    Parameters
    ----------
    series_by_satellite
        Calibrated series on one grid.
    order
        Satellites, the preferred first.

    Returns
    -------
    DataFrame
        Columns ``value``, and ``source``: the satellite, missing where none has a value.
    """
    unknown = [name for name in order if name not in series_by_satellite]
    if unknown or not order:
        raise FluxError(
            f"order names {', '.join(unknown) or 'nothing'}; there are series of "
            f"{', '.join(series_by_satellite)}"
        )
    table = pd.concat({name: series_by_satellite[name] for name in order}, axis=1)
    table = table.rename_axis(index="time").sort_index()
    present = table.notna().to_numpy()
    first = present.argmax(axis=1)
    value = table.to_numpy()[np.arange(len(table)), first]
    source = pd.Series(np.array(list(order), dtype=object)[first], index=table.index)
    return pd.DataFrame({"value": value, "source": source.where(present.any(axis=1))})


def measure_joins(
    series_by_satellite: Mapping[str, pd.Series], joined: pd.DataFrame
) -> pd.DataFrame:
    """Measure the step at each change of source.

    Parameters
    ----------
    series_by_satellite
        The series that were joined: raw ones give the steps before calibration.
    joined
        As :func:`join_series` gives.

    Returns
    -------
    DataFrame
        Indexed by ``time`` of the first sample of the new source: ``before`` and ``after``
        (satellites); ``step``, median of after minus before where both have values within 27
        days, dex; ``n``, the number of those; ``level``, the median of the new source in the
        27 days after minus that of the old one in those before, which the flux's own
        change is part of, but which needs no overlap.
    """
    source = joined["source"].dropna()
    change = source.ne(source.shift()) & source.shift().notna()
    rows = []
    for time in source.index[change]:
        after, before = source[time], source.shift()[time]
        new, old = series_by_satellite[after], series_by_satellite[before]
        gap = (new - old).loc[time - WINDOW : time + WINDOW].dropna()
        level = new.loc[time : time + WINDOW].median() - old.loc[time - WINDOW : time].median()
        rows.append((time, before, after, gap.median(), len(gap), level))
    columns = ["time", "before", "after", "step", "n", "level"]
    return pd.DataFrame(rows, columns=columns).set_index("time")


def match_local_time(reference: pd.Series, other: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Take the daily cycle out of the difference between two satellites.

    At 75 W and 135 W a satellite is four hours of local time from the other, and each sees more
    electrons around its noon. At one UT their difference therefore has a daily cycle, which a
    calibration would take for noise. Its mean form is fitted as harmonics of the day in UT and
    taken from ``other``; its mean is left, as that is the calibration's business.

    Parameters
    ----------
    reference, other
        log10 flux, hourly or finer.

    Returns
    -------
    matched : Series
        ``other`` as the reference's local time would have it, on average.
    cycle : Series
        What was added to it, by UT hour 0..23.
    """
    gap = (reference - other).dropna()
    if gap.index.hour.nunique() < 2 * HARMONICS + 1:
        raise FluxError(
            f"reference and other share {gap.index.hour.nunique()} hours of the day; "
            f"{HARMONICS} harmonics need {2 * HARMONICS + 1}: give hourly series that overlap"
        )
    design = np.column_stack([np.ones(len(gap)), _harmonics(gap.index)])
    weights = np.linalg.lstsq(design, gap.to_numpy(), rcond=None)[0][1:]
    hours = pd.date_range("2000-01-01", periods=24, freq="h")
    cycle = pd.Series(_harmonics(hours) @ weights, pd.RangeIndex(24, name="hour"))
    return other + _harmonics(other.index) @ weights, cycle


def _harmonics(index):
    day = 2 * np.pi * (index - index.normalize()) / pd.Timedelta(days=1)
    waves = [wave(k * day) for k in range(1, HARMONICS + 1) for wave in (np.cos, np.sin)]
    return np.column_stack(waves)
