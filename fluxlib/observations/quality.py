"""Flag doubtful samples: spikes, stuck values, proton contamination. None is removed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from fluxlib.errors import FluxError
from fluxlib.io.text import Quality

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset


REASONS = [reason.name.lower() for reason in Quality]


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
        Integral flux of protons above 10 MeV, p/(cm2 s sr), on the same grid. Without it no
        contamination is flagged.
    spike_decades : float
        A sample is a spike if its log10 differs by more from the median of the five samples
        around it; a step, which the median follows, is not a spike.
    stuck_samples : int
        The fewest equal samples in a row that count as stuck, at least 2.
    proton_limit : float
        Proton flux from which electron detectors are taken as contaminated; NOAA's scale of
        radiation storms begins at 10.

    Returns
    -------
    DataFrame of uint8
        `Quality` of every sample, with the index and columns of `flux`; 0 where it is missing.

    Raises
    ------
    FluxError
        If a limit is out of range.
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


def count_flags(flags: pd.DataFrame) -> pd.DataFrame:
    """Return how many samples of each channel (rows) have each flag (columns)."""
    return pd.DataFrame(
        {name: ((flags & int(one)) > 0).sum() for name, one in zip(REASONS, Quality, strict=True)}
    )


def flag_dataset(dataset: "Dataset") -> dict[str, pd.DataFrame]:
    """Return `flag_quality` of every series, joined with the flags that the archive's files give.

    Protons are those of the driver `p10`, where there is one.
    """
    protons = dataset.drivers.get("p10")
    joined = {}
    for series, flux in dataset.flux.items():
        flags = flag_quality(flux, protons=protons)
        if series in dataset.flags:
            archive = dataset.flags[series].reindex(flux.index, fill_value=0).to_numpy()
            flags = flags | np.where(flux.notna(), archive[:, None], 0).astype(np.uint8)
        joined[series] = flags
    return joined


def find_doubtful(
    flags: dict[str, pd.DataFrame], columns: Mapping[str, pd.Series]
) -> dict[str, pd.Series]:
    """Tell which >2 MeV samples of `list_channels`' series `flag_dataset` flagged.

    Returns
    -------
    dict of str to Series of bool
        On the grid of each series of `columns` that has flux; daily fluence has no flags.
    """
    names = {name: name.split(" ")[0] for name in columns}
    return {
        name: flags[series]["e2"].reindex(columns[name].index, fill_value=0) > 0
        for name, series in names.items()
        if series in flags and "e2" in flags[series]
    }


def find_handovers(sources: pd.Series, *, min_days: int = 30) -> dict[pd.Timestamp, str]:
    """Return when a daily record passes to another series, and to which.

    Parameters
    ----------
    sources : Series of str
        The series that each day's value comes from; missing where no series has one.
    min_days : int
        A series that stands in for fewer values in a row is not a handover.
    """
    known = sources.dropna()
    runs = (known != known.shift()).cumsum()
    kept = known[known.groupby(runs).transform("size") >= min_days]
    changes = kept[kept != kept.shift()]
    return dict(zip(changes.index, changes, strict=True))


def tabulate_flags(dataset: "Dataset", flags: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Count the doubtful samples of each series and channel in `flag_dataset`'s flags.

    Returns
    -------
    DataFrame
        A row for each `series` and `channel`: `samples` measured; those with each flag of
        `Quality`; and `unchecked`, those at times without a proton flux.
    """
    protons = dataset.drivers.get("p10", pd.Series(dtype=float))
    tables = []
    for series, flux in dataset.flux.items():
        unchecked = protons.reindex(flux.index).isna()
        table = count_flags(flags[series]).rename_axis("channel").reset_index()
        table.insert(0, "series", series)
        table.insert(2, "samples", flux.notna().sum().to_numpy())
        tables.append(table.assign(unchecked=flux[unchecked].notna().sum().to_numpy()))
    if not tables:
        return pd.DataFrame(columns=["series", "channel", "samples", *REASONS, "unchecked"])
    return pd.concat(tables, ignore_index=True)


def _find_spikes(values: pd.Series, decades: float) -> np.ndarray:
    logarithm = np.log10(values.where(values > 0)).to_numpy()
    # One more than needed, so that there is a window even if there is no sample.
    around = sliding_window_view(np.pad(logarithm, (2, 3), constant_values=np.nan), 5)[:-1]
    # What is far from the median is far from a neighbour, so few samples need a median.
    suspects = np.zeros(len(values), bool)
    with np.errstate(invalid="ignore"):  # infinite minus infinite
        for neighbour in (0, 1, 3, 4):
            suspects |= np.abs(around[:, neighbour] - logarithm) > decades
    found = np.flatnonzero(suspects)
    found = found[np.isfinite(around[found]).sum(axis=1) >= 4]
    spikes = np.zeros(len(values), bool)
    spikes[found] = np.abs(logarithm[found] - np.nanmedian(around[found], axis=1)) > decades
    return spikes


def _find_stuck(values: pd.Series, samples: int) -> np.ndarray:
    # A missing sample differs from everything and ends a run.
    values = values.to_numpy()
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    lengths = np.diff(np.concatenate([[0], changes, [len(values)]]))
    return np.repeat(lengths >= samples, lengths)
