"""Inputs put on one scale, for models whose penalty or training needs it."""

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

PENALTIES = np.logspace(0, 4, 9)  # of a ridge regression on standardised inputs, to choose from


def measure_scale(values: np.ndarray, axis=0) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each column, of what is finite; 0 and 1 without."""
    known = np.where(np.isfinite(values), values, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of columns without a finite value
        mean = np.nan_to_num(np.nanmean(known, axis=axis))
        spread = np.nan_to_num(np.nanstd(known, axis=axis))
    return mean, np.where(spread > 0, spread, 1)


def apply_scale(values: np.ndarray, scale: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Standardise; what is not finite becomes the mean."""
    scaled = (values - scale[0]) / scale[1]
    return np.where(np.isfinite(scaled), scaled, 0).astype("float32")


def make_scaled(*steps: Sequence) -> Pipeline:
    """Return a pipeline that fills by the mean, tells what was missing, and standardises.

    Parameters
    ----------
    *steps : (str, estimator)
        What follows.
    """
    # An input that training never has tells nothing; it keeps its column for later rows.
    fill = SimpleImputer(add_indicator=True, keep_empty_features=True)
    return Pipeline([("fill", fill), ("scale", StandardScaler()), *steps])


def shrinkage(error: np.ndarray, correction: np.ndarray) -> np.ndarray:
    """Return the share of a correction, 0 to 1, that leaves the least squared error.

    Parameters
    ----------
    error, correction : array, shape (n,) or (n, k)
        What is to be corrected, and what is proposed; rows with NaN are left out.

    Returns
    -------
    array, shape () or (k,)
        0 where nothing is known.

    Examples
    --------
    >>> shrinkage(np.array([1.0, 2.0, np.nan]), np.array([2.0, 4.0, 1.0])).item()
    0.5
    """
    known = np.isfinite(error - correction)
    product = np.where(known, error * correction, 0).sum(axis=0)
    square = np.where(known, correction**2, 0).sum(axis=0)
    return np.clip(product / np.maximum(square, np.finfo(float).tiny), 0, 1)
