"""Small data of imputation: rows of a known law, an error surface, a holdout that is a line."""

import numpy as np
import pandas as pd

from fluxlib.imputation.error_surface import ForestSurface
from fluxlib.imputation.forest import ForestWithMissing
from fluxlib.imputation.holdout import Holdout
from fluxlib.imputation.imputer import SatelliteImputer
from fluxlib.imputation.intervals import EdgeCorrection

#: Of a search over `make_surface`.
SEARCH = {"population": 6, "generations": 3, "crossover": 0.7, "mutation": 0.05}
SEARCH |= {
    "selection": "roulette",
    "elitism": False,
    "bits": (3, 2, 2),
    "fitness": "validation",
    "random_state": 1,
}


def make_nonlinear(n, seed=0):
    """Draw six inputs, of which three make the target, with noise; in single precision."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.5 * rng.normal(size=n)
    return X.astype(np.float32).astype(float), y


def make_surface() -> ForestSurface:
    """Return a surface of a line with noise: 200 rows to train, 100 to validate."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = X[:, 0] + 0.3 * rng.normal(size=300)
    return ForestSurface(X[:200], y[:200], X[200:], y[200:], max_depth=4, n_jobs=1)


def make_columns(names, offset=0) -> pd.MultiIndex:
    """Return columns of inputs, all with the same offset."""
    return pd.MultiIndex.from_product([names, [offset]], names=["quantity", "offset"])


def make_line_holdout() -> Holdout:
    """Return a holdout whose flux is a line through time; sixty days of it are the test."""
    index = pd.date_range("2014-01-01", periods=4 * 30 * 24, freq="h", name="time")
    log_flux = pd.Series(np.linspace(0, 4, len(index)), index)
    features = pd.DataFrame({"foo e2": 2 * log_flux - 1}, index)
    features.columns = make_columns(features.columns)
    return Holdout(features, log_flux, index[:1200:2], index[1440:])


def make_line_imputer(holdout: Holdout) -> SatelliteImputer:
    """Return an imputer fitted to the holdout of `make_line_holdout`."""
    model = ForestWithMissing(trees=2, trend=["foo e2"])
    quick = EdgeCorrection(rows=2000, trees=5)
    imputer = SatelliteImputer(holdout.features, model, correction=quick)
    return imputer.fit_log(holdout.train_log_flux)
