"""Fill gaps in a flux series: from another satellite by a model, or by interpolation."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline
from sklearn.base import BaseEstimator

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.features import (
    NEAR_DRIVERS,
    half_day_mean,
    list_selection,
    offset_features,
    paper_inputs,
)

if TYPE_CHECKING:
    from fluxlib.dataset import Dataset

LOW_CHANNELS = ("e0.6", "e0.8")
NEIGHBOURS = (-6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6)


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


class SatelliteImputer(BaseEstimator):
    """Fill a satellite's flux from inputs that lie on a grid of time.

    Parameters
    ----------
    features : DataFrame
        Inputs: see `satellite_features`.
    model : estimator
        Predicts log10 flux from them; `half_width_` gives its 90 % interval.
    """

    def __init__(self, features: pd.DataFrame, model: BaseEstimator):
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


def find_series(dataset: "Dataset", series: str) -> pd.DataFrame:
    """Return a series' flux, or raise a FluxError that names those that there are."""
    if series not in dataset.flux:
        raise FluxError(
            f"dataset {dataset.name!r} has no series {series!r} on its grid of "
            f"{dataset.cadence}; it has {', '.join(dataset.flux) or 'none'}."
        )
    return dataset.flux[series]


def _take_channels(dataset: "Dataset", series: str) -> pd.DataFrame:
    """Return a series' two channels as log10 flux, named after it."""
    flux = find_series(dataset, series)
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
