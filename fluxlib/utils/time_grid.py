"""Regular time grids: their cadence, offsets in their steps, and runs of samples."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from fluxlib.errors import FluxError, TooLittleDataError

DAY, HOUR = pd.Timedelta("1D"), pd.Timedelta("1h")
DAY_HOURS = 24


def align_grids(
    drivers: pd.DataFrame, target: pd.Series, offsets: Iterable[float]
) -> tuple[pd.Index, np.ndarray, pd.DataFrame, pd.Series]:
    """Put drivers and target on one regular grid, and offsets in its steps.

    Returns
    -------
    hours : Index
        The offsets, named ``offset``.
    steps : ndarray of int
        The same in steps of the grid.
    drivers, target
        On one grid, from the first of either to the last of either.
    """
    cadence = find_cadence(drivers.index, "drivers")
    if find_cadence(target.index, "target") != cadence:
        raise FluxError(
            f"drivers come every {cadence}, target every {find_cadence(target.index, 'target')}: "
            "bring both to one cadence first"
        )
    if (target.index[0] - drivers.index[0]) % cadence:
        raise FluxError(
            f"target's times lie between those of drivers ({target.index[0]} against "
            f"{drivers.index[0]} every {cadence}): shift one of the two grids"
        )
    hours = pd.Index(list(offsets), name="offset")
    steps = offset_steps(hours, cadence)
    grid = pd.date_range(
        min(drivers.index[0], target.index[0]),
        max(drivers.index[-1], target.index[-1]),
        freq=cadence,
        name="time",
    )
    return hours, steps, drivers.reindex(grid), target.reindex(grid)


def find_cadence(index: pd.Index, name: str) -> pd.Timedelta:
    """Return the step of a regular grid of times.

    Raises
    ------
    FluxError
        If the index is not of times, has fewer than two, or its steps differ.
    """
    if not isinstance(index, pd.DatetimeIndex):
        raise FluxError(f"{name} is indexed by {index.dtype}; expected an index of times.")
    if index.freq is not None:
        return pd.Timedelta(index.freq)
    if len(index) < 2:
        raise TooLittleDataError(f"{name}: the index has {len(index)} times; expected two or more.")
    step = index[1] - index[0]
    if step <= pd.Timedelta(0) or not (index[1:] - index[:-1] == step).all():
        raise FluxError(
            f"{name}: the index is not a regular grid: the first step is {step}, others differ; "
            "reindex it, with NaN where there is no sample."
        )
    return step


def find_runs(mask: npt.ArrayLike) -> np.ndarray:
    """Return where each run of True begins and the place after its end, (k, 2)."""
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False].astype(int)))
    return edges.reshape(-1, 2)


def offset_steps(hours: Iterable[float], cadence: pd.Timedelta) -> np.ndarray:
    """Turn offsets in hours into whole steps of the grid, or raise FluxError."""
    hours = np.asarray(list(hours), dtype=float)
    steps = hours * HOUR / cadence
    wrong = ~np.isclose(steps, np.rint(steps), rtol=0, atol=1e-6)
    if not len(hours) or wrong.any():
        found = f"{hours[wrong][0]:g} h" if len(hours) else "none"
        raise FluxError(f"offsets must be multiples of the cadence, {cadence}; found {found}")
    return np.rint(steps).astype(int)


def parse_cadence(text: str, where: str) -> pd.Timedelta:
    """Return the Timedelta of "5min", "1h", "1D".

    Raises
    ------
    FluxError
        If the text is not a whole number of seconds that divides a day; `where` starts the message.
    """
    second = pd.Timedelta("1s")
    try:
        cadence = pd.Timedelta(text) if isinstance(text, str) else pd.NaT
    except ValueError:
        cadence = pd.NaT
    if pd.isna(cadence) or not second <= cadence <= DAY or DAY % cadence or cadence % second:
        raise FluxError(
            f"{where} is {text!r}; expected a length of time that divides a day, "
            'such as "5min", "1h" or "1D".'
        )
    return cadence


def format_cadence(step: pd.Timedelta) -> str:
    """Return the text that `parse_cadence` reads: "5min", "1h", "1D"."""
    if step == DAY:
        return "1D"
    minutes = step.total_seconds() / 60
    return f"{minutes / 60:g}h" if minutes % 60 == 0 else f"{minutes:g}min"
