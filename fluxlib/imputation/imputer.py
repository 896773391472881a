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

METHODS = {"linear": "time", "cubic": "cubicspline"}  # as pandas calls them
MIN_SAMPLES = 100


class ModelAverage(RegressorMixin, BaseEstimator):
    """The mean of several models, some of which may search for their parameters.

    scikit-learn's `VotingRegressor` does the same, but does not give what the searches found.

    Parameters
    ----------
    models : mapping of str to estimator

    Attributes
    ----------
    models_ : dict of str to estimator
        Fitted.
    best_estimator_ : ModelAverage
        Fitted, and without searches: its models have the parameters that were found.
    """

    def __init__(self, models: Mapping[str, BaseEstimator]):
        self.models = models

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> "ModelAverage":
        """Fit each model."""
        self.models_ = {name: clone(model).fit(X, y) for name, model in self.models.items()}
        return self

    @property
    def best_estimator_(self) -> "ModelAverage":
        """The fitted models that searches found, without the searches."""
        check_is_fitted(self, "models_")
        best = {name: without_search(model) for name, model in self.models_.items()}
        average = ModelAverage(best)
        average.models_ = best
        return average

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Return the mean prediction, shape (n,)."""
        check_is_fitted(self, "models_")
        return np.mean([model.predict(X) for model in self.models_.values()], axis=0)


def without_search(model: BaseEstimator) -> BaseEstimator:
    """Return what a fitted search found best, or the model itself if it does not search."""
    return getattr(model, "best_estimator_", model)


def interpolate(series: pd.Series, kind: str = "linear") -> pd.Series:
    """Fill the gaps of a series from the samples on either side.

    Parameters
    ----------
    series : Series
        log10 flux on a time index, NaN in its gaps. Gaps at either end are not filled.
    kind : {"linear", "cubic"}
        A straight line, or a cubic spline through all samples.

    Returns
    -------
    Series
        The series, filled.

    Raises
    ------
    FluxError
        If the kind is unknown, times are not ascending, or fewer than two samples are known.
    """
    if kind not in METHODS:
        raise FluxError(f"kind is {kind!r}; expected 'linear' or 'cubic'.")
    index = series.index
    ascending = index.is_monotonic_increasing and index.is_unique
    if not (isinstance(index, pd.DatetimeIndex) and ascending):
        raise FluxError("the series is not sorted by time, or has a time twice.")
    if series.count() < 2:
        raise FluxError(f"the series has {series.count()} known samples; expected two or more.")
    return series.astype(float).interpolate(METHODS[kind], limit_area="inside")


class SatelliteImputer(BaseEstimator):
    """Fill a satellite's flux by a model, corrected by the samples on either side of a gap.

    Parameters
    ----------
    features : DataFrame
        Inputs on a regular grid of time: see `fluxlib.imputation.satellite_features`.
    model : estimator
        Predicts log10 flux from them and accepts NaN among them. If it searches for parameters,
        its best fitted model is its `best_estimator_`, as with scikit-learn's searches.
    every : int
        The model learns from one known sample in so many, as neighbouring samples are alike.
    correction : EdgeCorrection, optional
        How the samples on either side of a gap are used.

    Attributes
    ----------
    model_ : estimator
        Fitted.
    predicted_ : Series
        log10 flux on the grid of the features; at times that `fit` knew, from models that had
        not seen that time nor those near it.
    correction_ : EdgeCorrection
        Fitted.

    See Also
    --------
    fluxlib.GARFImputer.for_satellite : makes one for a dataset.
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
        return self.fit_log(np.log10(flux))

    def fit_log(self, log_flux: pd.Series) -> "SatelliteImputer":
        """Do what `fit` does, given log10 flux."""
        if self.every < 1:
            raise FluxError(f"every is {self.every!r}; expected one sample in 1, 2, 3 or more.")
        on_grid = log_flux.reindex(self.features.index)
        known = on_grid.dropna()
        if len(known) < MIN_SAMPLES:
            raise FluxError(
                f"{len(known)} known samples of {log_flux.name or 'the flux'} lie within the "
                f"inputs' time; expected {MIN_SAMPLES} or more."
            )
        rows = self.features.loc[known.index]
        self.model_ = clone(self.model).fit(rows[:: self.every], known[:: self.every])
        best = without_search(self.model_)
        self.predicted_ = pd.Series(self.model_.predict(self.features), self.features.index)
        for train, test in cross_blocks(rows):
            chosen = train[:: self.every]
            refitted = clone(best).fit(rows.iloc[chosen], known.iloc[chosen])
            self.predicted_[known.index[test]] = refitted.predict(rows.iloc[test])
        correction = EdgeCorrection() if self.correction is None else clone(self.correction)
        self.correction_ = correction.fit(on_grid, self.predicted_)
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
            `value`, `lower`, `upper` (flux; all three the measured value where there is one) and
            `imputed`. NaN in gaps outside the inputs' time.
        """
        filled = 10 ** self.impute_log(np.log10(flux))
        table = pd.DataFrame(dict.fromkeys(filled, flux.astype(float)))
        table.loc[filled.index] = filled
        return table.assign(imputed=flux.isna() & table["value"].notna())

    def impute_log(self, log_flux: pd.Series) -> pd.DataFrame:
        """Return `value`, `lower` and `upper`, log10 flux, at the missing samples alone."""
        check_is_fitted(self)
        on_grid = log_flux.reindex(self.features.index)
        missing = on_grid.isna() & self.features.index.isin(log_flux.index)
        return self.correction_.predict(on_grid, self.predicted_, missing.to_numpy())
