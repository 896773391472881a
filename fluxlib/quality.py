"""Flag doubtful samples: spikes, stuck values, proton contamination. Nothing is dropped here."""

from enum import IntFlag

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError


class Quality(IntFlag):
    """Why a sample is doubtful; 0 is a good one, and several reasons add up."""

    SPIKE = 1
    STUCK = 2
    PROTONS = 4
    ALL = SPIKE | STUCK | PROTONS


def flag_quality(
    flux: pd.DataFrame,
    *,
    protons: pd.Series | None = None,
    spike_decades: float = 1.0,
    stuck_samples: int = 12,
    proton_limit: float = 10.0,
) -> pd.DataFrame:
    """Flag the doubtful samples of each channel.

    Parameters
    ----------
    flux : DataFrame
        Electron flux, e/(cm2 s sr), on a regular grid.
    protons : Series, optional
        Integral flux of protons above 10 MeV, p/(cm2 s sr), by time on the same grid. Without it
        no contamination can be flagged.
    spike_decades : float
        A sample is a spike if its log10 is further than this from the median of the five samples
        around it: steps, which the median follows, are none.
    stuck_samples : int
        The least number of equal samples in a row that count as stuck, at least 2.
    proton_limit : float
        Proton flux from which the electron detectors are contaminated; NOAA's scale of radiation
        storms begins at 10.

    Returns
    -------
    DataFrame of uint8
        `Quality` of every sample, with the index and columns of `flux`; 0 where it is missing.

    Raises
    ------
    FluxError
        If a limit makes no sense.
    """
    if spike_decades <= 0 or stuck_samples < 2 or proton_limit <= 0:
        raise FluxError(
            f"spike_decades is {spike_decades}, stuck_samples {stuck_samples}, proton_limit "
            f"{proton_limit}; expected more than 0, at least 2, more than 0."
        )
    contaminated = np.zeros(len(flux), bool)
    if protons is not None:
        contaminated = (protons.reindex(flux.index) >= proton_limit).to_numpy()
    flags = {}
    for name, values in flux.items():
        flag = Quality.SPIKE * _find_spikes(values, spike_decades)
        flag = flag | Quality.STUCK * _find_stuck(values, stuck_samples)
        flag = flag | Quality.PROTONS * contaminated
        flags[name] = np.where(values.notna(), flag, 0).astype(np.uint8)
    return pd.DataFrame(flags, index=flux.index)


def split_flagged(
    flux: pd.DataFrame, flags: pd.DataFrame, reasons: Quality = Quality.ALL
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the flux without the samples flagged for the reasons, and those samples apart.

    Both have all rows; each sample is in exactly one of them.
    """
    doubtful = (flags & int(reasons)) > 0
    return flux.mask(doubtful), flux.where(doubtful)


def count_flags(flags: pd.DataFrame) -> pd.DataFrame:
    """Return how many samples of each channel (rows) have each flag (columns)."""
    return pd.DataFrame(
        {reason.name.lower(): ((flags & int(reason)) > 0).sum() for reason in Quality}
    )


def _find_spikes(values: pd.Series, decades: float) -> np.ndarray:
    logarithm = np.log10(values.where(values > 0))
    median = logarithm.rolling(5, center=True, min_periods=4).median()
    return ((logarithm - median).abs() > decades).to_numpy()


def _find_stuck(values: pd.Series, samples: int) -> np.ndarray:
    # A missing sample differs from everything and ends a run.
    run = (values != values.shift()).cumsum()
    return (values.groupby(run).transform("size") >= samples).to_numpy()
