"""One hidden stretch of the months held out: where it can be, and what each method puts there."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.grid import find_cadence
from fluxlib.impute import SatelliteImputer
from fluxlib.stretches import fill_stretch
from fluxlib.trials import Trial

_NEAR = pd.Timedelta("60D")  # around a gap: what is further away tells no method anything
_EVERY = 6  # hours between the beginnings to choose from


def list_starts(trial: Trial, hours: float) -> list[str]:
    """Return the times, hours apart, from which a stretch of the test months is wholly known."""
    tested = trial.tested.notna()
    width = _count_samples(trial, hours)
    whole = tested.astype(int)[::-1].rolling(width).sum()[::-1] == width
    starts = tested.index[whole.to_numpy()]
    return [
        f"{t:%Y-%m-%d %H:%M}"
        for t in starts
        if not (t - t.normalize()) % pd.Timedelta(hours=_EVERY)
    ]


def find_gap(trial: Trial, start: str, hours: float) -> pd.DatetimeIndex:
    """Return the times of a stretch of the test months.

    Parameters
    ----------
    start : str
        Its first time, "2012-04-05 06:00".
    hours : float
        Its length.

    Raises
    ------
    FluxError
        If the text is no time, or the truth is not known all through.
    """
    try:
        first = pd.Timestamp(start)
        first = first.tz_convert(None) if first.tzinfo else first
    except (ValueError, TypeError):
        raise FluxError(
            f"gap_start is {start!r}; expected a time such as '2012-04-05 06:00'."
        ) from None
    end = first + pd.Timedelta(hours=hours)
    grid = trial.features.index[(trial.features.index >= first) & (trial.features.index < end)]
    if len(grid) < _count_samples(trial, hours) or not grid.isin(trial.test).all():
        raise FluxError(
            f"gap_start is {start!r}: the {hours:g} hours from then are not all known and held "
            "out; expected a time in one of the test months, where nothing is missing."
        )
    return grid


def fill_gap(
    trial: Trial, imputer: SatelliteImputer, predictions: pd.DataFrame, gap: pd.DatetimeIndex
) -> tuple[pd.DataFrame, pd.Series]:
    """Fill a gap of `find_gap` as `stretches.fill_stretch` does, from what is near it alone."""
    near = slice(gap[0] - _NEAR, gap[-1] + _NEAR)
    part = replace(trial, features=trial.features[near], truth=trial.truth[near])
    return fill_stretch(part, imputer, predictions, gap)


def pick_methods(filled: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Return the columns of some methods.

    Raises
    ------
    FluxError
        If there is none, or one is not there.
    """
    known = filled.columns.drop(["lower", "upper"])
    if not methods or not set(methods) <= set(known):
        raise FluxError(f"methods is {list(methods)}; expected one or more of {', '.join(known)}.")
    return filled[list(methods)]


def _count_samples(trial: Trial, hours: float) -> int:
    cadence = find_cadence(trial.features.index, "features")
    return max(1, round(pd.Timedelta(hours=hours) / cadence))
