import json
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.imputation.error_surface import ForestSurface
from fluxlib.imputation.genetic import GeneticSearch

SMALL = {"population": 8, "generations": 12, "seed": 3}


def hill(trees, depth, leaf):
    """Peak 4 at (200, 12, 5), positive everywhere."""
    return 1 / (0.25 + abs(trees - 200) / 512 + abs(depth - 12) / 32 + abs(leaf - 5) / 32)


class Dying:
    """A fitness that raises at its n-th question."""

    def __init__(self, calls, error=KeyboardInterrupt):
        self.calls, self.error = calls, error

    def __call__(self, *genes):
        self.calls -= 1
        if self.calls < 0:
            raise self.error
        return hill(*genes)


def test_same_seed_gives_the_same_run_and_another_seed_another():
    history, best = GeneticSearch(**SMALL).run(hill)
    again, best_again = GeneticSearch(**SMALL).run(hill)
    other, _ = GeneticSearch(**SMALL | {"seed": 4}).run(hill)
    pd.testing.assert_frame_equal(history, again)
    assert best == best_again
    assert not history.equals(other)


def test_search_neither_feels_nor_disturbs_the_global_generator():
    def noisy(*genes):
        random.random()
        return hill(*genes)

    random.seed(1)
    expected = random.Random(1).random()
    history, _ = GeneticSearch(**SMALL).run(hill)
    assert random.random() == expected
    random.seed(2)
    pd.testing.assert_frame_equal(GeneticSearch(**SMALL).run(noisy)[0], history)


def test_published_budget_climbs_a_hill():
    history, best = GeneticSearch().run(hill)
    assert len(history) == 101
    assert best.fitness > 0.85 * hill(200, 12, 5)
    assert history["mean"].iloc[-10:].mean() > 1.5 * history["mean"].iloc[0]


def test_genes_are_integers_plus_one_most_significant_bit_first():
    search = GeneticSearch(bits=(3, 2, 1))
    assert search.decode([0, 0, 0, 0, 0, 0]) == (1, 1, 1)
    assert search.decode([1, 1, 1, 1, 1, 1]) == (8, 4, 2)
    assert search.decode([1, 0, 0, 0, 1, 1]) == (5, 2, 2)


def test_genes_stay_in_the_range_of_their_bits():
    search = GeneticSearch(bits=(4, 3, 2), population=20, generations=20)
    search.run(hill)
    ranges = search.evaluations_[["trees", "depth", "leaf"]].agg(["min", "max"])
    assert ranges.loc["max"].tolist() == [16, 8, 4]
    assert ranges.loc["min"].min() >= 1


def test_each_forest_is_asked_for_once():
    asked = []
    search = GeneticSearch(**SMALL)
    history, _ = search.run(lambda *genes: asked.append(genes) or hill(*genes))
    assert len(asked) == len(set(asked)) == history["evaluations"].iloc[-1]
    assert [tuple(row) for row in search.evaluations_[["trees", "depth", "leaf"]].values] == asked
    assert search.evaluations_["visits"].sum() == 8 * 13


def test_history_says_what_a_generation_held():
    history, best = GeneticSearch(**SMALL).run(hill)
    for row in history.itertuples():
        assert row.best == hill(row.trees, row.depth, row.leaf)
        assert row.best >= row.mean
    assert best.fitness == history["best"].max()
    assert best.generation == history["best"].idxmax()
    assert best.rmse == 1 / best.fitness
    assert hill(best.trees, best.depth, best.leaf) == best.fitness


def test_best_never_falls_with_elitism_and_does_without():
    plain, _ = GeneticSearch(seed=1).run(hill)
    elite, _ = GeneticSearch(seed=1, elitism=True).run(hill)
    assert elite["best"].is_monotonic_increasing
    assert not plain["best"].is_monotonic_increasing


def test_without_crossover_and_mutation_nothing_new_is_made():
    history, _ = GeneticSearch(**SMALL, crossover=0, mutation=0).run(hill)
    assert history["evaluations"].iloc[-1] == history["evaluations"].iloc[0]


def test_certain_mutation_flips_every_bit():
    seen = []
    search = GeneticSearch(bits=(1, 1, 1), population=2, generations=1, crossover=0, mutation=1)
    search.run(lambda *genes: seen.append(genes) or 1.0)
    flipped = {tuple(3 - gene for gene in genes) for genes in seen}
    assert flipped & set(seen)


@pytest.mark.parametrize("calls", [9, 20, 27, 35])
def test_killed_and_resumed_run_is_the_undisturbed_run(tmp_path, calls):
    history, best = GeneticSearch(**SMALL).run(hill)
    path = tmp_path / "search.json"
    with pytest.raises(RuntimeError):  # dies where an interrupt would be caught
        GeneticSearch(**SMALL, checkpoint=path).run(Dying(calls, RuntimeError))
    search = GeneticSearch(**SMALL, checkpoint=path)
    resumed, best_resumed = search.run(hill)
    pd.testing.assert_frame_equal(resumed, history, check_exact=True)
    assert best_resumed == best


def test_a_run_killed_at_every_generation_is_the_undisturbed_run(tmp_path):
    undisturbed = GeneticSearch(**SMALL)
    history, _ = undisturbed.run(hill)

    def die(row):
        raise RuntimeError

    for _ in history.index:
        with pytest.raises(RuntimeError):
            GeneticSearch(**SMALL, checkpoint=tmp_path / "a.json", on_generation=die).run(hill)
    search = GeneticSearch(**SMALL, checkpoint=tmp_path / "a.json")
    resumed, _ = search.run(Dying(0))  # everything is there: no question is asked
    pd.testing.assert_frame_equal(resumed, history, check_exact=True)
    pd.testing.assert_frame_equal(search.evaluations_, undisturbed.evaluations_)


def test_search_over_the_surface_is_the_search_over_its_numbers():
    X = np.random.default_rng(0).normal(size=(200, 3))
    data = X[:150], X[:150, 0], X[150:], X[150:, 0]
    full = ForestSurface(*data)
    table = {leaf: full.plane(leaf, 32) for leaf in range(1, 5)}
    options = {**SMALL, "bits": (5, 3, 2)}
    lazy, best = GeneticSearch(**options).run(ForestSurface(*data).fitness)
    direct, best_direct = GeneticSearch(**options).run(
        lambda trees, depth, leaf: 1 / table[leaf].loc[trees, depth]
    )
    pd.testing.assert_frame_equal(lazy, direct, check_exact=True)
    assert best == best_direct


def test_interrupt_keeps_the_generations_that_are_complete():
    history, _ = GeneticSearch(**SMALL).run(hill)
    partial, best = GeneticSearch(**SMALL).run(Dying(30))
    assert 1 <= len(partial) < len(history)
    pd.testing.assert_frame_equal(partial, history.iloc[: len(partial)])
    assert best.stopped == "interrupted"


def test_interrupt_before_anything_is_known_is_passed_on():
    with pytest.raises(KeyboardInterrupt):
        GeneticSearch(**SMALL).run(Dying(2))


def test_stops_when_nothing_better_comes():
    history, best = GeneticSearch(**SMALL, patience=4).run(lambda *_: 1.0)
    assert best.stopped == "patience"
    assert len(history) == 5


def test_stops_by_the_clock():
    history, best = GeneticSearch(**SMALL, max_seconds=1e-9).run(hill)
    assert best.stopped == "max_seconds"
    assert len(history) == 1


def test_each_generation_is_announced():
    rows = []
    history, _ = GeneticSearch(**SMALL, on_generation=rows.append).run(hill)
    pd.testing.assert_frame_equal(pd.DataFrame(rows).set_index("generation"), history)


def test_checkpoint_of_another_search_is_refused(tmp_path):
    path = tmp_path / "search.json"
    GeneticSearch(**SMALL, checkpoint=path).run(hill)
    assert json.loads(path.read_text())["settings"]["seed"] == 3
    with pytest.raises(FluxError, match=r"search\.json is of a search with .*delete the file"):
        GeneticSearch(**SMALL | {"seed": 5}, checkpoint=path).run(hill)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_fitness_that_roulette_cannot_use_is_refused(value):
    with pytest.raises(FluxError, match="positive and finite"):
        GeneticSearch(**SMALL).run(lambda *_: value)


def test_unusable_settings_are_refused():
    with pytest.raises(FluxError, match="population is 1"):
        GeneticSearch(population=1)


def test_searches_in_two_threads_do_not_mix_their_draws():
    with ThreadPoolExecutor(2) as pool:
        seeds = [3, 4, 3, 4, 3, 4]
        runs = list(pool.map(lambda s: GeneticSearch(**SMALL | {"seed": s}).run(hill)[0], seeds))
    for one, seed in zip(runs, seeds, strict=True):
        alone, _ = GeneticSearch(**SMALL | {"seed": seed}).run(hill)
        pd.testing.assert_frame_equal(one, alone)
