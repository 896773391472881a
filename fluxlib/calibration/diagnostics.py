"""Checks of a calibration: days held out, a floor, residuals, a breakpoint set by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.stats import median_abs_deviation

from fluxlib.calibration.fit import fit_calibration
from fluxlib.calibration.latent_flux import breakpoint_range
from fluxlib.calibration.model import HUBER, PARAMETERS, Calibration, fit_deming, predict
from fluxlib.calibration.pairs import common_days
from fluxlib.datasets.series import Pair
from fluxlib.errors import FluxError
from fluxlib.evaluation.metrics import scores

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

MIN_SAMPLES = 30  # days or hours: fewer make a score or a quartile unreliable
TRAINING_SHARE = 2 / 3  # of an overlap; the rest tests what was fitted
THINNING = 6  # hours between those fitted: neighbours repeat each other, and the fit takes long
HARMONICS = 2  # of a daily cycle: 24 h and 12 h
LINE_KINDS = ("auto", "linear", "piecewise")


def score_held_out(
    log_fluence: Mapping[str, pd.Series], pairs: Mapping[Pair, Calibration]
) -> pd.DataFrame:
    """Fit each pair on the first two thirds of its overlap and score it on the rest.

    Parameters
    ----------
    log_fluence : mapping of str to Series
        log10 daily fluence by series.
    pairs : mapping of Pair to Calibration
        Which pairs, and of which kind.

    Returns
    -------
    DataFrame
        `reference`, `other`, `days` scored, `RMSE before`, `RMSE after`, `PE before`, `PE after`;
        pairs with too few days for either part are left out.
    """
    rows = []
    for pair, fitted in pairs.items():
        reference, other = (log_fluence[name] for name in pair)
        days = common_days(reference, other)
        first, rest = np.split(days, [round(TRAINING_SHARE * len(days))])
        if min(len(first), len(rest)) < MIN_SAMPLES:
            continue
        again = fit_calibration(reference[first], other[first], kind=fitted.kind, n_boot=100)
        before = scores(reference[rest], other[rest])
        after = scores(reference[rest], again.apply(other[rest]))
        row = {**Pair(*pair)._asdict(), "days": len(rest)}
        for score in ("RMSE", "PE"):
            row |= {f"{score} before": before[score], f"{score} after": after[score]}
        rows.append(row)
    return pd.DataFrame(rows)


def match_local_time(reference: pd.Series, other: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Take the daily cycle out of the difference between two satellites.

    At 75 W and 135 W two satellites are four hours of local time apart, and each sees more
    electrons around its noon. At one UT their difference therefore has a daily cycle, which a
    calibration would take for noise. Its mean form is fitted as harmonics of the day in UT and
    removed from ``other``; the mean difference is left to the calibration.

    Parameters
    ----------
    reference, other : Series
        log10 flux, hourly or finer.

    Returns
    -------
    matched : Series
        ``other`` as it would be at the reference's local time, on average.
    cycle : Series
        What was added to it, by UT hour 0..23.
    """
    gap = (reference - other).dropna()
    if gap.index.hour.nunique() < 2 * HARMONICS + 1:
        raise FluxError(
            f"reference and other share {gap.index.hour.nunique()} hours of the day; "
            f"{HARMONICS} harmonics need {2 * HARMONICS + 1}: give hourly series that overlap"
        )
    design = np.column_stack([np.ones(len(gap)), _harmonics(gap.index)])
    weights = np.linalg.lstsq(design, gap.to_numpy(), rcond=None)[0][1:]
    hours = pd.date_range("2000-01-01", periods=24, freq="h")
    cycle = pd.Series(_harmonics(hours) @ weights, pd.RangeIndex(24, name="hour"))
    return other + _harmonics(other.index) @ weights, cycle


def _harmonics(index):
    day = 2 * np.pi * (index - index.normalize()) / pd.Timedelta(days=1)
    waves = [wave(k * day) for k in range(1, HARMONICS + 1) for wave in (np.cos, np.sin)]
    return np.column_stack(waves)


def pair_hours(dataset: "Dataset", pair: Pair) -> pd.DataFrame:
    """Return log10 hourly >2 MeV flux of two satellites, at one local time on average.

    Returns
    -------
    DataFrame
        `reference`, `other` (its daily cycle as at the reference's longitude) and Kp, hours
        where either has a value.
    """
    reference, other = (np.log10(dataset.flux[name]["e2"]).resample("1h").mean() for name in pair)
    matched, _ = match_local_time(reference, other)
    table = pd.DataFrame({"reference": reference, "other": matched}).dropna(how="all")
    kp = dataset.drivers.get("Kp", pd.Series(np.nan, dataset.drivers.index))
    return table.assign(Kp=kp.reindex(table.index))


def count_censored(hours: pd.DataFrame) -> pd.DataFrame:
    """Return how much of the reference is missing by the other satellite's level.

    A series that loses its low values is censored: a fit that ignores it is biased.

    Returns
    -------
    DataFrame
        By `other` (half decades of log10 flux): `hours`, and the fraction `missing`.
    """
    known = hours.dropna(subset="other")
    level = (np.floor(known["other"] * 2) / 2).rename("other, log10 flux")
    groups = known["reference"].isna().groupby(level)
    return pd.DataFrame({"hours": groups.size(), "missing": groups.mean()})


def fit_floor(
    hours: pd.DataFrame, floor: float, *, random_state: int = 0
) -> dict[str, Calibration]:
    """Calibrate hourly flux as if no value were censored, and with those below a floor censored.

    Parameters
    ----------
    hours : DataFrame
        Of `pair_hours`.
    floor : float
        Flux, e/(cm2 s sr), above which hardly any of the reference is missing.
    random_state : int
        Seed of the bootstrap.

    Returns
    -------
    dict of str to Calibration
        "ignoring the floor" and "with the floor".
    """
    if floor <= 0:
        raise FluxError(f"floor is {floor!r}; expected a flux above 0, e/(cm2 s sr).")
    thin = hours.iloc[::THINNING]
    series = thin["reference"], thin["other"]
    level = np.log10(floor)
    low = thin["reference"].isna() & (thin["other"] < level)
    options: dict[str, Any] = {"random_state": random_state, "n_boot": 300}
    return {
        "ignoring the floor": fit_calibration(*series, **options),
        "with the floor": fit_calibration(
            *series, floor_reference=level, low_reference=low, **options
        ),
    }


def describe_residuals(hours: pd.DataFrame, calibration: Calibration) -> dict[str, pd.DataFrame]:
    """Return the residuals of a calibration by time of day, Kp and level.

    Returns
    -------
    dict of str to DataFrame
        By the label of the axis: `lower` quartile, `median` and `upper` quartile of reference
        minus calibrated (decades), of bins with thirty hours or more. A quantity without such a
        bin, as Kp where no driver has it, is left out.
    """
    known = hours.dropna(subset=["reference", "other"])
    calibrated = calibration.apply(known["other"])
    residual = known["reference"] - calibrated
    bins = {
        "Hour of the day (UT)": known.index.hour,
        "Kp": np.floor(known["Kp"]),
        "Calibrated log$_{10}$ flux": np.floor(calibrated * 4) / 4 + 0.125,
    }
    tables = {}
    for label, values in bins.items():
        groups = residual.groupby(np.asarray(values))
        enough = groups.size() >= MIN_SAMPLES
        if enough.any():
            table = groups.quantile([0.25, 0.5, 0.75]).unstack()  # noqa: PD010 - a Series' own
            tables[label] = table.set_axis(["lower", "median", "upper"], axis=1)[enough]
    return tables


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
    reference: pd.Series, other: pd.Series, fitted: Calibration, breakpoint: float | None = None
) -> Comparison:
    """Compare a fitted calibration with two lines that meet at a chosen level.

    Parameters
    ----------
    reference, other : Series
        log10 values of a pair.
    fitted : Calibration
    breakpoint : float, optional
        On the other's scale, log10.
    """
    pairs = pd.concat([reference, other], axis=1, join="inner").dropna()
    reference, other = pairs.iloc[:, 0], pairs.iloc[:, 1]
    lines = {"fitted": fitted}
    if breakpoint is not None:
        lines["by hand"] = fit_with_breakpoint(reference, other, breakpoint)
    rmse = {name: scores(reference, line.apply(other))["RMSE"] for name, line in lines.items()}
    return Comparison(reference, other, lines, rmse)


def fit_with_breakpoint(reference: pd.Series, other: pd.Series, breakpoint: float) -> Calibration:
    """Fit two lines that meet at a given level, by robust orthogonal distances.

    This is quicker than `fit_calibration`, which also searches for the level, and so can follow a
    control. It has no intervals, and takes no floor into account.

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
    first, last = breakpoint_range(x)
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
    return Calibration(
        kind="piecewise",
        coefficients=pd.DataFrame(
            {"value": values, "lower": np.nan, "upper": np.nan}, index=PARAMETERS
        ),
        r=float(np.corrcoef(x, y)[0, 1]),
        n=len(x),
        n_low=0,
        residual_sd=float(median_abs_deviation(residual, scale="normal")),
        error=np.nan,
        options={},
    )


def calibration_of_kind(
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
        "auto" is `fitted`.
    fitted : Calibration
    random_state : int
        Seed of the bootstrap, where the kind is not that of `fitted`.

    Raises
    ------
    FluxError
        If the kind is unknown.
    """
    if kind not in LINE_KINDS:
        raise FluxError(f"kind is {kind!r}; expected one of {', '.join(LINE_KINDS)}.")
    if kind in ("auto", fitted.kind):
        return fitted
    return fit_calibration(reference, other, kind, random_state=random_state)
