"""Where a series has holes: gaps, missing samples by month, large-scale months, made-up gaps."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.grid import DAY, HOUR, find_cadence, find_runs

if TYPE_CHECKING:
    from fluxlib.dataset import Dataset

# The GA-RF paper calls a month large-scale with more than 2880 missing 5-min samples.
LARGE_SCALE = pd.Timedelta("10D")


def find_gaps(series: pd.Series) -> pd.DataFrame:
    """List the maximal runs of missing samples.

    Parameters
    ----------
    series : Series
        Values on a regular grid, NaN where missing.

    Returns
    -------
    DataFrame
        A row a gap: `start`, its first missing sample; `end`, the first time after it;
        `samples`; `hours`.

    Raises
    ------
    FluxError
        If the index is no regular grid.
    """
    cadence = find_cadence(series.index, "series")
    first, end = find_runs(series.isna()).T
    samples = end - first
    return pd.DataFrame(
        {
            "start": series.index[first],
            "end": series.index[end - 1] + cadence,
            "samples": samples,
            "hours": samples * (cadence / HOUR),
        }
    )


def monthly_missing(series: pd.Series) -> pd.Series:
    """Count the missing samples of each month.

    Parameters
    ----------
    series : Series
        Values on a regular grid, NaN where missing.

    Returns
    -------
    Series
        Missing samples, int, by month (a PeriodIndex named "month"), months with none included.
    """
    missing = series.isna()
    counts = missing.groupby(series.index.to_period("M").rename("month")).sum()
    return counts.astype(int).rename("missing")


def large_scale_months(series: pd.Series, threshold: pd.Timedelta = LARGE_SCALE) -> pd.Series:
    """Tell which months miss more than a length of time, by default ten days.

    Returns
    -------
    Series
        True for a large-scale month, by month.
    """
    allowed = pd.Timedelta(threshold) / find_cadence(series.index, "series")
    return (monthly_missing(series) > allowed).rename("large_scale")


def list_large_months(
    columns: dict[str, pd.Series], threshold: pd.Timedelta = LARGE_SCALE
) -> pd.DataFrame:
    """List the large-scale months of several series.

    Returns
    -------
    DataFrame
        A row a month: `series`, `month` ("2014-05"), `missing` samples, and `days` of them.
    """
    rows = []
    for name, series in columns.items():
        counts = monthly_missing(series)[large_scale_months(series, threshold)]
        day = DAY / find_cadence(series.index, "series")
        rows += [(name, str(month), count, count / day) for month, count in counts.items()]
    return pd.DataFrame(rows, columns=["series", "month", "missing", "days"])


def missing_fraction(columns: dict[str, pd.Series]) -> pd.DataFrame:
    """Return the fraction of each month that is missing, a column a series.

    Returns
    -------
    DataFrame
        0..1 by month; NaN in months that a series does not reach.
    """
    parts = {
        name: series.isna().groupby(series.index.to_period("M").rename("month")).mean()
        for name, series in columns.items()
    }
    return pd.DataFrame(parts).sort_index()


def list_channels(dataset: "Dataset", channel: str) -> dict[str, pd.Series]:
    """Return each series' channel: its flux on the dataset's grid, else its daily fluence.

    A series whose manifest has it in service more than once comes as several, each called by
    the series and the month it begins: the time between is no gap.

    Raises
    ------
    NotApplicable
        If no series has the channel.
    """
    frames = dataset.fluence | dataset.flux
    found = {}
    for name in dataset.manifest.series:
        if channel not in frames.get(name, {}):
            continue
        service = dataset.manifest.service(name)
        for start, end in service:
            label = name if len(service) == 1 else f"{name} {start:%Y-%m}"
            one = frames[name][channel][start : end and end - pd.Timedelta(1)]
            if len(one) > 1:
                found[label] = one
    if not found:
        raise NotApplicable(f"no series has the channel {channel}.")
    return found


def draw_gaps(
    series: pd.Series, hours: float, count: int, *, random_state: int = 0
) -> list[pd.DatetimeIndex]:
    """Draw stretches of known samples to hide, so that a method can be tried on known truth.

    Parameters
    ----------
    series : Series
        Values on a regular grid. A stretch is whole, does not touch another, and has a known
        sample on either side.
    hours : float
        Length of each stretch.
    count : int
        Stretches wanted; fewer come back where the series has no room.
    random_state : int
        Seed.

    Returns
    -------
    list of DatetimeIndex
        The times of each stretch.
    """
    width = round(pd.Timedelta(hours=hours) / find_cadence(series.index, "series"))
    if width < 1:
        raise FluxError(f"hours is {hours}; expected at least one sample of the grid.")
    free = series.notna().to_numpy().copy()
    rng = np.random.default_rng(random_state)
    drawn = []
    known = np.r_[0, free.cumsum()]
    whole = known[width + 2 :] - known[: -width - 2] == width + 2
    for start in rng.permutation(np.flatnonzero(whole)):
        if len(drawn) == count:
            break
        if free[start : start + width + 2].all():
            drawn.append(series.index[start + 1 : start + 1 + width])
            # Its two known neighbours may serve the next stretch as neighbours too.
            free[start + 1 : start + 1 + width] = False
    return drawn


def draw_lengths(
    series: pd.Series, hours: Iterable[float], *, random_state: int = 0
) -> list[pd.DatetimeIndex]:
    """Draw a stretch to hide for each of many lengths, the longest first, while there is room.

    Parameters
    ----------
    series : Series
        As :func:`draw_gaps` takes.
    hours : iterable of float
        A length for each stretch.
    random_state : int
        Seed.

    Returns
    -------
    list of DatetimeIndex
        The times of each stretch; no two share a time.
    """
    left = series.copy()
    rng = np.random.default_rng(random_state)
    drawn = []
    counts = pd.Series(list(hours), dtype=float).value_counts().sort_index(ascending=False)
    for length, count in counts.items():
        for times in draw_gaps(left, length, count, random_state=int(rng.integers(2**31))):
            left[times] = np.nan
            drawn.append(times)
    return drawn
