"""Blocks of trees, grown and counted: in this process, or on Dask's workers.

A block is grown from its own seed, whatever was grown before it. Only the sums of predictions
pass from one block of a leaf size to the next. So blocks grow on workers in any order and are
counted in theirs, and every digit is that of one process.
"""

import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from operator import itemgetter

import numpy as np
from joblib import effective_n_jobs
from numba import njit

from fluxlib.utils.parallel import Link

# What a walk needs of a node, side by side in memory. `left` and `right` are -1 in a leaf.
NODE = np.dtype(
    [("left", "i4"), ("right", "i4"), ("feature", "i4"), ("threshold", "f8"), ("value", "f8")],
    align=True,
)


class TreeBlock:
    """Fitted trees laid end to end, with a value in every node.

    Parameters
    ----------
    trees : sequence
        The ``tree_`` of each estimator of a forest that was grown to `max_depth` at most.
    max_depth : int
        Predictions are given for depths 1..max_depth.

    Attributes
    ----------
    nodes : array of NODE, shape (nodes of all trees,)
        `value` is the mean target of the samples in a node.
    starts : array
        Each tree's first node, its root.
    """

    def __init__(self, trees: Sequence, max_depth: int):
        self.max_depth = max_depth
        counts = [tree.node_count for tree in trees]
        self.starts = np.cumsum([0, *counts[:-1]])
        self.nodes = np.empty(sum(counts), NODE)
        for start, count, tree in zip(self.starts, counts, trees, strict=True):
            own = self.nodes[start : start + count]
            for name in ("left", "right"):
                child = getattr(tree, f"children_{name}")
                own[name] = np.where(child < 0, -1, child + start)
            own["feature"], own["threshold"] = tree.feature, tree.threshold
            own["value"] = tree.value[:, 0, 0]
        _fill_means(self.nodes, np.concatenate([tree.weighted_n_node_samples for tree in trees]))

    def count_errors(
        self, X: np.ndarray, y: np.ndarray, sums: np.ndarray, first: int
    ) -> np.ndarray:
        """Add each tree's predictions to `sums`, and give the forest's squared error after it.

        Parameters
        ----------
        X : array, shape (n, p), single precision
        y : array, shape (n,)
        sums : array, shape (n, max_depth)
            Predictions of the `first` trees before this block, summed; changed in place.

        Returns
        -------
        array, shape (trees, max_depth)
            Summed over the rows.
        """
        squares = np.zeros((len(self.starts), self.max_depth))
        _walk(self.nodes, self.starts, X, y, sums, first, squares)
        return squares


@njit(nogil=True, cache=True)
def _fill_means(nodes, weights):
    """Give inner nodes the mean of their children: oneDAL fills leaves only."""
    for at in range(len(nodes) - 1, -1, -1):  # both engines number a node before its children
        node = nodes[at]
        if node.left >= 0:
            left, right = weights[node.left], weights[node.right]
            total = left * nodes[node.left].value + right * nodes[node.right].value
            nodes[at].value = total / (left + right)


@njit(nogil=True, cache=True)
def _walk(nodes, starts, X, y, sums, first, squares):
    """Walk each row down each tree; a leaf above a depth stands for itself there."""
    for tree in range(len(starts)):
        trees = first + tree + 1
        for row in range(len(y)):
            node = nodes[starts[tree]]
            for depth in range(sums.shape[1]):
                if node.left >= 0:
                    goes_left = X[row, node.feature] <= node.threshold
                    node = nodes[node.left if goes_left else node.right]
                sums[row, depth] += node.value
                residual = sums[row, depth] / trees - y[row]
                squares[tree, depth] += residual * residual


try:
    from daal4py import daalinit as limit_threads
    from sklearnex.ensemble import RandomForestRegressor

    ENGINE = f"scikit-learn-intelex {version('scikit-learn-intelex')}"
except ImportError:
    from sklearn.ensemble import RandomForestRegressor

    limit_threads = None
    ENGINE = f"scikit-learn {version('scikit-learn')}"

_ROWS = 1024  # rows a thread counts at a time: their sums, 32 depths wide, stay in its cache


def build_forest(trees: int, depth: int | None, leaf: int, **options) -> RandomForestRegressor:
    """Return an unfitted forest of the engine in use, scikit-learn-intelex where installed.

    `leaf` goes to ``min_samples_leaf`` as it is; a `depth` of None is no limit. Note that
    scikit-learn counts different rows in a leaf, and scikit-learn-intelex counts a row as often as
    the bootstrap drew it.
    """
    return RandomForestRegressor(
        n_estimators=trees, max_depth=depth, min_samples_leaf=leaf, **options
    )


@dataclass(frozen=True)
class Growth:
    """How the blocks of a surface are grown.

    Attributes
    ----------
    block : int
        Trees of a block.
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

    def make_seed(self, fold: int, first: int) -> int:
        """Return the seed of a block of a fold; all leaf sizes share it."""
        entropy = [self.random_state, fold, first]
        return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)

    def grow(self, fold: int, leaf: int, first: int, X: np.ndarray, y: np.ndarray) -> TreeBlock:
        """Grow the block that begins with tree `first`, on the training rows of a fold."""
        forest = build_forest(
            self.block,
            self.max_depth,
            leaf,
            max_features=self.max_features,
            random_state=self.make_seed(fold, first),
            n_jobs=self.n_jobs,
        ).fit(X.astype(float), y)
        return TreeBlock([tree.tree_ for tree in forest.estimators_], self.max_depth)

    def count(
        self, trees: TreeBlock, first: int, before: np.ndarray | None, X: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Count a block's errors.

        Parameters
        ----------
        trees
            The block.
        first
            Trees before it.
        before : array, shape (n, max_depth), or None
            Their summed predictions; None before the first.
        X, y : array, shape (n, p) and (n,)

        Returns
        -------
        squares : array, shape (trees, max_depth)
            The forest's squared error after each tree, summed over the rows.
        sums : array, shape (n, max_depth)
            The summed predictions with this block's.
        """
        sums = np.zeros((len(y), self.max_depth)) if before is None else before.copy()
        parts = [slice(i, i + _ROWS) for i in range(0, len(y), _ROWS)]

        def count_part(part):
            return trees.count_errors(X[part], y[part], sums[part], first)

        with ThreadPoolExecutor(effective_n_jobs(self.n_jobs)) as pool:
            return np.sum(list(pool.map(count_part, parts)), axis=0), sums


class Spread:
    """Growth on workers, which get the data once.

    Parameters
    ----------
    link
        To the scheduler.
    growth
    folds : sequence of dict
        Rows to train on and to count on, as ``{"train": (X, y), "validation": (X, y)}``.
    kinds : sequence of str
        Which of a fold's rows are counted.
    """

    def __init__(self, link: Link, growth: Growth, folds: Sequence[Mapping], kinds: Sequence[str]):
        self.link, self.growth, self.folds, self.kinds = (
            link,
            replace(growth, n_jobs=1),
            folds,
            kinds,
        )
        self._there = None

    def run(self, chains: Mapping[int, tuple[range, Mapping]]) -> dict[int, tuple[list, dict]]:
        """Grow and count blocks of several leaf sizes.

        Parameters
        ----------
        chains
            By leaf size, the first trees of the blocks, and what the sums are before them.

        Returns
        -------
        dict
            By leaf size, the squared errors of each block by kind, and the sums after the last.
        """
        while True:
            try:
                return self._gather(chains)
            except CancelledError:  # the scheduler was lost, or all workers that had the data
                self.link.recover()
                self._there = None

    def _gather(self, chains):
        client = self.link.client
        if self._there is None:
            self._there = [
                {
                    kind: client.scatter(list(rows), broadcast=True, hash=False)
                    for kind, rows in fold.items()
                    if kind in ("train", *self.kinds)
                }
                for fold in self.folds
            ]
        submitted = {leaf: self._submit(client, leaf, *chain) for leaf, chain in chains.items()}
        return {
            leaf: ([sum_folds(one) for one in client.gather(squares)], client.gather(sums))
            for leaf, (squares, sums) in submitted.items()
        }

    def _submit(self, client, leaf, firsts, sums):
        """Return futures of each block's squared errors by kind and fold, and of the last sums."""
        squares, sums = [], client.scatter(dict(sums), hash=False) if sums else {}
        for first in firsts:
            squares.append({kind: [] for kind in self.kinds})
            for number, fold in enumerate(self._there):
                trees = client.submit(
                    _grow_in_task, self.growth, number, leaf, first, *fold["train"], pure=False
                )
                for kind in self.kinds:
                    name = f"{kind}{number}"
                    counted = client.submit(
                        self.growth.count, trees, first, sums.get(name), *fold[kind], pure=False
                    )
                    squares[-1][kind].append(client.submit(itemgetter(0), counted, pure=False))
                    sums[name] = client.submit(itemgetter(1), counted, pure=False)
        return squares, sums


def _grow_in_task(
    growth: Growth, fold: int, leaf: int, first: int, X: np.ndarray, y: np.ndarray
) -> TreeBlock:
    """Grow a block on a worker, in a thread that is not its main one."""
    if limit_threads is not None:
        limit_threads(growth.n_jobs)  # scikit-learn-intelex heeds n_jobs in the main thread only
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'Threading' parallel backend", UserWarning)
        # Arrays come read-only, which scikit-learn-intelex does not take.
        return growth.grow(fold, leaf, first, X, y.copy())


def sum_folds(squares: Mapping[str, Sequence[np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the squared errors of a block by kind, summed over the folds."""
    return {kind: sum(folds) for kind, folds in squares.items()}
