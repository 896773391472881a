"""Scores of yes-or-no forecasts: whether the fluence exceeds the alert level."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score, roc_curve

from fluxlib.errors import FluxError

BINS = 10  # of probability: a tenth wide, as reliability is mostly drawn


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
    a, b = np.sum(came & said), np.sum(~came & said)
    c, d = np.sum(came & ~said), np.sum(~came & ~said)
    chance = (a + c) * (c + d) + (a + b) * (b + d)
    return {
        "hits": int(a),
        "misses": int(c),
        "false_alarms": int(b),
        "quiet": int(d),
        "POD": _divide(a, a + c),
        "FAR": _divide(b, a + b),
        "HSS": _divide(2 * (a * d - b * c), chance),
    }


def trace_roc(observed: npt.ArrayLike, probability: npt.ArrayLike) -> tuple[pd.DataFrame, float]:
    """Trace POD against the rate of false alarms as the probability that alerts is lowered.

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

    Returns
    -------
    DataFrame
        A row a bin that has days: `probability`, the mean forecast; `frequency`, how often an
        alert came; `n` days.
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
