"""Try imputation where the truth is known: whole months that no model has seen."""

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
from fluxlib.imputation import baselines as competitors
from fluxlib.imputation.forest import FilledForest
from fluxlib.imputation.garf import LEAST_TREES, GARFImputer
from fluxlib.imputation.imputer import Blend, SatelliteImputer
from fluxlib.imputation.inputs import list_trend

FULL = "full model"  # what `SatelliteImputer.impute` gives: all models' mean, and the edges
GARF = "GA-RF"
OTHER = "other satellite"


@dataclass(frozen=True)
class Trial:
    """Inputs, truth, and which times train and test.

    Attributes
    ----------
    features : DataFrame
        Inputs on their grid.
    truth : Series
        Known log10 flux, at times that have inputs.
    train, test : DatetimeIndex
        Times; no training time is within the longest offset of a test month.
    """

    features: pd.DataFrame
    truth: pd.Series
    train: pd.DatetimeIndex
    test: pd.DatetimeIndex

    @property
    def flux(self) -> pd.Series:
        """The flux that a model may learn from, e/(cm2 s sr)."""
        return 10 ** self.truth[self.train]

    @property
    def tested(self) -> pd.Series:
        """The truth at the test times, log10 flux, on the inputs' grid; NaN elsewhere."""
        return self.truth[self.test].reindex(self.features.index)


def split_months(
    features: pd.DataFrame,
    truth: pd.Series,
    *,
    n_folds: int = 5,
    repeats: int = 1,
    random_state: int = 0,
) -> list[Trial]:
    """Hold out one part in `n_folds` of the months, drawn at random.

    Parameters
    ----------
    features : DataFrame
        Inputs: see `inputs.satellite_features`.
    truth : Series
        log10 flux, NaN in its gaps.
    n_folds : int
        One of so many parts of the months is the test.
    repeats : int
        Trials wanted, each with other months to test; `n_folds` of them test each month once.
    random_state : int
        Seed of the draw.

    Raises
    ------
    FluxError
        If there are fewer months than folds, or fewer folds than repeats.
    NotApplicable
        If fewer than 1000 known samples have inputs.
    """
    if not 1 <= repeats <= n_folds:
        raise FluxError(f"repeats is {repeats}; expected 1 to n_folds, which is {n_folds}.")
    known = _find_known(features, truth)
    folds = month_folds(known.index, n_folds, purge=IMPUTATION_PURGE, random_state=random_state)
    return [_make_trial(features, known, fold) for fold in folds[:repeats]]


def split_tenths(features: pd.DataFrame, truth: pd.Series) -> list[Trial]:
    """Hold out two tenths of the time, five times: as published, but in blocks."""
    known = _find_known(features, truth)
    return [
        _make_trial(features, known, fold)
        for fold in blocked_folds(known.index, purge=IMPUTATION_PURGE)
    ]


def make_imputer(
    trial: Trial,
    *,
    other: str,
    search: Mapping[str, Any],
    blend: Iterable[str] = (),
    led: bool = True,
    every: int = 1,
    evaluations: int = 1,
    random_state: int = 0,
) -> SatelliteImputer:
    """Return the full model of a trial: GA-RF, other models to average with it, and the edges.

    Parameters
    ----------
    trial : Trial
    other : str
        The other satellite's series.
    search : mapping
        Options of `GARFImputer`.
    blend : iterable of str
        Competitors whose predictions are averaged with GA-RF's.
    led : bool
        Whether a linear trend leads the forest (see `filled.FilledForest`), and it has 200 trees
        at least; else it is as published.
    every, evaluations, random_state
        See `SatelliteImputer` and `competitors.tune`.
    """
    trend = list_trend(trial.features, other) if led else ()
    least_trees = LEAST_TREES if led else 1
    model = GARFImputer(**search, least_trees=least_trees, trend=trend, random_state=random_state)
    X = trial.features.loc[trial.train[::every]]
    models = {
        name: competitors.tune(name, X, evaluations=evaluations, random_state=random_state)
        for name in blend
    }
    return SatelliteImputer(
        trial.features, Blend({GARF: model, **models}) if models else model, every=every
    )


def predict_trial(
    trial: Trial,
    imputer: SatelliteImputer,
    *,
    other: str,
    names: Iterable[str] = ("ridge", "RF"),
    evaluations: int = 1,
    random_state: int = 0,
) -> pd.DataFrame:
    """Predict what a trial holds out, by the full model, its parts, and their competitors.

    Parameters
    ----------
    trial : Trial
    imputer : SatelliteImputer
        Fitted to `trial.flux`. The parts of a `Blend` are shown by themselves too.
    other : str
        The other satellite's series.
    names : iterable of str
        Competitors: see `competitors.make_competitor`.
    evaluations : int
        Settings tried for each competitor: see `competitors.tune`.
    random_state : int
        Seed.

    Returns
    -------
    DataFrame
        log10 flux at the test times, a column a method; the full model first.
    """
    X, y = trial.features.loc[trial.train], trial.truth[trial.train]
    X, y = X[:: imputer.every], y[:: imputer.every]
    fitted = _list_models(imputer)
    for name in names:
        if name not in fitted:
            model = competitors.tune(name, X, evaluations=evaluations, random_state=random_state)
            fitted[name] = model.fit(X, y)
    fitted[OTHER] = competitors.OtherSatellite(f"{other} e2-0h").fit(X, y)
    tested = trial.features.loc[trial.test]
    full = np.log10(fill_hidden(trial, imputer, trial.test)["value"])
    table = {FULL: full} | {name: model.predict(tested) for name, model in fitted.items()}
    return pd.DataFrame(table, index=trial.test)


def fill_hidden(trial: Trial, imputer: SatelliteImputer, hidden: pd.DatetimeIndex) -> pd.DataFrame:
    """Impute hidden times, with all other known samples to go by.

    Those between the test months and the training times are edges, though no model learned them.
    """
    flux = (10**trial.truth).reindex(trial.features.index)
    return imputer.impute(flux.mask(flux.index.isin(hidden))).loc[hidden]


def score_all(truth: pd.Series, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return `metrics.scores` of each column, a row a method."""
    observed = truth.reindex(predictions.index)
    return pd.DataFrame({name: scores(observed, predictions[name]) for name in predictions}).T


def score_training(trial: Trial, imputer: SatelliteImputer) -> float:
    """Return GA-RF's RMSE on its own training samples: the published fitness rewards this."""
    times = trial.train[:: imputer.every]
    predicted = find_garf(imputer).predict(trial.features.loc[times])
    return scores(trial.truth[times], predicted)["RMSE"]


def compare_fitness(
    trial: Trial, garf: GARFImputer, *, search: Mapping[str, Any], **options
) -> pd.DataFrame:
    """Compare what the two kinds of fitness choose, and what that costs on months held out.

    Parameters
    ----------
    garf : GARFImputer
        Fitted, with one kind.
    search, **options
        As `make_imputer` took for it.

    Returns
    -------
    DataFrame
        A row a kind of fitness: the genes chosen, `own`, the RMSE that was rewarded, and
        `held out`, the RMSE of just that forest in the test months.
    """
    times = trial.train[:: options.get("every", 1)]
    X, y = trial.features.loc[times], trial.truth[times]
    rows = {garf.fitness: garf}
    for kind in {"train", "validation"} - set(rows):
        options = options | {"blend": ()}
        other = make_imputer(trial, search=dict(search) | {"fitness": kind}, **options)
        rows[kind] = other.model.fit(X, y)
    table = {}
    for kind, fitted in rows.items():
        genes = {gene: getattr(fitted.best_, gene) for gene in ("trees", "depth", "leaf")}
        chosen = clone(fitted.best_estimator_).set_params(**genes).fit(X, y)
        held_out = chosen.predict(trial.features.loc[trial.test])
        rmse = scores(trial.truth[trial.test], held_out)["RMSE"]
        table[kind] = genes | {"own": fitted.best_.rmse, "held out": rmse}
    return pd.DataFrame(table).T.rename_axis("fitness")


def find_garf(imputer: SatelliteImputer) -> GARFImputer:
    """Return the fitted GA-RF of an imputer, which may be one of several models."""
    return _list_models(imputer)[GARF]


def score_random_fold(trial: Trial, *, every: int = 1, random_state: int = 0) -> float:
    """Return a plain forest's RMSE on one random fifth of all samples, which leaks."""
    train, test = next(KFold(5, shuffle=True, random_state=random_state).split(trial.truth))
    # As many training samples as the months have, so that only the leak makes the difference.
    size = min(len(train), len(trial.train[::every]))
    train = np.random.default_rng(random_state).choice(train, size, replace=False)
    X = trial.features.loc[trial.truth.index]
    plain = FilledForest(random_state=random_state).fit(X.iloc[train], trial.truth.iloc[train])
    return scores(trial.truth.iloc[test], plain.predict(X.iloc[test]))["RMSE"]


def _list_models(imputer: SatelliteImputer) -> dict[str, BaseEstimator]:
    """Return the fitted models of an imputer by name; GA-RF where it is the only one."""
    return dict(getattr(imputer.model_, "models_", {GARF: imputer.model_}))


def _find_known(features: pd.DataFrame, truth: pd.Series) -> pd.Series:
    known = truth.dropna()
    known = known[known.index.isin(features.index)]
    if len(known) < 1000:
        raise NotApplicable(
            f"{len(known)} known samples have inputs; 1000 or more are needed to train and test on."
        )
    return known


def _make_trial(features: pd.DataFrame, known: pd.Series, fold: tuple) -> Trial:
    train, test = fold
    return Trial(features, known, known.index[train], known.index[test])
