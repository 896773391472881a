"""What is missing of a channel, by month: all satellites or one, all years or some."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.gaps import list_large_months, missing_fraction

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
