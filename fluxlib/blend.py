"""Several models' mean: their errors differ, and cancel in part."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted


class Blend(RegressorMixin, BaseEstimator):
    """The mean of several models, of which some may search for their parameters.

    scikit-learn's `VotingRegressor` does the same, but for what the searches found.

    Parameters
    ----------
    models : mapping of str to estimator

    Attributes
    ----------
    models_ : dict of str to estimator
        Fitted.
    best_estimator_ : Blend
        Fitted, and without searches: its models have the parameters that those found.
    """

    def __init__(self, models: Mapping[str, BaseEstimator]):
        self.models = models

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> "Blend":
        """Fit each model."""
        self.models_ = {name: clone(model).fit(X, y) for name, model in self.models.items()}
        return self

    @property
    def best_estimator_(self) -> "Blend":
        """The fitted models that searches found, without the searches."""
        check_is_fitted(self, "models_")
        best = {name: find_best(model) for name, model in self.models_.items()}
        blend = Blend(best)
        blend.models_ = best
        return blend

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Return the mean prediction, shape (n,)."""
        check_is_fitted(self, "models_")
        return np.mean([model.predict(X) for model in self.models_.values()], axis=0)


def find_best(model: BaseEstimator) -> BaseEstimator:
    """Return what a fitted search found best; a model that does not search, itself."""
    return getattr(model, "best_estimator_", model)
