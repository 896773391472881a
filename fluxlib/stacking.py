"""Mix networks with a linear filter, in shares that held-out days choose."""

import numpy as np
from sklearn.linear_model import RidgeCV

PENALTIES = np.logspace(0, 4, 9)


def flatten_inputs(inputs: list[np.ndarray]) -> np.ndarray:
    """Lay all inputs of a sample side by side."""
    return np.hstack([values.reshape(len(values), -1) for values in inputs]).astype(float)


def fit_linear(inputs: list[np.ndarray], target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit a ridge regression for all horizons, the penalty chosen by leave-one-out.

    Parameters
    ----------
    inputs : list of array
        Each (n, ...), standardised.
    target : array
        (n, 2 * horizons): targets, and 1 where they were observed; other days are left out.

    Returns
    -------
    coef, intercept : array
        (inputs, horizons) and (horizons,).
    """
    h = target.shape[1] // 2
    there = (target[:, h:] > 0).all(axis=1)
    ridge = RidgeCV(alphas=PENALTIES).fit(flatten_inputs(inputs)[there], target[there, :h])
    return ridge.coef_.reshape(h, -1).T, np.reshape(ridge.intercept_, h)


def run_linear(linear: tuple[np.ndarray, np.ndarray], inputs: list[np.ndarray]) -> np.ndarray:
    """Return (n, horizons) of a fitted filter."""
    return flatten_inputs(inputs) @ linear[0] + linear[1]


def find_shares(target: np.ndarray, networks: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """Return the linear filter's share, 0 to 1, that has the least squared error.

    Parameters
    ----------
    target, networks, linear : array
        (n, horizons), NaN where not known.

    Returns
    -------
    array
        (horizons,).
    """
    step = linear - networks
    known = np.isfinite(target - step)
    top = np.where(known, (target - networks) * step, 0).sum(axis=0)
    bottom = np.where(known, step**2, 0).sum(axis=0)
    return np.clip(top / np.maximum(bottom, np.finfo(float).tiny), 0, 1)
