"""Which series of a dataset overlap, how they calibrate, and the daily series that results."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fluxlib.calibration.fit import Calibration, fit_calibration
from fluxlib.calibration.fleet import Chain
from fluxlib.datasets.series import Pair
from fluxlib.errors import NotApplicable

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset


def list_overlaps(series: Mapping[str, pd.Series], min_days: int = 60) -> pd.DataFrame:
    """List the pairs of daily series with enough days in common.

    Returns
    -------
    DataFrame
        `one`, `other`, `days` in common, `first` and `last` of them; most days first.
    """
    rows = []
    for one, other in combinations(series, 2):
        days = series[one].dropna().index.intersection(series[other].dropna().index)
        if len(days) >= min_days:
            rows.append((one, other, len(days), days[0], days[-1]))
    table = pd.DataFrame(rows, columns=["one", "other", "days", "first", "last"])
    return table.sort_values("days", ascending=False, ignore_index=True)


def fit_overlaps(
    series: Mapping[str, pd.Series],
    overlaps: pd.DataFrame,
    reference: str | None = None,
    *,
    significance: float = 0.05,
    random_state: int = 0,
) -> dict[Pair, Calibration]:
    """Calibrate each pair, by two pieces where one line shows a bend that chance does not.

    Parameters
    ----------
    series : mapping of str to Series
        log10 daily fluence.
    overlaps : DataFrame
        Of `list_overlaps`.
    reference : str, optional
        Put on the scale side in its pairs.
    significance : float
        Two pieces are taken where `Calibration.p_bend` is below this; 0 for lines throughout.

    Returns
    -------
    dict of Pair to Calibration
        Without the pairs in which one satellite's fluence falls as the other's rises.

    Raises
    ------
    NotApplicable
        If no pair rises together.
    """
    pairs = {}
    for row in overlaps.itertuples():
        onto, of = (row.other, row.one) if row.other == reference else (row.one, row.other)
        options = {"random_state": random_state}
        fitted = fit_calibration(series[onto], series[of], **options)
        if significance > 0:
            bent = fit_calibration(series[onto], series[of], kind="piecewise", **options)
            fitted = bent if bent.rises and bent.p_bend < significance else fitted
        if fitted.rises:
            pairs[Pair(onto, of)] = fitted
    if not pairs:
        raise NotApplicable("in no pair of its series does one satellite rise with the other.")
    return pairs


def choose_reference(dataset: "Dataset", overlaps: pd.DataFrame) -> str:
    """Return the manifest's reference, or the series with most days in common with others."""
    named = dataset.manifest.reference
    linked = pd.concat([overlaps["one"], overlaps["other"]])
    if named in set(linked):
        return named
    days = pd.concat([overlaps["days"], overlaps["days"]]).groupby(linked.to_numpy()).sum()
    return str(days.idxmax())


def describe_pairs(pairs: Mapping[Pair, Calibration]) -> pd.DataFrame:
    """Return a row a coefficient: `onto`, `of`, `kind`, `parameter`, value and 95 % interval."""
    rows = [
        {"onto": onto, "of": of, "kind": fitted.kind, "parameter": name, **values}
        for (onto, of), fitted in pairs.items()
        for name, values in fitted.coefficients.to_dict(orient="index").items()
    ]
    return pd.DataFrame(rows)


def print_pairs(pairs: Mapping[Pair, Calibration]) -> pd.DataFrame:
    """Return a row a pair to read: each parameter with its 95 % interval as text."""
    table = describe_pairs(pairs)
    text = [f"{r.value:.3f} ({r.lower:.3f} to {r.upper:.3f})" for r in table.itertuples()]
    wide = table.assign(text=text).pivot_table(
        index=["onto", "of"], columns="parameter", values="text", aggfunc="first", sort=False
    )
    return wide.fillna("").rename_axis(columns=None).reset_index()


def score_pairs(series: Mapping[str, pd.Series], pairs: Mapping[Pair, Calibration], chain: Chain):
    """Compare each pair before and after calibration along the chain.

    Returns
    -------
    DataFrame
        `onto`, `of`, `days`, `r`, `bias before`, `RMSE before`, `bias after`, `RMSE after`
        (decades), of the pairs that the chain links to the reference.
    """
    rows = []
    for (onto, of), fitted in pairs.items():
        if onto not in chain.paths:
            continue
        before = (series[of] - series[onto]).dropna()
        after = (chain.apply(of, series[of]) - chain.apply(onto, series[onto])).dropna()
        row = {"onto": onto, "of": of, "days": len(before), "r": fitted.r}
        for when, difference in (("before", before), ("after", after)):
            row[f"bias {when}"] = difference.mean()
            row[f"RMSE {when}"] = np.sqrt((difference**2).mean())
        rows.append(row)
    return pd.DataFrame(rows)


def calibrate_daily(
    dataset: "Dataset", series: Mapping[str, pd.Series], chain: Chain
) -> pd.DataFrame:
    """Put each day of the dataset's daily series on the reference's scale where a path exists.

    Returns
    -------
    DataFrame
        `value` (log10 fluence), `series` (the source), `calibrated`; every day.
    """
    daily = dataset.daily
    scaled = {
        name: chain.apply(name, values) if name in chain.paths else values
        for name, values in series.items()
    }
    value = pd.Series(np.nan, daily.index, name="value")
    for name, part in daily.groupby("series"):
        value[part.index] = scaled[name].reindex(part.index)
    calibrated = daily["series"].isin(list(chain.paths))
    return pd.DataFrame({"value": value, "series": daily["series"], "calibrated": calibrated})


def replace_daily(dataset: "Dataset", daily: pd.DataFrame) -> "Dataset":
    """Return the dataset with the fluence of `calibrate_daily` in place of its own.

    That is the >2 MeV fluence alone: channels of lower energy are on no common scale, and left out.
    """
    fluence = {
        name: pd.DataFrame({"e2": 10 ** part["value"]}) for name, part in daily.groupby("series")
    }
    return replace(dataset, fluence=fluence)
