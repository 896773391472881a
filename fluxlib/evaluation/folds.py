"""Folds for validation that keep neighbours in time on one side.

Samples five minutes apart are nearly equal, so with random folds a model finds its test samples in
its training set. Blocks of time with a purge beside them prevent this.
"""

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError, TooLittleDataError
from fluxlib.utils.time_grid import find_runs

Folds = list[tuple[np.ndarray, np.ndarray]]

# The longest offset among the inputs of an imputation: two samples nearer than this share inputs.
IMPUTATION_PURGE = pd.Timedelta("5D")
N_BLOCKS, N_TEST = 10, 2  # as published: see `blocked_folds`


def blocked_folds(
    index: pd.DatetimeIndex,
    n_blocks: int = N_BLOCKS,
    n_test: int = N_TEST,
    *,
    purge: str | pd.Timedelta = "0h",
) -> Folds:
    """Cut the time span into equal blocks, and test each block once.

    As published (Sci. Rep. 2025, s41598-025-87082-9): ten blocks, eight to train and two to
    test, five times. The blocks of a test set lie far apart (1 and 6, 2 and 7, ...).

    Parameters
    ----------
    index : DatetimeIndex, shape (n,)
        Times of the samples, sorted; gaps are allowed.
    n_blocks, n_test : int
        Number of blocks, and of those in each test set; the second divides the first.
    purge : str or Timedelta
        Training samples this close to a test block are left out; use the longest window of the
        inputs.

    Returns
    -------
    list of (train, test)
        Positions in `index`.

    Raises
    ------
    FluxError
        If the numbers do not fit, the index is not sorted, a test set has no sample, or the purge
        leaves no training sample.

    Examples
    --------
    >>> year = pd.date_range("2014-01-01", "2014-12-31 23:00", freq="h")
    >>> len(blocked_folds(year, purge="5D"))
    5
    """
    if not 0 < n_test < n_blocks or n_blocks % n_test:
        raise FluxError(
            f"n_blocks is {n_blocks} and n_test {n_test}; expected a number of test blocks that "
            "divides the number of blocks and is smaller."
        )
    _check_times(index)
    label = _label_blocks(index, n_blocks)
    n_folds = n_blocks // n_test
    return [_split(index, label, range(fold, n_blocks, n_folds), purge) for fold in range(n_folds)]


def split_blocks(X: pd.DataFrame | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split training rows once more, to validate a choice: the first of `cross_blocks`.

    Parameters
    ----------
    X : DataFrame or array, shape (n, ...)
        With a time index the blocks are of time, `IMPUTATION_PURGE` apart; otherwise of rows.
    """
    return cross_blocks(X)[0]


def cross_blocks(X: pd.DataFrame | np.ndarray) -> Folds:
    """Split training rows once more, each held out once; see `split_blocks`.

    Folds without a row are left out: an outer fold may have held out exactly their blocks.
    """
    index, purge = getattr(X, "index", None), IMPUTATION_PURGE
    if not isinstance(index, pd.DatetimeIndex):
        index, purge = pd.date_range("2000", periods=len(X), freq="1h"), pd.Timedelta(0)
    _check_times(index)
    label = _label_blocks(index, N_BLOCKS)
    n_folds = N_BLOCKS // N_TEST
    return [
        _split(index, label, range(fold, N_BLOCKS, n_folds), purge)
        for fold in np.unique(label % n_folds)
    ]


def month_folds(
    index: pd.DatetimeIndex,
    n_folds: int = 5,
    *,
    purge: str | pd.Timedelta = "0h",
    random_state: int = 0,
) -> Folds:
    """Hold out whole calendar months, assigned to folds at random; each month is tested once.

    Parameters
    ----------
    index : DatetimeIndex, shape (n,)
        Times of the samples, sorted.
    n_folds : int
        Number of folds; at most the number of months.
    purge : str or Timedelta
        Training samples this close to a test month are left out.
    random_state : int
        Seed of the draw.

    Returns
    -------
    list of (train, test)
        Positions in `index`.
    """
    _check_times(index)
    month = index.year * 12 + index.month
    months = np.unique(month)
    if not 1 < n_folds <= len(months):
        raise FluxError(
            f"n_folds is {n_folds}; the samples cover {len(months)} months, so expected 2 to "
            f"{len(months)}."
        )
    drawn = np.random.default_rng(random_state).permutation(months)
    return [_split(index, month, part, purge) for part in np.array_split(drawn, n_folds)]


def _label_blocks(index: pd.DatetimeIndex, n_blocks: int) -> np.ndarray:
    """Return the number of the block that each time lies in."""
    edges = pd.date_range(index[0], index[-1] + pd.Timedelta(1), periods=n_blocks + 1)
    return np.clip(edges.searchsorted(index, side="right") - 1, 0, n_blocks - 1)


def _split(index: pd.DatetimeIndex, label: np.ndarray, tested, purge) -> tuple:
    """Return the positions to train on and to test."""
    test = np.isin(label, list(tested))
    if not test.any():
        raise TooLittleDataError("a test block has no sample; use fewer blocks.")
    purge = pd.Timedelta(purge)
    near = np.zeros(len(index), bool)
    for first, end in find_runs(test):
        start, stop = index[first] - purge, index[end - 1] + purge
        near[index.searchsorted(start) : index.searchsorted(stop, side="right")] = True
    train = np.flatnonzero(~near & ~test)
    if not len(train):
        raise TooLittleDataError(
            f"a purge of {purge} beside the test blocks leaves no sample to train on, of "
            f"{index[0]:%Y-%m-%d} to {index[-1]:%Y-%m-%d}; use a longer period or a shorter purge."
        )
    return train, np.flatnonzero(test)


def _check_times(index: pd.DatetimeIndex) -> None:
    if not isinstance(index, pd.DatetimeIndex) or len(index) < 2:
        raise FluxError(
            f"index is {type(index).__name__} of {len(index)}; expected two or more times."
        )
    if not index.is_monotonic_increasing:
        raise FluxError("the index is not sorted by time; sort the samples first.")
