"""Daily fluence: flux integrated over a UTC day."""

import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.utils.time_grid import DAY, find_cadence

ALERT = 1e8  # e/(cm2 day sr): SWPC's alert level of >2 MeV fluence


def daily_fluence(flux: pd.DataFrame, min_coverage: float = 0.8) -> pd.DataFrame:
    """Integrate flux over UTC days.

    The mean of the day's samples stands for the whole day, so gaps do not lower the fluence. The
    flux at geostationary orbit follows local time, so a day with too few samples is no fair mean
    and is left out.

    Parameters
    ----------
    flux : DataFrame
        Flux, e/(cm2 s sr), on a regular grid finer than a day.
    min_coverage : float
        The least fraction of a day's samples, in (0, 1].

    Returns
    -------
    DataFrame
        Fluence, e/(cm2 day sr), a row a day, NaN where the coverage is too small.

    Raises
    ------
    FluxError
        If the coverage is not in (0, 1] or the grid is no finer than a day.
    """
    if not 0 < min_coverage <= 1:
        raise FluxError(f"min_coverage is {min_coverage!r}; expected a fraction above 0, up to 1.")
    if len(flux) == 0:
        return flux.copy()
    cadence = find_cadence(flux.index, "flux")
    if cadence >= DAY:
        raise FluxError(f"the flux has a sample each {cadence}; expected a grid finer than a day.")
    days = flux.resample("1D")
    enough = days.count() >= min_coverage * (DAY / cadence) - 1e-9
    return (days.mean() * DAY.total_seconds()).where(enough)
