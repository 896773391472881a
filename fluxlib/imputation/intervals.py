"""Correct a prediction inside a gap by what is known at the gap's edges, and give its interval.

A forest learns from gaps that are drawn into known stretches. The interval is the forest's own
quantiles (Meinshausen 2006, J. Machine Learning Research 7, 983), widened or narrowed by what
held-out blocks show, for each class of gap length by itself: conformalised quantile regression
(Romano, Patterson and Candes 2019, arXiv:1905.03222).
"""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from fluxlib.errors import FluxError
from fluxlib.evaluation.folds import cross_blocks
from fluxlib.imputation.edges import describe_edges, draw_mask
from fluxlib.imputation.forest import fill_below, find_fills
from fluxlib.imputation.tree_growth import build_forest
from fluxlib.utils.time_grid import DAY, find_cadence

COVERAGE = 0.9
CLASSES = (0, 8, 18, 36, 120, 480, np.inf)  # hours: borders of the classes of gap length
SAMPLES_A_GAP = 24  # long gaps have thousands, which tell much the same
DISTANCES = (3, 6, 12, 24, 48, 120)  # hours from the nearest edge: borders of classes of trust
MOST_DRAWS = 20  # over a short series, more would only repeat themselves
FEWEST = 100  # rows of a class that calibrates by itself


class EdgeCorrection(BaseEstimator):
    """What the edges of gaps say of a prediction's error inside them.

    Parameters
    ----------
    rows : int
        Samples to learn from, about: gaps are drawn over the whole series as often as it takes.
    trees, leaf : int
        Of the forest.
    random_state : int
        Seed of gaps and forest.

    Attributes
    ----------
    shares_ : Series
        How much of the forest's correction held-out blocks bear out, by class of distance from
        the nearest edge. Far from both, a forest only remembers months, and the share is zero.
    widening_ : Series
        Decades by which an interval is widened, by class of gap length.
    """

    def __init__(
        self, *, rows: int = 20_000, trees: int = 100, leaf: int = 20, random_state: int = 0
    ):
        self.rows = rows
        self.trees = trees
        self.leaf = leaf
        self.random_state = random_state

    def fit(self, truth: pd.Series, predicted: pd.Series) -> "EdgeCorrection":
        """Learn from a series and predictions that have not seen what they predict.

        Parameters
        ----------
        truth, predicted : Series, shape (n,)
            log10 flux on one regular grid, NaN where not known.

        Raises
        ------
        FluxError
            If fewer than 100 samples have both.
        """
        rows = self._draw_rows(truth, predicted)
        X, error = rows.drop(columns="error"), rows["error"].to_numpy()
        blind = pd.DataFrame(np.nan, X.index, ["value", "lower", "upper"]).reset_index(drop=True)
        for train, test in cross_blocks(rows):
            parts = self._grow(X.iloc[train], error[train])
            blind.iloc[test] = _predict(parts, X.iloc[test]).to_numpy()
        self.shares_ = _find_shares(X, blind["value"].to_numpy(), error)
        trusted = self._trust(X, blind.set_axis(X.index))
        miss = np.fmax(trusted["lower"] - error, error - trusted["upper"])
        self.widening_ = _find_widening(miss, classify(X["length"], CLASSES[1:-1]))
        self.parts_ = self._grow(X, error)
        return self

    def predict(self, truth: pd.Series, predicted: pd.Series, asked: np.ndarray) -> pd.DataFrame:
        """Correct the prediction at missing samples.

        Parameters
        ----------
        truth, predicted : Series, shape (n,)
            As `fit` takes. `truth` is NaN in the gaps to fill.
        asked : array of bool, shape (n,)
            The samples to fill.

        Returns
        -------
        DataFrame
            `value`, `lower`, `upper`, log10 flux; the interval aims at nine tenths of the truth.
        """
        X = describe_edges(truth, predicted, asked)
        table = self._trust(X, _predict(self.parts_, X))
        wide = self.widening_[classify(X["length"], CLASSES[1:-1])].to_numpy()
        table["lower"] = np.minimum(table["lower"] - wide, table["value"])
        table["upper"] = np.maximum(table["upper"] + wide, table["value"])
        return table.add(X["predicted"], axis=0)

    def _trust(self, X, table):
        """Shrink corrections by the shares, and move their intervals with them."""
        shares = self.shares_[classify(X["nearest"], DISTANCES)].to_numpy()
        return table.sub(table["value"] * (1 - shares), axis=0)

    def _draw_rows(self, truth, predicted):
        usable = (truth.notna() & predicted.notna()).to_numpy()
        if usable.sum() < FEWEST:
            raise FluxError(
                f"{usable.sum()} samples have both truth and prediction; expected {FEWEST} or more."
            )
        rng = np.random.default_rng(self.random_state)
        steps_a_day = round(DAY / find_cadence(truth.index, "truth"))
        parts: list[pd.DataFrame] = []
        while sum(map(len, parts)) < self.rows and len(parts) < MOST_DRAWS:
            gaps = draw_mask(len(truth), steps_a_day, rng)
            hidden = (gaps > 0) & usable
            chance = SAMPLES_A_GAP / np.bincount(gaps)[gaps]
            asked = hidden & (rng.random(len(gaps)) < chance)
            part = describe_edges(truth.mask(hidden), predicted, asked)
            parts.append(part.assign(error=(truth - predicted)[part.index]))
        rows = pd.concat(parts).sort_index(kind="stable")
        return rows.iloc[:: max(1, len(rows) // self.rows)]

    def _grow(self, X, error):
        fills = find_fills(X.to_numpy())
        filled = fill_below(X.to_numpy(), fills)
        forest = build_forest(
            self.trees,
            None,
            self.leaf,
            max_features=1 / 3,
            random_state=self.random_state,
            n_jobs=-1,
        ).fit(filled, error)
        trees = [one.tree_ for one in forest.estimators_]  # made anew each time it is asked for
        return fills, forest, trees, _sample_leaves(trees, filled, error, self.random_state)


def classify(hours: pd.Series, borders: tuple) -> np.ndarray:
    """Return the class of each number of hours; those without an end are of the longest."""
    return np.digitize(hours.fillna(np.inf), borders)


def _find_shares(X: pd.DataFrame, corrections: np.ndarray, error: np.ndarray) -> pd.Series:
    """Return the share of corrections, 0 to 1, that leaves the least error in each class."""
    code, number = classify(X["nearest"], DISTANCES), len(DISTANCES) + 1
    both = np.bincount(code, corrections * error, number)
    alone = np.bincount(code, corrections**2, number)
    return pd.Series(np.clip(both / np.maximum(alone, np.finfo(float).tiny), 0, 1))


def _sample_leaves(trees, X, y, seed):
    """Return, for each tree, the target of one training row drawn from each leaf, by node."""
    rng = np.random.default_rng(seed)
    single, drawn = X.astype(np.float32), []
    for tree in trees:
        order = rng.permutation(len(y))
        values = np.zeros(tree.node_count)
        values[tree.apply(single)[order]] = y[order]
        drawn.append(values)
    return drawn


def _predict(parts, X):
    """Return mean and quantiles of the errors that similar rows of training had."""
    fills, forest, trees, drawn = parts
    filled = fill_below(X.to_numpy(), fills)
    single = filled.astype(np.float32)
    tails = (1 - COVERAGE) / 2, (1 + COVERAGE) / 2
    bounds = np.empty((2, len(X)))
    for start in range(0, len(X), 4096):  # all trees by all rows would fill memory
        part = slice(start, start + 4096)
        leaves = [
            values[tree.apply(single[part])] for tree, values in zip(trees, drawn, strict=True)
        ]
        bounds[:, part] = np.quantile(leaves, tails, axis=0)
    table = {"value": forest.predict(filled), "lower": bounds[0], "upper": bounds[1]}
    return pd.DataFrame(table, index=X.index)


def _find_widening(misses: pd.Series, code: np.ndarray) -> pd.Series:
    """Return the quantile of the misses in each class; of all, where a class has few."""

    def measure(part: pd.Series) -> float:
        part = part if len(part) >= FEWEST else misses
        return float(part.quantile(COVERAGE, interpolation="higher"))

    return pd.Series([measure(misses[code == one]) for one in range(len(CLASSES) - 1)])
