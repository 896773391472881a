"""Peaks of the correlation by offset, and drivers at chosen offsets as columns for a model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.offsets.spearman import spearman_intervals, spearman_offsets
from fluxlib.utils.time_grid import DAY_HOURS, find_cadence, offset_steps

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

NEAR_DRIVERS = ("N", "P", "B", "Bz", "SYM_H", "AE", "AU", "AL")
DAILY_OFFSETS = tuple(DAY_HOURS * day for day in range(6))  # hours
MIN_DAYS = 180  # of a year: fewer would represent one season

Selection: TypeAlias = pd.DataFrame | Mapping[str, Iterable[float]] | Iterable[tuple[str, float]]


def offset_features(drivers: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """Lay out drivers at their offsets as columns.

    Parameters
    ----------
    drivers
        A column for each driver, on a regular grid.
    selection
        Drivers and their offsets in hours: a mapping from driver to offsets, a sequence of
        (driver, offset), or a frame with columns ``driver`` and ``offset``.

    Returns
    -------
    DataFrame
        Index as of ``drivers``; column ``V-24h`` is V 24 hours before.

    Raises
    ------
    FluxError
        If a driver is missing, or an offset is not a multiple of the cadence.

    Examples
    --------
    >>> hours = pd.date_range("2014", periods=3, freq="h")
    >>> drivers = pd.DataFrame({"V": [400.0, 410.0, 420.0]}, hours)
    >>> offset_features(drivers, {"V": [0, 1]}).iloc[-1].to_dict()
    {'V-0h': 420.0, 'V-1h': 410.0}
    """
    pairs = list_selection(selection)
    missing = sorted({name for name, _ in pairs} - set(drivers.columns))
    if missing:
        raise FluxError(
            f"selection names {', '.join(missing)}, which drivers does not have; it has "
            f"{', '.join(map(str, drivers.columns))}"
        )
    steps = offset_steps([hours for _, hours in pairs], find_cadence(drivers.index, "drivers"))
    columns = {
        f"{name}-{hours:g}h": drivers[name].shift(step)
        for (name, hours), step in zip(pairs, steps, strict=True)
    }
    return pd.DataFrame(columns, index=drivers.index)


def list_selection(selection: Selection) -> list[tuple[str, float]]:
    """Return any form of selection as a list of (driver, offset in hours)."""
    if isinstance(selection, pd.DataFrame):
        return list(zip(selection["driver"], selection["offset"], strict=True))
    if isinstance(selection, Mapping):
        return [(name, hours) for name, offsets in selection.items() for hours in offsets]
    return [(name, hours) for name, hours in selection]


def list_hours(longest: float, step: float) -> np.ndarray:
    """Return the offsets from 0 to the longest, hours.

    Raises
    ------
    FluxError
        If they do not increase from 0.
    """
    if longest < 0 or step <= 0:
        raise FluxError(
            f"max_offset is {longest!r} and offset_step {step!r}; expected hours, the step above 0."
        )
    return np.arange(0, longest + 1e-9, step)


def select_features(correlations: pd.DataFrame, threshold: float = 0.3) -> pd.DataFrame:
    """Select the drivers and offsets whose absolute correlation is above a threshold.

    Parameters
    ----------
    correlations
        As :func:`fluxlib.spearman_offsets` returns.

    Returns
    -------
    DataFrame
        Columns ``driver``, ``offset`` (hours), ``rho``, strongest first: a selection.
    """
    cells = correlations.rename_axis(index="offset").reset_index()
    cells = cells.melt("offset", var_name="driver", value_name="rho")
    cells = cells[cells["rho"].abs() > threshold]
    cells = cells.sort_values("rho", key=abs, ascending=False, kind="stable")
    return cells[["driver", "offset", "rho"]].reset_index(drop=True)


def paper_inputs(other: Sequence[str]) -> dict[str, list[int]]:
    """Return the 48 inputs of the GA-RF paper, reconstructed.

    The paper (Sci. Rep. 2025, s41598-025-87082-9) prints their number only. Here: V, Vx and the
    other satellite's two channels 0..5 days before (24), and eight more drivers 0..2 days before
    (24). Bz is meant as a half-day mean: see :func:`half_day_mean`.

    Parameters
    ----------
    other
        Columns of the other satellite's two channels.

    Returns
    -------
    dict
        A selection: driver to offsets in hours.
    """
    if len(other) != 2 or isinstance(other, str):
        raise FluxError(
            f"other is {other!r}; expected the columns of the other satellite's two channels."
        )
    far = {name: [DAY_HOURS * day for day in range(6)] for name in ("V", "Vx", *other)}
    return far | {name: [DAY_HOURS * day for day in range(3)] for name in NEAR_DRIVERS}


def half_day_mean(series: pd.Series) -> pd.Series:
    """Average the twelve hours that end with each sample, where at least half are present.

    Bz changes within minutes and electrons respond within days, to its mean. The window ends with
    the sample, so it contains nothing of the future.
    """
    window = max(1, round(pd.Timedelta(hours=12) / find_cadence(series.index, "series")))
    return series.rolling(window, min_periods=-(-window // 2)).mean()


def suggest_time_step(correlations: pd.DataFrame, threshold: float = 0.3) -> int:
    """Suggest how many days of history an LSTM needs.

    That is the longest offset at which a driver has its strongest correlation, of the drivers
    where this is above the threshold, in whole days and at least one.
    """
    size = correlations.abs().dropna(axis="columns", how="all")
    strong = size.loc[:, size.max() > threshold]
    if strong.empty:
        return 1
    return max(1, int(-(-float(strong.idxmax().max()) // DAY_HOURS)))


def find_time_step(dataset: "Dataset", *, without: Sequence[int] = ()) -> int:
    """Suggest a time step from the daily fluence, without the years that are to be tested."""
    daily = np.log10(dataset.daily["e2"])
    daily = daily.mask(daily.index.year.isin(list(without)))
    drivers = dataset.drivers.resample("1D").mean()
    return suggest_time_step(spearman_offsets(drivers, daily, DAILY_OFFSETS))


def find_peaks(correlations: pd.DataFrame) -> pd.DataFrame:
    """Return each driver's strongest correlation and its offset, the strongest driver first.

    Returns
    -------
    DataFrame
        Columns ``driver``, ``offset`` (hours), ``rho``.
    """
    known = correlations.dropna(axis="columns", how="all")
    offset = known.abs().idxmax()
    rho = [known.loc[offset[name], name] for name in known]
    table = pd.DataFrame({"driver": known.columns, "offset": offset.to_numpy(), "rho": rho})
    return table.sort_values("rho", key=abs, ascending=False, ignore_index=True)


def describe_peaks(peaks: pd.DataFrame, drivers: pd.DataFrame, target: pd.Series) -> pd.DataFrame:
    """Return the peaks of :func:`find_peaks` with 95 % intervals, pairs and effective pairs."""
    rows = []
    for peak in peaks.itertuples():
        table = spearman_intervals(drivers[[peak.driver]], target, [peak.offset])
        rows.append({"driver": peak.driver, "offset": peak.offset, **table[peak.driver].iloc[0]})
    return pd.DataFrame(rows).rename(columns={"value": "rho"})


def compare_peaks(one: pd.DataFrame, other: pd.DataFrame, threshold: float) -> float | None:
    """Return the greatest difference, in hours, between two tables' strongest offsets.

    Drivers below the threshold in either table are left out; None if all are.
    """
    first, second = (find_peaks(table).set_index("driver") for table in (one, other))
    strong = (first["rho"].abs() > threshold) & (second["rho"].abs() > threshold)
    apart = (first["offset"] - second["offset"]).abs()[strong]
    return float(apart.max()) if len(apart) else None


def correlate_years(
    drivers: pd.DataFrame, target: pd.Series, correlations: pd.DataFrame
) -> pd.DataFrame:
    """Correlate each driver year by year, at its strongest offset over all years.

    Parameters
    ----------
    drivers, target
        Daily.
    correlations
        Over all years, for the offsets.

    Returns
    -------
    DataFrame
        A row for each year with enough known days, a column for each driver.
    """
    years = sorted(set(target.index.year))
    targets = {year: target.where(target.index.year == year) for year in years}
    return correlate_at_peaks(drivers, targets, correlations).rename_axis("year")


def correlate_at_peaks(
    drivers: pd.DataFrame, targets: Mapping[Any, pd.Series], correlations: pd.DataFrame
) -> pd.DataFrame:
    """Correlate each driver with several targets, at its strongest offset in `correlations`.

    Parameters
    ----------
    drivers
        Daily.
    targets
        Daily, by name, such as the satellite.
    correlations
        Spearman's, by offset in hours (rows) and driver.

    Returns
    -------
    DataFrame
        A row for each target with enough known days, a column for each driver.
    """
    known = {name: one for name, one in targets.items() if one.notna().sum() >= MIN_DAYS}
    table = {
        peak.driver: {
            name: spearman_offsets(drivers[[peak.driver]], target, [peak.offset]).iloc[0, 0]
            for name, target in known.items()
        }
        for peak in find_peaks(correlations).itertuples()
    }
    return pd.DataFrame(table, index=list(known))
