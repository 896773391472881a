"""Bring one satellite onto another's scale: a line or two joined lines in log10, with intervals."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from fluxlib.bootstrap import choose_block, interval, resample_influence
from fluxlib.deming import fit_deming, fit_ols
from fluxlib.errors import FluxError

FEWEST_PAIRS = 10


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
    residual_sd
        Robust standard deviation of reference minus calibrated, dex.
    error
        Standard error of a calibrated value, dex: root of its bootstrap variance, averaged
        over the pairs. It is what calibration adds to a series, and what chains add up.
    options
        How it was fitted: method, error_ratio, block, n_boot, random_state.
    """

    kind: str
    coefficients: pd.DataFrame
    r: float
    n: int
    residual_sd: float
    error: float
    options: dict[str, Any]

    @property
    def breakpoint(self) -> float | None:
        """Where the slope changes, log10 on the other satellite's scale; None for a line."""
        return self._value("breakpoint") if self.kind == "piecewise" else None

    def apply(self, series: pd.Series) -> pd.Series:
        """Put log10 values of the other satellite on the reference's scale; NaN stays NaN."""
        calibrated = self._value("intercept") + self._value("slope") * series
        if self.kind == "piecewise":
            bend = self._value("slope_above") - self._value("slope")
            calibrated = calibrated + bend * (series - self.breakpoint).clip(lower=0)
        return calibrated

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers and text, ready for JSON."""
        return {**asdict(self), "coefficients": self.coefficients.to_dict(orient="index")}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Calibration":
        """Read what ``to_dict`` gave."""
        table = pd.DataFrame.from_dict(stored["coefficients"], orient="index")
        return cls(**{**stored, "coefficients": table})

    def _value(self, name):
        return float(self.coefficients.loc[name, "value"])


def fit_calibration(
    reference: pd.Series,
    other: pd.Series,
    kind: str = "linear",
    *,
    method: str = "orthogonal",
    error_ratio: float = 1.0,
    block: str | pd.Timedelta | None = None,
    n_boot: int = 1000,
    random_state: int = 0,
) -> Calibration:
    """Fit the map from one satellite's log10 flux, or log10 fluence, to another's.

    Both satellites err, so distances are orthogonal; large outliers and storms that only one
    of them saw have no say; intervals come from a bootstrap of blocks of time, since
    neighbouring samples repeat each other.

    Parameters
    ----------
    reference, other
        log10 values with a UTC time index. Times in both and not NaN are the pairs.
    kind
        ``"linear"``, or ``"piecewise"`` for two lines that meet.
    method
        ``"orthogonal"``, or ``"ols"`` (linear only) to compare.
    error_ratio
        Deming's lambda: the variance of the reference's measurement error over the other's.
        1 assumes that two satellites of the same kind err alike in log10.
    block
        Length of the bootstrap's blocks, such as ``"10D"``; by default 27 days, or a twelfth
        of a shorter overlap.
    n_boot
        Bootstrap replicates.
    random_state
        Seed of the bootstrap.

    Returns
    -------
    Calibration

    Raises
    ------
    FluxError
        On fewer than ten pairs, or an unknown option.
    """
    _check_options(kind, method)
    pairs = _pair(reference, other)
    x, y = pairs["other"].to_numpy(), pairs["reference"].to_numpy()
    centre = np.median(x)
    if method == "ols":
        values, influence = fit_ols(x - centre, y)
    else:
        values, influence = fit_deming(x - centre, y, error_ratio=error_ratio)
    length = choose_block(pairs.index, block)
    deviations = resample_influence(
        influence, pairs.index, block=length, n_boot=n_boot, random_state=random_state
    )
    return _describe(
        pairs,
        values,
        deviations,
        centre,
        {
            "method": method,
            "error_ratio": float(error_ratio),
            "block": str(length),
            "n_boot": n_boot,
            "random_state": random_state,
        },
    )


def _check_options(kind, method):
    if kind not in ("linear", "piecewise"):
        raise FluxError(f"kind is {kind!r}: choose 'linear' or 'piecewise'")
    if method not in ("orthogonal", "ols"):
        raise FluxError(f"method is {method!r}: choose 'orthogonal' or 'ols'")


def _pair(reference, other):
    """Align on time and keep the times where both have a value."""
    for name, series in (("reference", reference), ("other", other)):
        if not isinstance(series.index, pd.DatetimeIndex):
            raise FluxError(f"{name} is indexed by {series.index.dtype}: give it a time index")
        if np.isinf(series).any():
            raise FluxError(
                f"{name} has infinite values, as log10 of zero gives: set fluxes <= 0 to NaN first"
            )
    pairs = pd.concat({"reference": reference, "other": other}, axis=1, join="inner")
    pairs = pairs.dropna().sort_index()
    if len(pairs) < FEWEST_PAIRS:
        raise FluxError(
            f"reference and other have {len(pairs)} times in common, at least {FEWEST_PAIRS} "
            "are needed: give series on the same grid that overlap"
        )
    return pairs


def _describe(pairs, values, deviations, centre, options):
    """Turn centred coefficients and their deviations into a Calibration."""
    shift = np.array([[1.0, -centre], [0.0, 1.0]])
    values, spread = shift @ values, deviations @ shift.T
    span = (pairs.index[-1] - pairs.index[0]) / pd.Timedelta(options["block"])
    table = pd.DataFrame(
        np.column_stack([values, (values + interval(spread, span)).T]),
        index=["intercept", "slope"],
        columns=["value", "lower", "upper"],
    )
    x = pairs["other"]
    residual = pairs["reference"] - values[0] - values[1] * x
    at = np.quantile(x, np.linspace(0.01, 0.99, 99))
    return Calibration(
        kind="linear",
        coefficients=table,
        r=float(x.corr(pairs["reference"])),
        n=len(pairs),
        residual_sd=float(1.4826 * (residual - residual.median()).abs().median()),
        error=float(np.sqrt(np.var(spread[:, :1] + spread[:, 1:] * at, axis=0).mean())),
        options=options,
    )
