"""Series taken from a dataset: daily fluence, the pair and the target that a question needs.

A dataset holds linear flux and fluence. What the later chapters compute with is their log10, and
is converted here.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.utils.time_grid import DAY, find_cadence

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

ALERT = 1e8  # e/(cm2 day sr): SWPC's alert level of >2 MeV fluence


class Pair(NamedTuple):
    """Two series, of which `other` is to be put on the scale of `reference`."""

    reference: str
    other: str


def daily_fluence(flux: pd.DataFrame, min_coverage: float = 0.8) -> pd.DataFrame:
    """Integrate flux over UTC days.

    The mean of the day's samples stands for the whole day, so gaps do not lower the fluence. The
    flux at geostationary orbit follows local time, so the mean of a day with too few samples would
    be biased, and the day is left out.

    Parameters
    ----------
    flux : DataFrame
        Flux, e/(cm2 s sr), on a regular grid finer than a day.
    min_coverage : float
        The smallest fraction of a day's samples with which the day counts, in (0, 1].

    Returns
    -------
    DataFrame
        Fluence, e/(cm2 day sr), one row a day, NaN where the coverage is too small.

    Raises
    ------
    FluxError
        If the coverage is not in (0, 1] or the grid is not finer than a day.

    Examples
    --------
    >>> hours = pd.date_range("2014-01-01", periods=24, freq="1h", name="time")
    >>> daily_fluence(pd.DataFrame({"e2": 100.0}, index=hours))["e2"].item()
    8640000.0
    """
    if not 0 < min_coverage <= 1:
        raise FluxError(f"min_coverage is {min_coverage!r}; expected a fraction above 0, up to 1.")
    if len(flux) == 0:
        return flux.copy()
    cadence = find_cadence(flux.index, "flux")
    if cadence >= DAY:
        raise FluxError(
            f"the flux has one sample every {cadence}; expected a grid finer than a day."
        )
    # A product such as 0.55 * 1440 may be a little above the whole number that is meant.
    needed = math.ceil(round(min_coverage * (DAY / cadence), 6))
    days = flux.resample("1D")
    return (days.mean() * DAY.total_seconds()).where(days.count() >= needed)


def log_fluence(dataset: "Dataset") -> dict[str, pd.Series]:
    """Return log10 of the daily >2 MeV fluence, e/(cm2 day sr), by series."""
    return {
        name: np.log10(frame["e2"]).rename(name)
        for name, frame in dataset.fluence.items()
        if "e2" in frame
    }


def choose_pair(
    dataset: "Dataset", satellite: str = "auto", other: str = "auto"
) -> tuple[str, str] | None:
    """Return two series with >2 MeV samples in common, for "auto" those with most of them.

    What counts are the first one's samples from the other's first to its last: a satellite that
    falls silent at low flux is no worse a partner for it, as that is part of the problem.

    Parameters
    ----------
    dataset : Dataset
    satellite, other : str
        Names of series. "auto" for both is a western satellite and an eastern one; for one of the
        two, it is a satellite at another position than the named one. A satellite only a few
        degrees away sees the same local time, and the published problem is the east-west pair.

    Returns
    -------
    (satellite, other) or None
        None if no such pair has a sample in common.

    Raises
    ------
    FluxError
        If the dataset has no series of such a name on its grid.
    """
    sampled = {name: flux.dropna().index for name, flux in _find_flux(dataset).items()}
    for role, name in (("satellite", satellite), ("other", other)):
        _check_series(role, name, sampled)
    position = dataset.manifest.position

    def may_pair(first: str, second: str) -> bool:
        if "auto" not in (satellite, other):
            return True
        if satellite == other:
            return (position(first), position(second)) == ("west", "east")
        return position(first) != position(second)

    def count(first: str, second: str) -> int:
        one, two = sampled[first], sampled[second]
        return int(((one >= two[0]) & (one <= two[-1])).sum()) if len(one.intersection(two)) else 0

    counts = {
        (first, second): count(first, second)
        for first in (sampled if satellite == "auto" else [satellite])
        for second in (sampled if other == "auto" else [other])
        if first != second and may_pair(first, second)
    }
    best = max(counts, key=lambda pair: counts[pair], default=None)
    return best if best and counts[best] else None


def choose_target(dataset: "Dataset", satellite: str = "auto") -> pd.Series | None:
    """Return log10 of a series' >2 MeV flux, by default of the series with most samples.

    Parameters
    ----------
    dataset : Dataset
    satellite : str
        The name of a series, or "auto".

    Returns
    -------
    Series or None
        log10 of e/(cm2 s sr), named after the series; None if the series has no sample.

    Raises
    ------
    FluxError
        If the dataset has no series of that name on its grid.
    """
    flux = _find_flux(dataset)
    _check_series("satellite", satellite, flux)
    candidates = flux if satellite == "auto" else [satellite]
    best = max(candidates, key=lambda name: flux[name].count(), default=None)
    return np.log10(flux[best]).rename(best) if best and flux[best].count() else None


def _find_flux(dataset: "Dataset") -> dict[str, pd.Series]:
    return {name: frame["e2"] for name, frame in dataset.flux.items() if "e2" in frame}


def _check_series(role: str, name: str, known: Mapping[str, object]) -> None:
    if name not in ("auto", *known):
        raise FluxError(
            f"{role} is {name!r}; expected 'auto' or a series with >2 MeV flux on this grid: "
            f"{', '.join(known) or 'there is none'}."
        )
