"""Intervals that allow for autocorrelation: blocks of time are resampled, not single samples."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from fluxlib.errors import FluxError

LONGEST_BLOCK = pd.Timedelta(days=27)
FEWEST_BLOCKS = 12
CONFIDENCE = 0.95  # one level for all confidence intervals, so that any two can be compared
TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)


def choose_block(index: pd.DatetimeIndex, block: str | pd.Timedelta | None = None) -> pd.Timedelta:
    """Choose the length of a block: a solar rotation, or less for a short period.

    27 days hold a whole recurrence of high-speed streams. A period shorter than twelve rotations
    is cut into twelve blocks instead, because a variance from fewer blocks is unreliable.

    Parameters
    ----------
    index : DatetimeIndex, shape (n,)
        Times of the samples, sorted.
    block : str or Timedelta, optional
        The user's own choice, such as ``"10D"``.

    Raises
    ------
    FluxError
        If the block is not shorter than half of the period.
    """
    span = index[-1] - index[0]
    if block is None:
        return min(LONGEST_BLOCK, span / FEWEST_BLOCKS)
    block = pd.Timedelta(block)
    if not pd.Timedelta(0) < block < span / 2:
        raise FluxError(
            f"block is {block}, but the samples span {span}; expected a length above zero and "
            "below half of that, such as '27D', or None."
        )
    return block


def draw_block_counts(
    index: pd.DatetimeIndex, block: pd.Timedelta, n_boot: int, random_state: int
) -> np.ndarray:
    """Draw how often each sample occurs in each replicate of a circular block bootstrap.

    Blocks begin at any time and have equal length in time, not in samples, so a gap in the data
    does not make distant samples neighbours (Politis and Romano 1992).

    Returns
    -------
    ndarray of shape (n_boot, len(index))
        Counts, about 1 on average.
    """
    rng = np.random.default_rng(random_state)
    seconds = (index - index[0]) / pd.Timedelta(seconds=1)
    step = np.median(np.diff(seconds))
    period, length = seconds[-1] + step, block.total_seconds()
    starts = rng.uniform(0, period, size=(n_boot, max(2, round(period / length))))
    # Each sample again one period later: a block that runs past the end continues at the start.
    twice = np.concatenate([seconds, seconds + period])
    n, width = len(index), 2 * len(index) + 1
    rows = np.arange(n_boot)[:, None] * width
    first = np.bincount((rows + np.searchsorted(twice, starts)).ravel(), minlength=n_boot * width)
    past = np.bincount(
        (rows + np.searchsorted(twice, starts + length)).ravel(), minlength=n_boot * width
    )
    covered = np.cumsum((first - past).reshape(n_boot, width), axis=1)
    return covered[:, :n] + covered[:, n : 2 * n]


def block_intervals(
    statistic: Callable[[np.ndarray], np.ndarray],
    index: pd.DatetimeIndex,
    *,
    n_boot: int = 1000,
    random_state: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute statistics of a sample with percentile intervals of `CONFIDENCE`.

    Parameters
    ----------
    statistic : callable
        From weights of the samples, shape (replicates, n), to values, shape (replicates, ...).
    index : DatetimeIndex, shape (n,)
        Times of the samples, sorted.
    n_boot : int
        Replicates.
    random_state : int
        Seed of the replicates.

    Returns
    -------
    value, lower, upper : ndarray
        The statistic with every sample once, and its bounds.

    Examples
    --------
    >>> x = np.arange(100.0)
    >>> days = pd.date_range("2014", periods=100)
    >>> value, lower, upper = block_intervals(lambda w: w @ x / w.sum(axis=1), days)
    >>> bool(lower < value < upper)
    True
    """
    counts = draw_block_counts(index, choose_block(index), n_boot, random_state)
    value = np.asarray(statistic(np.ones((1, len(index)))))[0]
    lower, upper = np.quantile(statistic(counts), TAILS, axis=0)
    return value, lower, upper


def resample_influence(
    influence: np.ndarray,
    index: pd.DatetimeIndex,
    *,
    block: pd.Timedelta,
    n_boot: int,
    random_state: int,
) -> np.ndarray:
    """Bootstrap an estimator through the influence of each sample on it.

    Instead of solving again for every replicate, take one Newton step from the estimate: the
    estimating-function bootstrap of Hu and Kalbfleisch (2000), Canadian J. Statistics 28, 449.

    Parameters
    ----------
    influence : ndarray of shape (n, parameters)
        Inverse of the negative derivative of the summed estimating functions, times each
        sample's own.

    Returns
    -------
    ndarray of shape (n_boot, parameters)
        Deviations from the estimate, about zero on average.
    """
    chunk = max(1, 4_000_000 // (2 * len(index)))
    influence = influence - influence.mean(axis=0)
    seeds = np.random.default_rng(random_state).integers(2**63, size=-(-n_boot // chunk))
    sizes = [min(chunk, n_boot - chunk * i) for i in range(len(seeds))]
    parts = [
        draw_block_counts(index, block, size, seed) @ influence
        for size, seed in zip(sizes, seeds, strict=True)
    ]
    return np.concatenate(parts)


def deviation_interval(deviations: np.ndarray, n_blocks: float) -> np.ndarray:
    """Return percentile bounds of `CONFIDENCE`, widened for a small number of blocks.

    Percentiles are too narrow in small samples, by the ratio of Student's to the normal quantile
    and because residuals are smaller than errors (Hesterberg 2015, American Statistician 69,
    371). The degrees of freedom are the number of blocks less that of parameters.

    Parameters
    ----------
    deviations : ndarray of shape (n_boot, parameters)
        See `resample_influence`.
    n_blocks : float
        How many blocks the period holds.

    Returns
    -------
    ndarray of shape (2, parameters)
        Lower and upper bound.
    """
    free = max(n_blocks - deviations.shape[1], 2.0)
    wide = stats.t.ppf(TAILS[1], free) * np.sqrt(max(n_blocks / free, 1.0))
    return wide / stats.norm.ppf(TAILS[1]) * np.quantile(deviations, TAILS, axis=0)


def largest_sum_p_value(parts: np.ndarray, deviations: np.ndarray) -> float:
    """Test whether sums over samples are all zero on average, by the largest of them.

    Each sum is divided by its standard deviation over block replicates; the largest ratio is
    compared with the largest of every replicate (Hansen 1996, Econometrica 64, 413).

    Parameters
    ----------
    parts : ndarray of shape (n, k)
        What each sample adds to each of k sums.
    deviations : ndarray of shape (n_boot, k)
        The sums in replicates, less those in the data.
    """
    spread = deviations.std(axis=0)
    observed = np.max(np.abs(parts.sum(axis=0)) / spread)
    drawn = np.max(np.abs(deviations) / spread, axis=1)
    return float((1 + np.sum(drawn >= observed)) / (1 + len(drawn)))
