"""Scores of predicted against observed log10 flux."""

import numpy as np
import numpy.typing as npt

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
    observed, predicted = np.asarray(observed, float), np.asarray(predicted, float)
    if observed.shape != predicted.shape:
        raise FluxError(
            f"observed has shape {observed.shape}, predicted {predicted.shape}; expected the same."
        )
    both = np.isfinite(observed) & np.isfinite(predicted)
    observed, predicted = observed[both], predicted[both]
    result = {"LC": np.nan, "PE": np.nan, "MAE": np.nan, "RMSE": np.nan, "n": len(observed)}
    if not len(observed):
        return result
    error = observed - predicted
    result["MAE"] = float(np.abs(error).mean())
    result["RMSE"] = float(np.sqrt((error**2).mean()))
    if np.ptp(observed) > 0:
        result["PE"] = float(1 - (error**2).sum() / ((observed - observed.mean()) ** 2).sum())
        if np.ptp(predicted) > 0:
            result["LC"] = float(np.corrcoef(observed, predicted)[0, 1])
    return result
