"""A forest's trees as flat arrays: what they predict when they are cut at any depth."""

from collections.abc import Sequence

import numpy as np
from numba import njit

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
