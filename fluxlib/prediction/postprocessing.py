"""What a forecaster has lately got wrong, it is likely to get wrong again.

Satellites' backgrounds differ, and the belt has quiet and busy years; either shows in the errors of
some weeks. Their decaying mean is what weather services take from their forecasts (Cui et al. 2012,
doi 10.1175/WAF-D-11-00011.1).
"""

import warnings

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from fluxlib.prediction.windows import flatten_inputs

# As strong as baselines.PlainNetwork's, whose targets are not standardised.
PENALTY = 2.0


def make_perceptron(units: int, penalty: float, seed: int) -> MLPRegressor:
    """Return a multilayer perceptron whose training stops by a tenth of the days."""
    return MLPRegressor(
        hidden_layer_sizes=(units,),
        alpha=penalty,
        max_iter=300,
        early_stopping=True,
        random_state=seed,
    )


def fit_plain(
    inputs: list[np.ndarray], target: np.ndarray, *, units: int, seed: int
) -> list[np.ndarray]:
    """Fit a multilayer perceptron for all horizons.

    Parameters
    ----------
    inputs : list of array
        Each (n, ...), standardised.
    target : array
        (n, 2 * horizons): targets, and 1 where they were observed; other days are left out.
    units : int
        Of the hidden layer.
    seed : int
        Of the weights, and of the tenth of days on whose error training stops.

    Returns
    -------
    list of array
        Weights and biases of the hidden layer and of the last.
    """
    h = target.shape[1] // 2
    there = (target[:, h:] > 0).all(axis=1)
    model = make_perceptron(units, PENALTY, seed)
    with warnings.catch_warnings():
        # Most of what there is to learn is learned by then.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(flatten_inputs(inputs)[there], np.squeeze(target[there, :h]))
    first, last = model.coefs_
    return [first, model.intercepts_[0], last, model.intercepts_[1]]


def run_plain(weights: list[np.ndarray], inputs: list[np.ndarray]) -> np.ndarray:
    """Return (n, horizons) of a fitted perceptron."""
    first, bias, last, shift = weights
    return np.maximum(flatten_inputs(inputs) @ first + bias, 0) @ last + shift


def find_shares(target: np.ndarray, networks: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """Return the plain networks' share, 0 to 1, that has the least squared error.

    Parameters
    ----------
    target, networks, plain : array
        (n, horizons), NaN where not known.

    Returns
    -------
    array
        (horizons,).
    """
    step = plain - networks
    known = np.isfinite(target - step)
    top = np.where(known, (target - networks) * step, 0).sum(axis=0)
    bottom = np.where(known, step**2, 0).sum(axis=0)
    return np.clip(top / np.maximum(bottom, np.finfo(float).tiny), 0, 1)


HALF_LIFE = 45  # days in which an error's weight halves; chosen on other years than 2008-2010
PRIOR = 10  # days without an error that are there beforehand: few errors tell little
LOOKBACK = 4 * HALF_LIFE  # days of errors that a forecast looks at; older ones weigh a sixteenth


def average_errors(days: pd.DatetimeIndex, errors: np.ndarray) -> np.ndarray:
    """Average the errors that are known at the end of each issue day.

    Parameters
    ----------
    days : DatetimeIndex
        Issue days, n of them, rising.
    errors : array
        (n, horizons): forecast minus truth, NaN where not known. The error of a forecast one,
        two, ... days ahead is known so many days after its issue day.

    Returns
    -------
    array
        (n, horizons), drawn towards zero where few are known.
    """
    frame = pd.DataFrame(errors, days).asfreq("D")
    decay = 0.5 ** (1 / HALF_LIFE)
    sums, counts = (
        lfilter([1], [1, -decay], part.to_numpy(float), axis=0)
        for part in (frame.fillna(0), frame.notna())
    )
    mean = pd.DataFrame(sums / (counts + PRIOR), frame.index)
    known = pd.concat([mean[column].shift(column + 1) for column in mean], axis=1)
    return known.reindex(days).fillna(0).to_numpy()
