"""A forest's trees as flat arrays: what they predict when they are cut at any depth."""

from collections.abc import Sequence

import numpy as np


class TreeBlock:
    """Fitted trees laid end to end in flat arrays, with a value in every node.

    Parameters
    ----------
    trees : sequence
        The ``tree_`` of each estimator of a forest that was grown to `max_depth` at most.
    max_depth : int
        Predictions are given for depths 1..max_depth.

    Attributes
    ----------
    value, parent, depth : array, shape (nodes of all trees,)
        Mean target of the samples in a node; the node above it (a root is its own); its depth.
    starts : array
        Each tree's first node.
    """

    def __init__(self, trees: Sequence, max_depth: int):
        self.trees, self.max_depth = trees, max_depth
        self.starts = np.cumsum([0, *(tree.node_count for tree in trees)])
        left = self._join("children_left", shift=True)
        right = self._join("children_right", shift=True)
        self.value = np.concatenate([tree.value[:, 0, 0] for tree in trees])
        self.parent = np.arange(len(left), dtype=np.int32)
        self.depth = np.zeros(len(left), dtype=np.int32)
        self._fill(left, right, self._join("weighted_n_node_samples"))

    def _join(self, name, shift=False):
        arrays = [getattr(tree, name) for tree in self.trees]
        if shift:  # -1 marks a leaf and stays negative
            arrays = [
                np.where(array < 0, -1, array + start).astype(np.int32)
                for array, start in zip(arrays, self.starts, strict=False)
            ]
        return np.concatenate(arrays)

    def _fill(self, left, right, weight):
        """Walk down for depths and parents, then up for means: oneDAL fills leaves only."""
        nodes, levels = self.starts[:-1], []
        while len(nodes := nodes[left[nodes] >= 0]):
            levels.append(nodes)
            children = np.concatenate([left[nodes], right[nodes]])
            self.parent[children] = np.tile(nodes, 2)
            self.depth[children] = len(levels)
            nodes = children
        for nodes in reversed(levels):
            one, two = left[nodes], right[nodes]
            total = weight[one] * self.value[one] + weight[two] * self.value[two]
            self.value[nodes] = total / (weight[one] + weight[two])

    def predict_depths(self, nodes: np.ndarray) -> np.ndarray:
        """Return the value at each depth on the way to `nodes`: (nodes, depths 1..max_depth).

        A node above the depth it is asked for stands for itself, as a leaf of a cut tree does.
        """
        values = np.empty((self.max_depth, len(nodes)))
        for depth in range(self.max_depth, 0, -1):
            nodes = np.where(self.depth[nodes] > depth, self.parent[nodes], nodes)
            values[depth - 1] = self.value[nodes]
        return values.T

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
        squares = np.empty((len(self.trees), self.max_depth))
        for number, tree in enumerate(self.trees):
            sums += self.predict_depths(tree.apply(X) + self.starts[number])
            residual = sums / (first + number + 1) - y[:, None]
            squares[number] = np.einsum("rd,rd->d", residual, residual)
        return squares
