"""A forest that takes missing inputs, and can be led by a linear trend."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import RidgeCV
from sklearn.utils.validation import check_is_fitted

from fluxlib.errors import FluxError
from fluxlib.imputation.tree_growth import build_forest
from fluxlib.utils.scaling import PENALTIES, make_scaled


class FilledForest(RegressorMixin, BaseEstimator):
    """A random forest of log10 flux; its defaults are scikit-learn's, but for `max_features`.

    NaN among the inputs may say much (GOES-13's >2 MeV channel is absent when the flux is low),
    so it becomes a value below all others, which a tree can tell apart.

    Parameters
    ----------
    trees, depth, leaf : int
        Of the forest; no limit of depth by default.
    max_features : float
        Fraction of the inputs that each split may choose from. A third, as Breiman (2001, doi
        10.1023/A:1010933404324) takes for regression.
    trend : sequence of str
        Inputs (columns of a DataFrame) of a ridge regression that is fitted first; the forest
        then learns what it leaves. A forest's steps follow a straight line badly (Zhang,
        Nettleton and Zhu 2019, arXiv:1904.10416).
    random_state : int
        Seed.
    """

    def __init__(
        self,
        *,
        trees: int = 100,
        depth: int | None = None,
        leaf: int = 1,
        max_features: float = 1 / 3,
        trend: Sequence[str] = (),
        random_state: int = 0,
    ):
        self.trees = trees
        self.depth = depth
        self.leaf = leaf
        self.max_features = max_features
        self.trend = trend
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> "FilledForest":
        """Grow the forest.

        Parameters
        ----------
        X : array or DataFrame, shape (n, p)
            Inputs, NaN where missing.
        y : array, shape (n,)
            log10 flux.

        Raises
        ------
        FluxError
            If the numbers of rows differ, or `y` has NaN.
        """
        values, y = check_rows(X, y)
        self.trend_ = Trend(self.trend).fit(X, y)
        X, y = values, y - self.trend_.predict(X)
        self.n_features_in_ = X.shape[1]
        self.fills_ = find_fills(X)
        self.forest_ = build_forest(
            self.trees,
            self.depth,
            self.leaf,
            max_features=self.max_features,
            random_state=self.random_state,
            n_jobs=-1,
        ).fit(fill_below(X, self.fills_), y)
        return self

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Return log10 flux, shape (n,)."""
        check_is_fitted(self)
        values = self.forest_.predict(fill_below(np.asarray(X, float), self.fills_))
        return values + self.trend_.predict(X)


class Trend(RegressorMixin, BaseEstimator):
    """A ridge regression on some inputs and on which of them are missing; zero without any.

    Parameters
    ----------
    columns : sequence of str
    """

    def __init__(self, columns: Sequence[str] = ()):
        self.columns = columns

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike) -> "Trend":
        """Fit on a DataFrame that has the columns; any X will do where there are none."""
        if len(self.columns):
            ridge = make_scaled(("model", RidgeCV(alphas=PENALTIES)))
            self.ridge_ = ridge.fit(self._choose(X), y)
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return the trend, shape (n,)."""
        if not len(self.columns):
            return np.zeros(len(X))
        # Its last digits go with the number of BLAS threads, and would make a forest's splits
        # differ between a batch run and JupyterLab. A millionth of a decade is nothing.
        return np.round(self.ridge_.predict(self._choose(X)), 6)

    def _choose(self, X):
        missing = set(self.columns) - set(getattr(X, "columns", ()))
        if missing:
            raise FluxError(
                f"trend names {', '.join(sorted(missing))}, which X does not have; give X as a "
                "DataFrame with these columns."
            )
        return X[list(self.columns)].to_numpy(float)


def find_fills(X: np.ndarray) -> np.ndarray:
    """Return a value for each column's NaN that lies below all that training rows have."""
    return np.min(X, axis=0, where=~np.isnan(X), initial=0.0) - 1


def fill_below(X: np.ndarray, fills: np.ndarray) -> np.ndarray:
    """Return the rows with `fills` in place of NaN."""
    return np.where(np.isnan(X), fills, X)


def check_rows(X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and target as arrays of as many rows, or raise FluxError."""
    X, y = np.asarray(X, float), np.asarray(y, float)
    if len(X) != len(y):
        raise FluxError(f"X has {len(X)} rows, y {len(y)}; expected the same.")
    if not np.isfinite(y).all():
        raise FluxError("y has NaN or infinite values; drop those rows first.")
    return X, y


def take_rows(X: npt.ArrayLike, rows: np.ndarray):
    """Return rows by position; of a DataFrame as a DataFrame."""
    return X.iloc[rows] if hasattr(X, "iloc") else np.asarray(X)[rows]
