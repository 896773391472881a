"""Gaps of known truth: hidden in the months held out, filled by each method, and scored."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.evaluation.phases import find_storms
from fluxlib.imputation.holdout import FULL, Holdout, fill_hidden, score_methods
from fluxlib.imputation.imputer import SatelliteImputer, interpolate
from fluxlib.observations.gaps import draw_gaps, draw_lengths
from fluxlib.utils.time_grid import find_cadence

_NEAR = pd.Timedelta("60D")  # around a gap; no method uses samples further away
_START_HOURS = 6  # between the possible beginnings of a gap
_BEFORE_STORM, _AFTER_STORM = pd.Timedelta("2D"), pd.Timedelta("5D")


def draw_hidden_gaps(
    holdout: Holdout, hours: Iterable[float], count: int, *, random_state: int = 0
) -> dict[float, list[pd.DatetimeIndex]]:
    """Draw gaps in the test months, by length.

    Returns
    -------
    dict
        By hours, the times of each gap. Lengths for which there is no room are left out.

    Raises
    ------
    FluxError
        If there is room for none of the lengths.
    """
    known = holdout.test_log_flux
    drawn = {h: draw_gaps(known, h, count, random_state=random_state) for h in hours}
    drawn = {h: gaps for h, gaps in drawn.items() if gaps}
    if not drawn:
        raise FluxError("the held-out months have no run of known samples as long as a gap.")
    return drawn


def draw_gaps_like(
    holdout: Holdout, lengths: pd.Series, count: int, *, random_state: int = 0
) -> list[pd.DatetimeIndex]:
    """Draw gaps in the test months whose lengths are those of the record's gaps.

    Parameters
    ----------
    holdout : Holdout
    lengths : Series
        Hours of the record's gaps, such as `find_gaps` gives.
    count : int
        Lengths that are drawn; those for which there is no room are left out.
    random_state : int
        Seed.
    """
    drawn = lengths.sample(count, replace=True, random_state=random_state)
    return draw_lengths(holdout.test_log_flux, drawn, random_state=random_state)


def score_gaps(
    holdout: Holdout,
    imputer: SatelliteImputer,
    predictions: pd.DataFrame,
    hidden: Mapping[float, list[pd.DatetimeIndex]],
) -> tuple[pd.DataFrame, dict[float, pd.DataFrame]]:
    """Score each method in hidden gaps.

    Parameters
    ----------
    holdout, imputer, predictions
        See `fill_times`.
    hidden : mapping of float to list of DatetimeIndex
        Gaps by length, or by any other label.

    Returns
    -------
    rmse : DataFrame
        Decades, by length of gap (rows, hours) and method; last, `coverage`, the part of the
        samples within the interval.
    filled : dict of DataFrame
        By length, log10 flux of each method at the hidden times, and `lower` and `upper`.
    """
    filled = {}
    table: dict[float, dict[str, float]] = {}
    for label, gaps in hidden.items():
        part, rmse = fill_times(holdout, imputer, predictions, gaps[0].append(gaps[1:]))
        table[label] = rmse.to_dict() | {"coverage": interval_coverage(holdout.log_flux, part)}
        filled[label] = part.sort_index()
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("hours"), filled


def fill_times(
    holdout: Holdout,
    imputer: SatelliteImputer,
    predictions: pd.DataFrame,
    times: pd.DatetimeIndex,
) -> tuple[pd.DataFrame, pd.Series]:
    """Fill hidden times by every method.

    Parameters
    ----------
    holdout : Holdout
    imputer : SatelliteImputer
        The full model: it is applied anew, as it uses the edges of these gaps.
    predictions : DataFrame
        Of `predict_holdout`.
    times : DatetimeIndex
        Test times.

    Returns
    -------
    filled : DataFrame
        log10 flux at these times, a column for each method, and `lower` and `upper` of the full
        model.
    rmse : Series
        Decades, by method.
    """
    full = fill_hidden(holdout, imputer, times)
    filled = predictions.loc[times].assign(**{FULL: full["value"]})
    known = holdout.log_flux.drop(times).reindex(holdout.log_flux.index)
    for kind in ("linear", "cubic"):
        filled[kind] = interpolate(known, kind)[times]
    rmse = score_methods(holdout.log_flux, filled)["RMSE"]
    return filled.join(full[["lower", "upper"]]), rmse


def interval_coverage(log_flux: pd.Series, interval: pd.DataFrame) -> float:
    """Return the part of the samples that lie between `lower` and `upper`, log10 flux."""
    inside = log_flux[interval.index].between(interval["lower"], interval["upper"])
    return float(inside.mean())


def select_typical_gap(gaps: list[pd.DatetimeIndex], log_flux: pd.Series) -> pd.DatetimeIndex:
    """Return the gap in which the flux has the median standard deviation."""
    deviation = [log_flux[times].std() for times in gaps]
    return gaps[int(np.argsort(deviation)[len(deviation) // 2])]


def find_storm(holdout: Holdout, dst: pd.Series) -> pd.DatetimeIndex | None:
    """Return test times from two days before a storm's minimum to five days after it.

    It is the strongest of the storms with the most known samples (or nearly); None if no test
    month has a storm.

    Parameters
    ----------
    holdout : Holdout
    dst : Series
        Dst or SYM-H, nT, on a regular grid.
    """
    test = holdout.test
    storms = find_storms(dst[test[0] : test[-1]])
    windows = [
        test[(test >= minimum - _BEFORE_STORM) & (test <= minimum + _AFTER_STORM)]
        for minimum in storms["least"]
    ]
    samples = np.array([len(times) for times in windows])
    if not samples.any():  # the months between those tested have storms, too
        return None
    strength = np.where(samples >= 0.9 * samples.max(), storms["dst"], 0)
    return windows[int(np.argmin(strength))]


def gap_starts(holdout: Holdout, hours: float) -> list[str]:
    """Return times, six hours apart, from which so many hours of the test months are known."""
    known = holdout.test_log_flux.notna()
    width = _count_samples(holdout, hours)
    whole = known.astype(int)[::-1].rolling(width).sum()[::-1] == width
    starts = known.index[whole.to_numpy()]
    step = pd.Timedelta(hours=_START_HOURS)
    return [f"{t:%Y-%m-%d %H:%M}" for t in starts if not (t - t.normalize()) % step]


def locate_gap(holdout: Holdout, start: str, hours: float) -> pd.DatetimeIndex:
    """Return the times of a gap in the test months.

    Parameters
    ----------
    holdout : Holdout
    start : str
        Its first time, "2012-04-05 06:00".
    hours : float
        Its length.

    Raises
    ------
    FluxError
        If the text is not a time, or a sample of the gap is unknown or not held out.
    """
    try:
        first = pd.Timestamp(start)
        first = first.tz_convert(None) if first.tzinfo else first
    except (ValueError, TypeError):
        raise FluxError(
            f"gap_start is {start!r}; expected a time such as '2012-04-05 06:00'."
        ) from None
    index = holdout.features.index
    times = index[(index >= first) & (index < first + pd.Timedelta(hours=hours))]
    if len(times) < _count_samples(holdout, hours) or not times.isin(holdout.test).all():
        raise FluxError(
            f"gap_start is {start!r}: the {hours:g} hours from then are not all known and held "
            "out; expected a time in one of the test months, where nothing is missing."
        )
    return times


def fill_gap(
    holdout: Holdout, imputer: SatelliteImputer, predictions: pd.DataFrame, gap: pd.DatetimeIndex
) -> tuple[pd.DataFrame, pd.Series]:
    """Fill a gap as `fill_times` does, from the samples near it alone, which is quicker."""
    near = slice(gap[0] - _NEAR, gap[-1] + _NEAR)
    part = replace(holdout, features=holdout.features[near], log_flux=holdout.log_flux[near])
    return fill_times(part, imputer, predictions, gap)


def select_methods(filled: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Return the columns of some methods.

    Raises
    ------
    FluxError
        If no method is named, or one does not exist.
    """
    known = filled.columns.drop(["lower", "upper"])
    if not methods or not set(methods) <= set(known):
        raise FluxError(f"methods is {list(methods)}; expected one or more of {', '.join(known)}.")
    return filled[list(methods)]


def _count_samples(holdout: Holdout, hours: float) -> int:
    cadence = find_cadence(holdout.features.index, "features")
    return max(1, round(pd.Timedelta(hours=hours) / cadence))
