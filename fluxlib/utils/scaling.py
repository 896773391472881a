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
