"""Fill gaps in a flux series: from another satellite by a model, or by interpolation."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from fluxlib.errors import FluxError
from fluxlib.evaluation.folds import cross_blocks
from fluxlib.imputation.intervals import EdgeCorrection


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


METHODS = {"linear": "time", "cubic": "cubicspline"}  # as pandas calls them


def interpolate(series: pd.Series, kind: str = "linear") -> pd.Series:
    """Fill the gaps of a series from the samples on either side.

    Parameters
    ----------
    series : Series
        log10 flux on a time index, NaN in its gaps. Gaps at either end stay.
    kind : {"linear", "cubic"}
        A straight line, or a cubic spline through all samples.

    Returns
    -------
    Series
        The series, filled.

    Raises
    ------
    FluxError
        If the kind is unknown, times do not rise, or fewer than two samples are known.
    """
    if kind not in METHODS:
        raise FluxError(f"kind is {kind!r}; expected 'linear' or 'cubic'.")
    index = series.index
    rises = index.is_monotonic_increasing and index.is_unique
    if not (isinstance(index, pd.DatetimeIndex) and rises):
        raise FluxError(
            "the series is not sorted by time, or has a time twice; give it one that rises."
        )
    if series.count() < 2:
        raise FluxError(f"the series has {series.count()} known samples; expected two or more.")
    return series.astype(float).interpolate(METHODS[kind], limit_area="inside")


class SatelliteImputer(BaseEstimator):
    """Fill a satellite's flux: a model from elsewhere, corrected by what is known around a gap.

    Parameters
    ----------
    features : DataFrame
        Inputs on a regular grid of time: see `inputs.satellite_features`.
    model : estimator
        Predicts log10 flux from them, NaN among them allowed. If it searches for parameters, it
        has the best as `best_estimator_`, as scikit-learn's searches do.
    every : int
        The model learns from one known sample in so many: neighbours tell it little new.
    correction : EdgeCorrection, optional
        How the edges of gaps are learned from.

    Attributes
    ----------
    model_ : estimator
        Fitted.
    predicted_ : Series
        log10 flux on the grid of the features; at times that `fit` knew, from models that had
        not seen the time nor those near it.
    correction_ : EdgeCorrection
        Fitted.
    """

    def __init__(
        self,
        features: pd.DataFrame,
        model: BaseEstimator,
        *,
        every: int = 1,
        correction: EdgeCorrection | None = None,
    ):
        self.features = features
        self.model = model
        self.every = every
        self.correction = correction

    def fit(self, flux: pd.Series) -> "SatelliteImputer":
        """Learn from the samples that are known.

        Parameters
        ----------
        flux : Series
            Flux, e/(cm2 s sr), NaN in its gaps.

        Raises
        ------
        FluxError
            If `every` is below 1, fewer than 100 samples are known, or blocks of time leave none
            to learn from.
        """
        if self.every < 1:
            raise FluxError(f"every is {self.every!r}; expected one sample in 1, 2, 3 or more.")
        truth = np.log10(flux).reindex(self.features.index)
        known = truth.dropna()
        if len(known) < 100:
            raise FluxError(
                f"{len(known)} known samples of {flux.name or 'the flux'} lie within the inputs' "
                "time; expected 100 or more."
            )
        rows = self.features.loc[known.index]
        self.model_ = clone(self.model).fit(rows[:: self.every], known[:: self.every])
        best = find_best(self.model_)
        self.predicted_ = pd.Series(self.model_.predict(self.features), self.features.index)
        for train, test in cross_blocks(rows):
            chosen = train[:: self.every]
            blind = clone(best).fit(rows.iloc[chosen], known.iloc[chosen])
            self.predicted_[known.index[test]] = blind.predict(rows.iloc[test])
        correction = EdgeCorrection() if self.correction is None else clone(self.correction)
        self.correction_ = correction.fit(truth, self.predicted_)
        return self

    def impute(self, flux: pd.Series) -> pd.DataFrame:
        """Fill the gaps of a series.

        Parameters
        ----------
        flux : Series
            Flux, e/(cm2 s sr), NaN in its gaps.

        Returns
        -------
        DataFrame
            `value`, `lower`, `upper` (flux; the measured value itself where there is one) and
            `imputed`. NaN in gaps outside the inputs' time.
        """
        truth = np.log10(flux).reindex(self.features.index)
        asked = truth.isna() & self.features.index.isin(flux.index)
        table = pd.DataFrame(dict.fromkeys(("value", "lower", "upper"), flux.astype(float)))
        if asked.any():
            filled = self.correction_.predict(truth, self.predicted_, asked.to_numpy())
            table.loc[filled.index] = 10**filled
        return table.assign(imputed=flux.isna() & table["value"].notna())
