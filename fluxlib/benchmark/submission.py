"""Read what somebody submits, a CSV of predictions, and refuse what cannot be meant."""

from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.benchmark.tasks import Task, Truth
from fluxlib.errors import FluxError

_AHEAD = ("time", "horizon", "value")
NEEDED = {"forecast": _AHEAD, "rolling": _AHEAD, "filling": ("time", "value")}
UNITS = {"d": "days", "h": "hours"}
FACTOR = 100.0  # by which the median of predictions may differ from the truth's
MOST_LOG = 15.0  # no logarithm is above it


def read_submission(path: str | Path, task: Task, truth: Truth) -> pd.DataFrame:
    """Read predictions for a task.

    Parameters
    ----------
    path : path
        CSV with `time` (UTC; the day that is forecast, or the end of the 24 hours), `horizon` (days
        or hours ahead; not for filling), `value`, and if known `lower` and `upper` (90 %): linear,
        as the task asks. Rows that the task does not ask for are left out.
    task : Task
    truth : Truth

    Returns
    -------
    DataFrame
        Index `time`; `horizon` (0 for filling), and log10 `value`, `lower`, `upper`.

    Raises
    ------
    FluxError
        One sentence: which line or column, what was found, what was expected.
    """
    path = Path(path)
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())
        raise FluxError(f"{path}: not a readable CSV file: {reason[:200]}") from None
    absent = [name for name in NEEDED[task.kind] if name not in table]
    if absent:
        raise FluxError(
            f"{path}: line 1 names the columns {', '.join(map(str, table))[:200]}; "
            f"{task.name} needs {', '.join(NEEDED[task.kind])}."
        )
    times = pd.to_datetime(table["time"], format="ISO8601", errors="coerce", utc=True)
    _refuse(times.isna(), path, table["time"], "time", "an ISO 8601 time such as 2010-01-31")
    frame = pd.DataFrame({"horizon": table.get("horizon", pd.Series(0, table.index))})
    if task.horizons:
        _refuse(
            ~frame["horizon"].isin(task.horizons),
            path,
            frame["horizon"],
            "horizon",
            f"{', '.join(map(str, task.horizons))} {UNITS[task.unit]}",
        )
    for name in ("value", "lower", "upper"):
        given = table.get(name, pd.Series(np.nan, table.index))
        numbers = pd.to_numeric(given, errors="coerce")
        _refuse(numbers.isna() & given.notna(), path, given, name, "a number")
        _refuse(numbers <= 0, path, given, name, "a number above zero")
        frame[name] = numbers
    frame.index = pd.DatetimeIndex(times.dt.tz_localize(None), name="time")
    again = frame.set_index("horizon", append=True).index.duplicated()
    _refuse(pd.Series(again), path, table["time"], "time", "each time and horizon once")
    _check_unit(frame["value"].dropna(), path, task, truth)
    frame[["value", "lower", "upper"]] = np.log10(frame[["value", "lower", "upper"]])
    upside = (frame["lower"] > frame["upper"]).reset_index(drop=True)
    _refuse(upside, path, table.get("lower", table["value"]), "lower", "no more than upper")
    frame = frame[frame.index.isin(truth.log_values.index)].dropna(subset="value")
    if frame.empty:
        first, last = truth.log_values.index[[0, -1]]
        raise FluxError(
            f"{path}: no row has a time that {task.name} asks for; expected some of "
            f"{first:%Y-%m-%d} to {last:%Y-%m-%d}."
        )
    return frame.sort_index(kind="stable")


def _refuse(bad: pd.Series, path: Path, given: pd.Series, column: str, expected: str) -> None:
    if bad.any():
        row = int(np.argmax(bad.to_numpy()))
        raise FluxError(
            f"{path}: line {row + 2}, column {column}, is {str(given.iloc[row])[:40]!r} "
            f"({int(bad.sum())} such rows); expected {expected}."
        )


def _check_unit(values: pd.Series, path: Path, task: Task, truth: Truth) -> None:
    """Raise if values are far from what was observed, or nearer to its logarithm."""
    unit = "fluence, e/(cm2 day sr)" if task.horizons else "flux, e/(cm2 s sr)"
    middle, true = float(values.median()), float(10 ** truth.log_values.median())
    observed = truth.log_values.reindex(values.index)
    off_log, off = (values - observed).abs().median(), (np.log10(values) - observed).abs().median()
    is_log = values.max() < MOST_LOG and off_log < off
    if len(values) and (is_log or not true / FACTOR <= middle <= true * FACTOR):
        hint = ", and not its logarithm" if values.max() < MOST_LOG else ""
        raise FluxError(
            f"{path}: the median of column value is {middle:.3g}, that of what was observed "
            f"{true:.3g}; expected {unit}{hint}."
        )
