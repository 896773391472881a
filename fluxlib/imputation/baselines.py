"""What GA-RF is compared with: the papers' competitors and some more, with one interface.

Each accepts NaN among its inputs and predicts log10 flux. Each has default settings, and a space
of settings that a random search draws from: equally many for each, judged on the same blocks.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401, it makes the next import work
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import RandomizedSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.utils.validation import check_is_fitted

from fluxlib.errors import FluxError, TooLittleDataError
from fluxlib.evaluation.folds import split_blocks
from fluxlib.imputation.forest import ForestWithMissing, check_rows
from fluxlib.utils.lazy import explain_missing_extra, hide_library_log
from fluxlib.utils.scaling import apply_scale, make_scaled, measure_scale

_BATCH = 256  # rows of a step of training
_ROWS = 4096  # of a prediction at a time, which bounds its memory

# The distribution of each setting, by the name that `set_params` takes.
SPACES: Mapping[str, Mapping[str, Any]] = {
    "ridge": {"model__alpha": stats.loguniform(1, 1e5)},
    "RF": {
        "trees": stats.randint(1, 513),
        "depth": stats.randint(1, 33),
        "leaf": stats.randint(1, 33),
    },
    "XGBoost": {
        "n_estimators": stats.randint(100, 1000),
        "learning_rate": stats.loguniform(0.01, 0.2),
        "max_depth": stats.randint(3, 10),
        "min_child_weight": stats.loguniform(1, 100),
        "subsample": stats.uniform(0.5, 0.5),
        "colsample_bytree": stats.uniform(0.2, 0.8),
    },
    "BP": {
        "model__hidden_layer_sizes": [(16,), (32,), (64,), (32, 16), (64, 32)],
        "model__alpha": stats.loguniform(1e-2, 1e2),
        "model__learning_rate_init": stats.loguniform(3e-4, 1e-2),
        "model__max_iter": stats.randint(10, 150),
    },
    "ELM": {
        "expand__nodes": stats.loguniform(50, 1500),
        "expand__spread": stats.loguniform(0.01, 0.3),
        "model__alpha": stats.loguniform(1e-1, 1e4),
    },
    "LSTM": {
        "units": [16, 32, 64],
        "dropout": stats.uniform(0, 0.4),
        "epochs": stats.randint(5, 30),
        "learning_rate": stats.loguniform(5e-4, 1e-2),
    },
    "IterativeImputer": {
        "nearest": stats.randint(5, 60),
        "rounds": stats.randint(2, 11),
    },
}


def make_competitor(name: str, *, random_state: int = 0) -> BaseEstimator:
    """Return a competitor with its default settings.

    Parameters
    ----------
    name : str
        One of `SPACES`: ridge regression, a random forest (RF), gradient-boosted trees (XGBoost),
        a multilayer perceptron trained by back-propagation (BP), an extreme learning machine
        (ELM), an LSTM that reads the inputs by offset, or chained equations (IterativeImputer).
    random_state : int
        Seed.

    Raises
    ------
    FluxError
        If there is no such competitor.
    """
    seed: dict[str, Any] = {"random_state": random_state}
    if name == "RF":
        return ForestWithMissing(**seed)
    if name == "XGBoost":
        with explain_missing_extra():
            from xgboost import XGBRegressor  # here, as nothing else needs it

        # One thread: its threads spin while they wait, which takes the cores from other work.
        return XGBRegressor(
            n_estimators=150, learning_rate=0.08, colsample_bytree=0.5, n_jobs=1, **seed
        )
    if name == "LSTM":
        return OffsetLSTM(**seed)
    if name == "IterativeImputer":
        return ChainedEquations(**seed)
    if name == "ridge":
        return make_scaled(("model", Ridge(alpha=100)))
    if name == "ELM":
        return make_scaled(("expand", RandomNodes(**seed)), ("model", Ridge(alpha=10)))
    if name == "BP":
        network = BackPropagation(hidden_layer_sizes=(32,), alpha=1.0, max_iter=60, **seed)
        return make_scaled(("model", network))
    raise FluxError(f"competitors name {name!r}; expected some of {', '.join(SPACES)}.")


def make_tuned_competitor(
    name: str, X: pd.DataFrame, *, evaluations: int = 20, random_state: int = 0
) -> BaseEstimator:
    """Return a random search over a competitor's settings.

    Parameters
    ----------
    name : str
        See `make_competitor`.
    X : DataFrame
        The rows that it will be fitted to: they determine the blocks that settings are judged on.
    evaluations : int
        Settings drawn at random; below 2, the competitor with its default settings is returned.
    random_state : int
        Seed of the draws.

    Returns
    -------
    RandomizedSearchCV or the competitor
        To be fitted to X; the `best_estimator_` of a search is then fitted to all rows.
    """
    model = make_competitor(name, random_state=random_state)
    if evaluations < 2:
        return model
    return RandomizedSearchCV(
        model,
        SPACES[name],
        n_iter=evaluations,
        scoring="neg_root_mean_squared_error",
        cv=[split_blocks(X)],
        random_state=random_state,
    )


class OtherSatellite(RegressorMixin, BaseEstimator):
    """The other satellite's >2 MeV flux at the same time, put on this one's scale by a line.

    Parameters
    ----------
    other : str
        Its series. Its flux is the input (``"<other> e2"``, 0).
    """

    def __init__(self, other: str):
        self.other = other

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike) -> "OtherSatellite":
        """Fit the line; where the other satellite has no sample, this one's mean is predicted."""
        x, y = self._select(X), np.asarray(y, float)
        known = np.isfinite(x)
        self.without_ = float(y[~known].mean() if not known.all() else y.mean())
        if known.sum() < 2:
            raise TooLittleDataError(
                f"{self.other} has >2 MeV flux at {known.sum()} of the training times; expected "
                "two or more."
            )
        self.line_ = LinearRegression().fit(x[known, None], y[known])
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return log10 flux, shape (n,)."""
        x = self._select(X)
        line = self.line_.intercept_ + self.line_.coef_[0] * x
        return np.where(np.isfinite(x), line, self.without_)

    def _select(self, X):
        return X[(f"{self.other} e2", 0)].to_numpy(float)


class BackPropagation(MLPRegressor):
    """scikit-learn's multilayer perceptron, whose number of epochs is a setting."""

    def fit(self, X: np.ndarray, y: npt.ArrayLike) -> "BackPropagation":
        """Train for at most `max_iter` epochs."""
        with warnings.catch_warnings():
            # Stopping early is intended: it limits overfitting.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().fit(X, y)


class RandomNodes(TransformerMixin, BaseEstimator):
    """The hidden layer of an extreme learning machine, whose random weights are not trained.

    Huang, Zhu and Siew (2006), Neurocomputing 70, 489.

    Parameters
    ----------
    nodes : float
        Of the layer; rounded.
    spread : float
        Standard deviation of the weights.
    random_state : int
        Seed of the weights.
    """

    def __init__(self, nodes: float = 500, spread: float = 0.05, random_state: int = 0):
        self.nodes = nodes
        self.spread = spread
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: npt.ArrayLike = None) -> "RandomNodes":
        """Draw the weights."""
        rng = np.random.default_rng(self.random_state)
        shape = X.shape[1], round(self.nodes)
        self.weights_ = rng.normal(scale=self.spread, size=shape)
        self.shifts_ = rng.normal(size=shape[1])
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return inputs and nodes side by side."""
        return np.hstack([X, np.tanh(X @ self.weights_ + self.shifts_)])


class ChainedEquations(RegressorMixin, BaseEstimator):
    """scikit-learn's IterativeImputer, with the flux as one more column with missing values.

    Parameters
    ----------
    nearest : int
        Columns that each is predicted from.
    rounds : int
        Passes over all columns.
    random_state : int
        Seed.
    """

    def __init__(self, nearest: int = 20, rounds: int = 5, random_state: int = 0):
        self.nearest = nearest
        self.rounds = rounds
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> "ChainedEquations":
        """Fit each column to others."""
        table = np.column_stack(check_rows(X, y))
        self.imputer_ = IterativeImputer(
            n_nearest_features=min(self.nearest, table.shape[1] - 1),
            max_iter=self.rounds,
            keep_empty_features=True,
            random_state=self.random_state,
        )
        with warnings.catch_warnings():
            # The number of rounds is a setting to be tuned.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.imputer_.fit(table)
        return self

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Return log10 flux, shape (n,)."""
        X = np.asarray(X, float)
        return self.imputer_.transform(np.column_stack([X, np.full(len(X), np.nan)]))[:, -1]


class OffsetLSTM(RegressorMixin, BaseEstimator):
    """An LSTM whose steps are the offsets of the inputs, the longest offset first.

    A step holds every quantity at one offset, and whether it is known; a quantity without an
    offset (the clock) is in every step.

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

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike) -> "OffsetLSTM":
        """Train the network.

        Parameters
        ----------
        X : DataFrame, shape (n, p)
            Columns have the levels quantity and offset: see `satellite_features`.
        y : array, shape (n,)
            log10 flux.

        Raises
        ------
        FluxError
            If X is not a DataFrame with these levels, or has no offset.
        """
        with explain_missing_extra(), hide_library_log():
            import keras  # here, as TensorFlow takes seconds to load

        self.steps_ = arrange_steps(X)
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
        self.network_.fit(sequence, target, batch_size=_BATCH, epochs=self.epochs, verbose=0)
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return log10 flux, shape (n,)."""
        check_is_fitted(self)
        sequence = self._lay_out(X)
        # `network_.predict` would trace a graph for each network, and warn of it.
        parts = [
            self.network_(sequence[first : first + _ROWS], training=False).numpy()[:, 0]
            for first in range(0, max(len(sequence), 1), _ROWS)
        ]
        return np.concatenate(parts).astype(float) * self.level_[1] + self.level_[0]

    def _lay_out(self, X: pd.DataFrame) -> np.ndarray:
        """Return (n, steps, 2 x quantities): standardised values, and which are known."""
        values = apply_scale(X.to_numpy(float), self.scale_)
        known = np.isfinite(X.to_numpy(float))
        n, (steps, quantities) = len(X), self.steps_.shape
        result = np.zeros((n, steps, 2 * quantities), np.float32)
        for step, quantity in np.argwhere(self.steps_ >= 0):
            column = self.steps_[step, quantity]
            result[:, step, quantity] = values[:, column]
            result[:, step, quantities + quantity] = known[:, column]
        return result


def arrange_steps(X: pd.DataFrame) -> np.ndarray:
    """Return the column of each quantity at each offset, the longest offset first; -1 for none.

    Returns
    -------
    array of int, shape (steps, quantities)
    """
    if not isinstance(X, pd.DataFrame) or X.columns.nlevels != 2:
        raise FluxError("an LSTM needs a DataFrame whose columns have a quantity and an offset.")
    offsets = X.columns.get_level_values(1)
    longest_first = sorted(offsets.dropna().unique(), reverse=True)
    if not longest_first:
        raise FluxError("no column of X has an offset, so that an LSTM has no steps to read.")
    quantities = X.columns.get_level_values(0)
    names = list(quantities.unique())
    steps = np.full((len(longest_first), len(names)), -1)
    for column, (quantity, offset) in enumerate(zip(quantities, offsets, strict=True)):
        rows = slice(None) if np.isnan(offset) else longest_first.index(offset)
        steps[rows, names.index(quantity)] = column
    return steps
