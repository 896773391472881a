import numpy as np
import pytest

from fluxlib.imputation.error_surface import ForestSurface
from fluxlib.imputation.genetic import GeneticSearch
from fluxlib.imputation.replay import Rehearsal

OPTIONS = {"population": 6, "generations": 3, "crossover": 0.7, "mutation": 0.05, "seed": 1}
OPTIONS |= {"elitism": False, "bits": (3, 2, 2), "fitness": "validation"}


def make_surface():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = X[:, 0] + 0.3 * rng.normal(size=300)
    return ForestSurface(X[:200], y[:200], X[200:], y[200:], max_depth=4, n_jobs=1)


@pytest.fixture
def rehearsal():
    return Rehearsal(make_surface())


def test_without_forests_nothing_is_replayed_and_all_are_missing(rehearsal):
    found = rehearsal.replay(**OPTIONS)
    assert (found.best, found.is_whole, found.missing) == (None, False, 8 * 4)
    assert found.surface.grown.empty


def test_grown_forests_replay_the_very_search(rehearsal):
    told = []
    rehearsal.grow(lambda done, total: told.append((done, total)), **OPTIONS)
    assert told[-1] == (32, 32)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    found = rehearsal.replay(**OPTIONS)
    search = {name: value for name, value in OPTIONS.items() if name != "fitness"}
    history, best = GeneticSearch(**search).run(make_surface().fitness)
    assert found.best == best
    assert found.history.equals(history)
    assert found.is_whole
    assert found.missing == 0


def test_other_settings_of_the_same_bits_replay_at_once(rehearsal):
    rehearsal.grow(lambda *_: None, **OPTIONS)
    found = rehearsal.replay(**OPTIONS | {"population": 10, "seed": 9, "generations": 12})
    assert found.is_whole
    assert len(found.history) == 13


def test_other_errors_and_depths_are_grown_apart(rehearsal):
    rehearsal.grow(lambda *_: None, **OPTIONS)
    assert rehearsal.pace > 0
    for changed in ({"fitness": "train"}, {"bits": (3, 3, 2)}):
        found = rehearsal.replay(**OPTIONS | changed)
        assert (found.is_whole, found.missing) == (False, 32)
    rehearsal.grow(lambda *_: None, **OPTIONS | {"fitness": "train"})
    train = rehearsal.replay(**OPTIONS | {"fitness": "train"})
    assert train.best.rmse < rehearsal.replay(**OPTIONS).best.rmse


def test_an_interrupt_keeps_what_is_grown_and_the_generations_that_it_makes(rehearsal):
    calls = []

    def stop(done, total):
        calls.append(done)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # the first generation is not whole
        rehearsal.grow(stop, **OPTIONS)
    assert rehearsal.find_surface("validation", (3, 2, 2)).grown.sum() > 0
    assert not rehearsal.replay(**OPTIONS).is_whole
    rehearsal.grow(lambda *_: None, **OPTIONS)
    assert rehearsal.replay(**OPTIONS).is_whole
