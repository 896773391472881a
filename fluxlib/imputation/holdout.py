"""Test imputation where the truth is known: whole months that no model has seen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import KFold

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.evaluation.folds import IMPUTATION_PURGE, blocked_folds, month_folds
from fluxlib.evaluation.metrics import scores
from fluxlib.imputation.baselines import OtherSatellite, make_tuned_competitor
from fluxlib.imputation.forest import ForestWithMissing
from fluxlib.imputation.garf import MIN_TREES, GARFImputer
from fluxlib.imputation.imputer import SatelliteImputer
from fluxlib.imputation.inputs import trend_quantities

FULL = "full model"  # what `SatelliteImputer.impute` gives: the blend, and the edges
NO_EDGES = "without edges"
GARF = "GA-RF"
OTHER = "other satellite"
MIN_SAMPLES = 1000


@dataclass(frozen=True)
class Holdout:
    """Inputs, true flux, and the times that train and test.

    Attributes
    ----------
    features : DataFrame
        Inputs on their grid.
    log_flux : Series
        Known log10 flux, at times that have inputs.
    train, test : DatetimeIndex
        Times; no training time is within the longest offset of a test month.
    """

    features: pd.DataFrame
    log_flux: pd.Series
    train: pd.DatetimeIndex
    test: pd.DatetimeIndex

    @property
    def train_log_flux(self) -> pd.Series:
        """The log10 flux that a model may learn from."""
        return self.log_flux[self.train]

    @property
    def test_log_flux(self) -> pd.Series:
        """The true log10 flux at the test times, on the inputs' grid; NaN elsewhere."""
        return self.log_flux[self.test].reindex(self.features.index)


def hold_out_months(
    features: pd.DataFrame,
    log_flux: pd.Series,
    *,
    n_folds: int = 5,
    repeats: int = 1,
    random_state: int = 0,
) -> list[Holdout]:
    """Hold out one of `n_folds` parts of the months, drawn at random.

    Parameters
    ----------
    features : DataFrame
        Inputs: see `satellite_features`.
    log_flux : Series
        NaN in its gaps.
    n_folds : int
        Parts that the months are divided into; one is the test.
    repeats : int
        Number of results, each with other months to test; `n_folds` of them test each month once.
    random_state : int
        Seed of the draw.

    Raises
    ------
    FluxError
        If there are fewer folds than 2 or than repeats.
    NotApplicable
        If fewer than 1000 known samples have inputs, or there are fewer months than folds.
    """
    if not 1 <= repeats <= n_folds:
        raise FluxError(f"repeats is {repeats}; expected 1 to n_folds, which is {n_folds}.")
    known = _select_known(features, log_flux)
    months = known.index.to_period("M").nunique()
    if months < n_folds:
        raise NotApplicable(
            f"the samples cover {months} months, and n_folds is {n_folds}: each fold needs a month"
            + (f". With n_folds = {months} it can be asked." if months > 1 else ".")
        )
    folds = month_folds(known.index, n_folds, purge=IMPUTATION_PURGE, random_state=random_state)
    return [_make_holdout(features, known, *fold) for fold in folds[:repeats]]


def hold_out_tenths(features: pd.DataFrame, log_flux: pd.Series) -> list[Holdout]:
    """Hold out two tenths of the time, five times: as published, but in blocks."""
    known = _select_known(features, log_flux)
    folds = blocked_folds(known.index, purge=IMPUTATION_PURGE)
    return [_make_holdout(features, known, *fold) for fold in folds]


def _select_known(features: pd.DataFrame, log_flux: pd.Series) -> pd.Series:
    known = log_flux.dropna()
    known = known[known.index.isin(features.index)]
    if len(known) < MIN_SAMPLES:
        raise NotApplicable(
            f"{len(known)} known samples have inputs; {MIN_SAMPLES} or more are needed to train "
            "and test on."
        )
    return known


def _make_holdout(features, known, train, test) -> Holdout:
    return Holdout(features, known, known.index[train], known.index[test])


def fit_garf(
    holdout: Holdout,
    *,
    other: str,
    search: Mapping[str, Any],
    with_trend: bool = True,
    every: int = 1,
    random_state: int = 0,
) -> GARFImputer:
    """Return GA-RF, fitted to the training times.

    Parameters
    ----------
    holdout : Holdout
    other : str
        The other satellite's series.
    search : mapping
        Options of `GARFImputer`.
    with_trend : bool
        Whether the forest learns the residual of a linear trend (see `ForestWithMissing`) and has
        at least 200 trees; else it is as published.
    every, random_state
        See `SatelliteImputer` and `GARFImputer`.
    """
    trend = trend_quantities(holdout.features, other) if with_trend else ()
    min_trees = MIN_TREES if with_trend else 1
    model = GARFImputer(**search, min_trees=min_trees, trend=trend, random_state=random_state)
    times = holdout.train[::every]
    return model.fit(holdout.features.loc[times], holdout.log_flux[times])


def predict_holdout(
    holdout: Holdout,
    imputer: SatelliteImputer,
    garf: GARFImputer,
    *,
    other: str,
    names: Iterable[str] = ("ridge", "RF"),
    evaluations: int = 1,
    random_state: int = 0,
) -> pd.DataFrame:
    """Predict the test times by the full model, without its edges, by GA-RF, and by competitors.

    Parameters
    ----------
    holdout : Holdout
    imputer : SatelliteImputer
        Fitted to `holdout.train_log_flux`.
    garf : GARFImputer
        Of `fit_garf`.
    other : str
        The other satellite's series.
    names : iterable of str
        Competitors: see `make_competitor`.
    evaluations : int
        Settings tried for each competitor: see `make_tuned_competitor`.
    random_state : int
        Seed.

    Returns
    -------
    DataFrame
        log10 flux at the test times, a column for each method; the full model first.
    """
    times = holdout.train[:: imputer.every]
    X, y = holdout.features.loc[times], holdout.log_flux[times]
    models: dict[str, BaseEstimator] = {GARF: garf}
    options = {"evaluations": evaluations, "random_state": random_state}
    for name in names:
        models[name] = make_tuned_competitor(name, X, **options).fit(X, y)
    models[OTHER] = OtherSatellite(other).fit(X, y)
    tested = holdout.features.loc[holdout.test]
    table = {FULL: fill_hidden(holdout, imputer, holdout.test)["value"]}
    table[NO_EDGES] = imputer.predicted_[holdout.test]
    table |= {name: model.predict(tested) for name, model in models.items()}
    return pd.DataFrame(table, index=holdout.test)


def fill_hidden(
    holdout: Holdout, imputer: SatelliteImputer, hidden: pd.DatetimeIndex
) -> pd.DataFrame:
    """Impute hidden times from all other known samples.

    Samples between the test months and the training times are edges of gaps, though no model
    learned from them.

    Returns
    -------
    DataFrame
        `value`, `lower` and `upper`, log10 flux, at the hidden times.
    """
    on_grid = holdout.log_flux.reindex(holdout.features.index)
    return imputer.impute_log(on_grid.mask(on_grid.index.isin(hidden))).loc[hidden]


def score_methods(log_flux: pd.Series, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return `evaluation.metrics.scores` of each column, a row for each method."""
    observed = log_flux.reindex(predictions.index)
    return pd.DataFrame({name: scores(observed, predictions[name]) for name in predictions}).T


def score_training(holdout: Holdout, garf: GARFImputer, *, every: int = 1) -> float:
    """Return GA-RF's RMSE on its own training samples: the published fitness rewards this."""
    times = holdout.train[::every]
    predicted = garf.predict(holdout.features.loc[times])
    return scores(holdout.log_flux[times], predicted)["RMSE"]


def score_random_fold(holdout: Holdout, *, every: int = 1, random_state: int = 0) -> float:
    """Return a plain forest's RMSE on one random fifth of all samples, which leaks."""
    train, test = next(KFold(5, shuffle=True, random_state=random_state).split(holdout.log_flux))
    # As many training samples as the months have, so that only the leak makes the difference.
    size = min(len(train), len(holdout.train[::every]))
    train = np.random.default_rng(random_state).choice(train, size, replace=False)
    X, y = holdout.features.loc[holdout.log_flux.index], holdout.log_flux
    plain = ForestWithMissing(random_state=random_state).fit(X.iloc[train], y.iloc[train])
    return scores(y.iloc[test], plain.predict(X.iloc[test]))["RMSE"]


def compare_fitness(
    holdout: Holdout, searched: Iterable[GARFImputer], *, every: int = 1
) -> pd.DataFrame:
    """Compare the forests that kinds of fitness choose, on months held out.

    Parameters
    ----------
    holdout : Holdout
    searched : iterable of GARFImputer
        Of `fit_garf`, one for each kind; of two of a kind the later counts.
    every : int
        One training sample in so many is learned from.

    Returns
    -------
    DataFrame
        A row for each kind of fitness: the genes chosen, `own`, the RMSE that was rewarded, and
        `held out`, the RMSE of that forest in the test months.
    """
    times = holdout.train[::every]
    X, y = holdout.features.loc[times], holdout.log_flux[times]
    table = {}
    for fitted in searched:
        genes = {gene: getattr(fitted.best_, gene) for gene in ("trees", "depth", "leaf")}
        chosen = clone(fitted.best_estimator_).set_params(**genes).fit(X, y)
        predicted = chosen.predict(holdout.features.loc[holdout.test])
        held_out = scores(holdout.log_flux[holdout.test], predicted)["RMSE"]
        table[fitted.fitness] = genes | {"own": fitted.best_.rmse, "held out": held_out}
    return pd.DataFrame(table).T.rename_axis("fitness")
