"""LSTMs that read an imputation's inputs in the order of their offsets."""

import re

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from fluxlib import network
from fluxlib.errors import FluxError
from fluxlib.scaling import apply_scale, measure_scale

_OFFSET = re.compile(r"(.+?)-(-?[\d.]+)h")
BATCH = 256


class SequenceNetwork(RegressorMixin, BaseEstimator):
    """LSTMs over the offsets of `features.offset_features`, the earliest first; their mean.

    A step holds every quantity at one offset, and whether it is there; what has no offset (the
    clock) is in every step.

    Parameters
    ----------
    members : int
        LSTMs, which differ in their seeds and train side by side.
    units, dropout, epochs, learning_rate
        Of each: see `fluxlib.network`.
    random_state : int
        Seed.
    """

    def __init__(
        self,
        *,
        members: int = 4,
        units: int = 32,
        dropout: float = 0.1,
        epochs: int = 15,
        learning_rate: float = 3e-3,
        random_state: int = 0,
    ):
        self.members = members
        self.units = units
        self.dropout = dropout
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike) -> "SequenceNetwork":
        """Train the networks.

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
        self.steps_ = read_steps(X)
        self.scale_ = measure_scale(X.to_numpy(float))
        y = np.asarray(y, float)
        self.level_ = float(y.mean()), float(y.std()) or 1.0
        inputs = self._lay_out(X)
        target = np.column_stack([(y - self.level_[0]) / self.level_[1], np.ones(len(y))])
        self.config_ = (inputs[0].shape[1:], 0, 1, self.units, self.dropout, 0.0)
        self.weights_ = network.train_networks(
            self.config_,
            inputs,
            target.astype("float32"),
            [np.arange(len(y))] * self.members,
            epochs=self.epochs,
            batch_size=BATCH,
            learning_rate=self.learning_rate,
            seed=self.random_state,
        )
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return log10 flux, shape (n,)."""
        check_is_fitted(self)
        outputs = network.run_networks(self.config_, self.weights_, self._lay_out(X))
        return outputs[:, :, 0].mean(axis=0).astype(float) * self.level_[1] + self.level_[0]

    def _lay_out(self, X: pd.DataFrame) -> list[np.ndarray]:
        """Return (n, steps, 2 x quantities), standardised values and which are there; (n, 0)."""
        values = apply_scale(X.to_numpy(float), self.scale_)
        there = np.isfinite(X.to_numpy(float))
        n, (steps, quantities) = len(X), self.steps_.shape
        result = np.zeros((n, steps, 2 * quantities), np.float32)
        for step, quantity in np.argwhere(self.steps_ >= 0):
            column = self.steps_[step, quantity]
            result[:, step, quantity] = values[:, column]
            result[:, step, quantities + quantity] = there[:, column]
        return [result, np.zeros((n, 0), np.float32)]


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
