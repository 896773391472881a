"""Bring one satellite onto another's scale: a line or two joined lines in log10, with intervals."""

import numpy as np
import pandas as pd
from scipy.stats import median_abs_deviation

from fluxlib.calibration.latent_flux import Pairs, bend_scores, fit_latent, search_breaks
from fluxlib.calibration.model import NAMES, Calibration, fit_deming, fit_ols, predict
from fluxlib.errors import FluxError
from fluxlib.evaluation.bootstrap import (
    choose_block,
    deviation_interval,
    largest_sum_p_value,
    resample_influence,
)

FEWEST_PAIRS = 10


def fit_calibration(
    reference: pd.Series,
    other: pd.Series,
    kind: str = "linear",
    *,
    method: str = "orthogonal",
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

    Both satellites err, so distances are orthogonal; large outliers and storms that only one
    of them saw have no say; intervals come from a bootstrap of blocks of time, since
    neighbouring samples repeat each other.

    A line without floors is a robust Deming regression (:mod:`fluxlib.calibration.model`). Two
    pieces, or
    data that end at a floor, need the likelihood of the latent flux
    (:mod:`fluxlib.calibration.latent_flux`).

    Parameters
    ----------
    reference, other
        log10 values with a UTC time index. Times in both and not NaN are the pairs.
    kind
        ``"linear"``, or ``"piecewise"`` for two lines that meet.
    method
        ``"orthogonal"``, or ``"ols"`` to compare (linear and without floors only).
    error_ratio
        Deming's lambda: the variance of the reference's measurement error over the other's.
        1 assumes that two satellites of the same kind err alike in log10.
    floor_reference, floor_other
        log10 level at or below which a value tells only that the flux was not above it. Where
        values go missing gradually, take the level above which hardly any do.
    low_reference, low_other
        Boolean series: where True, a missing value is missing because the flux was below the
        floor, which must be given too. Without it, missing values are left out.
    block
        Length of the bootstrap's blocks, such as ``"10D"``; by default 27 days, or a twelfth
        of a shorter overlap.
    n_boot
        Bootstrap replicates.
    random_state
        Seed of the bootstrap.

    Raises
    ------
    FluxError
        On fewer than ten pairs above the floors, an unknown option, or options that do not
        go together.
    """
    has_floor = floor_reference is not None or floor_other is not None
    _check_options(kind, method, has_floor)
    sides = [
        _censor("other", other, floor_other, low_other),
        _censor("reference", reference, floor_reference, low_reference),
    ]
    table = _check_pairs(pd.concat(sides, axis=1, join="inner").dropna().sort_index())
    centre = table["other"].median()
    pairs = Pairs(
        table["other"].to_numpy() - centre,
        table["reference"].to_numpy(),
        table["low_other"].to_numpy(bool),
        table["low_reference"].to_numpy(bool),
    )
    if method == "ols":
        values, influence = fit_ols(pairs.x, pairs.y)
    elif kind == "linear" and not has_floor:
        values, influence = fit_deming(pairs.x, pairs.y, error_ratio=error_ratio)
    else:
        values, influence = fit_latent(pairs, bend=kind == "piecewise", error_ratio=error_ratio)
    length = choose_block(table.index, block)
    draw = {"block": length, "n_boot": n_boot, "random_state": random_state}
    fit = _describe(table, values, resample_influence(influence, table.index, **draw), length)
    if kind == "piecewise":
        pull = bend_scores(pairs, error_ratio=error_ratio)
        fit["p_bend"] = largest_sum_p_value(pull, resample_influence(pull, table.index, **draw))
    options = {"method": method, "error_ratio": float(error_ratio), **draw, "block": str(length)}
    return Calibration(kind=kind, options=options, **fit)


def _check_options(kind, method, has_floor):
    if kind not in ("linear", "piecewise"):
        raise FluxError(f"kind is {kind!r}: choose 'linear' or 'piecewise'")
    if method not in ("orthogonal", "ols"):
        raise FluxError(f"method is {method!r}: choose 'orthogonal' or 'ols'")
    if method == "ols" and (kind != "linear" or has_floor):
        raise FluxError(
            "method 'ols' is there to compare lines without floors: "
            "use 'orthogonal' for two pieces or with a floor"
        )


def _censor(name, series, floor, low):
    """Mark values at or below the floor, and those missing because low, and set them to it."""
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
    """Refuse too few pairs, and pairs that no line can be drawn through."""
    seen = table[~(table["low_other"] | table["low_reference"])]
    if len(seen) < FEWEST_PAIRS:
        raise FluxError(
            f"reference and other have {len(seen)} times in common where both have a value above "
            f"their floor, at least {FEWEST_PAIRS} are needed: give series on the same grid that "
            "overlap"
        )
    for name in ("other", "reference"):
        if np.ptp(seen[name]) == 0:
            raise FluxError(f"{name} is {seen[name].iloc[0]:g} throughout: no line can be fitted")
    return table


def _describe(table, values, deviations, block):
    """Undo the centring, and give coefficients with intervals and the quality of the fit."""
    centre = table["other"].median()
    values, deviations = values.copy(), deviations.copy()
    # Column by column: a breakpoint that could be anywhere is NaN and must stay the only one.
    values[0] -= centre * values[1]
    deviations[:, 0] -= centre * deviations[:, 1]
    values[3:] += centre
    seen = table[~(table["low_other"] | table["low_reference"])]
    n_blocks = (table.index[-1] - table.index[0]) / block
    lower, upper = values + deviation_interval(deviations, n_blocks)
    first, last = search_breaks(seen["other"])
    lower[3:], upper[3:] = np.fmax(lower[3:], first), np.fmin(upper[3:], last)
    residual = seen["reference"] - predict(values, seen["other"])
    levels = np.quantile(seen["other"], np.linspace(0.01, 0.99, 99))
    replicates = predict((values + np.nan_to_num(deviations)).T[:, :, None], levels)
    return {
        "coefficients": pd.DataFrame(
            np.column_stack([values, lower, upper]),
            index=NAMES[: len(values)],
            columns=["value", "lower", "upper"],
        ),
        "r": float(seen["other"].corr(seen["reference"])),
        "n": len(table),
        "n_low": len(table) - len(seen),
        "residual_sd": float(median_abs_deviation(residual, scale="normal")),
        "error": float(np.sqrt(replicates.var(axis=0).mean())),
    }
