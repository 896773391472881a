"""A calibration beside one whose breakpoint was set by hand, to see what the fitted one gains."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.stats import median_abs_deviation

from fluxlib.calibration.fit import fit_calibration
from fluxlib.calibration.latent_flux import search_breaks
from fluxlib.calibration.model import HUBER, NAMES, Calibration, fit_deming, predict
from fluxlib.errors import FluxError
from fluxlib.evaluation.metrics import scores

KINDS = ("auto", "linear", "piecewise")


@dataclass(frozen=True)
class Comparison:
    """One pair of series with its calibrations.

    Attributes
    ----------
    reference, other : Series
        log10, at common times.
    lines : dict of Calibration
        "fitted", and "by hand" where a breakpoint was given.
    rmse : dict of float
        Of reference minus calibrated other, decades, by the same names.
    """

    reference: pd.Series
    other: pd.Series
    lines: dict[str, Calibration]
    rmse: dict[str, float]


def compare_lines(
    reference: pd.Series, other: pd.Series, fitted: Calibration, breakpoint: float = 0.0
) -> Comparison:
    """Compare a fitted calibration with two lines that meet where one wants.

    Parameters
    ----------
    reference, other : Series
        log10 values of a pair.
    fitted : Calibration
    breakpoint : float
        On the other's scale, log10; 0 for none by hand.
    """
    pairs = pd.concat([reference, other], axis=1, join="inner").dropna()
    reference, other = pairs.iloc[:, 0], pairs.iloc[:, 1]
    lines = {"fitted": fitted}
    if breakpoint:
        lines["by hand"] = bend_at(reference, other, breakpoint)
    rmse = {name: scores(reference, line.apply(other))["RMSE"] for name, line in lines.items()}
    return Comparison(reference, other, lines, rmse)


def bend_at(reference: pd.Series, other: pd.Series, breakpoint: float) -> Calibration:
    """Fit two lines that meet at a given level, by robust orthogonal distances.

    Quicker than `fit_calibration`, which looks for the level too: it can follow a hand. It has
    no intervals, and sees no floor.

    Parameters
    ----------
    reference, other : Series
        log10 values at the same times.
    breakpoint : float
        On the other's scale.

    Raises
    ------
    FluxError
        If hardly any value lies on one side.
    """
    x, y = other.to_numpy(), reference.to_numpy()
    first, last = search_breaks(x)
    if not first <= breakpoint <= last:
        raise FluxError(
            f"breakpoint is {breakpoint:g}; expected {first:.2f} to {last:.2f}, with days on "
            "either side, or 0 for the fitted one."
        )
    side = x > breakpoint
    ramp = np.maximum(x - breakpoint, 0)

    def distances(line):
        slope = line[1] + line[2] * side
        return (y - line[0] - line[1] * x - line[2] * ramp) / np.sqrt(1 + slope**2)

    start = np.append(fit_deming(x, y)[0], 0.0)
    scale = HUBER * 1.4826 * np.median(np.abs(distances(start)))
    best = optimize.least_squares(distances, start, loss="huber", f_scale=max(scale, 1e-6)).x
    values = np.array([best[0], best[1], best[1] + best[2], breakpoint])
    residual = y - predict(values, x)
    table = pd.DataFrame({"value": values, "lower": np.nan, "upper": np.nan}, index=NAMES)
    return Calibration(
        kind="piecewise",
        coefficients=table,
        r=float(np.corrcoef(x, y)[0, 1]),
        n=len(x),
        n_low=0,
        residual_sd=float(median_abs_deviation(residual, scale="normal")),
        error=np.nan,
        options={"method": "by hand"},
    )


def choose_line(
    reference: pd.Series,
    other: pd.Series,
    kind: str,
    fitted: Calibration,
    *,
    random_state: int = 0,
) -> Calibration:
    """Return the calibration of a kind.

    Parameters
    ----------
    reference, other : Series
        log10 values of a pair.
    kind : {"auto", "linear", "piecewise"}
        "auto" is `fitted`, the one that `overlaps.fit_overlaps` chose.
    fitted : Calibration
    random_state : int
        Seed of the bootstrap, where the kind is not the fitted one's.

    Raises
    ------
    FluxError
        If the kind is unknown.
    """
    if kind not in KINDS:
        raise FluxError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}.")
    if kind in ("auto", fitted.kind):
        return fitted
    return fit_calibration(reference, other, kind, random_state=random_state)


def name_pair(onto: str, of: str) -> str:
    """Return a pair as the parameter `pair` has it: "goes15 onto goes13"."""
    return f"{of} onto {onto}"


def find_pair(name: str, pairs: Mapping[tuple[str, str], Calibration]) -> tuple[str, str]:
    """Return the pair of a name, that with most days for "auto".

    Raises
    ------
    FluxError
        If there is no such pair.
    """
    if name == "auto":
        return max(pairs, key=lambda pair: pairs[pair].n)
    named = {name_pair(*pair): pair for pair in pairs}
    if name not in named:
        raise FluxError(f"pair is {name!r}; expected 'auto' or one of {', '.join(named)}.")
    return named[name]
