"""What a forecast must beat: persistence, recurrence, a linear filter, trees, a perceptron."""

from abc import abstractmethod

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fluxlib.prediction.contract import BOUNDS, DailyForecaster
from fluxlib.prediction.postprocessing import make_mlp
from fluxlib.prediction.windows import ROTATION_DAYS, Windows
from fluxlib.utils.scaling import PENALTIES, measure_scale


class _Rule(DailyForecaster):
    """A rule that takes the fluence of earlier days as it is; fitted, it knows its errors."""

    step = 24
    drivers = ()
    context = False

    def __init__(self, *, horizons: int = 3):
        self.horizons = horizons

    @abstractmethod
    def _take_earlier(self, windows: Windows) -> np.ndarray:
        """Return the log10 fluence that is forecast: (n, horizons)."""

    def fit_windows(self, windows: Windows, gap_windows: Windows) -> None:
        """Learn how far off the rule is: the intervals."""
        errors = windows.target - self._take_earlier(windows)
        found = np.nanquantile(errors, list(BOUNDS.values()), axis=0)
        self.error_quantiles_ = dict(zip(BOUNDS, found, strict=True))

    def predict_windows(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return the log10 fluence as `value`, and where fitted its intervals: (n, horizons)."""
        value = self._take_earlier(windows)
        bounds = getattr(self, "error_quantiles_", {})
        return {"value": value} | {name: value + errors for name, errors in bounds.items()}


class Persistence(_Rule):
    """The last known fluence stays."""

    history = 1

    def _take_earlier(self, windows: Windows) -> np.ndarray:
        return np.repeat(windows.last[:, None], self.horizons, axis=1)


class Recurrence(_Rule):
    """The fluence of one solar rotation (27 days) earlier returns."""

    history = ROTATION_DAYS

    def _take_earlier(self, windows: Windows) -> np.ndarray:
        log_fluence = windows.sequence[:, :, windows.channels.index("e2")]
        return log_fluence[:, : self.horizons].astype(float)


class _Regression(DailyForecaster):
    """A regression of the change from the last known fluence on all inputs side by side."""

    def __init__(
        self,
        *,
        drivers=None,
        history: int = 4,
        step: int = 6,
        horizons: int = 3,
        context: bool = True,
        random_state: int = 0,
    ):
        self.drivers = drivers
        self.history = history
        self.step = step
        self.horizons = horizons
        self.context = context
        self.random_state = random_state

    @abstractmethod
    def _make_model(self):
        """Return an unfitted regression for all horizons."""

    def fit_windows(self, windows: Windows, gap_windows: Windows) -> None:
        """Learn from windows, and from those whose newest fluence is hidden."""
        windows = windows.join(gap_windows)
        self.fill_, _ = measure_scale(windows.flatten())
        X = self._fill(windows)
        known = np.isfinite(windows.target).all(axis=1)
        change = windows.target[known] - windows.last[known, None]
        self.model_ = self._make_model().fit(X[known], change)

    def predict_windows(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return the log10 fluence as `value`: (n, horizons)."""
        return {"value": windows.last[:, None] + self.model_.predict(self._fill(windows))}

    def _fill(self, windows: Windows) -> np.ndarray:
        X = windows.flatten()
        return np.where(np.isfinite(X), X, self.fill_)


class RidgeFilter(_Regression):
    """Ridge regression: a linear filter of the drivers.

    The idea of NOAA's REFM (after Baker et al. 1990, doi 10.1029/JA095iA09p15133), with more
    inputs. The penalty is chosen by leave-one-out within the training days.
    """

    def _make_model(self):
        return make_pipeline(StandardScaler(), RidgeCV(alphas=PENALTIES))


class BoostedTrees(_Regression):
    """Gradient-boosted trees."""

    def _make_model(self):
        trees = HistGradientBoostingRegressor(
            max_iter=200, learning_rate=0.05, max_leaf_nodes=15, random_state=self.random_state
        )
        return MultiOutputRegressor(trees)


class MultilayerPerceptron(_Regression):
    """A network with one hidden layer."""

    def _make_model(self):
        return make_pipeline(StandardScaler(), make_mlp(32, 1.0, self.random_state))
