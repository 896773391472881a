"""GA-RF: a random forest whose trees, depth and leaf size a genetic algorithm chooses.

Sci. Rep. 2025, s41598-025-87082-9.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from fluxlib import impute
from fluxlib.errors import FluxError
from fluxlib.folds import blocked_folds
from fluxlib.forest import ForestSurface, build_forest
from fluxlib.genetic import GeneticSearch

if TYPE_CHECKING:
    from fluxlib.dataset import Dataset

COVERAGE = 0.9
# The longest offset among the inputs: what one sample knows reaches this far back.
PURGE = "5D"


class GARFImputer(RegressorMixin, BaseEstimator):
    """A random forest whose trees, depth and leaf size a genetic algorithm chooses.

    Parameters
    ----------
    population, generations, crossover, mutation, elitism, bits
        Of the search: see `fluxlib.GeneticSearch`; as published by default.
    fitness : {"validation", "train"}
        Whether the search is rewarded for the error on blocks of time held out of its training
        rows, or, as published, on the training rows themselves.
    patience : int, optional
        Stop the search after this many generations without gain.
    max_features : float
        Fraction of the inputs that each split may choose from.
    folder : path, optional
        Where the forests' error surface is kept for the next search.
    random_state : int
        Seed of the search and of the forests.

    Attributes
    ----------
    surface_ : ForestSurface
    history_ : DataFrame
        See `GeneticSearch.run`.
    best_ : Best
        The forest chosen.
    half_width_ : float
        Decades on either side of a prediction that hold 90 % of the held-out blocks' errors.
    """

    def __init__(
        self,
        *,
        population: int = 20,
        generations: int = 100,
        crossover: float = 0.7,
        mutation: float = 0.01,
        elitism: bool = False,
        bits: tuple[int, int, int] = (9, 5, 5),
        fitness: str = "validation",
        patience: int | None = None,
        max_features: float = 1 / 3,
        folder=None,
        random_state: int = 0,
    ):
        self.population = population
        self.generations = generations
        self.crossover = crossover
        self.mutation = mutation
        self.elitism = elitism
        self.bits = bits
        self.fitness = fitness
        self.patience = patience
        self.max_features = max_features
        self.folder = folder
        self.random_state = random_state

    @classmethod
    def for_satellite(
        cls, dataset: "Dataset", series: str, *, other: str, inputs: str = "full", **options
    ) -> impute.SatelliteImputer:
        """Return an imputer for a dataset's series: `fit` and `impute` take the flux alone.

        Parameters
        ----------
        dataset : Dataset
        series, other : str
            The series to fill and the one to fill it from.
        inputs : {"full", "paper"}
            See `satellite_features`.
        **options
            Of `GARFImputer`.
        """
        impute.find_series(dataset, series)
        return impute.SatelliteImputer(
            impute.satellite_features(dataset, other, inputs=inputs), cls(**options)
        )

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> "GARFImputer":
        """Search for the best forest and grow it on all rows.

        Parameters
        ----------
        X : DataFrame or array, shape (n, p)
            Inputs; a DataFrame's time index makes the blocks, else the order of rows does. NaN
            may say much (GOES-13's >2 MeV channel is absent when the flux is low), so it becomes
            a value below all others, which a tree can tell apart.
        y : array, shape (n,)
            log10 flux.
        """
        if self.fitness not in ("validation", "train"):
            raise FluxError(f"fitness is {self.fitness!r}; expected 'validation' or 'train'.")
        values, y = np.asarray(X, float), np.asarray(y, float)
        if len(values) != len(y):
            raise FluxError(f"X has {len(values)} rows, y {len(y)}; expected the same.")
        train, held_out = self._split(X, len(values))
        self.surface_ = self._make_surface(values, y, train, held_out)
        search = GeneticSearch(
            population=self.population,
            generations=self.generations,
            crossover=self.crossover,
            mutation=self.mutation,
            elitism=self.elitism,
            bits=self.bits,
            patience=self.patience,
            seed=self.random_state,
        )
        self.history_, self.best_ = search.run(
            lambda *genes: self.surface_.fitness(*genes, kind=self.fitness)
        )
        self.half_width_ = self._measure_errors(values, y, train, held_out)
        return self.refit(values, y)

    def refit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> "GARFImputer":
        """Grow the forest that `fit` chose on other rows, such as all that there are."""
        check_is_fitted(self, "best_")
        values = np.asarray(X, float)
        self.fills_ = find_fills(values)
        self.forest_ = self._grow(values, np.asarray(y, float), self.fills_)
        self.n_features_in_ = values.shape[1]
        return self

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Return log10 flux, shape (n,)."""
        check_is_fitted(self)
        return self.forest_.predict(fill_below(np.asarray(X, float), self.fills_))

    def _split(self, X, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        index = getattr(X, "index", None)
        purge = PURGE
        if not isinstance(index, pd.DatetimeIndex):
            index, purge = pd.date_range("2000", periods=n_rows, freq="1h"), "0h"
        return blocked_folds(index, purge=purge)[0]

    def _make_surface(self, X, y, train, held_out) -> ForestSurface:
        fills = find_fills(X[train])
        return ForestSurface(
            fill_below(X[train], fills),
            y[train],
            fill_below(X[held_out], fills),
            y[held_out],
            kinds=(self.fitness,),
            max_depth=2 ** self.bits[1],
            max_features=self.max_features,
            random_state=self.random_state,
            folder=self.folder,
        )

    def _measure_errors(self, X, y, train, held_out) -> float:
        """Split conformal prediction: the errors of a forest that has not seen these blocks."""
        fills = find_fills(X[train])
        forest = self._grow(X[train], y[train], fills)
        errors = np.abs(y[held_out] - forest.predict(fill_below(X[held_out], fills)))
        return float(np.quantile(errors, COVERAGE, method="higher"))

    def _grow(self, X, y, fills):
        forest = build_forest(
            self.best_.trees,
            self.best_.depth,
            self.best_.leaf,
            max_features=self.max_features,
            random_state=self.random_state,
            n_jobs=-1,
        )
        return forest.fit(fill_below(X, fills), y)


def find_fills(X: np.ndarray) -> np.ndarray:
    """Return a value for each column's NaN that lies below all that training rows have."""
    return np.min(X, axis=0, where=~np.isnan(X), initial=0.0) - 1


def fill_below(X: np.ndarray, fills: np.ndarray) -> np.ndarray:
    """Return the rows with `fills` in place of NaN."""
    return np.where(np.isnan(X), fills, X)
