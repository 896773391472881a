"""Scores of log10 flux, and of yes-or-no forecasts that it exceeds an alert level."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score, roc_curve

from fluxlib.errors import FluxError


def scores(observed: npt.ArrayLike, predicted: npt.ArrayLike) -> dict[str, float]:
    """Score predictions where both values are there.

    Parameters
    ----------
    observed, predicted : array, shape (n,)
        log10 flux or fluence, NaN where missing.

    Returns
    -------
    dict
        `LC`, Pearson's linear correlation; `PE`, the prediction efficiency
        1 - sum((o - p)**2) / sum((o - mean(o))**2); `MAE` and `RMSE` in decades; `n`, the number
        of pairs. NaN where too few pairs, or values that do not vary, leave one undefined. On
        one sample PE <= LC**2 always: a table where it is not has them swapped.

    Raises
    ------
    FluxError
        If the shapes differ.

    Examples
    --------
    >>> scores([1, 2, 3], [1, 2, 4])["MAE"].__round__(3)
    0.333
    """
    y_true, y_pred = np.asarray(observed, float), np.asarray(predicted, float)
    if y_true.shape != y_pred.shape:
        raise FluxError(
            f"observed has shape {y_true.shape}, predicted {y_pred.shape}; expected the same."
        )
    both = np.isfinite(y_true) & np.isfinite(y_pred)
    y_true, y_pred = y_true[both], y_pred[both]
    n = len(y_true)
    if not n:
        return {"LC": np.nan, "PE": np.nan, "MAE": np.nan, "RMSE": np.nan, "n": 0}
    found = weighted_scores(y_true, y_pred, np.ones((1, n)))
    result = {name: float(values[0]) for name, values in found.items()} | {"n": n}
    # What does not vary has a variance of rounding errors.
    if np.ptp(y_true) == 0:
        result["PE"] = np.nan
    if np.ptp(y_true) == 0 or np.ptp(y_pred) == 0:
        result["LC"] = np.nan
    return result


def weighted_scores(
    observed: np.ndarray, predicted: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Compute `scores` for several weightings of the same samples, such as bootstrap replicates.

    Parameters
    ----------
    observed, predicted : ndarray of shape (n,)
        log10 flux without a missing value.
    weights : ndarray of shape (k, n)
        How often each sample counts.

    Returns
    -------
    dict of ndarray of shape (k,)
        `LC`, `PE`, `MAE` and `RMSE`.
    """
    error = observed - predicted
    # Sums of squares far from zero lose digits: take them about the means.
    o, p = observed - observed.mean(), predicted - predicted.mean()
    columns = [np.ones_like(o), o, p, o * o, p * p, o * p, error**2, np.abs(error)]
    n, o1, p1, o2, p2, op, squares, absolute = (weights @ np.column_stack(columns)).T
    o_spread, p_spread = o2 - o1**2 / n, p2 - p1**2 / n
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "LC": (op - o1 * p1 / n) / np.sqrt(o_spread * p_spread),
            "PE": 1 - squares / o_spread,
            "MAE": absolute / n,
            "RMSE": np.sqrt(squares / n),
        }


BINS = 10  # of probability, each a tenth wide, as is usual in reliability diagrams


def count_alerts(observed: npt.ArrayLike, forecast: npt.ArrayLike) -> dict[str, float]:
    """Score yes-or-no forecasts where both are known.

    Parameters
    ----------
    observed, forecast : array, shape (n,)
        1 or True for an alert, 0 or False for none, NaN where unknown.

    Returns
    -------
    dict
        `hits`, `misses`, `false_alarms`, `quiet`; `POD`, the share of alerts that were forecast;
        `FAR`, the share of forecast alerts that did not come; `HSS`, Heidke's skill score, 0 for
        chance and 1 for perfect. NaN where a share is of nothing.
    """
    observed, forecast = _keep_known(observed, forecast)
    came, said = observed > 0, forecast > 0
    a, b = int(np.sum(came & said)), int(np.sum(~came & said))
    c, d = int(np.sum(came & ~said)), int(np.sum(~came & ~said))
    chance = (a + c) * (c + d) + (a + b) * (b + d)
    return {
        "hits": a,
        "misses": c,
        "false_alarms": b,
        "quiet": d,
        "POD": _divide(a, a + c),
        "FAR": _divide(b, a + b),
        "HSS": _divide(2 * (a * d - b * c), chance),
    }


def trace_roc(observed: npt.ArrayLike, probability: npt.ArrayLike) -> tuple[pd.DataFrame, float]:
    """Trace POD against the rate of false alarms as the threshold of an alert is lowered.

    Parameters
    ----------
    observed, probability : array, shape (n,)
        1 or 0, and 0 to 1; NaN where unknown.

    Returns
    -------
    DataFrame, float
        Columns `threshold`, `POD`, `POFD` (false alarms, of the days without alert); and the area
        under the curve, 0.5 for chance.

    Raises
    ------
    FluxError
        If the days hold no alert, or nothing else.
    """
    observed, probability = _keep_known(observed, probability)
    if len(np.unique(observed > 0)) < 2:
        raise FluxError("observed has alerts on all days or on none; a ROC needs both kinds.")
    pofd, pod, threshold = roc_curve(observed > 0, probability)
    curve = pd.DataFrame({"threshold": threshold, "POD": pod, "POFD": pofd})
    return curve, float(roc_auc_score(observed > 0, probability))


def bin_reliability(observed: npt.ArrayLike, probability: npt.ArrayLike) -> pd.DataFrame:
    """Compare the forecast probability with how often alerts then came.

    Parameters
    ----------
    observed, probability : array, shape (n,)
        1 or 0, and 0 to 1; NaN where unknown.

    Returns
    -------
    DataFrame
        A row for each bin with days: `probability`, the mean forecast; `frequency`, the share of
        days with an alert; `n` days. A bin holds its lower border.
    """
    observed, probability = _keep_known(observed, probability)
    number = np.minimum((probability * BINS).astype(int), BINS - 1)
    frame = pd.DataFrame({"probability": probability, "frequency": (observed > 0).astype(float)})
    groups = frame.groupby(number)
    return groups.mean().assign(n=groups.size()).rename_axis("bin")


def _keep_known(observed, forecast) -> tuple[np.ndarray, np.ndarray]:
    observed, forecast = np.asarray(observed, float), np.asarray(forecast, float)
    if observed.shape != forecast.shape:
        raise FluxError(
            f"observed has shape {observed.shape}, the forecast {forecast.shape}; expected the "
            "same."
        )
    known = np.isfinite(observed) & np.isfinite(forecast)
    return observed[known], forecast[known]


def _divide(part: float, whole: float) -> float:
    return float(part / whole) if whole else np.nan
