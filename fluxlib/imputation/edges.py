"""What is known around a gap, laid out so that a model can learn how far it carries into it.

Two things carry into a gap from its edges: the flux itself, and the error that a prediction from
elsewhere makes there. Both fade with the distance, and return in part after a day.
"""

import numpy as np
import pandas as pd

from fluxlib.utils.time_grid import HOUR, find_cadence

LONGEST = pd.Timedelta("30D")  # of the gaps drawn: whole months
MEANS = (6, 24, 72)  # hours of known samples beside an edge that are averaged
FADES = (3, 12, 48)  # hours in which an edge's say falls to 1/e


def describe_edges(truth: pd.Series, predicted: pd.Series, asked: np.ndarray) -> pd.DataFrame:
    """Lay out what the edges of each gap tell of the samples in it.

    Parameters
    ----------
    truth : Series, shape (n,)
        log10 flux on a regular grid, NaN in gaps.
    predicted : Series, shape (n,)
        What a model says of every time, from elsewhere than the series itself.
    asked : array of bool, shape (n,)
        The missing samples to describe.

    Returns
    -------
    DataFrame
        A row a sample asked for: hours to either edge and length of the gap (NaN where the series
        does not go on), errors of the prediction at the edges (the last one, means, the one at
        the same time of day), how far a straight line between the edges lies from the
        prediction, and the prediction.
    """
    hour = find_cadence(truth.index, "truth") / HOUR
    error = (truth - predicted).to_numpy()
    at = np.flatnonzero(asked)
    left, right = (edge[at] for edge in _find_edges(np.isfinite(error)))
    before, after = (_mask((at - left) * hour, left), _mask((right - at) * hour, right))
    line = _join(_take(error, left), _take(error, right), before, after)
    level = _join(_take(truth.to_numpy(), left), _take(truth.to_numpy(), right), before, after)
    table = {
        "before": before,
        "after": after,
        "nearest": np.fmin(before, after),
        "length": before + after - hour,
        "error before": _take(error, left),
        "error after": _take(error, right),
        "error line": line,
        "line - predicted": level - predicted.to_numpy()[at],
        "predicted": predicted.to_numpy()[at],
    }
    table |= _average_sides(error, left, right, hour)
    table |= _match_day(error, at, before, after, hour)
    for fade in FADES:
        one, two = (
            np.exp(-np.where(np.isnan(side), np.inf, side) / fade) for side in (before, after)
        )
        # The best guess of a Markov process with that memory, from one value on either side.
        fades = np.nan_to_num(_take(error, left)) * one * (1 - two**2)
        fades += np.nan_to_num(_take(error, right)) * two * (1 - one**2)
        table[f"error, faded in {fade} h"] = fades / np.maximum(1 - (one * two) ** 2, 1e-12)
    return pd.DataFrame(table, index=truth.index[at])


def draw_mask(n: int, steps_a_day: int, rng: np.random.Generator) -> np.ndarray:
    """Draw gaps of all lengths, from a sample to a month, with known stretches between them.

    Returns
    -------
    array of int, shape (n,)
        0 where known, else the number of the gap.
    """
    mask = np.zeros(n, int)
    longest = min(LONGEST.days * steps_a_day, n // 3)
    position, number = int(rng.integers(steps_a_day)), 0
    while position < n:
        length, pause = (
            round(np.exp(rng.uniform(np.log(low), np.log(high))))
            for low, high in ((1, longest), (steps_a_day / 4, steps_a_day * 10))
        )
        number += 1
        mask[position : position + length] = number
        position += length + max(1, pause)
    return mask


def _find_edges(known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the last known sample before and the first after each."""
    position = np.arange(len(known))
    left = np.maximum.accumulate(np.where(known, position, -1))
    right = np.minimum.accumulate(np.where(known, position, len(known))[::-1])[::-1]
    return left, np.where(right == len(known), -1, right)


def _take(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the values at places; NaN at those outside."""
    inside = (places >= 0) & (places < len(values))
    return np.where(inside, values[np.where(inside, places, 0)], np.nan)


def _mask(hours: np.ndarray, edge: np.ndarray) -> np.ndarray:
    return np.where(edge >= 0, hours, np.nan)


def _join(one: np.ndarray, two: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the straight line from edge to edge."""
    return one + (two - one) * before / (before + after)


def _average_sides(
    error: np.ndarray, left: np.ndarray, right: np.ndarray, hour: float
) -> dict[str, np.ndarray]:
    series, table = pd.Series(error), {}
    for hours in MEANS:
        window = max(1, round(hours / hour))
        before = series.rolling(window, min_periods=1).mean().to_numpy()
        after = series[::-1].rolling(window, min_periods=1).mean().to_numpy()[::-1]
        table[f"error {hours} h before"] = _take(before, left)
        table[f"error {hours} h after"] = _take(after, right)
    return table


def _match_day(
    error: np.ndarray, at: np.ndarray, before: np.ndarray, after: np.ndarray, hour: float
) -> dict[str, np.ndarray]:
    """Return the errors whole days away, as near as the gap lets: local time returns."""
    day = round(24 / hour)
    table = {}
    for side, hours, sign in (("before", before, -1), ("after", after, 1)):
        days = np.ceil(np.nan_to_num(hours) / 24).astype(int)
        same = np.where(np.isnan(hours), -1, at + sign * day * days)
        table[f"error same hour {side}"] = _take(error, same)
    return table
