"""What is known at an hour of the >2 MeV flux and its drivers, and the fluence of 24 hours."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.prediction.windows import ROTATION_DAYS, select_drivers
from fluxlib.utils.time_grid import DAY_HOURS, HOUR, find_cadence

LEADS = (6, 12, 24, 48, 72)  # hours from an issue to the end of the 24 hours that are forecast
MIN_COVERAGE = 0.8  # of a window's hours, as of a day's
OLDEST_HOURS = 72  # a last known fluence that is older says too little
ROTATION_HOURS = 24 * ROTATION_DAYS
DRIVER_WINDOWS = ((-6, 0), (-24, 0), (-48, -24), (-72, -48))  # hours from the issue
# Hours that the inputs of an issue and what is forecast from it span.
SPAN = pd.Timedelta(hours=ROTATION_HOURS + 24 + max(LEADS))
WEST_HOURS = {"east": -5, "west": -9}  # of local time, from UT, at 75 W and 135 W
DAY_SECONDS = 86400
CONDITIONS = ("all known", "driver missing", "flux missing", "unknown satellite")


@dataclass(frozen=True)
class HourlySeries:
    """The flux of one satellite.

    Attributes
    ----------
    flux : Series
        e/(cm2 s sr), on an hourly grid, NaN where missing; named after the satellite.
    position : str or None
        "east", "west", or not known.
    """

    flux: pd.Series
    position: str | None = None

    def __post_init__(self):
        if len(self.flux) and find_cadence(self.flux.index, "flux") != HOUR:
            raise FluxError("the flux is not hourly; average it to hours first.")


def describe_hours(
    series: HourlySeries, drivers: pd.DataFrame, times: pd.DatetimeIndex, names: Sequence[str]
) -> pd.DataFrame:
    """Return what is known at times, from samples that ended by then.

    Parameters
    ----------
    series : HourlySeries
    drivers : DataFrame
        Hourly.
    times : DatetimeIndex, shape (n,)
        Full hours.
    names : sequence of str
        Of drivers, as :func:`fluxlib.prediction.select_drivers` takes.

    Returns
    -------
    DataFrame, shape (n, inputs)
        `base`, log10 of the newest known fluence of 24 hours, e/(cm2 day sr), its `age` in
        hours, NaN where it is older than `OLDEST_HOURS`; and other inputs, in log10 relative to
        the base if they are of the flux.
    """
    if len(times) == 0:
        raise FluxError("times is empty; expected full hours.")
    first = min(one[0] for one in (series.flux.index, drivers.index, times) if len(one))
    grid = pd.date_range(first, times.max(), freq=HOUR, name="time")
    flux = series.flux.reindex(grid)
    whole = _average(flux, -24, 0)
    number = pd.Series(np.arange(len(grid), dtype=float), grid)
    age = number - number.where(whole.notna()).ffill()
    base = whole.ffill().where(age <= OLDEST_HOURS)
    table = {"base": np.log10(base * DAY_SECONDS), "age": age.where(age <= OLDEST_HOURS)}
    newest = number - number.where(flux.shift(1).notna()).ffill()
    table["hours without flux"] = newest.clip(upper=OLDEST_HOURS)
    for start, end in ((-1, 0), (-3, 0), (-6, 0), (-12, 0), (-48, -24), (-72, -48)):
        table[f"flux {start}..{end}"] = np.log10(_average(flux, start, end) / base)
    for lead in LEADS:
        if lead < DAY_HOURS:
            table[f"known +{lead}"] = np.log10(_average(flux, lead - 24, 0) / base)
            # A day before the hours of the window that are to come.
            before = np.log10(_average(flux, -24, lead - 24) / base)
            table[f"day before +{lead}"] = before
        turned = _average(flux, lead - 24 - ROTATION_HOURS, lead - ROTATION_HOURS)
        table[f"rotation +{lead}"] = np.log10(turned / base)
    clock = grid.hour + WEST_HOURS.get(series.position or "", np.nan)
    table["local time sin"] = np.sin(2 * np.pi * clock / 24)
    table["local time cos"] = np.cos(2 * np.pi * clock / 24)
    half_year = 4 * np.pi * grid.day_of_year / 365.25
    table["half-year sin"], table["half-year cos"] = np.sin(half_year), np.cos(half_year)
    for name, values in select_drivers(drivers, names).reindex(grid).items():
        for start, end in DRIVER_WINDOWS:
            table[f"{name} {start}..{end}"] = _average(values, start, end, 0.5)
    return pd.DataFrame(table, grid).reindex(times)


def tabulate_truth(flux: pd.Series, times: pd.DatetimeIndex) -> pd.DataFrame:
    """Return log10 of the fluence of the 24 hours that end each lead after times, by lead."""
    days = sum_hours(flux)
    return pd.DataFrame(
        {lead: np.log10(days.reindex(times + lead * HOUR).to_numpy()) for lead in LEADS}, times
    )


def sum_hours(flux: pd.Series) -> pd.Series:
    """Return the fluence of the 24 hours that end at each time, e/(cm2 day sr).

    NaN where fewer than 80 % of the hours of flux (e/(cm2 s sr), hourly) are known.
    """
    ends = pd.date_range(flux.index[0], flux.index[-1] + HOUR, freq=HOUR, name="time")
    return _average(flux.reindex(ends), -24, 0) * DAY_SECONDS


def find_conditions(X: pd.DataFrame) -> np.ndarray:
    """Return the number in `CONDITIONS` of each row of `describe_hours` of a known satellite."""
    newest = [name for name in X if name.endswith(" -6..0") and not name.startswith("flux")]
    absent = X[newest].isna().any(axis=1).to_numpy(int)
    return np.where((X["age"] > 0) | (X["hours without flux"] > 2), 2, absent)


def describe_lacks(X: pd.DataFrame, drivers: Sequence[str]) -> list[str]:
    """Return what each row has to do without, as a sentence; "" where it has all."""
    lacks = pd.Series([""] * len(X), X.index)
    old = X["hours without flux"].fillna(OLDEST_HOURS)
    lacks[old > 2] += "the flux of the last hours is missing; "
    for name in drivers:
        lacks[X[f"{name} -6..0"].isna()] += f"{name} of the last six hours is missing; "
    return lacks.str.removesuffix("; ").to_list()


def _average(values: pd.Series, start: int, end: int, coverage: float = MIN_COVERAGE) -> pd.Series:
    """Return the mean over the hours from `start` to `end` after each time, where enough is known.

    A sample is of the hour that begins at its time, so that with `end` 0 none is later.
    """
    n = end - start
    means = values.rolling(n, min_periods=max(1, int(np.ceil(coverage * n)))).mean()
    return means.shift(1 - end)
