"""Measured series on the scale of one satellite, each value with what it is uncertain by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd

from fluxlib.calibration.fleet import FleetCalibration, calibrate_fleet
from fluxlib.datasets.dataset import Dataset
from fluxlib.datasets.manifest import Manifest
from fluxlib.datasets.series import log_fluence
from fluxlib.errors import NotApplicable
from fluxlib.io.text import Quality
from fluxlib.observations.quality import flag_dataset
from fluxlib.record.series import COVERAGE, Flag
from fluxlib.utils.time_grid import DAY

# What is not taken for a measurement of electrons: it is filled like a gap, and stays flagged.
DOUBTFUL = Quality.SPIKE | Quality.STUCK | Quality.PROTONS | Quality.ARCHIVE
ENOUGH_OF_DAY = 0.8  # of a day's samples, with which the first series in order is its source
LEVELS = (0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1)  # quantiles between classes of flux
FEWEST_DAYS = 20  # in which two satellites are compared
NORMAL_90 = 1.645  # standard deviations to either side that hold nine tenths
FLUX_TO_FLUENCE = np.log10(DAY.total_seconds())  # log10 of seconds in a day


@dataclass(frozen=True)
class Spread:
    """How far another satellite's values are from a satellite's, by its level, in decades.

    Attributes
    ----------
    level : ndarray
        log10 flux, or fluence, at the middle of each class.
    below, above : ndarray
        To where the 90 % interval reaches there: at most 0, and at least 0.
    compared_with : str
        The satellites that it was compared with, and whether they were at its own position.
    """

    level: np.ndarray
    below: np.ndarray
    above: np.ndarray
    compared_with: str

    def add_to(self, log_values: pd.Series) -> pd.DataFrame:
        """Return `lower` and `upper` of values, between the classes by straight lines."""
        ends = {"lower": self.below, "upper": self.above}
        return pd.DataFrame(
            {
                side: log_values + np.interp(log_values, self.level, end)
                for side, end in ends.items()
            }
        )


def link_fleet(dataset: Dataset) -> FleetCalibration | None:
    """Calibrate the fleet; None where no two series overlap, so that each keeps its own scale."""
    try:
        return calibrate_fleet(log_fluence(dataset), dataset.manifest.reference)
    except NotApplicable:
        return None


def put_on_scale(
    fleet: FleetCalibration | None, series: str, log_values: pd.Series, *, daily: bool
) -> pd.Series:
    """Put log10 flux, or daily fluence, of a series on the reference's scale.

    Calibrations are of daily fluence. Flux is taken as the rate of a day's fluence.
    """
    if fleet is None or series not in fleet.paths:
        return log_values
    shift = 0.0 if daily else FLUX_TO_FLUENCE
    return fleet.apply(series, log_values + shift) - shift


def scale_flux(
    dataset: Dataset, fleet: FleetCalibration | None
) -> tuple[dict[str, pd.Series], dict[str, pd.Series]]:
    """Return each series' usable >2 MeV flux on the reference's scale, and its flags.

    Returns
    -------
    log_flux : dict of Series
        log10 of e/(cm2 s sr), NaN where missing or doubtful.
    flags : dict of Series of int
        Bits of `fluxlib.record.Flag`.
    """
    found = flag_dataset(dataset)
    values, flags = {}, {}
    for name, frame in dataset.flux.items():
        if "e2" not in frame:
            continue
        flag = found[name]["e2"].astype(int)
        raw = np.log10(frame["e2"].where(frame["e2"] > 0)).where((flag & int(DOUBTFUL)) == 0)
        if fleet is None or name not in fleet.paths:
            flag = flag | int(Flag.UNCALIBRATED)
        else:
            lowest, highest = _find_range(fleet, name, dataset)
            beyond = ~raw.between(lowest, highest) & raw.notna()
            flag = flag | int(Flag.EXTRAPOLATED) * beyond
        values[name], flags[name] = put_on_scale(fleet, name, raw, daily=False), flag
    return values, flags


def _find_range(fleet: FleetCalibration, name: str, dataset: Dataset) -> tuple[float, float]:
    """Return between which log10 fluxes of a series its calibration was fitted."""
    flux = np.log10(dataset.flux[name]["e2"].where(dataset.flux[name]["e2"] > 0))
    path = fleet.paths[name]
    if len(path) == 1:
        return -np.inf, np.inf
    if path[1] in dataset.flux:
        both = flux.index.isin(dataset.flux[path[1]]["e2"].dropna().index)
    else:
        both = flux.index.normalize().isin(dataset.fluence[path[1]]["e2"].dropna().index)
    return float(flux[both].min()), float(flux[both].max())


def measure_spread(
    scaled: Mapping[str, pd.Series],
    manifest: Manifest,
    fleet: FleetCalibration | None,
    samples_a_day: float,
) -> dict[str, Spread]:
    """Measure how far each satellite is from the truth, by its difference from others.

    Two satellites at one position see the same electrons but for a small distance, so the interval
    holds nine tenths of what another satellite at the position reads on the same scale. It is not
    symmetric: at a detector's background the flux may be far below what it reads, and not above.
    Where a satellite has no such partner, all pairs of such partners stand for it; where none has,
    the difference from another position does, which contains how much the electrons differ there
    and so is an upper bound. The calibration's own error on the path to the reference is added.

    Parameters
    ----------
    scaled : mapping of str to Series
        log10 flux or fluence on the reference's scale.
    manifest : Manifest
        Which satellite each series is of, and its position.
    fleet : FleetCalibration or None
    samples_a_day : float

    Returns
    -------
    dict of Spread
        Of the series that are compared with another, directly or not.
    """
    own: dict[str, list[pd.DataFrame]] = {}
    across: dict[str, list[pd.DataFrame]] = {}
    partners: dict[str, list[str]] = {}
    linked = [name for name in scaled if fleet is not None and name in fleet.paths]
    for one, two in permutations(linked, 2):
        both = pd.DataFrame({"level": scaled[one], "other": scaled[two]}).dropna()
        if len(both) < FEWEST_DAYS * samples_a_day:
            continue
        if manifest.satellite(one) == manifest.satellite(two):
            continue  # two processings of one detector share its errors
        place = manifest.position(one)
        same = place is not None and place == manifest.position(two)
        (own if same else across).setdefault(one, []).append(both)
        if same:
            partners.setdefault(one, []).append(two)
    pooled = [table for tables in own.values() for table in tables]
    spreads = {}
    for name in linked:
        if name in own:
            tables, text = own[name], f"{', '.join(partners[name])} at its position"
        elif pooled:
            tables, text = pooled, "other satellites that had a partner at their position"
        elif name in across:
            tables, text = across[name], "a satellite at another position: an upper bound"
        else:
            continue
        path = fleet.table.loc[name]
        link = NORMAL_90 * float(np.hypot(path["error"], path["systematic"]))
        spreads[name] = _make_spread(pd.concat(tables), link, text)
    return spreads


def _make_spread(table: pd.DataFrame, link: float, text: str) -> Spread:
    classes = pd.qcut(table["level"], LEVELS, labels=False, duplicates="drop")
    level = table["level"].groupby(classes).median()
    groups = (table["other"] - table["level"]).groupby(classes)
    below = np.minimum(groups.quantile((1 - COVERAGE) / 2), 0)
    above = np.maximum(groups.quantile((1 + COVERAGE) / 2), 0)
    return Spread(
        level.to_numpy(),
        -np.hypot(below, link).to_numpy(),
        np.hypot(above, link).to_numpy(),
        text,
    )


def choose_sources(values: Mapping[str, pd.Series], order: Sequence[str]) -> pd.Series:
    """Choose each day's source: the first in order with most of the day, else who has most of it.

    A whole day is of one source, so that a satellite that misses single samples leaves no steps.

    Parameters
    ----------
    values : mapping of str to Series
        On one grid or on parts of it, NaN where missing.
    order : sequence of str
        The series, the preferred one first.

    Returns
    -------
    Series
        Name of the series, by day; missing on days without a sample.
    """
    counts = pd.DataFrame({name: values[name].resample("1D").count() for name in order})
    counts = counts.fillna(0)
    if counts.empty:
        return pd.Series(dtype=object)
    step = min(values[name].index.to_series().diff().min() for name in order)
    enough = counts >= ENOUGH_OF_DAY * (DAY / step)
    first = enough.idxmax(axis=1)
    most = counts.idxmax(axis=1)
    chosen = first.where(enough.any(axis=1), most)
    return chosen.where(counts.any(axis=1)).rename("source")


def join_sources(
    values: Mapping[str, pd.Series], flags: Mapping[str, pd.Series], source: pd.Series
) -> pd.DataFrame:
    """Join series by each day's source.

    Returns
    -------
    DataFrame
        `value`, `flags` and `source` on the whole grid from the first day to the last.
    """
    names = [name for name in values if (source == name).any()]
    first = min(values[name].index[0] for name in names)
    last = max(values[name].index[-1] for name in names)
    step = min(values[name].index.to_series().diff().min() for name in names)
    index = pd.date_range(first, last, freq=step, name="time")
    of_sample = source.reindex(index.normalize()).set_axis(index)
    table = pd.DataFrame({"value": np.nan, "flags": 0, "source": of_sample}, index)
    for name in names:
        rows = index[(of_sample == name).to_numpy()]
        table.loc[rows, "value"] = values[name].reindex(rows)
        table.loc[rows, "flags"] = flags[name].reindex(rows).fillna(0).astype(int)
    return table
