"""Gaps of a series, coverage by month, and gaps drawn at random to hide known samples."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.utils.time_grid import DAY, HOUR, find_cadence, find_runs

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

# The GA-RF paper calls a month large-scale with more than 2880 missing 5-min samples.
LARGE_SCALE = pd.Timedelta("10D")
ALL = "all"  # satellites


def find_gaps(series: pd.Series) -> pd.DataFrame:
    """List the maximal runs of missing samples.

    Parameters
    ----------
    series : Series
        Values on a regular grid, NaN where missing.

    Returns
    -------
    DataFrame
        A row for each gap: `start`, its first missing sample; `end`, the first time after it;
        `samples`; `hours`.

    Raises
    ------
    FluxError
        If the index is not a regular grid.

    Examples
    --------
    >>> series = pd.Series([1, np.nan, np.nan, 4], pd.date_range("2014", periods=4, freq="h"))
    >>> find_gaps(series)["hours"].tolist()
    [2.0]
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
    """Count the missing samples of each month, by a PeriodIndex named "month"."""
    missing = series.isna()
    counts = missing.groupby(series.index.to_period("M").rename("month")).sum()
    return counts.astype(int).rename("missing")


def large_scale_months(series: pd.Series, threshold: pd.Timedelta = LARGE_SCALE) -> pd.Series:
    """Return by month whether more than a length of time is missing, by default ten days."""
    allowed = pd.Timedelta(threshold) / find_cadence(series.index, "series")
    return (monthly_missing(series) > allowed).rename("large_scale")


def list_large_months(
    columns: dict[str, pd.Series], threshold: pd.Timedelta = LARGE_SCALE
) -> pd.DataFrame:
    """List the large-scale months of several series.

    Returns
    -------
    DataFrame
        A row for each month: `series`, `month` ("2014-05"), `missing` samples, their `days`.
    """
    rows = []
    for name, series in columns.items():
        counts = monthly_missing(series)[large_scale_months(series, threshold)]
        day = DAY / find_cadence(series.index, "series")
        rows += [(name, str(month), count, count / day) for month, count in counts.items()]
    return pd.DataFrame(rows, columns=["series", "month", "missing", "days"])


def missing_fraction(columns: dict[str, pd.Series]) -> pd.DataFrame:
    """Return the missing fraction of each month by series; NaN outside the series' period."""
    parts = {
        name: series.isna().groupby(series.index.to_period("M").rename("month")).mean()
        for name, series in columns.items()
    }
    return pd.DataFrame(parts).sort_index()


def list_channels(dataset: "Dataset", channel: str) -> dict[str, pd.Series]:
    """Return each series' channel: its flux on the dataset's grid, otherwise its daily fluence.

    A series with several periods of service in the manifest is returned as several, named by the
    series and the month in which each begins: the time between is not a gap.

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
    """Draw artificial gaps where all samples are known, so that a method can be tested there.

    Parameters
    ----------
    series : Series
        Values on a regular grid. A gap does not touch another, and has a known sample on either
        side.
    hours : float
        Length of each gap.
    count : int
        Number of gaps; fewer are returned where the series has no room.
    random_state : int
        Seed.

    Returns
    -------
    list of DatetimeIndex
        The times of each gap.
    """
    width = round(pd.Timedelta(hours=hours) / find_cadence(series.index, "series"))
    if width < 1:
        raise FluxError(f"hours is {hours}; expected at least one sample of the grid.")
    free = series.notna().to_numpy().copy()
    rng = np.random.default_rng(random_state)
    drawn: list = []
    known = np.r_[0, free.cumsum()]
    whole = known[width + 2 :] - known[: -width - 2] == width + 2
    for start in rng.permutation(np.flatnonzero(whole)):
        if len(drawn) == count:
            break
        if free[start : start + width + 2].all():
            drawn.append(series.index[start + 1 : start + 1 + width])
            # Its known neighbours may be those of another gap too.
            free[start + 1 : start + 1 + width] = False
    return drawn


def draw_lengths(
    series: pd.Series, hours: Iterable[float], *, random_state: int = 0
) -> list[pd.DatetimeIndex]:
    """Draw an artificial gap for each length (hours), the longest first, while there is room.

    Parameters and result are those of :func:`draw_gaps`; no two gaps share a time.
    """
    left = series.copy()
    rng = np.random.default_rng(random_state)
    drawn: list = []
    counts = pd.Series(list(hours), dtype=float).value_counts().sort_index(ascending=False)
    for length, count in counts.items():
        for times in draw_gaps(left, length, count, random_state=int(rng.integers(2**31))):
            left[times] = np.nan
            drawn.append(times)
    return drawn


@dataclass(frozen=True)
class Coverage:
    """What is missing from several series, by month.

    Attributes
    ----------
    series : dict of Series
        The series in the period.
    missing : DataFrame
        See `missing_fraction`.
    large : DataFrame
        See `list_large_months`.
    months : int
        Number of satellite-months.
    """

    series: dict[str, pd.Series]
    missing: pd.DataFrame
    large: pd.DataFrame
    months: int


def measure_coverage(
    columns: Mapping[str, pd.Series],
    *,
    satellite: str = ALL,
    period: Sequence[str] = ("", ""),
    large_scale_days: float = 10.0,
) -> Coverage:
    """Measure what is missing from the series of a satellite in a period.

    Parameters
    ----------
    columns : mapping of str to Series
        See `list_channels`.
    satellite : str
        A series, with all its periods of service, or "all".
    period : (str, str)
        First and last month, such as "2014-05"; "" for the first or last of the series.
    large_scale_days : float
        A month with more missing days is large-scale.

    Raises
    ------
    FluxError
        If no series is of that satellite, or none has samples in the period.
    """
    chosen = {n: s for n, s in columns.items() if satellite in (ALL, n, n.split(" ")[0])}
    if not chosen:
        raise FluxError(
            f"satellite is {satellite!r}; expected 'all' or one of {', '.join(columns)}."
        )
    if len(period) != 2:
        raise FluxError(f"period is {list(period)!r}; expected the first and the last month.")
    first, last = (_parse_month(text) for text in period)
    cut = {
        name: series[first and first.start_time : last and last.end_time]
        for name, series in chosen.items()
    }
    cut = {name: series for name, series in cut.items() if len(series) > 1}
    if not cut:
        raise FluxError(f"period is {list(period)!r}; {', '.join(chosen)} has no sample there.")
    missing = missing_fraction(cut)
    large = list_large_months(cut, pd.Timedelta(days=large_scale_days))
    return Coverage(cut, missing, large, int(missing.notna().sum().sum()))


def list_months(columns: Mapping[str, pd.Series]) -> list[str]:
    """Return every month from the first of any series to the last, as "2014-05"."""
    first = min(series.index[0] for series in columns.values())
    last = max(series.index[-1] for series in columns.values())
    return [str(month) for month in pd.period_range(first, last, freq="M")]


def complete_period(columns: Mapping[str, pd.Series], period: Sequence[str]) -> tuple[str, str]:
    """Replace "" in a period by the first or the last month of the series."""
    months = list_months(columns)
    first, last = period
    return first or months[0], last or months[-1]


def _parse_month(text: str) -> pd.Period | None:
    if not text:
        return None
    try:
        return pd.Period(text, freq="M")
    except ValueError:
        raise FluxError(f"period has {text!r}; expected a month such as '2014-05'.") from None
