"""Intervals that allow for autocorrelation: resample blocks of time, not single samples."""

import numpy as np
import pandas as pd
from scipy import stats

from fluxlib.errors import FluxError

LONGEST_BLOCK = pd.Timedelta(days=27)
FEWEST_BLOCKS = 12
CONFIDENCE = 0.95  # of all confidence intervals, so that any two can be compared


def choose_block(index: pd.DatetimeIndex, block: str | pd.Timedelta | None = None) -> pd.Timedelta:
    """Choose the length of a block: a solar rotation, shorter where the overlap is short.

    27 days hold a whole recurrence of high-speed streams. An overlap shorter than twelve
    rotations is cut in twelve instead, because a variance from fewer blocks means little.

    Parameters
    ----------
    index
        Times of the samples, sorted.
    block
        The user's own choice, as pandas understands it (``"10D"``).

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
            f"block is {block}, but the pairs span {span}: choose a length above zero and below "
            "half of that, such as block='27D', or leave it out"
        )
    return block


def draw_block_counts(
    index: pd.DatetimeIndex, block: pd.Timedelta, n_boot: int, random_state: int
) -> np.ndarray:
    """Draw how often each sample occurs in replicates of a circular block bootstrap.

    Blocks begin at any time and are stretches of time rather than of samples, so a gap in the
    data does not make distant samples neighbours (Politis and Romano 1992).

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
    # Sample and copy one period later: a block that runs past the end goes on at the start.
    twice = np.concatenate([seconds, seconds + period])
    n, width = len(index), 2 * len(index) + 1
    rows = np.arange(n_boot)[:, None] * width
    first = np.bincount((rows + np.searchsorted(twice, starts)).ravel(), minlength=n_boot * width)
    past = np.bincount(
        (rows + np.searchsorted(twice, starts + length)).ravel(), minlength=n_boot * width
    )
    covered = np.cumsum((first - past).reshape(n_boot, width), axis=1)
    return covered[:, :n] + covered[:, n : 2 * n]


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
    influence
        Shape (n, parameters): inverse of the negative derivative of the summed estimating
        functions, times each sample's own.

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


def interval(deviations: np.ndarray, n_blocks: float) -> np.ndarray:
    """Give percentile bounds of `CONFIDENCE`, widened for a small number of blocks.

    Percentiles are too narrow in small samples, by the ratio of Student's to the normal quantile
    and because residuals are smaller than errors (Hesterberg 2015, American Statistician 69,
    371). Both count blocks less parameters as degrees of freedom.

    Parameters
    ----------
    deviations
        Shape (n_boot, parameters).
    n_blocks
        How many blocks the period holds.

    Returns
    -------
    ndarray of shape (2, parameters)
        Lower and upper bound.
    """
    free = max(n_blocks - deviations.shape[1], 2.0)
    wide = stats.t.ppf((1 + CONFIDENCE) / 2, free) * np.sqrt(max(n_blocks / free, 1.0))
    tail = (1 - CONFIDENCE) / 2
    return wide / stats.norm.isf(tail) * np.quantile(deviations, [tail, 1 - tail], axis=0)


def highest_p(parts: np.ndarray, deviations: np.ndarray) -> float:
    """Test whether sums over samples are all zero on average, by the largest of them.

    Each sum is compared with its standard deviation over block replicates, and the largest
    ratio with the largest of every replicate (Hansen 1996, Econometrica 64, 413).

    Parameters
    ----------
    parts
        Shape (n, k): what each sample adds to each of k sums.
    deviations
        Shape (n_boot, k): the sums in replicates, less those in the data.

    Returns
    -------
    float
        p-value.
    """
    spread = deviations.std(axis=0)
    observed = np.max(np.abs(parts.sum(axis=0)) / spread)
    drawn = np.max(np.abs(deviations) / spread, axis=1)
    return float((1 + np.sum(drawn >= observed)) / (1 + len(drawn)))
