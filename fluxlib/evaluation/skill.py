"""Scores with intervals, and whether one method is better than another, by blocks of time."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.evaluation.bootstrap import CONFIDENCE, choose_block, draw_block_counts
from fluxlib.evaluation.metrics import scores

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


def score_intervals(
    observed: pd.Series, predicted: pd.DataFrame, *, n_boot: int = 500, random_state: int = 0
) -> pd.DataFrame:
    """Score methods at the times that all of them have, with intervals, and test the first.

    Neighbouring errors repeat each other, so replicates draw blocks of time (27 days, or a
    twelfth of a shorter period), the same for all methods.

    Parameters
    ----------
    observed : Series
        log10 flux.
    predicted : DataFrame
        log10 flux, a column a method; the first is the one that others are tested against.
    n_boot : int
        Replicates.
    random_state : int
        Seed.

    Returns
    -------
    DataFrame
        A row a method: `scores` at the common times; the 95 % interval of each score, in columns
        such as `RMSE lower` and `RMSE upper`; `worse`, by how much its mean squared error is
        above the first method's, with `worse lower` and `worse upper`.
    """
    table = pd.concat([observed.rename("observed"), predicted], axis=1).loc[predicted.index]
    table = table.dropna().sort_index()
    truth = table.pop("observed").to_numpy()
    counts = draw_block_counts(table.index, choose_block(table.index), n_boot, random_state)
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    first = (table.iloc[:, 0].to_numpy() - truth) ** 2
    rows = {}
    for name in table:
        guess = table[name].to_numpy()
        row = scores(truth, guess)
        for score, values in _resample(truth, guess, counts).items():
            row[f"{score} lower"], row[f"{score} upper"] = np.quantile(values, tails)
        extra = (guess - truth) ** 2 - first
        replicates = counts @ extra / counts.sum(axis=1)
        row["worse"] = extra.mean()
        row["worse lower"], row["worse upper"] = np.quantile(replicates, tails)
        rows[name] = row
    return pd.DataFrame(rows).T.rename_axis("method")


def score_groups(observed: pd.Series, predicted: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Return each method's RMSE in each group of times, the number of times last.

    Parameters
    ----------
    observed : Series
        log10 flux.
    predicted : DataFrame
        log10 flux, a column a method.
    groups : Series
        A label for each time: see `phases`.
    """
    label = groups.reindex(predicted.index)
    truth = observed.reindex(predicted.index)
    rows = {}
    for name in pd.unique(label.dropna()):
        inside = label == name
        row = {
            method: scores(truth[inside], predicted[method][inside])["RMSE"] for method in predicted
        }
        rows[name] = row | {"n": int(truth[inside].notna().sum())}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*predicted, "n"])
    return table.rename_axis("group").astype({"n": int})


def _resample(observed: np.ndarray, guess: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return PE, LC, RMSE and MAE of every replicate, from weighted sums."""
    # Sums of squares far from zero lose digits: take them about the mean.
    o, p = observed - observed.mean(), guess - observed.mean()
    sums = counts @ np.column_stack([np.ones_like(o), o, p, o * o, p * p, o * p, np.abs(o - p)])
    n, o1, p1, o2, p2, op, absolute = sums.T
    o_spread, p_spread = o2 - o1**2 / n, p2 - p1**2 / n
    squares = o2 - 2 * op + p2
    with np.errstate(invalid="ignore", divide="ignore"):  # values that do not vary have no LC
        return {
            "PE": 1 - squares / o_spread,
            "LC": (op - o1 * p1 / n) / np.sqrt(o_spread * p_spread),
            "RMSE": np.sqrt(squares / n),
            "MAE": absolute / n,
        }
