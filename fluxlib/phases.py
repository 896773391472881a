"""Phases of the solar cycle and of storms, by which forecasts are scored."""

import pandas as pd

from fluxlib.errors import FluxError

# Months of extreme smoothed sunspot number (SILSO, version 2.0).
MINIMA = ("1976-03", "1986-09", "1996-08", "2008-12", "2019-12")
MAXIMA = ("1979-12", "1989-11", "2001-11", "2014-04", "2024-10")
NEAR = pd.Timedelta("548D")  # a year and a half
STORM = -50  # nT: a moderate storm (Gonzalez et al. 1994, doi 10.1029/93JA02867)
RECOVERY = 3  # days, in which electrons come back


def label_cycle(days: pd.DatetimeIndex) -> pd.Series:
    """Tell the phase of the solar cycle.

    Returns
    -------
    Series
        By day: `minimum` or `maximum` within a year and a half of one, else `rise` or `decline`.

    Raises
    ------
    FluxError
        If a day lies before the first minimum that is known here.
    """
    turns = pd.concat(
        [pd.Series("minimum", pd.to_datetime(MINIMA)), pd.Series("maximum", pd.to_datetime(MAXIMA))]
    ).sort_index()
    if len(days) and days.min() < turns.index[0]:
        raise FluxError(f"days begin on {days.min():%Y-%m-%d}; expected {MINIMA[0]} or later.")
    last = turns.index.searchsorted(days, side="right") - 1
    nearest = turns.index.get_indexer(days, method="nearest")
    phase = turns.iloc[last].map({"minimum": "rise", "maximum": "decline"}).to_numpy()
    near = abs(days - turns.index[nearest]) <= NEAR
    return pd.Series(phase, days).where(~near, turns.iloc[nearest].to_numpy())


def label_storms(dst: pd.Series) -> pd.Series:
    """Tell storms and the days after them.

    Parameters
    ----------
    dst : Series
        Dst or SYM-H, nT, hourly or by day.

    Returns
    -------
    Series
        By day: `storm` if the index falls to -50 nT; `recovery` on the three days after; else
        `quiet`. Missing where the index is.
    """
    least = dst.resample("1D").min()
    storm = least <= STORM
    after = storm.rolling(RECOVERY + 1, min_periods=1).max() > 0
    phase = pd.Series("quiet", least.index).mask(after, "recovery").mask(storm, "storm")
    return phase.where(least.notna())


def label_phases(table: pd.DataFrame, drivers: pd.DataFrame) -> pd.DataFrame:
    """Add the columns `cycle` and `storm`, each by the day that is forecast.

    Parameters
    ----------
    table : DataFrame
        Forecasts, as `protocols.leave_one_year_out` gives.
    drivers : DataFrame
        With `Dst` or `SYM_H`.
    """
    name = next((name for name in ("Dst", "SYM_H") if name in drivers), None)
    if name is None:
        raise FluxError("the drivers have neither Dst nor SYM_H, by which storms are told.")
    storms = label_storms(drivers[name]).reindex(table.index).to_numpy()
    return table.assign(cycle=label_cycle(table.index).to_numpy(), storm=storms)
