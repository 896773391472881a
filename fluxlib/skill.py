"""Scores of a forecast with intervals that allow for autocorrelation, and skill against another."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from fluxlib.bootstrap import CONFIDENCE, choose_block, draw_block_counts
from fluxlib.errors import FluxError

N_BOOT = 1000  # replicates
SEED = 0  # of the replicates: the same forecasts have the same intervals


def compare_skill(
    table: pd.DataFrame,
    reference: str = "persistence",
    *,
    n_boot: int = N_BOOT,
) -> pd.DataFrame:
    """Tell by how much each model's squared error is below a reference's.

    Skill is 1 - MSE / MSE of the reference, of log10 fluence, on the days that both forecast. The
    intervals are percentiles over a block bootstrap of days, a solar rotation a block.

    Parameters
    ----------
    table : DataFrame
        Forecasts, as `protocols.leave_one_year_out` gives.
    reference : str
        The model to compare with.
    n_boot : int
        Replicates.

    Returns
    -------
    DataFrame
        `value`, `lower`, `upper`, `n` days; a row a model and horizon.

    Raises
    ------
    FluxError
        If the table has no forecast of the reference.
    """
    if reference not in set(table["model"]):
        raise FluxError(
            f"reference is {reference!r}; the table has {', '.join(table['model'].unique())}."
        )
    squares = _lay_out(table, (np.log10(table["value"]) - np.log10(table["observed"])) ** 2)
    rows = {
        (model, horizon): bound_statistic(
            part.droplevel("horizon")[[model, reference]].dropna(),
            lambda mean: 1 - mean[..., 0] / mean[..., 1],
            n_boot,
        )
        for model in squares.columns.drop(reference)
        for horizon, part in squares.groupby(level="horizon")
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index=["model", "horizon"])


def bound_pe(table: pd.DataFrame) -> pd.DataFrame:
    """Return the pooled PE of log10 fluence with its interval, as :func:`compare_skill` does.

    A PE of white noise is negative, and its interval reaches zero or lies below.
    """
    logs = np.log10(table[["observed", "value"]])
    parts = table.assign(
        error=(logs["observed"] - logs["value"]) ** 2,
        first=logs["observed"],
        second=logs["observed"] ** 2,
    ).dropna(subset=["error"])
    rows = {
        key: bound_statistic(part[["error", "first", "second"]].sort_index(), _find_pe)
        for key, part in parts.groupby(["model", "horizon"], sort=False)
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index=["model", "horizon"])


def bound_statistic(
    values: pd.DataFrame,
    statistic: Callable[[np.ndarray], np.ndarray],
    n_boot: int = N_BOOT,
) -> dict[str, float]:
    """Bound a function of means over days by a block bootstrap.

    Parameters
    ----------
    values : DataFrame
        What is averaged, a column each; days as index, sorted.
    statistic : callable
        From means (..., columns) to the value (...).
    n_boot : int
        Replicates.

    Returns
    -------
    dict
        `value`, `lower`, `upper`, `n`.
    """
    counts = draw_block_counts(values.index, choose_block(values.index), n_boot, SEED)
    means = counts @ values.to_numpy() / counts.sum(axis=1, keepdims=True)
    tail = (1 - CONFIDENCE) / 2
    lower, upper = np.quantile(statistic(means), [tail, 1 - tail])
    value = statistic(values.to_numpy().mean(axis=0))
    return {"value": float(value), "lower": lower, "upper": upper, "n": len(values)}


def _find_pe(means: np.ndarray) -> np.ndarray:
    """PE of the mean squared error, the mean and the mean square of what was observed."""
    return 1 - means[..., 0] / (means[..., 2] - means[..., 1] ** 2)


def _lay_out(table: pd.DataFrame, values: pd.Series) -> pd.DataFrame:
    """Lay values out by horizon and day, a column a model."""
    columns = table.assign(laid=values)
    return columns.pivot_table("laid", ["horizon", "time"], "model", sort=False).sort_index()
