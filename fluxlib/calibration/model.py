"""A calibration, and the robust Deming regression that fits a straight one."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import median_abs_deviation

PARAMETERS = ["intercept", "slope", "slope_above", "breakpoint"]


@dataclass(frozen=True)
class Calibration:
    """The response of a reference satellite relative to another's, in log10.

    ``reference = intercept + slope * other``; for ``kind="piecewise"`` the slope is
    ``slope_above`` above the breakpoint, without a step.

    Attributes
    ----------
    kind
        ``"linear"`` or ``"piecewise"``.
    coefficients
        Columns ``value``, ``lower``, ``upper`` (95 %), indexed by parameter.
    r
        Pearson's correlation of the pairs used.
    n
        Number of pairs used.
    n_low
        Those where one satellite was at its floor, or both were.
    residual_sd
        Robust standard deviation of reference minus calibrated, decades.
    error
        Standard error of a calibrated value, decades: root of its bootstrap variance, averaged
        over the pairs. Along a path of calibrations the variances add up.
    p_bend
        For ``"piecewise"``, the p-value of the bend: how often a straight response would show one
        as strong. None for a line.
    options
        How it was fitted: error_ratio, block, n_boot, random_state.
    """

    kind: str
    coefficients: pd.DataFrame
    r: float
    n: int
    n_low: int
    residual_sd: float
    error: float
    options: dict[str, Any]
    p_bend: float | None = None

    @property
    def breakpoint(self) -> float | None:
        """Where the slope changes, log10 on the other satellite's scale; None for a line."""
        value = self.coefficients["value"].get("breakpoint")
        return None if value is None else float(value)

    def apply(self, series: pd.Series) -> pd.Series:
        """Put log10 values of the other satellite on the reference's scale; NaN stays NaN."""
        return predict(self.coefficients["value"], series)

    def invert(self, series: pd.Series) -> pd.Series:
        """Put log10 values of the reference on the other satellite's scale."""
        intercept, slope, *pieces = self.coefficients["value"]
        below = (series - intercept) / slope
        if not pieces:
            return below
        above, at = pieces
        return below.where(below <= at, at + (below - at) * slope / above)

    @property
    def rises(self) -> bool:
        """Whether more flux on one satellite always means more on the other."""
        return bool((self.coefficients["value"].filter(like="slope") > 0).all())

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and text for JSON."""
        return {**asdict(self), "coefficients": self.coefficients.to_dict(orient="index")}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Calibration":
        """Return the calibration that ``to_dict`` was called on."""
        table = pd.DataFrame.from_dict(stored["coefficients"], orient="index")
        return cls(**{**stored, "coefficients": table})


def predict(values: np.ndarray, x: Any) -> Any:
    """Evaluate one line (two values), or two that meet (four), ordered as ``PARAMETERS``."""
    intercept, slope, *pieces = values
    line = intercept + slope * x
    if not pieces:
        return line
    above, at = pieces
    return line + (above - slope) * np.maximum(x - at, 0)


# Tuning constants, both 95 % efficient with Gaussian noise
TUKEY, HUBER = 4.685, 1.345


def fit_deming(
    x: np.ndarray, y: np.ndarray, *, error_ratio: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Fit ``y = a + b x`` by orthogonal distance with Tukey's weights.

    Iteratively reweighted Deming regression: Huber's weights find a safe start and the scale,
    then Tukey's biweight ignores outliers, such as storms that one satellite missed (Maronna et
    al. 2019, Robust Statistics, ch. 5; Fuller 1987, Measurement Error Models, sec. 1.3).

    Parameters
    ----------
    x, y
        Shape (n,), log10.
    error_ratio
        Deming's lambda: variance of y's measurement error over that of x's.

    Returns
    -------
    coefficients : ndarray of shape (2,)
        Intercept and slope.
    influence : ndarray of shape (n, 2)
        Each sample's influence on them.
    """
    line = _solve(x, y, np.ones_like(x), error_ratio)
    for _ in range(30):
        distance = _distance(line, x, y, error_ratio)
        scale = median_abs_deviation(distance, scale="normal")
        if scale < 1e-12:  # the points lie on a line
            return line, np.zeros((len(x), 2))
        line = _solve(x, y, _huber_weight(distance / scale), error_ratio)
    for _ in range(100):
        before = line
        weight = _tukey_weight(_distance(line, x, y, error_ratio) / scale)
        line = _solve(x, y, weight, error_ratio)
        if np.allclose(line, before, rtol=0, atol=1e-10):
            break
    return line, _influence(line, x, y, error_ratio, scale)


def _solve(x, y, weight, error_ratio):
    """Weighted Deming regression in closed form."""
    total = weight.sum()
    x_mean, y_mean = weight @ x / total, weight @ y / total
    xx = weight @ (x - x_mean) ** 2
    yy = weight @ (y - y_mean) ** 2
    xy = weight @ ((x - x_mean) * (y - y_mean))
    excess = yy - error_ratio * xx
    slope = (excess + np.sqrt(excess**2 + 4 * error_ratio * xy**2)) / (2 * xy)
    return np.array([y_mean - slope * x_mean, slope])


def _distance(line, x, y, error_ratio):
    return (y - line[0] - line[1] * x) / np.sqrt(error_ratio + line[1] ** 2)


def _huber_weight(distance):
    return np.minimum(1.0, HUBER / np.maximum(np.abs(distance), 1e-300))


def _tukey_weight(distance):
    return np.clip(1 - (distance / TUKEY) ** 2, 0, None) ** 2


def _score(line, x, y, error_ratio, scale):
    """Differentiate each sample's loss by intercept and slope."""
    distance = _distance(line, x, y, error_ratio)
    length = np.sqrt(error_ratio + line[1] ** 2)
    psi = distance * _tukey_weight(distance / scale)
    return -psi[:, None] * np.column_stack(
        [np.full_like(x, 1 / length), x / length + distance * line[1] / length**2]
    )


def _influence(line, x, y, error_ratio, scale):
    hessian = differentiate(
        lambda at: _score(at, x, y, error_ratio, scale).sum(axis=0), line, steps=1e-5
    )
    return -np.linalg.solve(hessian, _score(line, x, y, error_ratio, scale).T).T


def differentiate(
    function: Callable[[np.ndarray], np.ndarray], at: np.ndarray, steps: np.ndarray | float
) -> np.ndarray:
    """Differentiate a vector of values by central differences; a row for each parameter."""
    return np.array(
        [
            (function(at + step) - function(at - step)) / (2 * step.sum())
            for step in np.diag(np.broadcast_to(steps, len(at)))
        ]
    )
