"""Groups of times to score by: level of flux, phase of a storm, phase of the solar cycle."""

from itertools import pairwise

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.utils.time_grid import find_runs

# >2 MeV flux, e/(cm2 s sr); SWPC issues alerts from 1000.
LEVELS = (10, 100, 1000)
STORM_DST = -50  # nT: a moderate storm (Gonzalez et al. 1994, doi 10.1029/93JA02867)
LONGEST_ONSET = pd.Timedelta("1D")  # from the start of a main phase to -50 nT
RECOVERY = pd.Timedelta("3D")  # electrons return in the days after a main phase
# Months of extreme smoothed sunspot number (SILSO, version 2.0).
MINIMA = ("1976-03", "1986-09", "1996-08", "2008-12", "2019-12")
MAXIMA = ("1979-12", "1989-11", "2001-11", "2014-04", "2024-10")
EXTREME = pd.Timedelta("548D")  # a year and a half to both sides


def label_levels(flux: pd.Series) -> pd.Series:
    """Label each time by its level of flux.

    Parameters
    ----------
    flux : Series
        log10 of >2 MeV flux.

    Returns
    -------
    Series
        "below 10", "10 to 100", "100 to 1000" or "above 1000"; NaN where the flux is.
    """
    names = [f"below {LEVELS[0]}"]
    names += [f"{low} to {high}" for low, high in pairwise(LEVELS)]
    names.append(f"above {LEVELS[-1]}")
    edges = [-np.inf, *np.log10(LEVELS), np.inf]
    return pd.cut(flux, edges, labels=names).astype(object)


def label_storms(dst: pd.Series) -> pd.Series:
    """Label each time by its phase of a geomagnetic storm.

    Parameters
    ----------
    dst : Series
        Dst or SYM-H, nT, on a regular grid.

    Returns
    -------
    Series
        "main" from where the index falls through 0, at most a day before -50 nT, to its minimum;
        "recovery" for three days after the minimum; "quiet" otherwise.
    """
    label = pd.Series("quiet", dst.index)
    for storm in find_storms(dst).itertuples():
        label[storm.least : storm.least + RECOVERY] = "recovery"
        label[storm.onset : storm.least] = "main"
    return label


def storm_index(drivers: pd.DataFrame) -> pd.Series:
    """Return the drivers' Dst, or SYM-H where they have no Dst; nT.

    Raises
    ------
    NotApplicable
        If they have neither.
    """
    for name in ("Dst", "SYM_H"):
        if name in drivers:
            return drivers[name]
    raise NotApplicable("it has neither Dst nor SYM_H, which storms are found by.")


def find_storms(dst: pd.Series) -> pd.DataFrame:
    """List the storms: runs of Dst below -50 nT.

    Returns
    -------
    DataFrame
        `onset`, `least` (the time of the minimum) and `dst`, the minimum, nT.
    """
    values = dst.ffill().fillna(0).to_numpy()
    rows = []
    for first, end in find_runs(values < STORM_DST):
        least = first + int(np.argmin(values[first:end]))
        early = dst.index.searchsorted(dst.index[first] - LONGEST_ONSET)
        quiet = np.flatnonzero(values[early:first] >= 0)
        onset = early + quiet[-1] + 1 if len(quiet) else early
        rows.append((dst.index[onset], dst.index[least], values[least]))
    return pd.DataFrame(rows, columns=["onset", "least", "dst"])


def label_cycle(days: pd.DatetimeIndex) -> pd.Series:
    """Label days by the phase of the solar cycle.

    Returns
    -------
    Series
        `minimum` or `maximum` within a year and a half of one, otherwise `rise` or `decline`.

    Raises
    ------
    FluxError
        If a day lies before the first minimum in `MINIMA`.
    """
    turns = pd.concat(
        [pd.Series("minimum", pd.to_datetime(MINIMA)), pd.Series("maximum", pd.to_datetime(MAXIMA))]
    ).sort_index()
    if len(days) and days.min() < turns.index[0]:
        raise FluxError(f"days begin on {days.min():%Y-%m-%d}; expected {MINIMA[0]} or later.")
    last = turns.index.searchsorted(days, side="right") - 1
    nearest = turns.index.get_indexer(days, method="nearest")
    phase = turns.iloc[last].map({"minimum": "rise", "maximum": "decline"}).to_numpy()
    near = abs(days - turns.index[nearest]) <= EXTREME
    return pd.Series(phase, days).where(~near, turns.iloc[nearest].to_numpy())


def label_days(table: pd.DataFrame, drivers: pd.DataFrame) -> pd.DataFrame:
    """Add the columns `cycle` and `storm` to forecasts, by the day that is forecast.

    Parameters
    ----------
    table : DataFrame
        As `fluxlib.prediction.cross_validation.leave_one_year_out` returns.
    drivers : DataFrame
        With `Dst` or `SYM_H`, nT, hourly. A day with an hour of a storm's main phase is "main",
        otherwise one with an hour of recovery is "recovery": see `label_storms`.

    Raises
    ------
    NotApplicable
        If the drivers have neither.
    """
    order = ["quiet", "recovery", "main"]
    weight = label_storms(storm_index(drivers)).map(order.index).resample("1D").max()
    storms = weight.map(dict(enumerate(order))).reindex(table.index).to_numpy()
    return table.assign(cycle=label_cycle(table.index).to_numpy(), storm=storms)
