import importlib.util
import sys

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from fluxlib.imputation import forest, tree_blocks
from fluxlib.imputation.forest import build_forest
from fluxlib.imputation.tree_blocks import TreeBlock, TreeGrower, grow_blocks, node_means


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4)).astype(np.float32)
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.normal(size=300)


@pytest.fixture(scope="module")
def trees(data):
    fitted = RandomForestRegressor(5, max_depth=20, random_state=0).fit(*data)
    return [tree.tree_ for tree in fitted.estimators_]


def cut_tree(tree, row, depth):
    """Walk down one tree by hand, at most `depth` steps."""
    node = 0
    while depth and tree.children_left[node] >= 0:
        left = row[tree.feature[node]] <= tree.threshold[node]
        node = tree.children_left[node] if left else tree.children_right[node]
        depth -= 1
    return tree.value[node, 0, 0]


def test_inner_nodes_hold_the_mean_that_scikit_learn_gives_them(trees):
    for tree in trees:
        np.testing.assert_allclose(node_means(tree), tree.value[:, 0, 0], rtol=1e-9, atol=1e-12)


def test_inner_nodes_of_the_installed_engine_hold_the_mean_of_their_rows(data):
    X, y = data
    fitted = build_forest(1, 6, 5, bootstrap=False, random_state=0).fit(X.astype(float), y)
    tree = fitted.estimators_[0].tree_
    path = tree.decision_path(X).toarray().astype(bool)
    expected = [y[rows].mean() for rows in path.T]
    np.testing.assert_allclose(node_means(tree), expected, rtol=1e-5, atol=1e-5)


def test_errors_are_those_of_trees_walked_by_hand(data, trees):
    X, y = data[0][:40], data[1][:40]
    squares = TreeBlock(trees, 20).squared_errors(X, y, np.zeros((40, 20)), 0)
    for depth in (1, 2, 5, 20):
        walked = np.array([[cut_tree(tree, row, depth) for row in X] for tree in trees])
        forests = np.cumsum(walked, axis=0) / np.arange(1, 6)[:, None]
        expected = ((forests - y) ** 2).sum(axis=1)
        np.testing.assert_allclose(squares[:, depth - 1], expected, rtol=1e-9)


def test_a_second_block_goes_on_from_the_first(data, trees):
    X, y = data
    whole = TreeBlock(trees, 20).squared_errors(X, y, np.zeros((300, 20)), 0)
    sums = np.zeros((300, 20))
    first = TreeBlock(trees[:2], 20).squared_errors(X, y, sums, 0)
    second = TreeBlock(trees[2:], 20).squared_errors(X, y, sums, 2)
    np.testing.assert_allclose(np.vstack([first, second]), whole, rtol=1e-12)


def test_a_tree_of_one_leaf_predicts_the_same_at_every_depth(data):
    X, y = data
    stump = RandomForestRegressor(1, random_state=0).fit(X, np.full(300, 3.0)).estimators_[0].tree_
    sums = np.zeros((300, 4))
    squares = TreeBlock([stump], 4).squared_errors(X, y, sums, 0)
    np.testing.assert_array_equal(sums, 3.0)
    np.testing.assert_allclose(squares, ((3 - y) ** 2).sum())


def test_counting_leaves_the_sums_that_it_was_given_as_they_were(data):
    X, y = data
    grower = TreeGrower(2, 4, 1.0, random_state=0, n_jobs=1)
    before = np.ones((len(y), 4))
    _, sums = grow_blocks(5, 2, 4, before, grower, (X, y), (X, y))
    assert (before == 1).all()
    assert not (sums == 1).any()


def test_blocks_grown_together_are_those_grown_one_after_another(data):
    X, y = data
    grower = TreeGrower(3, 6, 1.0, random_state=0, n_jobs=1)
    both, sums = grow_blocks(2, 0, 6, None, grower, (X, y), (X, y))
    first, between = grow_blocks(2, 0, 1, None, grower, (X, y), (X, y))
    second, after = grow_blocks(2, 3, 6, between, grower, (X, y), (X, y))
    np.testing.assert_array_equal(np.vstack([first, second]), both)
    np.testing.assert_array_equal(after, sums)


def test_each_block_has_a_seed_of_its_own():
    grower = TreeGrower(3, 6, 1.0, random_state=0, n_jobs=1)
    other = TreeGrower(3, 6, 1.0, random_state=1, n_jobs=1)
    assert len({grower.make_seed(0), grower.make_seed(3), other.make_seed(0)}) == 3


def test_rows_counted_in_parts_are_those_counted_at_once(data, monkeypatch):
    X, y = data
    grower = TreeGrower(4, 8, 1.0, random_state=0, n_jobs=2)
    whole, sums = grow_blocks(1, 0, 4, None, grower, (X, y), (X, y))
    monkeypatch.setattr(tree_blocks, "_ROWS", 70)
    parts, sums_of_parts = grow_blocks(1, 0, 4, None, grower, (X, y), (X, y))
    np.testing.assert_allclose(parts, whole, rtol=1e-12)
    np.testing.assert_array_equal(sums_of_parts, sums)


def test_scikit_learn_serves_where_intelex_is_not_installed(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearnex", None)
    monkeypatch.setitem(sys.modules, "sklearnex.ensemble", None)
    spec = importlib.util.spec_from_file_location("forest_without_intelex", forest.__file__)
    without = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(without)
    assert without.RandomForestRegressor is RandomForestRegressor
    monkeypatch.setattr(tree_blocks, "build_forest", without.build_forest)
    monkeypatch.setattr(tree_blocks, "limit_threads", None)
    X, y = data
    grower = TreeGrower(20, 10, 1.0, random_state=0, n_jobs=1)
    squares, _ = grow_blocks(1, 0, 20, None, grower, (X[:200], y[:200]), (X[200:], y[200:]))
    assert squares[-1, -1] / 100 < 0.6 * y[200:].var()
