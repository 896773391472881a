"""The default model of an imputation: boosted trees and perceptrons, averaged.

Trees see thresholds and absences, and follow a straight line only in steps; so one of the two sets
of trees learns what a linear trend leaves (Zhang, Nettleton and Zhu 2019, arXiv:1904.10416), and
perceptrons, which are smooth, err elsewhere. Members and settings were chosen on blocks inside the
training months of one fold: see `benchmarks/bench_imputation.py`.
"""

import json
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits
from xgboost import XGBRegressor

from fluxlib.errors import FluxError
from fluxlib.utils.scaling import apply_scale, measure_scale

TREES = {
    "trees": {"learning_rate": 0.06, "max_depth": 6, "colsample_bynode": 0.5},
    "trees on a trend": {"learning_rate": 0.05, "max_depth": 5, "colsample_bytree": 0.7},
}
SHARED = {"n_estimators": 200, "subsample": 0.7, "min_child_weight": 20, "max_bin": 32}
UNITS, PENALTY, EPOCHS = (64, 32), 3.0, 25
TREND_PENALTY = 100.0
MOST_SPREADS = 4  # of an input of a perceptron: what is far from all that it learned counts so far
# Hours on either side in which another satellite without any value is silent. One channel alone is
# mostly missing as the flux is low; both are missing when nothing is sent, and that says nothing of
# the flux, so other trees, which know the drivers alone, fill it.
SILENT_HOURS = 6


class Blend(RegressorMixin, BaseEstimator):
    """The mean of boosted trees, boosted trees on a linear trend, and a perceptron.

    Where the other satellite is silent, trees that know the drivers alone.

    Parameters
    ----------
    trend : sequence of str
        Quantities, the first level of the columns, to which the flux is about linear.
    channels : sequence of str
        Quantities that the other satellite measures: if none has a value within six hours, it is
        silent.
    random_state : int
        Seed.

    Attributes
    ----------
    trees_ : list of XGBRegressor
        On all inputs; on what the trend leaves; on the inputs that are not of the other satellite.
    linear_ : list of ndarray
        Coefficients and intercept of the trend.
    network_ : list of ndarray
        Weights and biases of the perceptron, layer by layer.
    """

    def __init__(
        self,
        *,
        trend: Sequence[str] = (),
        channels: Sequence[str] = (),
        random_state: int = 0,
    ):
        self.trend = trend
        self.channels = channels
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: pd.Series) -> "Blend":
        """Learn from inputs (n, p), NaN among them, and log10 flux (n,)."""
        if not isinstance(X, pd.DataFrame):
            raise FluxError("X is no DataFrame; a blend finds its inputs by the columns' names.")
        self.names_ = X.columns
        values = X.to_numpy(np.float32)
        target = np.asarray(y, float)
        self.mean_ = target.mean()
        self.scale_ = measure_scale(values)
        missing = ~np.isfinite(values)
        self.indicated_ = missing.mean(axis=0) > 0.01
        line = Ridge(alpha=TREND_PENALTY).fit(self._scale_trend(values), target)
        self.linear_ = [line.coef_, np.array([line.intercept_])]
        trees, on_trend = TREES.values()
        learned = [
            (trees, values, target),
            (on_trend, values, target - self._predict_trend(values)),
            (trees, values[:, self._of_drivers], target),
        ]
        self.trees_ = [
            XGBRegressor(**settings, **SHARED, random_state=self.random_state).fit(part, own)
            for settings, part, own in learned
        ]
        self.network_ = _fit_network(self._scale(values), target - self.mean_, self.random_state)
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return the mean of the members' log10 flux, (n,)."""
        check_is_fitted(self, "trees_")
        values = X[self.names_].to_numpy(np.float32)
        if len(values) == 0:
            return np.empty(0)
        plain, on_trend = (trees.predict(values) for trees in self.trees_[:2])
        network = _run_network(self.network_, self._scale(values))
        members = [plain, on_trend + self._predict_trend(values), network + self.mean_]
        result = np.mean(members, axis=0).astype(float)
        silent = self._is_silent(values)
        if silent.any():
            result[silent] = self.trees_[2].predict(values[silent][:, self._of_drivers])
        return result

    def _is_silent(self, values: np.ndarray) -> np.ndarray:
        """Return at which rows the other satellite has no value for hours."""
        near = [name[0] in self.channels and abs(name[1]) <= SILENT_HOURS for name in self.names_]
        return ~np.isfinite(values[:, near]).any(axis=1) & any(near)

    @property
    def _of_drivers(self) -> np.ndarray:
        """Which columns are not of the other satellite."""
        others = {str(name).rsplit(" ", 1)[0] for name in self.channels}
        return np.array([str(name[0]).split(" ")[0] not in others for name in self.names_])

    def _scale(self, values: np.ndarray) -> np.ndarray:
        """Return standardised inputs, absent ones at the mean, and what of them is absent."""
        scaled = np.clip(apply_scale(values, self.scale_), -MOST_SPREADS, MOST_SPREADS)
        absent = ~np.isfinite(values[:, self.indicated_])
        return np.hstack([scaled, absent.astype(np.float32)])

    def _scale_trend(self, values: np.ndarray) -> np.ndarray:
        chosen = np.array([name[0] in self.trend for name in self.names_])
        scale = self.scale_[0][chosen], self.scale_[1][chosen]
        part = values[:, chosen]
        return np.hstack([apply_scale(part, scale), (~np.isfinite(part)).astype(np.float32)])

    def _predict_trend(self, values: np.ndarray) -> np.ndarray:
        coefficients, intercept = self.linear_
        return self._scale_trend(values) @ coefficients + intercept[0]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all that was learned, as arrays."""
        arrays = {
            f"trees {number}": np.frombuffer(bytes(one.get_booster().save_raw("ubj")), np.uint8)
            for number, one in enumerate(self.trees_)
        }
        arrays |= {f"linear {number}": part for number, part in enumerate(self.linear_)}
        arrays |= {f"network {i}": part for i, part in enumerate(self.network_)}
        about = {
            "names": [list(name) for name in self.names_],
            "levels": list(self.names_.names),
            "mean": self.mean_,
            "parameters": {
                key: list(value) if isinstance(value, Sequence) else value
                for key, value in self.get_params().items()
            },
        }
        # NaN, the offset of the clock, is no JSON; Python's reader takes it all the same.
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        arrays |= {"scale mean": self.scale_[0], "scale spread": self.scale_[1]}
        return arrays | {"indicated": self.indicated_}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Blend":
        """Return the model of `to_arrays`."""
        about: dict[str, Any] = json.loads(arrays["about"].tobytes())
        self = cls(**about["parameters"])
        pairs = [tuple(name) for name in about["names"]]
        self.names_ = pd.MultiIndex.from_tuples(pairs, names=about["levels"])
        self.mean_ = about["mean"]
        self.scale_ = arrays["scale mean"], arrays["scale spread"]
        self.indicated_ = arrays["indicated"]
        self.linear_ = [arrays["linear 0"], arrays["linear 1"]]
        self.network_ = [arrays[f"network {i}"] for i in range(2 * len(UNITS) + 2)]
        self.trees_ = [load_trees(arrays[f"trees {number}"]) for number in range(3)]
        return self


def load_trees(raw: np.ndarray) -> XGBRegressor:
    """Return boosted trees from the bytes of XGBoost's own format."""
    trees = XGBRegressor()
    trees.load_model(bytearray(raw.tobytes()))
    return trees


def _fit_network(scaled: np.ndarray, target: np.ndarray, random_state: int) -> list[np.ndarray]:
    network = MLPRegressor(
        hidden_layer_sizes=UNITS,
        alpha=PENALTY,
        max_iter=EPOCHS,
        batch_size=min(256, len(target)),
        random_state=random_state,
    )
    # Products of matrices this small gain nothing from a second thread, which spins.
    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is meant to stop early
        network.fit(scaled, target)
    layers = zip(network.coefs_, network.intercepts_, strict=True)
    return [part.astype(np.float32) for layer in layers for part in layer]


def _run_network(weights: list[np.ndarray], scaled: np.ndarray) -> np.ndarray:
    *hidden, last, last_bias = weights
    for coefficients, bias in zip(hidden[::2], hidden[1::2], strict=True):
        scaled = np.maximum(scaled @ coefficients + bias, 0)
    return (scaled @ last + last_bias)[:, 0]
