"""What GA-RF is compared with: the papers' competitors and some more, behind one interface.

Each takes inputs with NaN among them and predicts log10 flux. Each has default settings, and a
space of settings that `tune` draws from: as many draws for each, judged on the same blocks.
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
from xgboost import XGBRegressor

from fluxlib.errors import FluxError
from fluxlib.evaluation.folds import split_blocks
from fluxlib.imputation.forest import FilledForest, check_rows
from fluxlib.imputation.lstm import SequenceNetwork
from fluxlib.utils.scaling import make_scaled

# What each setting is drawn from, by the name that `set_params` takes.
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
    seed = {"random_state": random_state}
    if name == "RF":
        return FilledForest(**seed)
    if name == "XGBoost":
        # One thread: its threads wait by spinning, which takes the cores from other work.
        return XGBRegressor(
            n_estimators=150, learning_rate=0.08, colsample_bytree=0.5, n_jobs=1, **seed
        )
    if name == "LSTM":
        return SequenceNetwork(**seed)
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


def tune(name: str, X: pd.DataFrame, *, evaluations: int = 20, random_state: int = 0):
    """Return a search over a competitor's settings, the default ones for one evaluation.

    Parameters
    ----------
    name : str
        See `make_competitor`.
    X : DataFrame
        The rows that it will be fitted on: they tell the blocks that settings are judged by.
    evaluations : int
        Settings drawn at random.
    random_state : int
        Seed of the draws.

    Returns
    -------
    RandomizedSearchCV or the competitor itself
        To `fit` on X; `best_estimator_` is then the best one, fitted on all rows.
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
    """The other satellite's >2 MeV flux of the same time, put on this one's scale by a line.

    Parameters
    ----------
    column : str
        Its name among the inputs.
    """

    def __init__(self, column: str):
        self.column = column

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike) -> "OtherSatellite":
        """Fit the line; where the other satellite is silent, its mean stands in."""
        x = X[self.column].to_numpy(float)
        known = np.isfinite(x)
        y = np.asarray(y, float)
        self.silent_ = float(y[~known].mean() if not known.all() else y.mean())
        if known.sum() < 2:
            raise FluxError(
                f"{self.column} is known at {known.sum()} of the training times; expected two."
            )
        self.line_ = LinearRegression().fit(x[known, None], y[known])
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return log10 flux, shape (n,)."""
        x = X[self.column].to_numpy(float)
        line = self.line_.intercept_ + self.line_.coef_[0] * x
        return np.where(np.isfinite(x), line, self.silent_)


class BackPropagation(MLPRegressor):
    """scikit-learn's multilayer perceptron, whose number of epochs is a setting to be tuned."""

    def fit(self, X: np.ndarray, y: npt.ArrayLike) -> "BackPropagation":
        """Train for at most `max_iter` epochs."""
        with warnings.catch_warnings():
            # To stop early keeps it from learning the training samples by heart: no failure.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().fit(X, y)


class RandomNodes(TransformerMixin, BaseEstimator):
    """The hidden layer of an extreme learning machine: random weights that are never trained.

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
    """scikit-learn's IterativeImputer, with the flux as one more column that is missing.

    Parameters
    ----------
    nearest : int
        Columns that each is told from.
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
        """Fit each column on others."""
        table = np.column_stack(check_rows(X, y))
        self.imputer_ = IterativeImputer(
            n_nearest_features=min(self.nearest, table.shape[1] - 1),
            max_iter=self.rounds,
            keep_empty_features=True,
            random_state=self.random_state,
        )
        with warnings.catch_warnings():
            # The number of rounds is a setting here, to be tuned, and no failure.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.imputer_.fit(table)
        return self

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Return log10 flux, shape (n,)."""
        X = np.asarray(X, float)
        return self.imputer_.transform(np.column_stack([X, np.full(len(X), np.nan)]))[:, -1]
