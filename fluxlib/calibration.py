"""A satellite's response relative to another's, ready to apply, to invert and to store."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

NAMES = ["intercept", "slope", "slope_above", "breakpoint"]


@dataclass(frozen=True)
class Calibration:
    """A satellite's response relative to another's, in log10.

    ``y = intercept + slope x``, and for ``kind="piecewise"`` above the breakpoint
    ``slope_above`` in place of ``slope``, without a step.

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
        Those of them where one satellite was at its floor, or both were.
    residual_sd
        Robust standard deviation of reference minus calibrated, dex.
    error
        Standard error of a calibrated value, dex: root of its bootstrap variance, averaged
        over the pairs. It is what calibration adds to a series, and what chains add up.
    p_bend
        For ``"piecewise"``: how often one line would show a bend as strong as this one's; small
        means that two pieces are warranted. None for a line.
    options
        How it was fitted: method, error_ratio, block, n_boot, random_state.
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
        """Give plain numbers and text, ready for JSON."""
        return {**asdict(self), "coefficients": self.coefficients.to_dict(orient="index")}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Calibration":
        """Read what ``to_dict`` gave."""
        table = pd.DataFrame.from_dict(stored["coefficients"], orient="index")
        return cls(**{**stored, "coefficients": table})


def predict(values: np.ndarray, x: Any) -> Any:
    """Evaluate one line (two values), or two that meet (four), ordered as ``NAMES``."""
    intercept, slope, *pieces = values
    line = intercept + slope * x
    if not pieces:
        return line
    above, at = pieces
    return line + (above - slope) * np.maximum(x - at, 0)
