"""Gaps of a place's series filled from the other place and the drivers, to hours and to days."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fluxlib.datasets.dataset import Dataset
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.imputation.garf import GARFImputer
from fluxlib.imputation.imputer import SatelliteImputer
from fluxlib.imputation.intervals import DISTANCE_BORDERS, draw_gap_numbers
from fluxlib.record.series import COVERAGE
from fluxlib.satellites import LOW_CHANNELS
from fluxlib.utils.time_grid import DAY, HOUR, find_cadence, find_runs

ROWS = 30_000  # hours that an imputer learns from, about; decades have more, which are alike
DRAWS = 3  # of simulated gaps, in which filled days are judged
SHARES = (0.0, 0.5, 1.0)  # of a day that is filled, between classes of days
FEWEST = 30  # days that make a class
SHORT = pd.Timedelta("1h")  # gaps up to it are bridged at 5 min; in longer ones the hours are taken


@dataclass
class Filling:
    """How a place's gaps are filled.

    Attributes
    ----------
    imputer : SatelliteImputer
    by_distance : DataFrame
        By hours to the nearest known sample: `n`, `RMSE` (decades) and `coverage` of simulated
        gaps, by models that had not seen them.
    day_factor : ndarray
        By class of the share of a day that was filled: by how much the hours' interval is to be
        multiplied to hold nine tenths of days.
    """

    imputer: SatelliteImputer
    by_distance: pd.DataFrame
    day_factor: np.ndarray


def make_pair(dataset: Dataset, places: dict[str, pd.DataFrame]) -> Dataset:
    """Return two places as a dataset of two series, for an imputer.

    The channel of lower energy is shifted, for each source, to the same median distance from the
    calibrated >2 MeV flux, as channels and satellites differ.
    """
    flux = {}
    grid = _join_grids(places.values())  # where one place is silent, drivers alone may fill
    for place, table in places.items():
        low = pd.Series(np.nan, table.index)
        for name, part in table.groupby("source"):
            frame = dataset.flux[str(name)]
            channel = next((c for c in LOW_CHANNELS if c in frame), None)
            if channel is not None:
                values = np.log10(frame[channel].reindex(part.index))
                low[part.index] = values - (values - part["value"]).median()
        flux[place] = 10 ** pd.DataFrame({"e0.8": low, "e2": table["value"]}).reindex(grid)
    drivers = dataset.drivers
    return replace(dataset, flux=flux, fluence={}, drivers=drivers, cadence=HOUR, flags={})


def _join_grids(tables: Iterable[pd.DataFrame]) -> pd.DatetimeIndex:
    indices = [table.index for table in tables]
    first, last = min(i[0] for i in indices), max(i[-1] for i in indices)
    return pd.date_range(first, last, freq=HOUR, name="time")


def fit_filling(pair: Dataset, place: str, other: str) -> Filling:
    """Fit the default imputer of a place, and measure how well it fills.

    Raises
    ------
    NotApplicable
        If there is nothing to fill it from, or too little to learn from.
    """
    log_flux = np.log10(pair.flux[place]["e2"])
    try:
        every = max(2, round(log_flux.count() / ROWS))
        imputer = GARFImputer.for_satellite(pair, place, other=other, every=every)
        imputer.fit_log(log_flux)
    except NotApplicable:
        raise
    except FluxError as error:  # too few samples in common
        raise NotApplicable(str(error)) from None
    return Filling(imputer, _score_gaps(imputer), _judge_days(imputer, log_flux))


def fill_hours(
    filling: Filling | None, table: pd.DataFrame, max_gap: pd.Timedelta | None
) -> pd.DataFrame:
    """Fill `value`, `lower` and `upper` of a place's hours; add `imputed`."""
    table = table.assign(imputed=False)
    if filling is None:
        return table
    filled = filling.imputer.impute_log(table["value"])
    if max_gap is not None:
        runs = find_runs(table["value"].isna().to_numpy())
        step = find_cadence(table.index, "record")
        for start, end in runs:
            if (end - start) * step > max_gap:
                filled = filled.drop(table.index[start:end], errors="ignore")
    table.loc[filled.index, ["value", "lower", "upper"]] = filled
    table.loc[filled.index, "imputed"] = True
    table.loc[filled.index, "source"] = None
    return table


def sum_days(filling: Filling | None, hours: pd.DataFrame) -> pd.DataFrame:
    """Return each day's log10 fluence, with an interval, of a place's filled hours.

    Errors of neighbouring hours are neither equal nor independent. Simulated gaps tell by how much
    the interval of a day is narrower than those of its hours.
    """
    linear = 10 ** hours[["value", "lower", "upper"]]
    days = linear.resample("1D").mean() * DAY.total_seconds()
    whole = linear["value"].resample("1D").count() == round(DAY / HOUR)
    days = np.log10(days.where(whole))
    share = hours["imputed"].resample("1D").mean()
    factor = 1.0 if filling is None else filling.day_factor[_classify_share(share)]
    for side in ("lower", "upper"):
        days[side] = days["value"] + (days[side] - days["value"]) * factor
    return days.assign(share=share)


def refine_hours(hours: pd.DataFrame, fine: pd.DataFrame) -> pd.DataFrame:
    """Fill a finer series: short gaps by a straight line, longer ones by the hours.

    Parameters
    ----------
    hours : DataFrame
        A place's filled hours, log10 flux.
    fine : DataFrame
        `value`, `lower`, `upper`, finer than an hour, log10.
    """
    step = find_cadence(fine.index, "record")
    middle = hours[["value", "lower", "upper"]].set_axis(hours.index + (HOUR - step) / 2)
    grid = fine.index.union(middle.index)
    smooth = middle.reindex(grid).interpolate("time", limit_area="inside").reindex(fine.index)
    known = fine["value"]
    within = (known - smooth["value"]).abs().quantile(COVERAGE)
    table = fine.assign(imputed=False)
    line = known.interpolate("time", limit_area="inside")
    # What a line over a short gap misses, measured where every second stretch of half an hour is
    # hidden.
    half = round(SHORT / step / 2)
    hidden = known.mask(np.arange(len(known)) // max(half, 1) % 2 == 1)
    missed = (hidden.interpolate("time", limit_area="inside") - known)[hidden.isna()].abs()
    bridge = missed.quantile(COVERAGE)
    for start, end in find_runs(known.isna().to_numpy()):
        rows = fine.index[start:end]
        if (end - start) * step <= SHORT and line.loc[rows].notna().all():
            part = pd.DataFrame({"value": line[rows]}).assign(
                lower=line[rows] - bridge, upper=line[rows] + bridge
            )
        else:
            part = smooth.loc[rows].copy()
            for side, sign in (("lower", -1), ("upper", 1)):
                wide = np.hypot(part[side] - part["value"], within)
                part[side] = part["value"] + sign * wide
        table.loc[rows, ["value", "lower", "upper"]] = part
        table.loc[rows, "imputed"] = part["value"].notna()
        table.loc[rows, "source"] = None
    return table


def _classify_share(share: pd.Series) -> np.ndarray:
    return np.clip(np.searchsorted(SHARES, share, side="left"), 0, len(SHARES) - 1)


def _score_gaps(imputer: SatelliteImputer) -> pd.DataFrame:
    held_out = imputer.correction_.held_out_
    borders = [0, *DISTANCE_BORDERS, np.inf]
    groups = held_out.groupby(pd.cut(held_out["nearest"], borders), observed=True)
    inside = held_out["error"].between(held_out["lower"], held_out["upper"])
    squared = (held_out["error"] - held_out["value"]) ** 2
    table = pd.DataFrame(
        {
            "n": groups.size(),
            "RMSE": np.sqrt(squared.groupby(pd.cut(held_out["nearest"], borders)).mean()),
            "coverage": inside.groupby(pd.cut(held_out["nearest"], borders)).mean(),
        }
    )
    labels = [
        f"over {i.left:g} h" if np.isinf(i.right) else f"{i.left:g} to {i.right:g} h"
        for i in table.index
    ]
    return table.set_axis(labels).rename_axis("to the nearest sample")


def _judge_days(imputer: SatelliteImputer, log_flux: pd.Series) -> np.ndarray:
    """Compare days with hidden hours with the truth; see `Filling.day_factor`."""
    log_flux = log_flux.reindex(imputer.predicted_.index)
    day = round(DAY / HOUR)
    rng = np.random.default_rng(0)
    whole = (log_flux.resample("1D").count() == day).to_numpy()
    truth = _mean_day(log_flux)
    rows = []
    for _ in range(DRAWS):
        hidden = (draw_gap_numbers(len(log_flux), day, rng) > 0) & log_flux.notna().to_numpy()
        filled = imputer.impute_log(log_flux.mask(hidden)).loc[log_flux.index[hidden]]
        sides = {}
        for side in ("value", "lower", "upper"):
            values = log_flux.copy()
            values[filled.index] = filled[side]
            sides[side] = _mean_day(values)
        table = pd.DataFrame(sides).assign(truth=truth)
        share = pd.Series(hidden, log_flux.index).resample("1D").mean()
        rows.append(table.assign(share=share)[whole & (share > 0).to_numpy()])
    table = pd.concat(rows).dropna()
    error = table["truth"] - table["value"]
    side = np.where(error > 0, table["upper"] - table["value"], table["value"] - table["lower"])
    ratio = error.abs() / np.maximum(side, 1e-9)
    classes = _classify_share(table["share"])
    factor = np.ones(len(SHARES))
    for one in range(1, len(SHARES)):
        of_class = ratio[classes == one]
        of_class = of_class if len(of_class) >= FEWEST else ratio
        if len(of_class):
            factor[one] = of_class.quantile(COVERAGE)
    return factor


def _mean_day(log_flux: pd.Series) -> pd.Series:
    return np.log10((10**log_flux).resample("1D").mean())
