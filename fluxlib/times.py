"""Texts and calendar fields to instants of UTC; NaT where they make none."""

import numpy as np
import pandas as pd

NO_TIME = np.datetime64("NaT", "us")
_FIRST, _LAST = 1900, 2199  # years
# The first day of each month of theirs, and of the month after; each, computed anew, takes long.
_MONTHS = np.arange(f"{_FIRST}-01", f"{_LAST + 1}-02", dtype="datetime64[M]").astype(
    "datetime64[D]"
)

_ISO = (
    r"\d{4}-\d{2}-\d{2}"  # a date alone is its midnight
    r"(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?\s*(?:Z|[+-]\d{2}:?\d{2})?)?"
)


def parse_iso_times(texts: np.ndarray) -> np.ndarray:
    """Return datetime64[us] of ISO 8601 texts: UTC, or brought there by the offset they state."""
    series = pd.Series(texts, dtype=str).str.strip()
    # pandas alone would also take "2014" or "20140101" for a time.
    series = series.where(series.str.fullmatch(_ISO), None)
    times = pd.to_datetime(series, format="ISO8601", errors="coerce", utc=True)
    return times.dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def parse_integers(texts: np.ndarray) -> np.ndarray:
    """Return int64 of texts, -1 where one is no whole number of at most nine digits."""
    series = pd.Series(texts, dtype=str)
    sound = series.str.fullmatch(r"[0-9]{1,9}")
    return series.where(sound, "-1").astype("int64").to_numpy()


def make_times(year, day, hour, minute=0, *, month=None) -> np.ndarray:
    """Return datetime64[us] of calendar fields (int64 arrays), the day in the year or month."""
    first = np.ones_like(year) if month is None else month
    sound = (year >= _FIRST) & (year <= _LAST) & (first >= 1) & (first <= 12)
    sound = sound & (hour >= 0) & (hour < 24) & (minute >= 0) & (minute < 60)
    number = np.where(sound, (year - _FIRST) * 12 + first - 1, 0)
    start, end = _MONTHS[number], _MONTHS[number + (12 if month is None else 1)]
    sound = sound & (day >= 1) & (day <= (end - start).astype("int64"))
    minutes = np.where(sound, ((day - 1) * 24 + hour) * 60 + minute, 0)
    times = start.astype("datetime64[us]") + minutes.astype("timedelta64[m]")
    return np.where(sound, times, NO_TIME)
