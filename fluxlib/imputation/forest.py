"""Random forests of the fastest engine installed, and one that takes missing inputs."""

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import RidgeCV
from sklearn.utils.validation import check_is_fitted

from fluxlib.errors import FluxError
from fluxlib.utils.scaling import PENALTIES, make_scaled

try:
    from daal4py import daalinit as limit_threads
    from sklearnex.ensemble import RandomForestRegressor

    ENGINE = f"scikit-learn-intelex {version('scikit-learn-intelex')}"
except ImportError:
    from sklearn.ensemble import RandomForestRegressor

    limit_threads = None
    ENGINE = f"scikit-learn {version('scikit-learn')}"


def build_forest(trees: int, depth: int | None, leaf: int, **options) -> RandomForestRegressor:
    """Return an unfitted forest of scikit-learn-intelex where installed, else of scikit-learn.

    `leaf` is passed on as ``min_samples_leaf``; a `depth` of None is no limit. scikit-learn
    counts distinct rows in a leaf, scikit-learn-intelex counts a row as often as the bootstrap
    drew it.
    """
    return RandomForestRegressor(
        n_estimators=trees, max_depth=depth, min_samples_leaf=leaf, **options
    )


class ForestWithMissing(RegressorMixin, BaseEstimator):
    """A random forest of log10 flux that accepts NaN among its inputs.

    A missing input can be informative (GOES-13's >2 MeV channel is absent when the flux is low),
    so NaN becomes a value below all others, which a split can separate.

    Parameters
    ----------
    trees, depth, leaf : int
        Number of trees, greatest depth (no limit by default) and fewest samples in a leaf.
    max_features : float
        Fraction of the inputs that each split may choose from. A third, as Breiman (2001, doi
        10.1023/A:1010933404324) recommends for regression.
    trend : sequence of str
        Quantities (columns of a DataFrame, or their first level) of a ridge regression that is
        fitted first; the forest then learns the residual. A forest follows a straight line only
        in steps (Zhang, Nettleton and Zhu 2019, arXiv:1904.10416).
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

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> "ForestWithMissing":
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
            If X and y differ in length, `y` has NaN, or X lacks a quantity of the trend.
        """
        values, y = check_rows(X, y)
        self.trend_ = LinearTrend(self.trend).fit(X, y)
        self.n_features_in_ = values.shape[1]
        self.fills_ = below_minimum(values)
        self.forest_ = build_forest(
            self.trees,
            self.depth,
            self.leaf,
            max_features=self.max_features,
            random_state=self.random_state,
            n_jobs=-1,
        ).fit(fill_missing(values, self.fills_), y - self.trend_.predict(X))
        return self

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Return log10 flux, shape (n,)."""
        check_is_fitted(self)
        values = self.forest_.predict(fill_missing(np.asarray(X, float), self.fills_))
        return values + self.trend_.predict(X)


class LinearTrend(RegressorMixin, BaseEstimator):
    """A ridge regression on some inputs and on which of them are missing; zero without any.

    Parameters
    ----------
    quantities : sequence of str
        Columns of a DataFrame; where columns have two levels, all those of these first levels.
    """

    def __init__(self, quantities: Sequence[str] = ()):
        self.quantities = quantities

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> "LinearTrend":
        """Fit to a DataFrame that has the quantities; without quantities, any X will do."""
        if len(self.quantities):
            ridge = make_scaled(("model", RidgeCV(alphas=PENALTIES)))
            self.ridge_ = ridge.fit(self._select(X), y)
        return self

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Return the trend, shape (n,)."""
        if not len(self.quantities):
            return np.zeros(np.shape(X)[0])
        # The last digits depend on the number of BLAS threads, and would let a forest's splits
        # differ between machines. A millionth of a decade is far below any error of interest.
        return np.round(self.ridge_.predict(self._select(X)), 6)

    def _select(self, X):
        names = X.columns.get_level_values(0) if isinstance(X, pd.DataFrame) else pd.Index([])
        if missing := set(self.quantities) - set(names):
            raise FluxError(
                f"trend names {', '.join(sorted(missing))}, which X does not have; give X as a "
                "DataFrame with these columns."
            )
        return X.loc[:, names.isin(list(self.quantities))].to_numpy(float)


def below_minimum(X: np.ndarray) -> np.ndarray:
    """Return, for each column, a value below all that it has, to stand for NaN."""
    return np.min(X, axis=0, where=~np.isnan(X), initial=0.0) - 1


def fill_missing(X: np.ndarray, fills: np.ndarray) -> np.ndarray:
    """Return the rows with `fills` in place of NaN."""
    return np.where(np.isnan(X), fills, X)


def check_rows(X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and target as arrays with equal numbers of rows, or raise FluxError."""
    X, y = np.asarray(X, float), np.asarray(y, float)
    if len(X) != len(y):
        raise FluxError(f"X has {len(X)} rows, y {len(y)}; expected the same.")
    if not np.isfinite(y).all():
        raise FluxError("y has NaN or infinite values; drop those rows first.")
    return X, y
