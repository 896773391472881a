"""An LSTM that reads an imputation's inputs in the order of their offsets."""

import re

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from fluxlib.errors import FluxError
from fluxlib.utils.scaling import apply_scale, measure_scale

_OFFSET = re.compile(r"(.+?)-(-?[\d.]+)h")
BATCH = 256
ROWS_AT_ONCE = 4096  # of a prediction, which bounds its memory


class SequenceNetwork(RegressorMixin, BaseEstimator):
    """Keras LSTM over the offsets of `features.offset_features`, the earliest first.

    A step holds every quantity at one offset, and whether it is there; what has no offset (the
    clock) is in every step.

    Parameters
    ----------
    units, dropout, epochs, learning_rate
        Of the network.
    random_state : int
        Seed.
    """

    def __init__(
        self,
        *,
        units: int = 32,
        dropout: float = 0.1,
        epochs: int = 15,
        learning_rate: float = 3e-3,
        random_state: int = 0,
    ):
        self.units = units
        self.dropout = dropout
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike) -> "SequenceNetwork":
        """Train the network.

        Parameters
        ----------
        X : DataFrame, shape (n, p)
            Columns called as `offset_features` does, ``V-24h``.
        y : array, shape (n,)
            log10 flux.

        Raises
        ------
        FluxError
            If X is no DataFrame, or none of its columns has an offset.
        """
        import keras

        self.steps_ = read_steps(X)
        self.scale_ = measure_scale(X.to_numpy(float))
        y = np.asarray(y, float)
        self.level_ = float(y.mean()), float(y.std()) or 1.0
        keras.utils.set_random_seed(self.random_state)
        sequence = self._lay_out(X)
        self.network_ = keras.Sequential(
            [
                keras.layers.Input(sequence.shape[1:]),
                keras.layers.LSTM(self.units),
                keras.layers.Dropout(self.dropout),
                keras.layers.Dense(1),
            ]
        )
        self.network_.compile(
            optimizer=keras.optimizers.Adam(self.learning_rate), loss="mse", steps_per_execution=16
        )
        target = (y - self.level_[0]) / self.level_[1]
        self.network_.fit(sequence, target, batch_size=BATCH, epochs=self.epochs, verbose=0)
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return log10 flux, shape (n,)."""
        check_is_fitted(self)
        sequence = self._lay_out(X)
        # Not `network_.predict`: it traces a graph for each network, and warns of having to.
        parts = [
            self.network_(sequence[first : first + ROWS_AT_ONCE], training=False).numpy()[:, 0]
            for first in range(0, max(len(sequence), 1), ROWS_AT_ONCE)
        ]
        return np.concatenate(parts).astype(float) * self.level_[1] + self.level_[0]

    def _lay_out(self, X: pd.DataFrame) -> np.ndarray:
        """Return (n, steps, 2 x quantities): standardised values, and which are there."""
        values = apply_scale(X.to_numpy(float), self.scale_)
        there = np.isfinite(X.to_numpy(float))
        n, (steps, quantities) = len(X), self.steps_.shape
        result = np.zeros((n, steps, 2 * quantities), np.float32)
        for step, quantity in np.argwhere(self.steps_ >= 0):
            column = self.steps_[step, quantity]
            result[:, step, quantity] = values[:, column]
            result[:, step, quantities + quantity] = there[:, column]
        return result


def read_steps(X: pd.DataFrame) -> np.ndarray:
    """Return the column of each quantity at each offset, the longest offset first; -1 for none.

    Returns
    -------
    array of int, shape (steps, quantities)
    """
    if not isinstance(X, pd.DataFrame):
        raise FluxError(
            f"X is {type(X).__name__}; an LSTM needs a DataFrame whose columns tell offsets."
        )
    found = [_OFFSET.fullmatch(str(name)) for name in X]
    offsets = sorted({float(match[2]) for match in found if match}, reverse=True)
    if not offsets:
        raise FluxError("no column of X has an offset, such as V-24h, for an LSTM to read by.")
    names = list(
        dict.fromkeys(
            match[1] if match else str(name) for match, name in zip(found, X, strict=True)
        )
    )
    steps = np.full((len(offsets), len(names)), -1)
    for column, (match, name) in enumerate(zip(found, X, strict=True)):
        rows = offsets.index(float(match[2])) if match else slice(None)
        steps[rows, names.index(match[1] if match else str(name))] = column
    return steps
