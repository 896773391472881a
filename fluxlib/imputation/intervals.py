"""Correct a prediction inside a gap by what is known at its edges, and give a 90 % interval.

Two things persist into a gap from its edges: the flux itself, and the error of a prediction made
from other inputs. Both decay with the distance, and return in part after a day.

Boosted trees learn from gaps that are simulated where the truth is known, some of them with the
other satellite silent too. The interval is their quantiles, widened or narrowed by the errors in
held-out blocks, separately for each class of what is known there and of the distance to the nearest
edge: conformalised quantile regression (Romano, Patterson and Candes 2019, arXiv:1905.03222), with
margins in widths of the interval (Sesia and Candes 2020, doi 10.1002/sta4.261), which are larger in
storms than in quiet times.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from xgboost import XGBRegressor

from fluxlib.errors import FluxError
from fluxlib.evaluation.folds import cross_blocks
from fluxlib.utils.scaling import shrinkage
from fluxlib.utils.time_grid import DAY, HOUR, find_cadence

COVERAGE = 0.9
DISTANCE_BORDERS = (3, 6, 12, 24, 48, 120)  # hours from the nearest edge, between classes
SAMPLES_PER_GAP = 24  # long gaps have thousands, which are much alike
MAX_DRAWS = 20  # of gaps in a short series, as more would only repeat themselves
LEAST_WIDTH = 0.05  # decades
MIN_SAMPLES = 100  # to fit at all, and of a class that is calibrated by itself
LONGEST_GAP = pd.Timedelta("30D")  # of the simulated gaps
MEAN_HOURS = (6, 24, 72)  # of known samples beside an edge that are averaged
FOLDING_TIMES = (3, 12, 48)  # e-folding times of an edge's error, hours
SILENT_SHARE = 0.5  # simulated samples with the other satellite silent, for one with it as it was
# What is known of the other satellite at a time.
KNOWN, PARTLY_KNOWN, SILENT = range(3)


class EdgeCorrection(BaseEstimator):
    """Estimate a prediction's error inside a gap from what is known at the gap's edges.

    Parameters
    ----------
    rows : int
        Samples to learn from, about: gaps are simulated as often as it takes.
    trees : int
        Boosting rounds.
    random_state : int
        Seed of gaps and trees.

    Attributes
    ----------
    shrinkage_ : ndarray, shape (2, distances)
        The share of the trees' correction that held-out blocks support, by class of distance from
        the nearest edge, with the other satellite known or silent. Far from both edges trees only
        remember months, and the share is zero.
    conformal_margin_ : ndarray, shape (3, distances)
        The share of its width by which an interval is widened on either side, by what is known of
        the other satellite and class of distance.
    held_out_ : DataFrame
        The simulated gaps: hours to the `nearest` sample, what is `known` of the other satellite,
        the prediction's `error`, and its estimate by trees that had not seen it, `value`, with
        `lower` and `upper`.
    """

    def __init__(self, *, rows: int = 20_000, trees: int = 120, random_state: int = 0):
        self.rows = rows
        self.trees = trees
        self.random_state = random_state

    def fit(
        self,
        log_flux: pd.Series,
        predicted: pd.Series,
        *,
        known: pd.Series | None = None,
        silent: pd.Series | None = None,
        conditions: pd.DataFrame | None = None,
    ) -> "EdgeCorrection":
        """Learn from a series and predictions that have not seen what they predict.

        Parameters
        ----------
        log_flux, predicted : Series, shape (n,)
            On one regular grid, NaN where not known.
        known : Series, shape (n,), optional
            What is known of the other satellite: `KNOWN`, `PARTLY_KNOWN` or `SILENT`.
        silent : Series, shape (n,), optional
            What would be predicted if the other satellite were silent.
        conditions : DataFrame, shape (n, k), optional
            What else errors depend on: how disturbed the field is, say, since predictions err
            most in storms.

        Raises
        ------
        FluxError
            If fewer than 100 samples have both.
        """
        rows = self._simulate_gaps(log_flux, predicted, known, silent, conditions)
        X, error = rows.drop(columns="error"), rows["error"].to_numpy()
        held_out = pd.DataFrame(np.nan, range(len(X)), ["value", "lower", "upper"])
        for train, test in cross_blocks(rows):
            models = self._grow(X.iloc[train], error[train])
            held_out.iloc[test] = _run(models, X.iloc[test]).to_numpy()
        held_out.index = X.index
        distance = classify(X["nearest"], DISTANCE_BORDERS)
        is_silent = (X["known"] == SILENT).to_numpy()
        corrections = held_out["value"].to_numpy()
        classes = range(len(DISTANCE_BORDERS) + 1)
        self.shrinkage_ = np.array(
            [
                [
                    float(shrinkage(error[chosen], corrections[chosen]))
                    for one in classes
                    for chosen in [(distance == one) & (is_silent == quiet)]
                ]
                for quiet in (False, True)
            ]
        )
        shrunk = self._shrink(X, held_out)
        width = _measure_width(shrunk)
        misses = (np.fmax(shrunk["lower"] - error, error - shrunk["upper"]) / width).to_numpy()
        state = X["known"].to_numpy()
        self.conformal_margin_ = np.array(
            [
                [_find_margin(misses, state == one, distance == far) for far in classes]
                for one in (KNOWN, PARTLY_KNOWN, SILENT)
            ]
        )
        margin = self.conformal_margin_[state.astype(int), distance] * width
        self.held_out_ = pd.DataFrame(
            {
                "nearest": X["nearest"],
                "known": state,
                "error": error,
                "value": shrunk["value"],
                "lower": shrunk["lower"] - margin,
                "upper": shrunk["upper"] + margin,
            }
        )
        self.models_ = self._grow(X, error)
        return self

    def predict(
        self,
        log_flux: pd.Series,
        predicted: pd.Series,
        asked: np.ndarray,
        *,
        known: pd.Series | None = None,
        conditions: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Correct the prediction at missing samples.

        Parameters
        ----------
        log_flux, predicted, known, conditions
            As `fit` takes. `log_flux` is NaN in the gaps to fill.
        asked : array of bool, shape (n,)
            The samples to fill.

        Returns
        -------
        DataFrame
            `value`, `lower`, `upper`, log10 flux; the interval aims at nine tenths of the truth.
        """
        check_is_fitted(self)
        X = _describe(log_flux, predicted, asked, conditions)
        X = X.assign(known=KNOWN if known is None else known.reindex(X.index).to_numpy())
        table = self._shrink(X, _run(self.models_, X))
        distance = classify(X["nearest"], DISTANCE_BORDERS)
        margin = self.conformal_margin_[X["known"].to_numpy(int), distance] * _measure_width(table)
        table["lower"] = np.minimum(table["lower"] - margin, table["value"])
        table["upper"] = np.maximum(table["upper"] + margin, table["value"])
        return table.add(X["predicted"], axis=0)

    def _shrink(self, X, table):
        """Shrink corrections, and move their intervals with them."""
        distance = classify(X["nearest"], DISTANCE_BORDERS)
        share = self.shrinkage_[(X["known"] == SILENT).to_numpy(int), distance]
        return table.sub(table["value"] * (1 - share), axis=0)

    def _simulate_gaps(self, log_flux, predicted, known, silent, conditions):
        """Describe samples in gaps that are drawn where the truth is known, with their error."""
        usable = (log_flux.notna() & predicted.notna()).to_numpy()
        if usable.sum() < MIN_SAMPLES:
            raise FluxError(
                f"{usable.sum()} samples have both flux and prediction; expected {MIN_SAMPLES} or "
                "more."
            )
        rng = np.random.default_rng(self.random_state)
        steps_a_day = round(DAY / find_cadence(log_flux.index, "log_flux"))
        parts: list[pd.DataFrame] = []
        while sum(map(len, parts)) < self.rows and len(parts) < MAX_DRAWS:
            gaps = draw_gap_numbers(len(log_flux), steps_a_day, rng)
            hidden = (gaps > 0) & usable
            probability = SAMPLES_PER_GAP / np.bincount(gaps)[gaps]
            asked = hidden & (rng.random(len(gaps)) < probability)
            part = _describe(log_flux.mask(hidden), predicted, asked, conditions)
            state = KNOWN if known is None else known.reindex(part.index).to_numpy()
            parts.append(part.assign(known=state, error=(log_flux - predicted)[part.index]))
            if silent is not None:
                # The other satellite falls silent with this one, in the same gap.
                asked = asked & (rng.random(len(gaps)) < SILENT_SHARE)
                mixed = predicted.where(~hidden, silent)
                part = _describe(log_flux.mask(hidden), mixed, asked, conditions)
                parts.append(part.assign(known=SILENT, error=(log_flux - mixed)[part.index]))
        rows = pd.concat(parts).sort_index(kind="stable")
        return rows.iloc[:: max(1, len(rows) // self.rows)]

    def _grow(self, X, error):
        """Return trees for the error's mean, and for its quantiles."""
        options = {
            "n_estimators": self.trees,
            "learning_rate": 0.06,
            "max_depth": 5,
            "min_child_weight": 20,
            "subsample": 0.7,
            "colsample_bytree": 0.5,
            "max_bin": 64,
            "random_state": self.random_state,
        }
        tails = np.array([(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
        mean = XGBRegressor(**options)
        both = XGBRegressor(**options, objective="reg:quantileerror", quantile_alpha=tails)
        return [model.fit(X.to_numpy(np.float32), error) for model in (mean, both)]


def _describe(log_flux, predicted, asked, conditions) -> pd.DataFrame:
    """Describe missing samples by their gaps' edges, and by the conditions at their times."""
    X = describe_edges(log_flux, predicted, asked)
    return X if conditions is None else X.join(conditions)


def _measure_width(table: pd.DataFrame) -> pd.Series:
    """Return the width of intervals, in which margins are measured; never next to nothing."""
    return (table["upper"] - table["lower"]).clip(lower=LEAST_WIDTH)


def _find_margin(misses: np.ndarray, state: np.ndarray, near: np.ndarray) -> float:
    """Return the margin of a class, or of the widest one around it that has enough samples."""
    for chosen in (state & near, state, near):
        if chosen.sum() >= MIN_SAMPLES:
            return float(np.quantile(misses[chosen], COVERAGE, method="higher"))
    return float(np.quantile(misses, COVERAGE, method="higher"))


def _run(models: list[XGBRegressor], X: pd.DataFrame) -> pd.DataFrame:
    """Return `value`, `lower` and `upper` for each row."""
    if X.empty:
        return pd.DataFrame(columns=["value", "lower", "upper"], index=X.index, dtype=float)
    values = X.to_numpy(np.float32)
    mean, both = (model.predict(values) for model in models)
    table = {"value": mean, "lower": both.min(axis=1), "upper": both.max(axis=1)}
    return pd.DataFrame(table, X.index, dtype=float)


def classify(hours: pd.Series, borders: Sequence[float]) -> np.ndarray:
    """Return the class of each number of hours; NaN, a gap without an end, is of the last."""
    return np.digitize(hours.fillna(np.inf), borders)


def describe_edges(log_flux: pd.Series, predicted: pd.Series, asked: np.ndarray) -> pd.DataFrame:
    """Describe missing samples by what is known at the edges of their gaps.

    Parameters
    ----------
    log_flux : Series, shape (n,)
        On a regular grid, NaN in gaps.
    predicted : Series, shape (n,)
        log10 flux predicted for every time, from other inputs than the series itself.
    asked : array of bool, shape (n,)
        The missing samples to describe.

    Returns
    -------
    DataFrame
        A row for each sample asked for: hours to either edge and length of the gap (NaN where the
        series has no sample on that side), errors of the prediction at the edges (the last one,
        means, the one at the same time of day), the difference between a straight line from edge
        to edge and the prediction, and the prediction.
    """
    hour = find_cadence(log_flux.index, "log_flux") / HOUR
    flux, guess = log_flux.to_numpy(), predicted.to_numpy()
    error = flux - guess
    at = np.flatnonzero(asked)
    left, right = (edge[at] for edge in _find_edges(np.isfinite(error)))
    before = np.where(left >= 0, (at - left) * hour, np.nan)
    after = np.where(right >= 0, (right - at) * hour, np.nan)

    def join_edges(values):
        """Return the straight line from edge to edge."""
        one, two = _take(values, left), _take(values, right)
        return one + (two - one) * before / (before + after)

    table = {
        "before": before,
        "after": after,
        "nearest": np.fmin(before, after),
        "length": before + after - hour,
        "error before": _take(error, left),
        "error after": _take(error, right),
        "error line": join_edges(error),
        "line - predicted": join_edges(flux) - guess[at],
        "predicted": guess[at],
    }
    series = pd.Series(error)
    for hours in MEAN_HOURS:
        window = max(1, round(hours / hour))
        mean = series.rolling(window, min_periods=1).mean().to_numpy()
        mean_after = series[::-1].rolling(window, min_periods=1).mean().to_numpy()[::-1]
        table[f"error {hours} h before"] = _take(mean, left)
        table[f"error {hours} h after"] = _take(mean_after, right)
    day = round(24 / hour)
    for side, distance, sign in (("before", before, -1), ("after", after, 1)):
        # Whole days away, the fewest that lead out of the gap: local time returns.
        days = np.ceil(np.nan_to_num(distance) / 24).astype(int)
        same_hour = np.where(np.isnan(distance), -1, at + sign * day * days)
        table[f"error same hour {side}"] = _take(error, same_hour)
    for hours in FOLDING_TIMES:
        one, two = (
            np.exp(-np.where(np.isnan(side), np.inf, side) / hours) for side in (before, after)
        )
        # The best estimate of a Markov process with that memory, from one value on either side.
        decayed = np.nan_to_num(_take(error, left)) * one * (1 - two**2)
        decayed += np.nan_to_num(_take(error, right)) * two * (1 - one**2)
        table[f"error, decayed in {hours} h"] = decayed / np.maximum(1 - (one * two) ** 2, 1e-12)
    return pd.DataFrame(table, index=log_flux.index[at])


def draw_gap_numbers(n: int, steps_a_day: int, rng: np.random.Generator) -> np.ndarray:
    """Draw gaps of all lengths, from one sample to a month, with known samples between them.

    Returns
    -------
    array of int, shape (n,)
        0 where known, else the number of the gap, from 1.
    """
    mask = np.zeros(n, int)
    longest = min(LONGEST_GAP.days * steps_a_day, n // 3)
    position, number = int(rng.integers(steps_a_day)), 0
    while position < n:
        length, pause = (
            round(np.exp(rng.uniform(np.log(low), np.log(high))))
            for low, high in ((1, longest), (steps_a_day / 4, steps_a_day * 10))
        )
        number += 1
        mask[position : position + length] = number
        position += length + max(1, pause)
    return mask


def _find_edges(known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the last known sample before and the first after each."""
    position = np.arange(len(known))
    left = np.maximum.accumulate(np.where(known, position, -1))
    right = np.minimum.accumulate(np.where(known, position, len(known))[::-1])[::-1]
    return left, np.where(right == len(known), -1, right)


def _take(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the values at positions; NaN at positions outside."""
    inside = (places >= 0) & (places < len(values))
    return np.where(inside, values[np.where(inside, places, 0)], np.nan)
