"""The error of every forest that a genetic search can choose."""

import copy
import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.imputation.forest import ENGINE
from fluxlib.imputation.tree_blocks import TreeGrower, grow_blocks
from fluxlib.utils.files import atomic_path
from fluxlib.utils.parallel import map_tasks

ERROR_ROWS = ("validation", "train")
_BLOCK = 32  # trees grown at a time: each time rows are sorted and binned anew ...
_BLOCK_ROWS = 2**20  # ... fewer when trees x rows would exceed this, which bounds the memory


class ForestSurface:
    """RMSE of every (trees, depth, leaf), from one forest for each leaf size.

    Leaf sizes and trees are grown only when asked for, in blocks that are counted and dropped.
    All leaf sizes share their bootstrap seeds, so that differences between them are less noisy.

    Parameters
    ----------
    X : array or DataFrame, shape (n, p)
        Inputs to grow on, finite.
    y : array or Series, shape (n,)
        Target, log10 flux.
    X_validation, y_validation
        Rows to validate on.
    error_on : {"validation", "train"}
        Which rows the error is of.
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
    seconds_per_tree : float or None
        Of the latest trees that were grown; None before the first.

    Raises
    ------
    FluxError
        If the shapes do not match, or a value is not finite.

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
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        X_validation: npt.ArrayLike,
        y_validation: npt.ArrayLike,
        *,
        error_on: str = "validation",
        max_depth: int = 32,
        max_features: float | int | str = 1.0,
        random_state: int = 0,
        folder: str | Path | None = None,
        n_jobs: int = -1,
    ):
        self.error_on, self.max_depth = _check_rows_name(error_on), max_depth
        self._rows = {
            "train": _check_rows("X", X, y),
            "validation": _check_rows("X_validation", X_validation, y_validation),
        }
        block = int(np.clip(_BLOCK_ROWS // len(self._rows["train"][1]), 2, _BLOCK))
        self._grower = TreeGrower(block, max_depth, max_features, int(random_state), n_jobs)
        self._root = folder
        self._reset()

    def with_options(self, *, error_on: str, max_depth: int) -> "ForestSurface":
        """Return a surface of the same data with other errors, or of other depths."""
        other = copy.copy(self)
        other.error_on, other.max_depth = _check_rows_name(error_on), max_depth
        other._grower = replace(self._grower, max_depth=max_depth)
        other._reset()
        return other

    def _reset(self):
        self.folder = None if self._root is None else Path(self._root) / self._make_key()
        self._rmse, self._sums = {}, {}
        self.seconds_per_tree = None

    @property
    def block(self) -> int:
        """Trees that are grown at a time."""
        return self._grower.block

    def rmse(self, trees: int, depth: int, leaf: int) -> float:
        """Return the RMSE (log10) of a forest of `trees`, cut at `depth`, with leaves of `leaf`.

        Raises
        ------
        FluxError
            If one of the three is below 1, or the depth above `max_depth`.
        """
        if not 1 <= depth <= self.max_depth:
            raise FluxError(f"depth is {depth}; this surface counts depths 1..{self.max_depth}")
        return float(self._get(leaf, trees)[trees - 1, depth - 1])

    def fitness(self, trees: int, depth: int, leaf: int) -> float:
        """Return 1/RMSE, the fitness that the GA-RF paper maximises."""
        return 1 / self.rmse(trees, depth, leaf)

    def rmse_table(self, leaf: int, trees: int | None = None) -> pd.DataFrame:
        """Return RMSE by number of trees (rows) and depth (columns).

        Trees 1..`trees` are grown where missing; without `trees`, the table is of those that have
        been grown.
        """
        table = self._read(leaf)[0] if trees is None else self._get(leaf, trees)[:trees]
        return pd.DataFrame(
            table,
            index=pd.RangeIndex(1, len(table) + 1, name="trees"),
            columns=pd.RangeIndex(1, self.max_depth + 1, name="depth"),
        )

    @property
    def trees_grown(self) -> pd.Series:
        """Trees by leaf size, those included that earlier surfaces stored."""
        if self.folder is not None:
            for leaf in {int(path.stem) for path in self.folder.glob("[0-9]*.npz")}:
                self._rmse.setdefault(leaf, self._read(leaf)[0])
        counts = {leaf: len(table) for leaf, table in self._rmse.items()}
        return pd.Series(counts, name="trees", dtype=int).rename_axis("leaf").sort_index()

    def landscape(self, bits: Sequence[int]) -> tuple[pd.DataFrame, pd.Series]:
        """Return the least RMSE over leaf sizes, and the least of all.

        Forests that the search never asked for are grown now.

        Parameters
        ----------
        bits : (int, int, int)
            Of trees, depth and leaf, as `fluxlib.GeneticSearch` takes.

        Returns
        -------
        landscape : DataFrame
            Decades; a row for each number of trees, a column for each depth.
        least : Series
            `trees`, `depth`, `leaf` and `rmse` of the least. It is partly luck: small forests
            scatter, and the least of many is the luckiest.
        """
        errors = self.tabulate(bits)
        _, trees, depths = errors.shape
        index = pd.RangeIndex(1, trees + 1, name="trees")
        columns = pd.RangeIndex(1, depths + 1, name="depth")
        landscape = pd.DataFrame(errors.min(axis=0), index, columns)
        place = np.unravel_index(np.argmin(errors), errors.shape)
        leaf, tree, depth = (int(n) + 1 for n in place)
        least = {"trees": tree, "depth": depth, "leaf": leaf, "rmse": errors[place]}
        return landscape, pd.Series(least, dtype=object)

    def tabulate(self, bits: Sequence[int]) -> np.ndarray:
        """Return the RMSE of every forest of these bits, grown now where missing.

        Returns
        -------
        ndarray of shape (leaves, trees, depths)
            Decades; each is counted from 1.
        """
        trees, depths, leaves = (2**n for n in bits)
        tables = [self.rmse_table(leaf, trees).loc[:, :depths] for leaf in range(1, leaves + 1)]
        return np.array(tables)

    def grow(self, forests: Iterable[tuple[int, int, int]]) -> None:
        """Grow all trees that these (trees, depth, leaf) need.

        Leaf sizes are tasks of `fluxlib.utils.parallel.map_tasks`, so they grow at the same time
        on the workers of a cluster. The result does not depend on where they grow.
        """
        wanted: dict[int, int] = {}
        for trees, _, leaf in forests:
            wanted[leaf] = max(trees, wanted.get(leaf, 0))
        tasks = []
        for leaf, trees in wanted.items():
            table, sums = self._read(leaf)
            if len(table) < trees:
                tasks.append((leaf, len(table), trees, sums))
        results = map_tasks(
            grow_blocks, tasks, self._grower, self._rows["train"], self._rows[self.error_on]
        )
        for leaf, *_ in tasks:
            began = time.monotonic()
            squares, sums = next(results)
            new = np.sqrt(squares / len(sums))
            self._write(leaf, np.vstack([self._read(leaf)[0], new]), sums)
            self.seconds_per_tree = (time.monotonic() - began) / len(new)

    def _get(self, leaf, trees):
        if min(leaf, trees) < 1:
            raise FluxError(f"trees is {trees} and leaf is {leaf}; both must be at least 1")
        if len(self._rmse.get(leaf, ())) < trees:
            self.grow([(trees, 1, leaf)])
            self._rmse[leaf] = self._read(leaf)[0]
        return self._rmse[leaf]

    def _make_key(self):
        grower = self._grower
        settings = [ENGINE, self.error_on, grower.max_depth, grower.max_features]
        settings += [grower.random_state, grower.block]
        digest = hashlib.sha256(json.dumps(settings).encode())
        for rows in self._rows.values():
            for array in rows:
                digest.update(str(array.shape).encode())
                digest.update(array)
        return digest.hexdigest()[:20]

    def _read(self, leaf):
        """Return a leaf size's RMSE, and the summed predictions that the next tree adds to.

        With a folder both are read from it each time they are needed: the sums would fill
        memory, and another process may have grown the same forest further.
        """
        if self.folder is not None and (path := self.folder / f"{leaf}.npz").exists():
            with np.load(path) as stored:
                return stored["rmse"], stored["sums"]
        return self._rmse.get(leaf, np.empty((0, self.max_depth))), self._sums.get(leaf)

    def _write(self, leaf, rmse, sums):
        if self.folder is None:
            self._sums[leaf] = sums
        else:
            with atomic_path(self.folder / f"{leaf}.npz") as path:
                np.savez(path, rmse=rmse, sums=sums)
        self._rmse[leaf] = rmse


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


def _check_rows_name(error_on):
    if error_on not in ERROR_ROWS:
        raise FluxError(f"error_on is {error_on!r}; expected one of {', '.join(ERROR_ROWS)}")
    return error_on
