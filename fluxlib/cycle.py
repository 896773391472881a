"""Kinds of days that forecasts are scored by: phase of the solar cycle, of a storm."""

import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.phases import find_dst, label_storms

# Months of extreme smoothed sunspot number (SILSO, version 2.0).
MINIMA = ("1976-03", "1986-09", "1996-08", "2008-12", "2019-12")
MAXIMA = ("1979-12", "1989-11", "2001-11", "2014-04", "2024-10")
NEAR = pd.Timedelta("548D")  # a year and a half


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


def label_days(table: pd.DataFrame, drivers: pd.DataFrame) -> pd.DataFrame:
    """Add the columns `cycle` and `storm` to forecasts, by the day that is forecast.

    Parameters
    ----------
    table : DataFrame
        Forecasts, as `protocols.leave_one_year_out` gives.
    drivers : DataFrame
        With `Dst` or `SYM_H`, nT, hourly. A day with an hour of a storm's main phase is "main",
        else one with an hour of recovery is "recovery" (see `phases.label_storms`).

    Raises
    ------
    NotApplicable
        If the drivers have neither.
    """
    order = ["quiet", "recovery", "main"]
    weight = label_storms(find_dst(drivers)).map(order.index).resample("1D").max()
    storms = weight.map(dict(enumerate(order))).reindex(table.index).to_numpy()
    return table.assign(cycle=label_cycle(table.index).to_numpy(), storm=storms)
