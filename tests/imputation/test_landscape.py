import numpy as np
import pytest

import fluxlib
from fluxlib.imputation.error_surface import find_landscape


@pytest.fixture(scope="module")
def surface():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = X[:, 0] + 0.2 * rng.normal(size=300)
    return fluxlib.ForestSurface(X[:200], y[:200], X[200:], y[200:], max_depth=8)


def test_the_landscape_is_the_least_over_leaf_sizes(surface):
    landscape, least = find_landscape(surface, (3, 2, 1))
    assert landscape.shape == (8, 4)
    assert (landscape.index[0], landscape.columns[0]) == (1, 1)
    for trees, depth in ((1, 1), (8, 4), (3, 2)):
        expected = min(surface.rmse(trees, depth, leaf) for leaf in (1, 2))
        assert landscape.loc[trees, depth] == pytest.approx(expected)
    assert least["rmse"] == landscape.min(axis=None)
    assert surface.rmse(least["trees"], least["depth"], least["leaf"]) == least["rmse"]


def test_no_search_ends_below_the_least(surface):
    _, least = find_landscape(surface, (3, 2, 1))
    search = fluxlib.GeneticSearch(population=6, generations=4, bits=(3, 2, 1))
    _, best = search.run(surface.fitness)
    assert best.rmse >= least["rmse"]
