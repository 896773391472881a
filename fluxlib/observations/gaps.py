"""What is missing of a channel, by month: all satellites or one, all years or some."""

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


ALL = "all"


@dataclass(frozen=True)
class Coverage:
    """What is missing, and which months miss much.

    Attributes
    ----------
    series : dict of Series
        What was looked at.
    missing : DataFrame
        See `gaps.missing_fraction`.
    large : DataFrame
        See `gaps.list_large_months`.
    months : int
        Satellite-months in all.
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
    """Measure what is missing of the series of a satellite in a period.

    Parameters
    ----------
    columns : mapping of str to Series
        See `gaps.list_channels`.
    satellite : str
        A series, or "all". One that comes in several stretches is meant with all of them.
    period : (str, str)
        First and last month, "2014-05"; "" for the first or the last there is.
    large_scale_days : float
        A month that misses more days is large-scale.

    Raises
    ------
    FluxError
        If no series is of that satellite, or none reaches into the period.
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
    """Return every month from the first of any series to the last, "2014-05"."""
    first = min(series.index[0] for series in columns.values())
    last = max(series.index[-1] for series in columns.values())
    return [str(month) for month in pd.period_range(first, last, freq="M")]


def complete_period(columns: Mapping[str, pd.Series], period: Sequence[str]) -> tuple[str, str]:
    """Return a period with the first month for an empty first, and the last for an empty last."""
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
