"""Calibrate one satellite to another: one line or two that meet, in log10, with intervals."""

import numpy as np
import pandas as pd
from scipy.stats import median_abs_deviation

from fluxlib.calibration.latent_flux import LogPairs, bend_scores, breakpoint_range, fit_latent
from fluxlib.calibration.model import PARAMETERS, Calibration, fit_deming, predict
from fluxlib.errors import FluxError, TooLittleDataError
from fluxlib.evaluation.bootstrap import (
    choose_block,
    deviation_interval,
    largest_sum_p_value,
    resample_influence,
)

MIN_PAIRS = 10


def fit_calibration(
    reference: pd.Series,
    other: pd.Series,
    kind: str = "linear",
    *,
    error_ratio: float = 1.0,
    floor_reference: float | None = None,
    floor_other: float | None = None,
    low_reference: pd.Series | None = None,
    low_other: pd.Series | None = None,
    block: str | pd.Timedelta | None = None,
    n_boot: int = 1000,
    random_state: int = 0,
) -> Calibration:
    """Fit the map from one satellite's log10 flux, or log10 fluence, to another's.

    Both satellites have errors, so distances are orthogonal. Outliers, such as storms that only
    one of them saw, are ignored. Intervals come from a bootstrap of blocks of time, since
    neighbouring samples repeat each other.

    A line without floors is a robust Deming regression (:mod:`fluxlib.calibration.model`). Two
    pieces, and data that end at a floor, use the likelihood of the latent flux
    (:mod:`fluxlib.calibration.latent_flux`).

    Parameters
    ----------
    reference, other
        log10 values with a UTC time index. Times in both and not NaN are the pairs.
    kind
        ``"linear"``, or ``"piecewise"`` for two lines that meet.
    error_ratio
        Deming's lambda: the variance of the reference's measurement error over the other's.
        1 assumes that both satellites have the same error in log10.
    floor_reference, floor_other
        log10 level at or below which a value means only that the flux was not above it. Where
        values become missing gradually, use the level above which hardly any are.
    low_reference, low_other
        Boolean series: where True, a value is missing because the flux was below the floor,
        which must be given too. Other missing values are left out.
    block
        Length of the bootstrap's blocks, such as ``"10D"``; by default 27 days, or a twelfth of a
        shorter overlap.
    n_boot
        Bootstrap replicates.
    random_state
        Seed of the bootstrap.

    Raises
    ------
    FluxError
        On an unknown option, or options that do not belong together; a TooLittleDataError on fewer
        than ten pairs above the floors, or too few different values.

    Examples
    --------
    >>> days = pd.date_range("2014", periods=200)
    >>> other = pd.Series(np.sin(np.arange(200.0)), days)
    >>> line = fit_calibration(0.5 + 2 * other, other)
    >>> line.coefficients["value"].round(6).to_dict()
    {'intercept': 0.5, 'slope': 2.0}
    """
    if kind not in ("linear", "piecewise"):
        raise FluxError(f"kind is {kind!r}: choose 'linear' or 'piecewise'")
    has_floor = floor_reference is not None or floor_other is not None
    sides = [
        _censor("other", other, floor_other, low_other),
        _censor("reference", reference, floor_reference, low_reference),
    ]
    table = _check_pairs(pd.concat(sides, axis=1, join="inner").dropna().sort_index())
    centre = table["other"].median()
    pairs = LogPairs(
        table["other"].to_numpy() - centre,
        table["reference"].to_numpy(),
        table["low_other"].to_numpy(bool),
        table["low_reference"].to_numpy(bool),
    )
    try:
        if kind == "linear" and not has_floor:
            values, influence = fit_deming(pairs.x, pairs.y, error_ratio=error_ratio)
        else:
            values, influence = fit_latent(pairs, bend=kind == "piecewise", error_ratio=error_ratio)
        pull = bend_scores(pairs, error_ratio=error_ratio) if kind == "piecewise" else None
    except np.linalg.LinAlgError:  # the curvature of the likelihood has no inverse
        raise TooLittleDataError(
            "reference and other take too few different values for a fit"
        ) from None
    length = choose_block(table.index, block)
    draw = {"block": length, "n_boot": n_boot, "random_state": random_state}
    fit = _describe(table, values, resample_influence(influence, table.index, **draw), length)
    if pull is not None:
        fit["p_bend"] = largest_sum_p_value(pull, resample_influence(pull, table.index, **draw))
    options = {"error_ratio": float(error_ratio), **draw, "block": str(length)}
    return Calibration(kind=kind, options=options, **fit)


def _censor(name, series, floor, low):
    """Set values that are low, or missing because they are, to the floor, and mark them."""
    if not isinstance(series.index, pd.DatetimeIndex):
        raise FluxError(f"{name} is indexed by {series.index.dtype}: give it a time index")
    if np.isinf(series).any():
        raise FluxError(f"{name} has infinite values, as log10 of zero: set flux <= 0 to NaN first")
    if floor is None and low is not None:
        raise FluxError(f"low_{name} needs floor_{name}, the log10 level they are below")
    is_low = series <= (-np.inf if floor is None else floor)
    if low is not None:
        is_low |= series.isna() & low.reindex(series.index).eq(True)
    return pd.DataFrame({name: series.mask(is_low, floor), f"low_{name}": is_low})


def _check_pairs(table):
    """Raise TooLittleDataError on too few pairs, and on values that do not vary."""
    seen = table[~(table["low_other"] | table["low_reference"])]
    if len(seen) < MIN_PAIRS:
        raise TooLittleDataError(
            f"reference and other have {len(seen)} times in common where both have a value above "
            f"their floor, at least {MIN_PAIRS} are needed: give series on the same grid that "
            "overlap"
        )
    for name in ("other", "reference"):
        if np.ptp(seen[name]) == 0:
            value = seen[name].iloc[0]
            raise TooLittleDataError(f"{name} is {value:g} throughout: no line can be fitted")
    return table


def _describe(table, values, deviations, block):
    """Undo the centring, and return coefficients with intervals and the quality of the fit."""
    centre = table["other"].median()
    values, deviations = values.copy(), deviations.copy()
    # Column by column: a breakpoint that could be anywhere is NaN and must stay the only one.
    values[0] -= centre * values[1]
    deviations[:, 0] -= centre * deviations[:, 1]
    values[3:] += centre
    seen = table[~(table["low_other"] | table["low_reference"])]
    n_blocks = (table.index[-1] - table.index[0]) / block
    lower, upper = values + deviation_interval(deviations, n_blocks)
    first, last = breakpoint_range(seen["other"])
    lower[3:], upper[3:] = np.fmax(lower[3:], first), np.fmin(upper[3:], last)
    residual = seen["reference"] - predict(values, seen["other"])
    levels = np.quantile(seen["other"], np.linspace(0.01, 0.99, 99))
    replicates = predict((values + np.nan_to_num(deviations)).T[:, :, None], levels)
    return {
        "coefficients": pd.DataFrame(
            np.column_stack([values, lower, upper]),
            index=PARAMETERS[: len(values)],
            columns=["value", "lower", "upper"],
        ),
        "r": float(seen["other"].corr(seen["reference"])),
        "n": len(table),
        "n_low": len(table) - len(seen),
        "residual_sd": float(median_abs_deviation(residual, scale="normal")),
        "error": float(np.sqrt(replicates.var(axis=0).mean())),
    }
