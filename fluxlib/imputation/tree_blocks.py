"""Blocks of trees: how they are grown, and the forest's error after each tree, at each depth.

A forest grown deep contains every shallower and smaller forest of the same leaf size: a tree cut
at a depth predicts the mean of the node there. So the errors of all numbers of trees and all
depths come from one forest for each leaf size.
"""

import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import effective_n_jobs

from fluxlib.imputation.forest import build_forest, limit_threads

_ROWS = 1024  # rows that a thread walks at a time: what it works on stays in its cache


class TreeBlock:
    """Some fitted trees of a forest.

    Parameters
    ----------
    trees : sequence
        The ``tree_`` of each estimator of a forest that was grown to `max_depth` at most.
    max_depth : int
        Errors are counted for depths 1..max_depth.
    """

    def __init__(self, trees: Sequence, max_depth: int):
        self.trees, self.max_depth = list(trees), max_depth
        self.values = [node_means(tree) for tree in self.trees]

    def squared_errors(
        self, X: np.ndarray, y: np.ndarray, sums: np.ndarray, first: int
    ) -> np.ndarray:
        """Add each tree's predictions to `sums`, and return the forest's squared error after it.

        Parameters
        ----------
        X : array, shape (n, p), single precision
        y : array, shape (n,)
        sums : array, shape (n, max_depth)
            Summed predictions of the `first` trees before this block; changed in place.

        Returns
        -------
        array, shape (trees, max_depth)
            Summed over the rows.
        """
        squares = np.empty((len(self.trees), self.max_depth))
        steps = np.arange(1, self.max_depth + 1)
        for number, (tree, values) in enumerate(zip(self.trees, self.values, strict=True)):
            path = tree.decision_path(X)  # the nodes of each row, from the root to its leaf
            start, leaf = path.indptr[:-1, None], path.indptr[1:, None] - 1
            # A leaf above a depth stands for itself there.
            sums += values[path.indices].take(np.minimum(start + steps, leaf))
            residual = sums / (first + number + 1) - y[:, None]
            squares[number] = np.einsum("ij,ij->j", residual, residual)
        return squares


def node_means(tree: Any) -> np.ndarray:
    """Return the mean target of each node's samples: oneDAL gives values to leaves only."""
    left, right = tree.children_left, tree.children_right
    means, weights = tree.value[:, 0, 0].copy(), tree.weighted_n_node_samples
    levels, level = [], np.array([0])
    while len(inner := level[left[level] >= 0]):
        levels.append(inner)
        level = np.concatenate([left[inner], right[inner]])
    for inner in reversed(levels):
        one, two = left[inner], right[inner]
        total = weights[one] * means[one] + weights[two] * means[two]
        means[inner] = total / (weights[one] + weights[two])
    return means


@dataclass(frozen=True)
class TreeGrower:
    """How the blocks of a surface are grown.

    A block depends on its own seed and not on the blocks before it. Only the summed predictions
    pass from one block of a leaf size to the next.

    Attributes
    ----------
    block : int
        Trees in a block.
    max_depth, max_features
        As `fluxlib.ForestSurface` takes.
    random_state : int
        Seed of all blocks.
    n_jobs : int
        Threads.
    """

    block: int
    max_depth: int
    max_features: float | int | str
    random_state: int
    n_jobs: int

    def make_seed(self, first: int) -> int:
        """Return the seed of the block that begins with tree `first`, for all leaf sizes."""
        entropy = [self.random_state, 0, first]
        return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)

    def grow(self, leaf: int, first: int, X: np.ndarray, y: np.ndarray) -> TreeBlock:
        """Grow the block that begins with tree `first`."""
        n_jobs = effective_n_jobs(self.n_jobs)
        forest = build_forest(
            self.block,
            self.max_depth,
            leaf,
            max_features=self.max_features,
            random_state=self.make_seed(first),
            n_jobs=n_jobs,
        )
        with warnings.catch_warnings():
            if (
                limit_threads is not None
                and threading.current_thread() is not threading.main_thread()
            ):
                # Elsewhere scikit-learn-intelex ignores n_jobs, with a warning.
                limit_threads(n_jobs)
                warnings.filterwarnings("ignore", "'Threading' parallel backend", UserWarning)
            # Copies, as workers get arrays that cannot be written to, which oneDAL refuses.
            forest.fit(X.astype(float), y.copy())
        return TreeBlock([tree.tree_ for tree in forest.estimators_], self.max_depth)

    def squared_errors(
        self, block: TreeBlock, first: int, sums: np.ndarray, X: np.ndarray, y: np.ndarray
    ) -> np.ndarray:
        """Do what `TreeBlock.squared_errors` does, with several threads."""
        parts = [slice(i, i + _ROWS) for i in range(0, len(y), _ROWS)]
        with ThreadPoolExecutor(effective_n_jobs(self.n_jobs)) as pool:
            done = pool.map(lambda p: block.squared_errors(X[p], y[p], sums[p], first), parts)
            return np.sum(list(done), axis=0)


def grow_blocks(
    leaf: int,
    first: int,
    trees: int,
    sums: np.ndarray | None,
    grower: TreeGrower,
    train: tuple[np.ndarray, np.ndarray],
    counted: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Grow the blocks of one leaf size that are missing; a task of `map_tasks`.

    Parameters
    ----------
    leaf : int
        Leaf size.
    first, trees : int
        Trees that there are, and that are wanted; whole blocks are grown.
    sums : array, shape (n, max_depth), or None
        Summed predictions of the `first` trees; None if there are none.
    grower : TreeGrower
    train, counted : (array, array)
        Rows to grow on, and rows to count errors on: X (n, p) in single precision, and y (n,).

    Returns
    -------
    squares : array, shape (new trees, max_depth)
        The forest's squared error after each new tree, summed over the rows.
    sums : array, shape (n, max_depth)
        Summed predictions, with those of the new trees.
    """
    X, y = counted
    sums = np.zeros((len(y), grower.max_depth)) if sums is None else sums.copy()
    squares = [
        grower.squared_errors(grower.grow(leaf, start, *train), start, sums, X, y)
        for start in range(first, trees, grower.block)
    ]
    return np.concatenate(squares), sums
