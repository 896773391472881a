"""GA-RF: a random forest whose trees, depth and leaf size a genetic algorithm chooses.

Sci. Rep. 2025, s41598-025-87082-9.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from fluxlib.errors import FluxError
from fluxlib.evaluation.folds import split_blocks
from fluxlib.imputation.error_surface import ERROR_ROWS, ForestSurface
from fluxlib.imputation.forest import (
    ForestWithMissing,
    LinearTrend,
    below_minimum,
    check_rows,
    fill_missing,
)
from fluxlib.imputation.genetic import GeneticSearch
from fluxlib.imputation.imputer import SatelliteImputer, make_imputer
from fluxlib.imputation.inputs import get_series, satellite_features, trend_quantities

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

MIN_TREES = 200  # of GA-RF's forest, unless it is as published
MODELS = ("blend", "GA-RF", "published")


class GARFImputer(RegressorMixin, BaseEstimator):
    """A random forest whose trees, depth and leaf size a genetic algorithm chooses.

    Parameters
    ----------
    population, generations, crossover, mutation, selection, elitism, bits
        Of the search: see `fluxlib.GeneticSearch`; as published by default, but for `bits`, which
        the paper does not give.
    fitness : {"validation", "train"}
        Whether the fitness comes from the error on blocks of time held out of the training rows,
        or, as published, from the error on the training rows themselves.
    patience : int, optional
        Stop the search after this many generations without improvement.
    min_trees : int
        The final forest has at least so many trees. More do no harm (Breiman 2001, doi
        10.1023/A:1010933404324), and a small forest that scores best does so partly by luck; 1
        keeps the number that was chosen, as published.
    max_features, trend
        Of the forest: see `fluxlib.imputation.ForestWithMissing`.
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
    best_estimator_ : ForestWithMissing
        The final forest, grown on all rows.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 3))
    >>> model = GARFImputer(generations=2, bits=(4, 3, 2)).fit(X, X[:, 0])
    >>> model.predict(X).shape
    (400,)
    """

    def __init__(
        self,
        *,
        population: int = 20,
        generations: int = 100,
        crossover: float = 0.7,
        mutation: float = 0.01,
        selection: str = "roulette",
        elitism: bool = False,
        bits: Sequence[int] = (9, 5, 5),
        fitness: str = "validation",
        patience: int | None = None,
        min_trees: int = 1,
        max_features: float = 1 / 3,
        trend: Sequence[str] = (),
        folder: str | Path | None = None,
        random_state: int = 0,
    ):
        self.population = population
        self.generations = generations
        self.crossover = crossover
        self.mutation = mutation
        self.selection = selection
        self.elitism = elitism
        self.bits = bits
        self.fitness = fitness
        self.patience = patience
        self.min_trees = min_trees
        self.max_features = max_features
        self.trend = trend
        self.folder = folder
        self.random_state = random_state

    @classmethod
    def for_satellite(
        cls,
        dataset: "Dataset",
        series: str,
        *,
        other: str,
        model: str | None = None,
        inputs: str | None = None,
        every: int | None = None,
        **options,
    ) -> SatelliteImputer:
        """Return an imputer for a dataset's series: `fit` and `impute` take the flux alone.

        Parameters
        ----------
        dataset : Dataset
        series, other : str
            The series to fill and the one to fill it from.
        model : {"blend", "GA-RF", "published"}
            "blend", the default without options of the search: boosted trees and a perceptron,
            which err least. "GA-RF": the forest of a genetic search on a linear trend, at least
            200 trees. "published": the search as published, rewarded for its training error, on
            the published inputs.
        inputs : {"full", "paper"}, optional
            See `satellite_features`; "full", unless the model is the published one.
        every : int, optional
            The model learns from one sample in so many: hourly, 2 for the blend and 1 for forests.
        **options
            Of `GARFImputer`.

        Raises
        ------
        FluxError
            If there is no such series or model, or the blend is given options of the search.
        NotApplicable
            If the other series lacks a channel, or the dataset a driver.
        """
        get_series(dataset, series)
        model = model or ("GA-RF" if options else "blend")
        if model not in MODELS:
            raise FluxError(f"model is {model!r}; expected {', '.join(MODELS)}.")
        if model == "blend" and options:
            raise FluxError(f"the blend has no option {min(options)!r}; model='GA-RF' may have.")
        inputs = inputs or ("paper" if model == "published" else "full")
        features = satellite_features(dataset, other, inputs=inputs)
        samples_an_hour = max(1, round(pd.Timedelta("1h") / dataset.cadence))
        if model == "blend":
            every = every or 2 * samples_an_hour
            return make_imputer(features, other=other, inputs=inputs, every=every)
        if model == "published":
            options = {"fitness": "train"} | options
        elif inputs == "full":
            trend = trend_quantities(features, other)
            options = {"trend": trend, "min_trees": MIN_TREES} | options
        return SatelliteImputer(
            features, cls(**options), every=every or samples_an_hour, other=other, inputs=inputs
        )

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> "GARFImputer":
        """Search for the best forest and grow it on all rows.

        Parameters
        ----------
        X : DataFrame or array, shape (n, p)
            Inputs, NaN where missing. Blocks are of time if it is a DataFrame with a time index,
            else of rows in their order.
        y : array, shape (n,)
            log10 flux.

        Raises
        ------
        FluxError
            If `fitness` is unknown, X and y differ in length, or the blocks leave no rows to
            train on.
        """
        if self.fitness not in ERROR_ROWS:
            raise FluxError(f"fitness is {self.fitness!r}; expected 'validation' or 'train'.")
        search = GeneticSearch(
            population=self.population,
            generations=self.generations,
            crossover=self.crossover,
            mutation=self.mutation,
            selection=self.selection,
            elitism=self.elitism,
            bits=self.bits,
            patience=self.patience,
            random_state=self.random_state,
        )
        values, target = check_rows(X, y)
        train, held_out = split_blocks(X)
        # Trend and fills are fitted to the training rows alone: those held out judge them too.
        rows = X.iloc[train] if hasattr(X, "iloc") else values[train]
        trend = LinearTrend(self.trend).fit(rows, target[train])
        residual = target - trend.predict(X)
        filled = fill_missing(values, below_minimum(values[train]))
        self.surface_ = ForestSurface(
            filled[train],
            residual[train],
            filled[held_out],
            residual[held_out],
            error_on=self.fitness,
            max_depth=2 ** self.bits[1],
            max_features=self.max_features,
            random_state=self.random_state,
            folder=self.folder,
        )
        self.history_, self.best_ = search.run(self.surface_.fitness, prepare=self.surface_.grow)
        self.best_estimator_ = ForestWithMissing(
            trees=max(self.best_.trees, self.min_trees),
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
