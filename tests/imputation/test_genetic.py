import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.imputation.error_surface import ForestSurface
from fluxlib.imputation.genetic import GeneticSearch, SearchReplayer
from tests.helpers.imputation import SEARCH, make_surface

SMALL = {"population": 8, "generations": 12, "random_state": 3}


def hill(trees, depth, leaf):
    """Peak 4 at (200, 12, 5), positive everywhere."""
    return 1 / (0.25 + abs(trees - 200) / 512 + abs(depth - 12) / 32 + abs(leaf - 5) / 32)


def test_same_seed_gives_the_same_run_and_another_seed_another():
    history, best = GeneticSearch(**SMALL).run(hill)
    again, best_again = GeneticSearch(**SMALL).run(hill)
    other, _ = GeneticSearch(**SMALL | {"random_state": 4}).run(hill)
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


def test_with_elitism_no_generation_lacks_the_best_so_far_and_without_some_do():
    asked, bests = [], []
    elite, _ = GeneticSearch(random_state=1, elitism=True).run(
        lambda *genes: asked.append(hill(*genes)) or asked[-1],
        progress=lambda *_: bests.append(max(asked)),
    )
    assert elite["best"].tolist() == bests
    assert bests[-1] > bests[0]
    plain, _ = GeneticSearch(random_state=1).run(hill)
    assert not plain["best"].is_monotonic_increasing


def breed_once(**options):
    """Return the fitness of all chromosomes of a first generation and of the next, least first."""
    counts = []
    for generations in (0, 1):
        search = GeneticSearch(generations=generations, **options)
        search.run(hill)
        table = search.evaluations_
        counts.append(Counter(np.repeat(table["fitness"], table["visits"]).tolist()))
    return sorted(counts[0].elements()), sorted((counts[1] - counts[0]).elements())


@pytest.mark.parametrize(("seed", "improves"), [(1, False), (4, True)])
def test_elitism_puts_the_best_in_place_of_the_worst_offspring_and_keeps_all_others(seed, improves):
    parents, offspring = breed_once(random_state=seed)
    _, elite = breed_once(random_state=seed, elitism=True)
    assert (offspring[-1] > parents[-1]) == improves
    assert offspring[0] < offspring[-1]
    assert elite == sorted([*offspring[1:], parents[-1]])


@pytest.mark.parametrize(
    ("selection", "share"),
    [
        ("roulette", lambda p: 2 * p / (1 + p)),
        ("rank", lambda p: 1 - (1 - p) ** 2),
        ("tournament", lambda p: 1 - (1 - p) ** 3),  # of three, one at least is fit
        ("sigma", lambda p: p + np.sqrt(p * (1 - p)) / 2),
    ],
)
def test_each_selection_takes_parents_with_the_probability_that_it_is_defined_by(selection, share):
    # One bit makes the fitness 2 instead of 1: about half of the first generation has it.
    size = 4000
    search = GeneticSearch(
        bits=(1, 1, 1), population=size, generations=1, crossover=0, mutation=0, selection=selection
    )
    history, _ = search.run(lambda trees, depth, leaf: leaf)
    before, after = history["mean"] - 1
    expected = share(before)
    assert after == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / size))


def test_without_crossover_and_mutation_nothing_new_is_made():
    history, _ = GeneticSearch(**SMALL, crossover=0, mutation=0).run(hill)
    assert history["evaluations"].iloc[-1] == history["evaluations"].iloc[0]


def test_certain_mutation_flips_every_bit():
    seen = []
    search = GeneticSearch(bits=(1, 1, 1), population=2, generations=1, crossover=0, mutation=1)
    search.run(lambda *genes: seen.append(genes) or 1.0)
    flipped = {tuple(3 - gene for gene in genes) for genes in seen}
    assert flipped & set(seen)


@pytest.mark.parametrize("mutation", [0.01, 0.1])
def test_each_bit_of_each_offspring_flips_with_the_probability_of_mutation(mutation):
    bits, parent = (9, 5, 5), []

    def favour_the_first(*genes):
        parent.append(genes)
        return 1e9 if genes == parent[0] else 1e-9  # so that roulette draws it alone

    search = GeneticSearch(
        bits=bits, population=600, generations=1, crossover=0, mutation=mutation, random_state=2
    )
    first, _ = GeneticSearch(bits=bits, population=600, generations=0, random_state=2).run(
        lambda *_: 1.0
    )
    assert len(first) == 1
    search.run(favour_the_first)
    new = search.evaluations_.iloc[int(search.history_["evaluations"].iloc[0]) :]
    distance = np.zeros(len(new))
    for name, gene in zip(("trees", "depth", "leaf"), parent[0], strict=True):
        differing = (new[name].to_numpy() - 1) ^ (gene - 1)
        distance += [int(n).bit_count() for n in differing]
    flips, total = (distance * new["visits"]).sum(), 600 * sum(bits)
    assert flips / total == pytest.approx(mutation, abs=4 * np.sqrt(mutation / total))


def test_crossover_makes_forests_that_the_first_generation_did_not_have():
    options = {"bits": (3, 3, 3), "population": 40, "generations": 6, "mutation": 0}
    crossed = GeneticSearch(**options, crossover=1)
    history, _ = crossed.run(lambda *_: 1.0)
    assert history["evaluations"].iloc[-1] > 1.5 * history["evaluations"].iloc[0]


def test_search_over_the_surface_is_the_search_over_its_numbers():
    X = np.random.default_rng(0).normal(size=(200, 3))
    data = X[:150], X[:150, 0], X[150:], X[150:, 0]
    full = ForestSurface(*data)
    table = {leaf: full.rmse_table(leaf, 32) for leaf in range(1, 5)}
    options = {**SMALL, "bits": (5, 3, 2)}
    lazy, best = GeneticSearch(**options).run(ForestSurface(*data).fitness)
    direct, best_direct = GeneticSearch(**options).run(
        lambda trees, depth, leaf: 1 / table[leaf].loc[trees, depth]
    )
    pd.testing.assert_frame_equal(lazy, direct, check_exact=True)
    assert best == best_direct


def test_a_fitness_that_is_not_known_ends_the_search_with_the_generations_that_are_complete():
    history, _ = GeneticSearch(**SMALL).run(hill)
    calls = iter(range(30))
    search = GeneticSearch(**SMALL)
    partial, best = search.run(lambda *genes: None if next(calls, None) is None else hill(*genes))
    assert 1 <= len(partial) < len(history)
    pd.testing.assert_frame_equal(partial, history.iloc[: len(partial)])
    assert best.stopped == "incomplete"
    assert best.fitness == partial["best"].max()


def test_nothing_is_found_where_no_fitness_is_known():
    history, best = GeneticSearch(**SMALL).run(lambda *_: None)
    assert history.empty
    assert best is None


def test_a_search_that_should_stop_keeps_its_generations_and_reports_each():
    history, _ = GeneticSearch(**SMALL).run(hill)
    reported = []
    search = GeneticSearch(**SMALL)
    partial, best = search.run(
        hill,
        progress=lambda *pair: reported.append(pair),
        should_stop=lambda: len(reported) == 4,
    )
    assert reported == [(1, 13), (2, 13), (3, 13), (4, 13)]
    pd.testing.assert_frame_equal(partial, history.iloc[:4])
    assert best.stopped == "incomplete"


def test_an_interrupt_passes_through():
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GeneticSearch(**SMALL).run(interrupt)


def test_forests_are_prepared_a_generation_at_a_time_before_they_are_asked_for():
    order = []
    search = GeneticSearch(**SMALL)
    search.run(
        lambda *genes: order.append(genes) or hill(*genes),
        prepare=lambda new: order.append(list(new)),
    )
    batches = [batch for batch in order if isinstance(batch, list)]
    asked = [genes for genes in order if isinstance(genes, tuple)]
    assert [genes for batch in batches for genes in batch] == asked
    assert order[0] == asked[: len(order[0])]
    assert len(batches) == 13


def test_stops_when_nothing_better_comes():
    history, best = GeneticSearch(**SMALL, patience=4).run(lambda *_: 1.0)
    assert best.stopped == "patience"
    assert len(history) == 5
    climbing = iter(range(1, 1000))
    history, best = GeneticSearch(**SMALL, patience=4).run(lambda *_: float(next(climbing)))
    assert len(history) > 5


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
        runs = list(
            pool.map(lambda s: GeneticSearch(**SMALL | {"random_state": s}).run(hill)[0], seeds)
        )
    for one, seed in zip(runs, seeds, strict=True):
        alone, _ = GeneticSearch(**SMALL | {"random_state": seed}).run(hill)
        pd.testing.assert_frame_equal(one, alone)


@pytest.fixture
def replayer():
    return SearchReplayer(make_surface())


def test_without_forests_nothing_is_replayed_and_all_are_missing(replayer):
    found = replayer.replay(**SEARCH)
    assert (found.best, found.is_complete, found.missing_trees) == (None, False, 8 * 4)
    assert found.surface.trees_grown.empty


def test_grown_forests_replay_the_very_search(replayer):
    reported = []
    replayer.grow(progress=lambda *pair: reported.append(pair), **SEARCH)
    assert reported[-1] == (32, 32)
    assert reported == sorted(reported)
    found = replayer.replay(**SEARCH)
    search = {name: value for name, value in SEARCH.items() if name != "fitness"}
    history, best = GeneticSearch(**search).run(make_surface().fitness)
    assert found.best == best
    assert found.history.equals(history)
    assert found.is_complete
    assert found.missing_trees == 0


def test_other_settings_of_the_same_bits_replay_at_once(replayer):
    replayer.grow(**SEARCH)
    found = replayer.replay(**SEARCH | {"population": 10, "random_state": 9, "generations": 12})
    assert found.is_complete
    assert len(found.history) == 13


def test_other_errors_and_depths_are_grown_apart(replayer):
    replayer.grow(**SEARCH)
    assert replayer.seconds_per_tree > 0
    for changed in ({"fitness": "train"}, {"bits": (3, 3, 2)}):
        found = replayer.replay(**SEARCH | changed)
        assert (found.is_complete, found.missing_trees) == (False, 32)
    replayer.grow(**SEARCH | {"fitness": "train"})
    train = replayer.replay(**SEARCH | {"fitness": "train"})
    assert train.best.rmse < replayer.replay(**SEARCH).best.rmse


def test_a_stop_keeps_what_is_grown(replayer):
    done = []
    replayer.grow(
        progress=lambda *pair: done.append(pair), should_stop=lambda: len(done) == 2, **SEARCH
    )
    assert len(done) == 2
    assert 0 < replayer.get_surface("validation", (3, 2, 2)).trees_grown.size == 2
    assert not replayer.replay(**SEARCH).is_complete
    replayer.grow(**SEARCH)
    assert replayer.replay(**SEARCH).is_complete


def test_a_replay_shows_the_generations_whose_forests_are_grown(replayer):
    surface = replayer.get_surface("validation", (3, 2, 2))
    history, _ = GeneticSearch(**{k: SEARCH[k] for k in SEARCH if k != "fitness"}).run(
        make_surface().fitness
    )
    leaves = set()
    search = GeneticSearch(**{k: SEARCH[k] for k in SEARCH if k != "fitness"} | {"generations": 0})
    search.run(lambda trees, depth, leaf: leaves.add(leaf) or 1.0)
    surface.grow([(8, 1, leaf) for leaf in leaves])
    found = replayer.replay(**SEARCH)
    assert len(found.history) >= 1
    pd.testing.assert_frame_equal(found.history, history.iloc[: len(found.history)])
