import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from fluxlib.imputation.tree_growth import TreeBlock, build_forest


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4)).astype(np.float32)
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.normal(size=300)


@pytest.fixture(scope="module")
def trees(data):
    forest = RandomForestRegressor(5, max_depth=20, random_state=0).fit(*data)
    return [tree.tree_ for tree in forest.estimators_]


def cut_tree(tree, row, depth):
    """Walk down one tree by hand, at most `depth` steps."""
    node = 0
    while depth and tree.children_left[node] >= 0:
        left = row[tree.feature[node]] <= tree.threshold[node]
        node = tree.children_left[node] if left else tree.children_right[node]
        depth -= 1
    return tree.value[node, 0, 0]


def test_inner_nodes_hold_the_mean_that_scikit_learn_gives_them(trees):
    block = TreeBlock(trees, 32)
    given = np.concatenate([tree.value[:, 0, 0] for tree in trees])
    np.testing.assert_allclose(block.nodes["value"], given, rtol=1e-9, atol=1e-12)


def test_errors_are_those_of_trees_walked_by_hand(data, trees):
    X, y = data[0][:40], data[1][:40]
    squares = TreeBlock(trees, 20).count_errors(X, y, np.zeros((40, 20)), 0)
    for depth in (1, 2, 5, 20):
        walked = np.array([[cut_tree(tree, row, depth) for row in X] for tree in trees])
        forests = np.cumsum(walked, axis=0) / np.arange(1, 6)[:, None]
        expected = ((forests - y) ** 2).sum(axis=1)
        np.testing.assert_allclose(squares[:, depth - 1], expected, rtol=1e-9)


def test_a_second_block_goes_on_from_the_first(data, trees):
    X, y = data
    whole = TreeBlock(trees, 20).count_errors(X, y, np.zeros((300, 20)), 0)
    sums = np.zeros((300, 20))
    first = TreeBlock(trees[:2], 20).count_errors(X, y, sums, 0)
    second = TreeBlock(trees[2:], 20).count_errors(X, y, sums, 2)
    np.testing.assert_allclose(np.vstack([first, second]), whole, rtol=1e-12)


def test_nodes_are_numbered_before_their_children(data):
    forest = build_forest(5, 20, 1, random_state=0).fit(data[0].astype(float), data[1])
    nodes = TreeBlock([tree.tree_ for tree in forest.estimators_], 20).nodes
    inner = np.flatnonzero(nodes["left"] >= 0)
    assert len(inner) > 100
    assert (nodes["left"][inner] > inner).all()
    assert (nodes["right"][inner] > inner).all()


def test_a_tree_of_one_leaf_predicts_the_same_at_every_depth(data):
    X, y = data
    stump = RandomForestRegressor(1, random_state=0).fit(X, np.full(300, 3.0)).estimators_[0].tree_
    sums = np.zeros((300, 4))
    squares = TreeBlock([stump], 4).count_errors(X, y, sums, 0)
    np.testing.assert_array_equal(sums, 3.0)
    np.testing.assert_allclose(squares, ((3 - y) ** 2).sum())
