"""Forecasts from days whose newest fluence is not known: gaps drawn into the data to learn from.

A record has few gaps to learn from, and the next one may be in the days of a forecast.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd

from fluxlib.gaps import draw_lengths
from fluxlib.windows import Windows, split_data

SHARE = 0.05  # of days, that are hidden; chosen on other years than 2008-2010
LONGEST = 7  # days of a gap


def hide_newest(data, whole: Windows, make, *, random_state: int = 0) -> Windows:
    """Make windows whose newest fluence is hidden.

    Parameters
    ----------
    data : Dataset or DataFrame
        As :func:`fluxlib.windows.make_windows` takes.
    whole : Windows
        Of the data.
    make : callable
        Makes windows of data.
    random_state : int
        Seed of the gaps.

    Returns
    -------
    Windows
        Of issue days in drawn gaps, with the fluence that came as target.
    """
    daily, drivers = split_data(data)
    hidden = hide_days(daily, random_state)
    holed = make(SimpleNamespace(daily=hidden, drivers=drivers))
    gone = hidden["e2"].isna() & daily["e2"].notna()
    return replace(holed, target=whole.target).take(gone.reindex(whole.days).to_numpy())


def hide_days(daily: pd.DataFrame, random_state: int) -> pd.DataFrame:
    """Hide the >2 MeV fluence of some days in a row, here and there; of half the gaps all fluence.

    Where a satellite's hours are too few for a day of one channel, the other may be whole.
    """
    rng = np.random.default_rng(random_state)
    count = round(SHARE * len(daily) / ((1 + LONGEST) / 2))
    hours = 24 * rng.integers(1, LONGEST + 1, count)
    hidden, channels = daily.copy(), daily.columns.drop("series")
    for gap in draw_lengths(daily["e2"], hours, random_state=random_state):
        hidden.loc[gap, channels if rng.random() < 0.5 else "e2"] = np.nan
    return hidden
