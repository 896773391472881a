"""Check a calibration: on days held out, against a floor, and by what its residuals follow."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fluxlib.calibration.fit import fit_calibration
from fluxlib.calibration.fleet import match_local_time
from fluxlib.calibration.model import Calibration
from fluxlib.errors import FluxError
from fluxlib.evaluation.metrics import scores

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

FEWEST_IN_PART = 30  # days or hours: of fewer, a score or a quartile says little
TRAINING = 2 / 3  # of an overlap; the rest tests what was fitted
EVERY = 6  # hours: neighbours repeat each other, and the likelihood takes its time


def score_held_out(
    series: Mapping[str, pd.Series], pairs: Mapping[tuple[str, str], Calibration]
) -> pd.DataFrame:
    """Fit each pair on the first two thirds of its overlap and score it on the rest.

    Parameters
    ----------
    series : mapping of str to Series
        log10 daily fluence.
    pairs : mapping of (onto, of) to Calibration
        Which pairs, and of which kind.

    Returns
    -------
    DataFrame
        `onto`, `of`, `days` scored, `RMSE before`, `RMSE after`, `PE before`, `PE after`; pairs
        with too few days for either part are left out.
    """
    rows = []
    for (onto, of), fitted in pairs.items():
        days = series[onto].dropna().index.intersection(series[of].dropna().index)
        first, rest = np.split(days, [round(TRAINING * len(days))])
        if min(len(first), len(rest)) < FEWEST_IN_PART:
            continue
        again = fit_calibration(
            series[onto][first], series[of][first], kind=fitted.kind, n_boot=100
        )
        before = scores(series[onto][rest], series[of][rest])
        after = scores(series[onto][rest], again.apply(series[of][rest]))
        row = {"onto": onto, "of": of, "days": len(rest)}
        for score in ("RMSE", "PE"):
            row |= {f"{score} before": before[score], f"{score} after": after[score]}
        rows.append(row)
    return pd.DataFrame(rows)


def pair_hours(dataset: "Dataset", pair: tuple[str, str]) -> pd.DataFrame:
    """Return log10 hourly >2 MeV flux of two satellites, at one local time on average.

    Returns
    -------
    DataFrame
        `reference` (the second of the pair) and `other` (the first, its daily cycle brought to
        the reference's longitude), Kp, hours where either has a value.
    """
    one, onto = pair
    flux = {name: np.log10(dataset.flux[name]["e2"]).resample("1h").mean() for name in (one, onto)}
    matched, _ = match_local_time(flux[onto], flux[one])
    table = pd.DataFrame({"reference": flux[onto], "other": matched}).dropna(how="all")
    kp = dataset.drivers.get("Kp", pd.Series(np.nan, dataset.drivers.index))
    return table.assign(Kp=kp.reindex(table.index))


def count_censored(hours: pd.DataFrame) -> pd.DataFrame:
    """Return how much of the reference is missing by the other satellite's level.

    A series that loses its low values is censored: a fit that ignores it is bent.

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
    """Calibrate hourly flux as if nothing were censored, and with everything below a floor so.

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
    thin = hours.iloc[::EVERY]
    level = np.log10(floor)
    low = thin["reference"].isna() & (thin["other"] < level)
    options = {"random_state": random_state, "n_boot": 300}
    return {
        "ignoring the floor": fit_calibration(thin["reference"], thin["other"], **options),
        "with the floor": fit_calibration(
            thin["reference"], thin["other"], floor_reference=level, low_reference=low, **options
        ),
    }


def describe_residuals(hours: pd.DataFrame, calibration: Calibration) -> dict[str, pd.DataFrame]:
    """Return what is left after calibration, by time of day, Kp and level.

    Returns
    -------
    dict of str to DataFrame
        By the label of the axis: `lower`, `median`, `upper` quartile of reference minus
        calibrated (decades), of bins with thirty hours or more.
    """
    known = hours.dropna(subset=["reference", "other"])
    residual = known["reference"] - calibration.apply(known["other"])
    bins = {
        "Hour of the day (UT)": known.index.hour,
        "Kp": np.floor(known["Kp"]),
        "Calibrated log$_{10}$ flux": np.floor(calibration.apply(known["other"]) * 4) / 4 + 0.125,
    }
    tables = {}
    for label, values in bins.items():
        groups = residual.groupby(np.asarray(values))
        table = groups.quantile([0.25, 0.5, 0.75]).unstack()  # noqa: PD010 - a Series' own
        table.columns = ["lower", "median", "upper"]
        tables[label] = table[groups.size() >= FEWEST_IN_PART]
    return tables
