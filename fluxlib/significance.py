"""Scores with intervals, and whether one method is better than another, by blocks of time."""

import numpy as np
import pandas as pd

from fluxlib.bootstrap import CONFIDENCE, choose_block, draw_block_counts
from fluxlib.metrics import scores


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
