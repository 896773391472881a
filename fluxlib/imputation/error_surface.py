"""What a genetic search walked over: the error of every forest that it could have chosen."""

import copy
import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.imputation.tree_growth import ENGINE, Growth, Spread, sum_folds
from fluxlib.utils.files import atomic_path
from fluxlib.utils.parallel import find_link

KINDS = ("validation", "train")
_BLOCK = 32  # trees grown at a time: each time rows are sorted and binned anew ...
_BLOCK_ROWS = 2**20  # ... fewer when trees x rows would pass this, which bounds the memory


class ForestSurface:
    """RMSE of every (trees, depth, leaf), from one forest for each leaf size.

    Leaf sizes and trees are grown only when asked for, in blocks that are counted and dropped.
    All leaf sizes share their bootstrap seeds, so that differences between them are less noisy.

    Parameters
    ----------
    X : array or frame, shape (n, p)
        Inputs, finite.
    y : array or series, shape (n,)
        Target, log10 flux.
    X_validation, y_validation : optional
        Rows to validate on. Give these or `folds`.
    folds : sequence of (train, test) row numbers, optional
        Several forests, one for each fold; squared errors are pooled over the folds.
    kinds : sequence of {"validation", "train"}
        Which rows errors are counted on. Training rows take time, so they are counted on demand.
    max_depth : int
        Depths 1..max_depth are counted.
    max_features : float, int or str
        As in scikit-learn.
    random_state : int
        Seed.
    folder : path, optional
        Where results are kept as they grow, under a name made of data and settings. The next
        surface of the same data and settings starts from there.
    n_jobs : int
        Threads, -1 for all.

    Attributes
    ----------
    pace : float or None
        Seconds a tree that the latest block took here; None before the first.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 3))
    >>> surface = ForestSurface(X[:300], X[:300, 0], X[300:], X[300:, 0])
    >>> bool(surface.rmse(30, 8, 1) < surface.rmse(1, 2, 1))
    True
    """

    def __init__(
        self,
        X,
        y,
        X_validation=None,
        y_validation=None,
        *,
        folds: Sequence | None = None,
        kinds: Sequence[str] = ("validation",),
        max_depth: int = 32,
        max_features: float | int | str = 1.0,
        random_state: int = 0,
        folder: str | Path | None = None,
        n_jobs: int = -1,
    ):
        self.max_depth, self.max_features = max_depth, max_features
        self.random_state, self.n_jobs = int(random_state), n_jobs
        self.kinds = tuple(_check_choice("kinds", kind, KINDS) for kind in kinds)
        self._folds = _split_rows(X, y, X_validation, y_validation, folds)
        most = max(len(fold["train"][1]) for fold in self._folds)
        self.block = int(np.clip(_BLOCK_ROWS // most, 2, _BLOCK))
        self._growth = Growth(self.block, max_depth, max_features, self.random_state, n_jobs)
        self._spread = None
        self._root = folder
        self._start()

    def vary(self, *, kind: str, max_depth: int) -> "ForestSurface":
        """Return a surface of the same rows, that counts other errors, or other depths."""
        other = copy.copy(self)
        other.kinds, other.max_depth = (_check_choice("kind", kind, KINDS),), max_depth
        other._growth = replace(self._growth, max_depth=max_depth)
        other._spread = None
        other._start()
        return other

    def _start(self):
        self.folder = None if self._root is None else Path(self._root) / self._make_key()
        self._planes, self._sums = {}, {}
        self.pace = None

    def rmse(self, trees: int, depth: int, leaf: int, *, kind: str = "validation") -> float:
        """Return the RMSE (log10) of a forest of `trees`, cut at `depth`, with leaves of `leaf`."""
        if not 1 <= depth <= self.max_depth:
            raise FluxError(f"depth is {depth}; this surface counts depths 1..{self.max_depth}")
        return float(
            self._grow(leaf, trees)[_check_choice("kind", kind, self.kinds)][trees - 1, depth - 1]
        )

    def fitness(self, trees: int, depth: int, leaf: int, *, kind: str = "validation") -> float:
        """Return 1/RMSE, the fitness that the GA-RF paper maximises."""
        return 1 / self.rmse(trees, depth, leaf, kind=kind)

    def plane(
        self, leaf: int, trees: int | None = None, *, kind: str = "validation"
    ) -> pd.DataFrame:
        """Return RMSE by number of trees (rows) and depth (columns).

        Grows what is missing of 1..`trees`; without `trees`, gives what is counted so far.
        """
        _check_choice("kind", kind, self.kinds)
        plane = self._read(leaf)[0][kind] if trees is None else self._grow(leaf, trees)[kind]
        plane = plane[:trees]
        return pd.DataFrame(
            plane,
            index=pd.RangeIndex(1, len(plane) + 1, name="trees"),
            columns=pd.RangeIndex(1, self.max_depth + 1, name="depth"),
        )

    @property
    def grown(self) -> pd.Series:
        """Trees counted so far, by leaf size; those that earlier surfaces stored included."""
        if self.folder is not None:
            for leaf in {int(path.stem) for path in self.folder.glob("[0-9]*.npz")}:
                self._planes.setdefault(leaf, self._read(leaf)[0])
        counts = {leaf: len(planes[self.kinds[0]]) for leaf, planes in self._planes.items()}
        return pd.Series(counts, name="trees", dtype=int).rename_axis("leaf").sort_index()

    def optimum(self, *, kind: str = "validation", max_trees: int | None = None) -> pd.Series:
        """Return trees, depth, leaf and rmse of the least RMSE among all that is counted."""
        _check_choice("kind", kind, self.kinds)
        if self.grown.empty:
            raise FluxError("nothing is counted yet; call rmse or plane first")
        best = []
        for leaf in self.grown.index:
            plane = self._planes[leaf][kind][:max_trees]
            row, column = np.unravel_index(np.argmin(plane), plane.shape)
            best.append((row + 1, column + 1, leaf, plane[row, column]))
        table = pd.DataFrame(best, columns=["trees", "depth", "leaf", "rmse"])
        return table.astype(object).loc[table["rmse"].idxmin()].rename("optimum")

    def prepare(self, genes: Iterable[tuple[int, int, int]]) -> None:
        """Grow all that these (trees, depth, leaf) need, at once if there are workers.

        Workers are those of the scheduler that FLUX_SCHEDULER names (see `fluxlib.utils.parallel`).
        Without it each forest is grown when it is asked for; the results are the same.
        """
        if (link := find_link()) is None:
            return
        if self._spread is None:
            self._spread = Spread(link, self._growth, self._folds, self.kinds)
        chains = {}
        most = (
            pd.DataFrame(genes, columns=["trees", "depth", "leaf"]).groupby("leaf")["trees"].max()
        )
        for leaf, trees in most.items():
            planes, sums = self._read(leaf)
            if firsts := range(len(planes[self.kinds[0]]), trees, self.block):
                chains[leaf] = firsts, sums
        for leaf, (squares, sums) in self._spread.run(chains).items():
            self._add(leaf, squares, sums)

    def _grow(self, leaf, trees):
        if min(leaf, trees) < 1:
            raise FluxError(f"trees is {trees} and leaf is {leaf}; both must be at least 1")
        planes = self._planes.get(leaf) or self._read(leaf)[0]
        while len(planes[self.kinds[0]]) < trees:
            planes = self._grow_block(leaf)
        self._planes[leaf] = planes
        return planes

    def _grow_block(self, leaf):
        began = time.monotonic()
        planes, sums = self._read(leaf)
        first = len(planes[self.kinds[0]])
        squares = {kind: [] for kind in self.kinds}
        for number, fold in enumerate(self._folds):
            trees = self._growth.grow(number, leaf, first, *fold["train"])
            for kind in self.kinds:
                name = f"{kind}{number}"
                counted, sums[name] = self._growth.count(trees, first, sums.get(name), *fold[kind])
                squares[kind].append(counted)
        planes = self._add(leaf, [sum_folds(squares)], sums)
        self.pace = (time.monotonic() - began) / self.block
        return planes

    def _add(self, leaf, squares, sums):
        """Add blocks to what is counted of a leaf size, and return it."""
        planes = self._read(leaf)[0]
        for kind in self.kinds:
            rows = sum(len(fold[kind][1]) for fold in self._folds)
            new = [np.sqrt(block[kind] / rows) for block in squares]
            planes[kind] = np.vstack([planes[kind], *new])
        self._write(leaf, planes, sums)
        return planes

    def _make_key(self):
        settings = [ENGINE, self.kinds, self.max_depth, self.max_features, self.random_state]
        digest = hashlib.sha256(json.dumps([*settings, self.block]).encode())
        for fold in self._folds:
            for array in (*fold["train"], *fold["validation"]):
                digest.update(str(array.shape).encode())
                digest.update(array)
        return digest.hexdigest()[:20]

    def _read(self, leaf):
        """Return a leaf size's RMSE by kind, and the summed predictions the next tree adds to.

        With a folder both are read from it each time they are needed: the sums would fill
        memory, and another process may have grown the same forest further.
        """
        if self.folder is None and leaf in self._sums:
            return dict(self._planes[leaf]), dict(self._sums[leaf])
        if self.folder is not None and (path := self.folder / f"{leaf}.npz").exists():
            with np.load(path) as stored:
                arrays = dict(stored)
            return {kind: arrays.pop(kind) for kind in self.kinds}, arrays
        return {kind: np.empty((0, self.max_depth)) for kind in self.kinds}, {}

    def _write(self, leaf, planes, sums):
        self._planes[leaf] = planes
        if self.folder is None:
            self._sums[leaf] = sums
            return
        with atomic_path(self.folder / f"{leaf}.npz") as path:
            np.savez(path, **planes, **sums)


def _split_rows(X, y, X_validation, y_validation, folds):
    if (folds is None) == (X_validation is None) or (X_validation is None) != (
        y_validation is None
    ):
        raise FluxError("give either X_validation and y_validation, or folds")
    X, y = _check_rows("X", X, y)
    if folds is None:
        return [
            {"train": (X, y), "validation": _check_rows("X_validation", X_validation, y_validation)}
        ]
    return [{"train": (X[a], y[a]), "validation": (X[b], y[b])} for a, b in folds]


def _check_rows(name, X, y):
    # Trees compare in single precision: rounding first makes both engines see the same numbers.
    X, y = np.ascontiguousarray(X, dtype=np.float32), np.array(y, dtype=float)
    if X.ndim != 2 or y.shape != X.shape[:1] or not len(y):
        raise FluxError(
            f"{name} has shape {X.shape}, its target {y.shape}; expected (n, p) and (n,)"
        )
    if not (np.isfinite(X).all() and np.isfinite(y).all()):
        raise FluxError(f"{name} or its target has NaN or infinite values; drop those rows first")
    return X, y


def _check_choice(name, value, known):
    if value not in known:
        raise FluxError(f"{name} is {value!r}; expected one of {', '.join(known)}")
    return value


def find_landscape(
    surface: ForestSurface, bits: Sequence[int], *, kind: str = "validation"
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the least RMSE over leaf sizes, by trees and depth, and the least of all.

    Forests that the search never asked for are grown now.

    Parameters
    ----------
    surface : ForestSurface
        Of a search.
    bits : (int, int, int)
        Of trees, depth and leaf.
    kind : {"validation", "train"}
        Which error.

    Returns
    -------
    landscape : DataFrame
        Decades; rows trees, columns depths.
    least : Series
        `trees`, `depth`, `leaf` and `rmse` of the least. Some of it is luck: small forests
        scatter, and the least of many is the luckiest.
    """
    trees, depths, leaves = (2**one for one in bits)
    planes = [
        surface.plane(leaf, trees, kind=kind).loc[:, :depths] for leaf in range(1, leaves + 1)
    ]
    least_of_all = np.min([plane.to_numpy() for plane in planes], axis=0)
    landscape = pd.DataFrame(least_of_all, planes[0].index, planes[0].columns)
    row, column = np.unravel_index(int(np.argmin(least_of_all)), landscape.shape)
    leaf = 1 + int(np.argmin([plane.iloc[row, column] for plane in planes]))
    least = {"trees": row + 1, "depth": column + 1, "leaf": leaf}
    return landscape, pd.Series(least | {"rmse": landscape.iloc[row, column]}, dtype=object)
