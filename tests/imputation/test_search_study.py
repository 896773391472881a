import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.imputation import GeneticSearch, compare_searches, describe_searches, random_search
from fluxlib.imputation.genetic import SELECTIONS

BITS = (4, 3, 3)


class Surface:
    """Errors with one least, at 16 trees, depth 5 and leaf 3."""

    def tabulate(self, bits):
        trees, depths, leaves = (np.arange(1, 2**n + 1) for n in bits)
        bowl = (depths - 5.0) ** 2 + ((leaves - 3.0) ** 2)[:, None]
        return 0.2 + 0.002 * bowl[:, None, :] + 0.02 / trees[None, :, None]


def test_random_search_finds_the_least_of_what_it_draws():
    errors = Surface().tabulate(BITS)
    whole = random_search(Surface(), BITS, errors.size)
    assert whole.to_dict() == {"trees": 16, "depth": 5, "leaf": 3, "rmse": errors.min()}
    few = [random_search(Surface(), BITS, 5, seed)["rmse"] for seed in range(20)]
    assert min(few) > errors.min()
    assert len(set(few)) > 10


def test_searches_are_compared_over_seeds_at_the_same_number_of_forests():
    table = compare_searches(Surface(), bits=BITS, seeds=12, population=8, generations=6)
    assert table.groupby("search").size().to_dict() == dict.fromkeys(
        [*SELECTIONS, "random search"], 12
    )
    counts = table.pivot_table("forests", "seed", "search")
    assert counts["random search"].equals(counts["roulette"].rename("random search"))
    assert table["above"].min() >= 0
    one = GeneticSearch(bits=BITS, population=8, generations=6, random_state=3)
    errors = Surface().tabulate(BITS)
    one.run(lambda t, d, n: 1 / errors[n - 1, t - 1, d - 1])
    row = table.set_index(["search", "seed"]).loc[("roulette", 3)]
    assert row["rmse"] == pytest.approx(one.best_.rmse)
    assert row["forests"] == len(one.evaluations_)
    assert row["first"] >= row["rmse"]


def make_table(ours, rival):
    seeds = np.arange(len(ours))
    parts = [
        pd.DataFrame({"search": name, "seed": seeds, "rmse": rmse, "first": 0.3, "above": above})
        for name, rmse, above in (
            ("roulette", ours, 2.0),
            ("rank", ours, 1.0),
            ("random search", rival, 3.0),
        )
    ]
    return pd.concat(parts, ignore_index=True)


def test_the_sentence_follows_from_the_numbers():
    seeds = np.arange(50)
    text = describe_searches(make_table(np.full(50, 0.27), np.where(seeds < 27, 0.28, 0.26)))
    assert "by 10.0 % (median of 50 seeds)" in text
    assert "in 27 of 50, which is no better than chance" in text
    assert "Of all selections rank ends lowest, 1.0 % above" in text
    assert "random search 3.0 %" in text
    better = describe_searches(make_table(np.full(50, 0.27), np.full(50, 0.28)))
    assert "in 50 of 50, which is better" in better
    worse = describe_searches(make_table(np.full(50, 0.27), np.full(50, 0.26)))
    assert "in 0 of 50, which is worse" in worse


@pytest.mark.parametrize("selection", ["rank", "tournament", "sigma"])
def test_a_selection_that_presses_raises_the_mean_faster_than_roulette(selection):
    errors = Surface().tabulate(BITS)

    def mean_of_last(how):
        ends = []
        for seed in range(10):
            search = GeneticSearch(
                bits=BITS, generations=15, mutation=0.0, selection=how, random_state=seed
            )
            history, _ = search.run(lambda t, d, n: 1 / errors[n - 1, t - 1, d - 1])
            ends.append(history["mean"].iloc[-1] - history["mean"].iloc[0])
        return np.mean(ends)

    assert mean_of_last(selection) > mean_of_last("roulette") + 0.05


def test_an_unknown_selection_is_named():
    with pytest.raises(FluxError, match="selection is 'luck'; expected one of roulette, rank"):
        GeneticSearch(selection="luck")
