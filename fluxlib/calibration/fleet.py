"""A fleet on the scale of one satellite: calibrations along the best path, and the daily series."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from fluxlib.calibration.model import Calibration
from fluxlib.calibration.pairs import fit_pairs, list_overlaps, measure_systematic, name_pair
from fluxlib.datasets.series import Pair
from fluxlib.errors import FluxError, NotApplicable

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

JOIN_WINDOW = pd.Timedelta("27D")  # to both sides of a change of source: a solar rotation


@dataclass(frozen=True)
class FleetCalibration:
    """How each satellite reaches the reference.

    Attributes
    ----------
    reference : str
        The satellite on whose scale all others are put.
    pairs : dict of Pair to Calibration
        All calibrated pairs, those without a path to the reference too.
    paths : dict of str to list of str
        The satellites from each one, itself first, to the reference.
    table : DataFrame
        Indexed by satellite: ``path`` as text, ``steps``, and two errors to which the calibrations
        on the path add up, in decades: ``error``, the standard error of the fits, and
        ``systematic``, how far they are off on days held out.
    """

    reference: str
    pairs: dict[Pair, Calibration]
    paths: dict[str, list[str]]
    table: pd.DataFrame

    def apply(self, satellite: str, log_values: pd.Series) -> pd.Series:
        """Put log10 values of a satellite on the reference's scale."""
        if satellite not in self.paths:
            raise FluxError(
                f"satellite {satellite!r} is not linked to {self.reference}: "
                f"{', '.join(self.paths)} are"
            )
        for start, goal in pairwise(self.paths[satellite]):
            if (goal, start) in self.pairs:
                log_values = self.pairs[Pair(goal, start)].apply(log_values)
            else:
                log_values = self.pairs[Pair(start, goal)].invert(log_values)
        return log_values


def calibrate_fleet(
    log_fluence: Mapping[str, pd.Series],
    reference: str | None = None,
    *,
    min_days: int = 60,
    significance: float = 0.05,
    random_state: int = 0,
) -> FleetCalibration:
    """Calibrate every pair of series that overlap, and link them to one reference.

    Parameters
    ----------
    log_fluence : mapping of str to Series
        log10 daily fluence by series.
    reference : str, optional
        By default, or if it overlaps no other series, the series with most days in common.
    min_days : int
        The fewest days that a pair must have in common.
    significance, random_state
        See :func:`fluxlib.calibration.pairs.fit_pairs`.

    Raises
    ------
    NotApplicable
        If no two series have enough days in common, or none rises with another.
    """
    overlaps = list_overlaps(log_fluence, min_days)
    if overlaps.empty:
        raise NotApplicable(
            f"no two of its {len(log_fluence)} series have {min_days} days in common."
        )
    linked = pd.concat([overlaps["one"], overlaps["other"]])
    if reference not in set(linked):
        days = pd.concat([overlaps["days"], overlaps["days"]])
        reference = str(days.groupby(linked.to_numpy()).sum().idxmax())
    pairs = fit_pairs(
        log_fluence, overlaps, reference, significance=significance, random_state=random_state
    )
    return link_pairs(pairs, reference, measure_systematic(log_fluence, pairs))


def link_pairs(
    pairs: Mapping[Pair, Calibration], reference: str, systematic: Mapping[Pair, float]
) -> FleetCalibration:
    """Find every satellite's best path to the reference.

    The best path adds the least variance: Dijkstra's algorithm on each calibration's ``error``
    squared plus its systematic error squared. By the standard error alone, a long overlap in which
    a satellite's background bends the response would seem better than a shorter one that reaches
    no background. Orthogonal calibrations have no direction, so a pair serves both ways.

    Parameters
    ----------
    pairs : mapping of Pair to Calibration
    reference : str
    systematic : mapping of Pair to float
        Of :func:`fluxlib.calibration.pairs.measure_systematic`.

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
    for pair, line in pairs.items():
        if not line.rises:
            raise FluxError(f"the calibration of {name_pair(*pair)} falls with flux: leave it out")
    position = {name: i for i, name in enumerate(names)}
    rows, columns = zip(*((position[a], position[b]) for a, b in pairs), strict=True)
    variance = [  # 0 would mean no link
        max(line.error**2 + systematic[pair] ** 2, 1e-12) for pair, line in pairs.items()
    ]
    total, before = dijkstra(
        csr_array((variance, (rows, columns)), shape=(len(names), len(names))),
        directed=False,
        indices=position[reference],
        return_predecessors=True,
    )
    paths = {}
    for name, at in position.items():
        if np.isfinite(total[at]):
            paths[name] = [name]
            while before[at] >= 0:
                at = before[at]
                paths[name].append(names[at])

    def add_up(path: list[str], errors: Mapping[Pair, float]) -> float:
        links = (errors.get(Pair(a, b), errors.get(Pair(b, a), 0.0)) for a, b in pairwise(path))
        return float(np.sqrt(sum(error**2 for error in links)))

    errors = {pair: line.error for pair, line in pairs.items()}
    table = pd.DataFrame(
        {
            "path": {name: " > ".join(path) for name, path in paths.items()},
            "steps": {name: len(path) - 1 for name, path in paths.items()},
            "error": {name: add_up(path, errors) for name, path in paths.items()},
            "systematic": {name: add_up(path, systematic) for name, path in paths.items()},
        }
    ).rename_axis("satellite")
    return FleetCalibration(reference, dict(pairs), paths, table)


def score_pairs(log_fluence: Mapping[str, pd.Series], fleet: FleetCalibration) -> pd.DataFrame:
    """Compare the series of each pair before and after calibration to the reference.

    Returns
    -------
    DataFrame
        `reference`, `other`, `days`, `r`, `bias before`, `RMSE before`, `bias after`,
        `RMSE after` (decades), and whether the pair is `better` after, of the pairs that are
        linked to the fleet's reference.
    """
    rows = []
    for (reference, other), line in fleet.pairs.items():
        if reference not in fleet.paths:
            continue
        before = (log_fluence[other] - log_fluence[reference]).dropna()
        scaled = [fleet.apply(name, log_fluence[name]) for name in (other, reference)]
        after = (scaled[0] - scaled[1]).dropna()
        row = {"reference": reference, "other": other, "days": len(before), "r": line.r}
        for when, difference in (("before", before), ("after", after)):
            row[f"bias {when}"] = difference.mean()
            row[f"RMSE {when}"] = np.sqrt((difference**2).mean())
        rows.append(row)
    table = pd.DataFrame(rows)
    return table.assign(better=table["RMSE after"] < table["RMSE before"])


def calibrate_daily(
    dataset: "Dataset", log_fluence: Mapping[str, pd.Series], fleet: FleetCalibration
) -> pd.DataFrame:
    """Put each day of the dataset's daily series on the reference's scale where a path exists.

    Returns
    -------
    DataFrame
        `log_fluence`, `source` (the series), `calibrated`; every day.
    """
    source = dataset.daily["series"].rename("source")
    value = pd.Series(np.nan, source.index, name="log_fluence")
    for name, days in source.groupby(source):
        series = log_fluence[name].reindex(days.index)
        value[days.index] = fleet.apply(name, series) if name in fleet.paths else series
    calibrated = source.isin(list(fleet.paths)).rename("calibrated")
    return pd.concat([value, source, calibrated], axis=1)


def replace_daily(dataset: "Dataset", daily: pd.DataFrame) -> "Dataset":
    """Return the dataset with the fluence of `calibrate_daily` in place of its own.

    Only the >2 MeV fluence is kept: channels of lower energy are not on a common scale.
    """
    fluence = {
        name: pd.DataFrame({"e2": 10 ** part["log_fluence"]})
        for name, part in daily.groupby("source")
    }
    return replace(dataset, fluence=fluence)


def hold_out_years(
    dataset: "Dataset",
    log_fluence: Mapping[str, pd.Series],
    daily: pd.DataFrame,
    years: Sequence[int],
    *,
    reference: str,
    min_days: int = 60,
    **options: Any,
) -> "dict[int, Dataset]":
    """Return for each year the dataset on a scale to whose fit that year has not contributed.

    A forecast that is tested on a year must not know it, not even by a calibration.

    Parameters
    ----------
    dataset : Dataset
    log_fluence : mapping of str to Series
        log10 daily fluence by series.
    daily : DataFrame
        Of :func:`calibrate_daily`, fitted on all days: it serves the years in which no two series
        overlap, and those without which none do.
    years : sequence of int
    reference, min_days, **options
        As :func:`calibrate_fleet` takes; those that `daily` was fitted with.

    Returns
    -------
    dict of int to Dataset
    """
    found = {}
    for year in years:
        inside = {name: part[part.index.year == year] for name, part in log_fluence.items()}
        others = {name: part[part.index.year != year] for name, part in log_fluence.items()}
        fitted = daily
        if len(list_overlaps(inside, min_days=1)):
            with suppress(NotApplicable):
                fleet = calibrate_fleet(others, reference, min_days=min_days, **options)
                fitted = calibrate_daily(dataset, log_fluence, fleet)
        found[year] = replace_daily(dataset, fitted)
    return found


def measure_joins(log_fluence: Mapping[str, pd.Series], source: pd.Series) -> pd.DataFrame:
    """Measure the step at each change of source of a joined series.

    Parameters
    ----------
    log_fluence : mapping of str to Series
        The series that were joined; uncalibrated ones give the steps before calibration.
    source : Series
        Name of the series that each day comes from, missing where none has a value.

    Returns
    -------
    DataFrame
        Indexed by ``time`` of the first day of the new source: ``before`` and ``after`` (series);
        ``step``, median of after minus before where both have values within 27 days, decades;
        ``n``, the number of those days; ``level``, the median of the new source in the 27 days
        after minus that of the old one in the 27 days before, which needs no overlap but
        contains the change of the flux itself.
    """
    source = source.dropna()
    change = source.ne(source.shift()) & source.shift().notna()
    rows = []
    for time in source.index[change]:
        after, before = source[time], source.shift()[time]
        new, old = log_fluence[after], log_fluence[before]
        gap = (new - old).loc[time - JOIN_WINDOW : time + JOIN_WINDOW].dropna()
        level = new.loc[time : time + JOIN_WINDOW].median()
        level -= old.loc[time - JOIN_WINDOW : time].median()
        rows.append((time, before, after, gap.median(), len(gap), level))
    columns = ["time", "before", "after", "step", "n", "level"]
    return pd.DataFrame(rows, columns=columns).set_index("time")
