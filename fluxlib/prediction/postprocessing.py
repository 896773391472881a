"""What is combined with a forecast: a perceptron to average it with, and its recent bias.

Satellites' backgrounds differ, and the belt has quiet and busy years, so the error of the last
weeks is likely to persist. Weather services subtract its decaying mean (Cui et al. 2012, doi
10.1175/WAF-D-11-00011.1).
"""

import warnings

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from fluxlib.prediction.windows import flatten_inputs

HALF_LIFE = 45  # days in which an error's weight halves; chosen on other years than 2008-2010
PRIOR = 10  # days without an error that are assumed beforehand: few errors tell little
LOOKBACK = 4 * HALF_LIFE  # days of errors that count; older ones would weigh below a sixteenth


def make_mlp(units: int, penalty: float, random_state: int) -> MLPRegressor:
    """Return a perceptron whose training stops by the error on a tenth of the days."""
    return MLPRegressor(
        hidden_layer_sizes=(units,),
        alpha=penalty,
        max_iter=300,
        early_stopping=True,
        random_state=random_state,
    )


MLP_PENALTY = 2.0  # on standardised targets; as strong as that of MultilayerPerceptron


def fit_mlp(
    inputs: list[np.ndarray], target: np.ndarray, *, units: int, random_state: int
) -> list[np.ndarray]:
    """Fit a multilayer perceptron for all horizons, to be averaged with other networks.

    Parameters
    ----------
    inputs : list of array
        Each (n, ...), standardised.
    target : array
        (n, horizons), standardised; rows with NaN are left out.
    units : int
        Size of the hidden layer.
    random_state : int
        Seed of the weights, and of the tenth of the days on whose error training stops.

    Returns
    -------
    list of array
        Weights and biases of the hidden layer and of the output layer: see :func:`run_mlp`.
    """
    known = np.isfinite(target).all(axis=1)
    model = make_mlp(units, MLP_PENALTY, random_state)
    with warnings.catch_warnings():
        # At the most iterations allowed, the loss hardly falls any more.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(flatten_inputs(inputs)[known], np.squeeze(target[known]))
    return [part for layer in zip(model.coefs_, model.intercepts_, strict=True) for part in layer]


def run_mlp(weights: list[np.ndarray], inputs: list[np.ndarray]) -> np.ndarray:
    """Return the (n, horizons) output of a perceptron that :func:`fit_mlp` fitted."""
    hidden, hidden_bias, output, output_bias = weights
    return np.maximum(flatten_inputs(inputs) @ hidden + hidden_bias, 0) @ output + output_bias


def running_bias(days: pd.DatetimeIndex, errors: np.ndarray) -> np.ndarray:
    """Return the decaying mean of the errors that are known at the end of each issue day.

    The errors of the last `LOOKBACK` days count, so that a day's forecast is the same whether days
    long before it are asked for too or not.

    Parameters
    ----------
    days : DatetimeIndex
        Issue days, n of them, increasing.
    errors : array
        (n, horizons): forecast minus truth, NaN where not known. The error of a forecast one,
        two, ... days ahead is known so many days after its issue day.

    Returns
    -------
    array
        (n, horizons), closer to zero where few are known.
    """
    if len(days) == 0:
        return np.empty(errors.shape)
    frame = pd.DataFrame(errors, days).asfreq("D")
    weights = 0.5 ** (np.arange(LOOKBACK) / HALF_LIFE)
    sums, counts = (
        lfilter(weights, [1], part.to_numpy(float), axis=0)
        for part in (frame.fillna(0), frame.notna())
    )
    mean = pd.DataFrame(sums / (counts + PRIOR), frame.index)
    known = pd.concat([mean[column].shift(column + 1) for column in mean], axis=1)
    return known.reindex(days).fillna(0).to_numpy()
