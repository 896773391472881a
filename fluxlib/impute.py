"""Fill gaps in a flux series: GA-RF, and the interpolations to beat.

GA-RF is a random forest whose trees, depth and leaf size a genetic algorithm chooses
(Sci. Rep. 2025, s41598-025-87082-9).
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.interpolate import CubicSpline
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.features import (
    NEAR_DRIVERS,
    half_day_mean,
    list_selection,
    offset_features,
    paper_inputs,
)
from fluxlib.folds import blocked_folds
from fluxlib.forest import ForestSurface, build_forest
from fluxlib.genetic import GeneticSearch

if TYPE_CHECKING:
    from fluxlib.dataset import Dataset

LOW_CHANNELS = ("e0.6", "e0.8")
NEIGHBOURS = (-6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6)
COVERAGE = 0.9
# The longest offset among the inputs: what one sample knows reaches this far back.
PURGE = "5D"


def interpolate(series: pd.Series, kind: str = "linear") -> pd.Series:
    """Fill the gaps of a series from the samples on either side.

    Parameters
    ----------
    series : Series
        log10 flux on a time index, NaN in its gaps. Gaps at either end stay.
    kind : {"linear", "cubic"}
        A straight line, or a cubic spline through all samples.

    Returns
    -------
    Series
        The series, filled.

    Raises
    ------
    FluxError
        If the kind is unknown, times do not rise, or fewer than two samples are known.
    """
    if kind not in ("linear", "cubic"):
        raise FluxError(f"kind is {kind!r}; expected 'linear' or 'cubic'.")
    index = series.index
    rises = index.is_monotonic_increasing and index.is_unique
    if not (isinstance(index, pd.DatetimeIndex) and rises):
        raise FluxError(
            "the series is not sorted by time, or has a time twice; give it one that rises."
        )
    known = series.notna().to_numpy()
    if known.sum() < 2:
        raise FluxError(f"the series has {known.sum()} known samples; expected two or more.")
    x = (series.index - series.index[0]) / pd.Timedelta("1h")
    x, places = x.to_numpy(), np.flatnonzero(known)
    inside = ~known
    inside[: places[0]] = inside[places[-1] :] = False
    values = series.to_numpy(float).copy()
    if kind == "linear":
        values[inside] = np.interp(x[inside], x[known], values[known])
    else:
        values[inside] = CubicSpline(x[known], values[known])(x[inside])
    return pd.Series(values, index=series.index, name=series.name)


def satellite_features(dataset: "Dataset", other: str, *, inputs: str = "full") -> pd.DataFrame:
    """Lay out what a satellite's flux can be told from: another satellite, drivers, time of day.

    Parameters
    ----------
    dataset : Dataset
        With `other`'s flux and the drivers on one grid.
    other : str
        The series to impute from.
    inputs : {"full", "paper"}
        "paper" is our reconstruction of the published 48: see `features.paper_inputs`. "full"
        adds the time of day, since satellites at two longitudes see local time hours apart, and
        the other satellite's neighbouring hours (those on the grid), later ones too: imputation
        may look ahead.

    Returns
    -------
    DataFrame
        On the grid of `other`; flux as log10.

    Raises
    ------
    FluxError
        If there is no such series.
    NotApplicable
        If the series lacks a channel, or the dataset a driver.
    """
    if inputs not in ("full", "paper"):
        raise FluxError(f"inputs is {inputs!r}; expected 'full' or 'paper'.")
    channels = _take_channels(dataset, other)
    drivers = _take_drivers(dataset).reindex(channels.index)
    columns = drivers.assign(Bz=half_day_mean(drivers["Bz"])).join(channels)
    selection = list_selection(_choose_inputs(columns, tuple(channels)))
    if inputs == "full":
        on_grid = [h for h in NEIGHBOURS if not pd.Timedelta(hours=h) % dataset.cadence]
        selection += [(name, hours) for name in channels for hours in on_grid]
    table = offset_features(columns, selection)
    if inputs == "full":
        angle = 2 * np.pi * (table.index.hour + table.index.minute / 60) / 24
        table = table.assign(**{"UT sine": np.sin(angle), "UT cosine": np.cos(angle)})
    return table


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
    ) -> "SatelliteImputer":
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
        _find_series(dataset, series)
        return SatelliteImputer(satellite_features(dataset, other, inputs=inputs), cls(**options))

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


class SatelliteImputer(BaseEstimator):
    """Fill a satellite's flux from inputs that lie on a grid of time.

    Parameters
    ----------
    features : DataFrame
        Inputs: see `satellite_features`.
    model : estimator
        Predicts log10 flux from them; `half_width_` gives its 90 % interval.
    """

    def __init__(self, features: pd.DataFrame, model: GARFImputer):
        self.features = features
        self.model = model

    def fit(self, flux: pd.Series) -> "SatelliteImputer":
        """Learn from the samples that are known.

        Parameters
        ----------
        flux : Series
            Flux, e/(cm2 s sr), NaN in its gaps.
        """
        y = np.log10(flux).reindex(self.features.index).dropna()
        if len(y) < 100:
            raise FluxError(
                f"{len(y)} known samples of {flux.name or 'the flux'} lie within the inputs' "
                "time; expected 100 or more."
            )
        self.model.fit(self.features.loc[y.index], y)
        return self

    def impute(self, flux: pd.Series) -> pd.DataFrame:
        """Fill the gaps of a series.

        Parameters
        ----------
        flux : Series
            Flux, e/(cm2 s sr), NaN in its gaps.

        Returns
        -------
        DataFrame
            `value`, `lower`, `upper` (flux; the measured value itself where there is one) and
            `imputed`. NaN in gaps outside the inputs' time.
        """
        value, lower, upper = (flux.astype(float).copy() for _ in range(3))
        times = flux.index[flux.isna()].intersection(self.features.index)
        if len(times):
            guess = self.model.predict(self.features.loc[times])
            value[times] = 10**guess
            lower[times] = 10 ** (guess - self.model.half_width_)
            upper[times] = 10 ** (guess + self.model.half_width_)
        imputed = flux.isna() & value.notna()
        return pd.DataFrame({"value": value, "lower": lower, "upper": upper, "imputed": imputed})


def _find_series(dataset: "Dataset", series: str) -> pd.DataFrame:
    if series not in dataset.flux:
        raise FluxError(
            f"dataset {dataset.name!r} has no series {series!r} on its grid of "
            f"{dataset.cadence}; it has {', '.join(dataset.flux) or 'none'}."
        )
    return dataset.flux[series]


def _take_channels(dataset: "Dataset", series: str) -> pd.DataFrame:
    """Return a series' two channels as log10 flux, named after it."""
    flux = _find_series(dataset, series)
    low = next((name for name in LOW_CHANNELS if name in flux), None)
    if low is None or "e2" not in flux:
        raise NotApplicable(
            f"series {series!r} has {', '.join(flux) or 'no channel'}; imputation from it needs "
            f"e2 and one of {', '.join(LOW_CHANNELS)}."
        )
    return np.log10(flux[[low, "e2"]]).add_prefix(f"{series} ")


def _take_drivers(dataset: "Dataset") -> pd.DataFrame:
    """Return the drivers, if all that the inputs need are there."""
    missing = {"V", "Vx", *NEAR_DRIVERS} - set(dataset.drivers)
    if "Dst" in dataset.drivers:
        missing -= {"SYM_H"}
    if missing:
        lacking = ", ".join(sorted(missing))
        raise NotApplicable(f"it lacks drivers that imputation needs: {lacking}.")
    return dataset.drivers


def _choose_inputs(columns: pd.DataFrame, channels: tuple[str, str]) -> dict[str, list[int]]:
    """Return the published inputs, with Dst, its hourly kin, where SYM-H is not there."""
    inputs = paper_inputs(channels)
    return {
        "Dst" if name == "SYM_H" and name not in columns else name: offsets
        for name, offsets in inputs.items()
    }


def find_fills(X: np.ndarray) -> np.ndarray:
    """Return a value for each column's NaN that lies below all that training rows have."""
    return np.min(X, axis=0, where=~np.isnan(X), initial=0.0) - 1


def fill_below(X: np.ndarray, fills: np.ndarray) -> np.ndarray:
    """Return the rows with `fills` in place of NaN."""
    return np.where(np.isnan(X), fills, X)
