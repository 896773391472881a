"""Try imputation where the truth is known: months and gaps that no model has seen."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.folds import month_folds
from fluxlib.forest import build_forest
from fluxlib.gaps import draw_gaps
from fluxlib.garf import PURGE, GARFImputer, fill_below, find_fills
from fluxlib.impute import interpolate
from fluxlib.metrics import scores

# scikit-learn's defaults, but for the third of the inputs at each split that Breiman (2001,
# doi 10.1023/A:1010933404324) and this package's GA-RF take for regression.
PLAIN_FOREST = {"trees": 100, "depth": None, "leaf": 1, "max_features": 1 / 3}


@dataclass(frozen=True)
class Trial:
    """Inputs, truth, and which times train and test.

    Attributes
    ----------
    features : DataFrame
        Inputs at the times of `truth`.
    truth : Series
        Known log10 flux.
    train, test : DatetimeIndex
        Times; no training time is within the longest offset of a test month.
    """

    features: pd.DataFrame
    truth: pd.Series
    train: pd.DatetimeIndex
    test: pd.DatetimeIndex


def split_months(
    features: pd.DataFrame,
    truth: pd.Series,
    *,
    n_folds: int = 5,
    train_every: int = 1,
    random_state: int = 0,
) -> Trial:
    """Hold out one part in `n_folds` of the months, drawn at random.

    Parameters
    ----------
    features : DataFrame
        Inputs: see `impute.satellite_features`.
    truth : Series
        log10 flux, NaN in its gaps.
    n_folds : int
        One of so many parts of the months is the test.
    train_every : int
        Of the training samples, take one in so many: neighbours tell a forest little new, and
        take it as long.
    random_state : int
        Seed of the draw.

    Raises
    ------
    FluxError
        If `train_every` is below 1, or there are fewer months than folds.
    NotApplicable
        If fewer than 1000 known samples have inputs.
    """
    if train_every < 1:
        raise FluxError(f"train_every is {train_every}; expected 1 or more.")
    known = truth.dropna()
    known = known[known.index.isin(features.index)]
    if len(known) < 1000:
        raise NotApplicable(
            f"{len(known)} known samples have inputs; 1000 or more are needed to train and test on."
        )
    train, test = month_folds(known.index, n_folds, purge=PURGE, random_state=random_state)[0]
    return Trial(
        features.loc[known.index], known, known.index[train[::train_every]], known.index[test]
    )


def predict_months(
    trial: Trial, imputer: GARFImputer, *, other: str, random_state: int = 0
) -> pd.DataFrame:
    """Predict the held-out months by GA-RF, a plain forest, and the calibrated other satellite.

    Returns
    -------
    DataFrame
        log10 flux at the test times, a column a method; NaN where the other satellite has none.
    """
    inputs = trial.features.loc[trial.test]
    plain = _fit_plain(trial.features.loc[trial.train], trial.truth[trial.train], random_state)
    return pd.DataFrame(
        {
            "GA-RF": imputer.predict(inputs),
            "plain forest": plain(inputs),
            "other satellite": _calibrate_other(trial, other),
        },
        index=trial.test,
    )


def score_all(truth: pd.Series, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return `metrics.scores` of each column, a row a method."""
    observed = truth.reindex(predictions.index)
    return pd.DataFrame({name: scores(observed, predictions[name]) for name in predictions}).T


def score_training(trial: Trial, imputer: GARFImputer) -> float:
    """Return GA-RF's RMSE on its own training samples: the published fitness rewards this."""
    predicted = imputer.predict(trial.features.loc[trial.train])
    return scores(trial.truth[trial.train], predicted)["RMSE"]


def score_random_fold(trial: Trial, *, random_state: int = 0) -> float:
    """Return a plain forest's RMSE on one random fifth of all samples, which leaks."""
    train, test = next(KFold(5, shuffle=True, random_state=random_state).split(trial.truth))
    # As many training samples as the months have, so that only the leak makes the difference.
    size = min(len(train), len(trial.train))
    train = np.random.default_rng(random_state).choice(train, size, replace=False)
    plain = _fit_plain(trial.features.iloc[train], trial.truth.iloc[train], random_state)
    return scores(trial.truth.iloc[test], plain(trial.features.iloc[test]))["RMSE"]


def measure_coverage(trial: Trial, predictions: pd.DataFrame, imputer: GARFImputer) -> float:
    """Return the part of held-out samples that lie within GA-RF's 90 % interval."""
    error = (trial.truth[trial.test] - predictions["GA-RF"]).abs()
    return float((error <= imputer.half_width_).mean())


def hide_gaps(
    trial: Trial, hours: Iterable[float], count: int, *, random_state: int = 0
) -> dict[float, list[pd.DatetimeIndex]]:
    """Draw stretches of the test months to hide, by length; lengths without room are left out."""
    grid = pd.date_range(
        trial.truth.index[0], trial.truth.index[-1], freq=_find_step(trial.truth.index)
    )
    tested = trial.truth[trial.test].reindex(grid)
    drawn = {h: draw_gaps(tested, h, count, random_state=random_state) for h in hours}
    drawn = {h: stretches for h, stretches in drawn.items() if stretches}
    if not drawn:
        raise FluxError("no stretch of the held-out months is whole enough to hide a gap in.")
    return drawn


def score_gaps(
    trial: Trial, predictions: pd.DataFrame, hidden: dict[float, list[pd.DatetimeIndex]]
) -> tuple[pd.DataFrame, dict[float, pd.DataFrame]]:
    """Score each method in the hidden stretches.

    Returns
    -------
    rmse : DataFrame
        Decades, by length of gap (rows, hours) and method.
    filled : dict of DataFrame
        By length, log10 flux of each method at the hidden times.
    """
    filled = {}
    table: dict[float, dict[str, float]] = {}
    for hours, stretches in sorted(hidden.items()):
        times = stretches[0].append(stretches[1:])
        known = trial.truth.drop(times)
        guesses = predictions.loc[times, ["GA-RF", "plain forest"]]
        for kind in ("linear", "cubic"):
            guesses[kind] = interpolate(known.reindex(trial.truth.index), kind)[times]
        filled[hours] = guesses.sort_index()
        table[hours] = score_all(trial.truth, guesses)["RMSE"].to_dict()
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("hours"), filled


def pick_gap(stretches: list[pd.DatetimeIndex], truth: pd.Series) -> pd.DatetimeIndex:
    """Return the stretch in which the flux moves as much as it does in the median one."""
    spread = [truth[times].std() for times in stretches]
    return stretches[int(np.argsort(spread)[len(spread) // 2])]


def _fit_plain(X: pd.DataFrame, y: pd.Series, random_state: int):
    """Return the prediction function of a forest with scikit-learn's defaults."""
    fills = find_fills(X.to_numpy())
    forest = build_forest(**PLAIN_FOREST, random_state=random_state, n_jobs=-1)
    forest.fit(fill_below(X.to_numpy(), fills), y.to_numpy())
    return lambda rows: forest.predict(fill_below(rows.to_numpy(), fills))


def _calibrate_other(trial: Trial, other: str) -> pd.Series:
    """Return the other satellite's flux, on the scale that training months show by a line."""
    flux = trial.features[f"{other} e2-0h"]
    train = pd.concat([flux[trial.train], trial.truth[trial.train]], axis=1).dropna()
    if len(train) < 2:
        return pd.Series(np.nan, trial.test)
    slope, intercept = np.polyfit(train.iloc[:, 0], train.iloc[:, 1], 1)
    return intercept + slope * flux[trial.test]


def _find_step(index: pd.DatetimeIndex) -> pd.Timedelta:
    return pd.Series(index).diff().mode()[0]
