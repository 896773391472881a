"""What the genetic search is worth: against random search, and against all else that helps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from fluxlib.evaluation.skill import score_intervals
from fluxlib.imputation.error_surface import ForestSurface
from fluxlib.imputation.garf import MIN_TREES, GARFImputer
from fluxlib.imputation.genetic import GENES, SELECTIONS, GeneticSearch
from fluxlib.imputation.holdout import FULL, GARF, NO_EDGES, Holdout

RANDOM = "random search"


def random_search(
    surface: ForestSurface, bits: Sequence[int], forests: int, random_state: int = 0
) -> pd.Series:
    """Return the best of some different forests that are drawn at random.

    Parameters
    ----------
    surface : ForestSurface
        Of which all forests of these bits have been grown, or are grown now.
    bits : (int, int, int)
    forests : int
        How many are tried.
    random_state : int

    Returns
    -------
    Series
        `trees`, `depth`, `leaf` and `rmse`.
    """
    errors = surface.tabulate(bits)
    rng = np.random.default_rng(random_state)
    tried = rng.choice(errors.size, min(forests, errors.size), replace=False)
    place = np.unravel_index(tried[errors.ravel()[tried].argmin()], errors.shape)
    leaf, tree, depth = (int(n) + 1 for n in place)
    found = {"trees": tree, "depth": depth, "leaf": leaf, "rmse": float(errors[place])}
    return pd.Series(found, dtype=object)


def compare_searches(
    surface: ForestSurface, *, bits: Sequence[int], seeds: int = 50, **options: Any
) -> pd.DataFrame:
    """Search one error surface with many seeds, by each selection and at random.

    Random search tries as many different forests as the genetic search with roulette did from the
    same seed.

    Parameters
    ----------
    surface : ForestSurface
    bits : (int, int, int)
    seeds : int
    **options
        Of `GeneticSearch`, but for `selection` and `random_state`.

    Returns
    -------
    DataFrame
        A row for each `search` and `seed`: `rmse` of the best forest, `above`, by how much it
        exceeds the least of all (per cent), `first`, the best of the first generation (decades),
        and `forests`, the number of different ones that were tried.
    """
    errors = surface.tabulate(bits)
    least, rows = errors.min(), []
    options = {"elitism": False, **options}
    for name in SELECTIONS:
        for seed in range(seeds):
            search = GeneticSearch(bits=bits, selection=name, random_state=seed, **options)
            history, best = search.run(lambda t, d, n: 1 / float(errors[n - 1, t - 1, d - 1]))
            rows.append((name, seed, best.rmse, 1 / history["best"][0], len(search.evaluations_)))
    for _, seed, _, _, forests in rows[:seeds]:
        found = random_search(surface, bits, forests, seed)
        rows.append((RANDOM, seed, found["rmse"], np.nan, forests))
    table = pd.DataFrame(rows, columns=["search", "seed", "rmse", "first", "forests"])
    table.insert(3, "above", 100 * (table["rmse"] / least - 1))
    return table


def describe_searches(table: pd.DataFrame, selection: str = "roulette") -> str:
    """Return what `compare_searches` shows in two sentences made of its numbers."""
    ours = table[table["search"] == selection].set_index("seed")
    rival = table[table["search"] == RANDOM].set_index("seed")
    gain = 100 * (1 - ours["rmse"] / ours["first"])
    better = int((ours["rmse"] < rival["rmse"]).sum())
    middle = table.groupby("search")["above"].median()
    best = middle.drop(RANDOM).idxmin()
    # A sign test would call 0.5 +- 1.96 / (2 sqrt(n)) even.
    even = abs(better / len(ours) - 0.5) <= 0.98 / np.sqrt(len(ours))
    verdict = (
        "which is no better than chance"
        if even
        else "which is better"
        if better > len(ours) / 2
        else "which is worse"
    )
    return (
        f"By {selection} the search improves on the best of its first generation by "
        f"{gain.median():.1f} % (median of {len(ours)} seeds), and beats as many forests drawn at "
        f"random in {better} of {len(ours)}, {verdict}. Of all selections {best} ends lowest, "
        f"{middle[best]:.1f} % above the least of all forests, and random search "
        f"{middle[RANDOM]:.1f} %."
    )


def attribute_gain(
    holdout: Holdout,
    garf: GARFImputer,
    predictions: pd.DataFrame,
    *,
    published: GARFImputer,
    every: int = 1,
    random_state: int = 0,
) -> pd.DataFrame:
    """Score the steps from the published forest to the full model in the months held out.

    Parameters
    ----------
    holdout : Holdout
    garf : GARFImputer
        Fitted, with a trend and the fitness that held-out blocks give.
    predictions : DataFrame
        Of `predict_holdout`.
    published : GARFImputer
        Fitted without a trend, rewarded for its training error.
    every : int
        One training sample in so many is learned from.
    random_state : int

    Returns
    -------
    DataFrame
        A row for each step: `trend`, `trees` and `tuning` say what it is; `RMSE` with `lower` and
        `upper` (95 %, blocks of time), decades.
    """
    times = holdout.train[::every]
    X, y = holdout.features.loc[times], holdout.log_flux[times]
    tested = holdout.features.loc[holdout.test]

    def predict(forest: Any, genes: Mapping[str, Any], **changes: Any) -> np.ndarray:
        settings = {gene: int(genes[gene]) for gene in GENES} | changes
        return clone(forest).set_params(**settings).fit(X, y).predict(tested)

    ours, theirs = vars(garf.best_), vars(published.best_)
    drawn = random_search(garf.surface_, garf.bits, _count_tried(garf), random_state)
    most = max(MIN_TREES, int(drawn["trees"]))
    base, training, blocks = garf.best_estimator_, "GA, training error", "GA, blocks held out"
    steps = {
        "GA-RF as published": ("no", theirs["trees"], training),
        "+ fitness on blocks held out": ("no", ours["trees"], blocks),
        "+ linear trend": ("yes", ours["trees"], blocks),
        "+ at least 200 trees (GA-RF)": ("yes", base.trees, blocks),
        "the same by random search": ("yes", most, "as many forests at random"),
        "blend of trees and a perceptron": ("of one member", None, "none"),
        "+ edges of gaps (full model)": ("of one member", None, "none"),
    }
    columns = [
        predict(published.best_estimator_, theirs),
        predict(base, ours, trend=()),
        predict(base, ours),
        predictions[GARF].to_numpy(),
        predict(base, drawn, trees=most),
        predictions[NO_EDGES].to_numpy(),
        predictions[FULL].to_numpy(),
    ]
    table = pd.DataFrame(dict(zip(steps, columns, strict=True)), holdout.test)
    scored = score_intervals(holdout.log_flux, table, random_state=random_state)
    scored = scored[["RMSE", "RMSE lower", "RMSE upper"]].set_axis(
        ["RMSE", "lower", "upper"], axis=1
    )
    about = pd.DataFrame(steps, ["trend", "trees", "tuning"]).T
    return about.join(scored).rename_axis("step")


def _count_tried(garf: GARFImputer) -> int:
    return int(garf.history_["evaluations"].iloc[-1])
