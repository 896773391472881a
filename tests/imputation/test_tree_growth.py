import importlib.util
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
import sklearn.ensemble

from fluxlib.imputation import tree_growth as growth
from fluxlib.imputation.error_surface import ForestSurface
from fluxlib.imputation.genetic import GeneticSearch
from fluxlib.imputation.tree_growth import Growth
from tests.imputation.test_error_surface import make_data


@pytest.fixture(scope="module")
def data():
    X, y = make_data(600)
    return X[:400], y[:400], X[400:], y[400:]


def test_both_engines_give_the_same_error_to_within_the_spread_of_seeds(data, monkeypatch):
    values = {}
    for name, engine in {
        "installed": growth.RandomForestRegressor,
        "scikit-learn": sklearn.ensemble.RandomForestRegressor,
    }.items():
        monkeypatch.setattr(growth, "RandomForestRegressor", engine)
        surfaces = [ForestSurface(*data, random_state=seed) for seed in range(6)]
        values[name] = np.array([surface.rmse(32, 12, 1) for surface in surfaces])
    difference = abs(values["installed"].mean() - values["scikit-learn"].mean())
    assert difference < 2 * values["scikit-learn"].std(ddof=1)


def test_scikit_learn_serves_where_intelex_is_not_installed(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearnex", None)
    monkeypatch.setitem(sys.modules, "sklearnex.ensemble", None)
    spec = importlib.util.spec_from_file_location("growth_without_intelex", growth.__file__)
    without = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(without)
    assert without.RandomForestRegressor is sklearn.ensemble.RandomForestRegressor
    X, y, X_validation, y_validation = data
    grower = without.Growth(20, 10, 1.0, random_state=0, n_jobs=1)
    trees = grower.grow(0, 1, 0, X.astype(np.float32), y)
    squares, _ = grower.count(trees, 0, None, X_validation.astype(np.float32), y_validation)
    assert squares[-1, -1] / len(y_validation) < y_validation.var()


def test_counting_adds_to_a_copy_of_the_sums(data):
    X, y = data[0].astype(np.float32), data[1]
    grower = Growth(2, 4, 1.0, random_state=0, n_jobs=1)
    before = np.ones((len(y), 4))
    _, sums = grower.count(grower.grow(0, 5, 0, X, y), 1, before, X, y)
    assert (before == 1).all()
    assert not (sums == 1).any()


def search(data, **options):
    surface = ForestSurface(*data, kinds=("validation", "train"), max_depth=8, **options)
    finder = GeneticSearch(population=8, generations=3, bits=(6, 3, 2), seed=1)
    history, best = finder.run(surface.fitness, prepare=surface.prepare)
    planes = {
        (leaf, kind): surface.plane(leaf, kind=kind)
        for leaf in surface.grown.index
        for kind in surface.kinds
    }
    return history, best, planes


def assert_same(one, other):
    assert one[0].equals(other[0])
    assert one[1] == other[1]
    assert one[2].keys() == other[2].keys()
    assert all(one[2][name].equals(other[2][name]) for name in one[2])


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True])
def test_workers_grow_the_surface_to_the_last_digit(data, workers, tmp_path, kept):
    folder = tmp_path if kept else None
    assert_same(search(data, folder=folder and tmp_path / "two"), workers.leave(search, data))


@pytest.mark.slow
def test_a_killed_worker_changes_no_digit(data, workers):
    alone = workers.leave(search, data)
    link = workers.link

    def kill_one():
        while not link.client.processing() or not any(link.client.processing().values()):
            time.sleep(0.005)
        os.kill(next(iter(link.client.run(os.getpid).values())), signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    assert_same(search(data), alone)
    killer.join()
