"""One hidden stretch of the months held out: where it can be, and what each method puts there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.evaluation.phases import find_storms
from fluxlib.imputation.holdout import FULL, Trial, fill_hidden, score_all
from fluxlib.imputation.imputer import SatelliteImputer, interpolate
from fluxlib.observations.gaps import draw_gaps, draw_lengths
from fluxlib.utils.time_grid import find_cadence

BEFORE, LATER = pd.Timedelta("2D"), pd.Timedelta("5D")  # shown around a storm


def hide_gaps(
    trial: Trial, hours: Iterable[float], count: int, *, random_state: int = 0
) -> dict[float, list[pd.DatetimeIndex]]:
    """Draw stretches of the test months to hide, by length; lengths without room are left out."""
    drawn = {h: draw_gaps(trial.tested, h, count, random_state=random_state) for h in hours}
    drawn = {h: stretches for h, stretches in drawn.items() if stretches}
    if not drawn:
        raise FluxError("no stretch of the held-out months is whole enough to hide a gap in.")
    return drawn


def hide_like(
    trial: Trial, lengths: pd.Series, count: int, *, random_state: int = 0
) -> list[pd.DatetimeIndex]:
    """Draw stretches of the test months to hide, as long as gaps of the record are.

    Parameters
    ----------
    lengths : Series
        Hours of the record's gaps, such as `gaps.find_gaps` gives.
    count : int
        Stretches; lengths are drawn from the record's, and those without room left out.
    """
    drawn = lengths.sample(count, replace=True, random_state=random_state)
    return draw_lengths(trial.tested, drawn, random_state=random_state)


def score_gaps(
    trial: Trial,
    imputer: SatelliteImputer,
    predictions: pd.DataFrame,
    hidden: Mapping[float, list[pd.DatetimeIndex]],
) -> tuple[pd.DataFrame, dict[float, pd.DataFrame]]:
    """Score each method in the hidden stretches.

    Parameters
    ----------
    predictions : DataFrame
        See `fill_stretch`.
    hidden : mapping of float to list of DatetimeIndex
        Stretches by length, or by any other label.

    Returns
    -------
    rmse : DataFrame
        Decades, by length of gap (rows, hours) and method; `coverage`, the part of the samples
        within the interval, last.
    filled : dict of DataFrame
        By length, log10 flux of each method at the hidden times, and `lower` and `upper`.
    """
    filled = {}
    table: dict[float, dict[str, float]] = {}
    for label, stretches in hidden.items():
        times = stretches[0].append(stretches[1:])
        part, rmse = fill_stretch(trial, imputer, predictions, times)
        table[label] = rmse.to_dict() | {"coverage": measure_inside(trial.truth, part)}
        filled[label] = part.sort_index()
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("hours"), filled


def fill_stretch(
    trial: Trial, imputer: SatelliteImputer, predictions: pd.DataFrame, times: pd.DatetimeIndex
) -> tuple[pd.DataFrame, pd.Series]:
    """Fill hidden times by every method.

    Parameters
    ----------
    predictions : DataFrame
        Of `predict_trial`; the full model, which looks at the edges, is asked anew.
    times : DatetimeIndex
        Test times.

    Returns
    -------
    filled : DataFrame
        log10 flux at these times, a column a method, and `lower` and `upper` of the full model.
    rmse : Series
        Decades, by method.
    """
    ours = np.log10(fill_hidden(trial, imputer, times)[["value", "lower", "upper"]])
    filled = predictions.loc[times].assign(**{FULL: ours["value"]})
    known = trial.truth.drop(times).reindex(trial.truth.index)
    for kind in ("linear", "cubic"):
        filled[kind] = interpolate(known, kind)[times]
    rmse = score_all(trial.truth, filled)["RMSE"]
    return filled.join(ours[["lower", "upper"]]), rmse


def measure_inside(truth: pd.Series, interval: pd.DataFrame) -> float:
    """Return the part of the samples that lie between `lower` and `upper`, log10 flux."""
    return float(truth[interval.index].between(interval["lower"], interval["upper"]).mean())


def pick_gap(stretches: list[pd.DatetimeIndex], truth: pd.Series) -> pd.DatetimeIndex:
    """Return the stretch in which the flux moves as much as it does in the median one."""
    spread = [truth[times].std() for times in stretches]
    return stretches[int(np.argsort(spread)[len(spread) // 2])]


def pick_storm(trial: Trial, dst: pd.Series) -> pd.DatetimeIndex | None:
    """Return test times from two days before a storm's least value to five days after it.

    Of the storms with the most known samples (or nearly), the strongest; None if no test month
    has one.

    Parameters
    ----------
    trial : Trial
    dst : Series
        Dst or SYM-H, nT, on a regular grid.
    """
    storms = find_storms(dst[trial.test[0] : trial.test[-1]])
    windows = [
        trial.test[(trial.test >= least - BEFORE) & (trial.test <= least + LATER)]
        for least in storms["least"]
    ]
    samples = np.array([len(times) for times in windows])
    if not samples.any():  # between test months there are others, with storms of their own
        return None
    strength = np.where(samples >= 0.9 * samples.max(), storms["dst"], 0)
    return windows[int(np.argmin(strength))]


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
