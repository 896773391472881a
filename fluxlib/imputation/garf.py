"""GA-RF: a random forest whose trees, depth and leaf size a genetic algorithm chooses.

Sci. Rep. 2025, s41598-025-87082-9.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from fluxlib.errors import FluxError
from fluxlib.evaluation.folds import split_blocks
from fluxlib.imputation.error_surface import ForestSurface
from fluxlib.imputation.forest import (
    FilledForest,
    Trend,
    check_rows,
    fill_below,
    find_fills,
    take_rows,
)
from fluxlib.imputation.genetic import GeneticSearch
from fluxlib.imputation.imputer import SatelliteImputer
from fluxlib.imputation.inputs import find_series, list_trend, satellite_features

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

LEAST_TREES = 200  # of the full model's forest


class GARFImputer(RegressorMixin, BaseEstimator):
    """A random forest whose trees, depth and leaf size a genetic algorithm chooses.

    Parameters
    ----------
    population, generations, crossover, mutation, elitism, bits
        Of the search: see `fluxlib.GeneticSearch`; as published by default, but for `bits`, which
        the paper does not give.
    fitness : {"validation", "train"}
        Whether the search is rewarded for the error on blocks of time held out of its training
        rows, or, as published, on the training rows themselves.
    patience : int, optional
        Stop the search after this many generations without gain.
    least_trees : int
        The forest that is kept has so many trees at least. More do no harm (Breiman 2001, doi
        10.1023/A:1010933404324), and few score best by luck; 1 keeps what was chosen, as
        published.
    max_features, trend
        Of the forest: see `fluxlib.imputation.forest.FilledForest`.
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
    best_estimator_ : FilledForest
        The forest, of `least_trees` or more, grown on all rows.
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
        least_trees: int = 1,
        max_features: float = 1 / 3,
        trend: Sequence[str] = (),
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
        self.least_trees = least_trees
        self.max_features = max_features
        self.trend = trend
        self.folder = folder
        self.random_state = random_state

    @classmethod
    def for_satellite(
        cls, dataset: "Dataset", series: str, *, other: str, inputs: str = "full", **options
    ) -> SatelliteImputer:
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
        find_series(dataset, series)
        features = satellite_features(dataset, other, inputs=inputs)
        if inputs == "full":
            full = {"trend": list_trend(features, other), "least_trees": LEAST_TREES}
            options = full | options
        return SatelliteImputer(features, cls(**options))

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> "GARFImputer":
        """Search for the best forest and grow it on all rows.

        Parameters
        ----------
        X : DataFrame or array, shape (n, p)
            Inputs, NaN where missing; a DataFrame's time index makes the blocks, else the order
            of rows does.
        y : array, shape (n,)
            log10 flux.

        Raises
        ------
        FluxError
            If `fitness` is unknown, rows do not fit together, or blocks leave none to train on.
        """
        if self.fitness not in ("validation", "train"):
            raise FluxError(f"fitness is {self.fitness!r}; expected 'validation' or 'train'.")
        search = self._make_search()
        values, target = check_rows(X, y)
        train, held_out = split_blocks(X)
        trend = Trend(self.trend).fit(take_rows(X, train), target[train])
        self.surface_ = self._make_surface(values, target - trend.predict(X), train, held_out)
        self.history_, self.best_ = search.run(
            lambda *genes: self.surface_.fitness(*genes, kind=self.fitness),
            prepare=self.surface_.prepare,
        )
        self.best_estimator_ = FilledForest(
            trees=max(self.best_.trees, self.least_trees),
            depth=self.best_.depth,
            leaf=self.best_.leaf,
            max_features=self.max_features,
            trend=self.trend,
            random_state=self.random_state,
        ).fit(X, target)
        self.n_features_in_ = values.shape[1]
        return self

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Return log10 flux, shape (n,)."""
        check_is_fitted(self)
        return self.best_estimator_.predict(X)

    def _make_search(self) -> GeneticSearch:
        return GeneticSearch(
            population=self.population,
            generations=self.generations,
            crossover=self.crossover,
            mutation=self.mutation,
            elitism=self.elitism,
            bits=self.bits,
            patience=self.patience,
            seed=self.random_state,
        )

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
