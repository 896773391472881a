"""Which series of a dataset overlap, how they calibrate, and the daily series that results."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fluxlib.calibration.fit import Calibration, fit_calibration
from fluxlib.calibration.fleet import Chain
from fluxlib.errors import FluxError, NotApplicable

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

Pair = tuple[str, str]


def log_fluence(dataset: "Dataset") -> dict[str, pd.Series]:
    """Return log10 of the daily >2 MeV fluence, e/(cm2 day sr), by series."""
    return {
        name: np.log10(frame["e2"]).rename(name)
        for name, frame in dataset.fluence.items()
        if "e2" in frame
    }


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
    dict of (onto, of) to Calibration
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
            pairs[onto, of] = fitted
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


def choose_pair(dataset: "Dataset", one: str = "auto", other: str = "auto") -> Pair | None:
    """Return two series with >2 MeV samples in common, the most of them for "auto".

    Parameters
    ----------
    dataset : Dataset
    one, other : str
        Series, or "auto": a west one and an east one, or one that is not where the named one is.
        A satellite that is only a few degrees away sees the same local time; the east-west pair
        is the published problem.

    Returns
    -------
    (one, other) or None
        None if no such pair has a sample in common.
    """
    flux = {name: frame["e2"] for name, frame in dataset.flux.items() if "e2" in frame}
    known = {name: series.dropna().index for name, series in flux.items()}
    for role, name in (("satellite", one), ("other", other)):
        if name not in ("auto", *known):
            raise _unknown_series(role, name, known)
    position = dataset.manifest.position

    def may_pair(first, second):
        if "auto" not in (one, other):
            return True
        if one == other:
            return (position(first), position(second)) == ("west", "east")
        return position(first) != position(second)

    counts = {
        (first, second): len(known[first].intersection(known[second]))
        for first in (known if one == "auto" else [one])
        for second in (known if other == "auto" else [other])
        if first != second and may_pair(first, second)
    }
    best = max(counts, key=counts.get, default=None)
    return best if best and counts[best] else None


def choose_target(dataset: "Dataset", series: str = "auto") -> pd.Series | None:
    """Return log10 of a series' >2 MeV flux, that with most samples for "auto".

    None if no series, or not the one that is named, has a sample.

    Raises
    ------
    FluxError
        If the dataset has no such series on its grid.
    """
    known = {name: frame["e2"] for name, frame in dataset.flux.items() if "e2" in frame}
    if series not in ("auto", *known):
        raise _unknown_series("satellite", series, known)
    asked = known if series == "auto" else [series]
    best = max(asked, key=lambda name: known[name].count(), default=None)
    return np.log10(known[best]).rename(best) if best and known[best].count() else None


def replace_daily(dataset: "Dataset", daily: pd.DataFrame) -> "Dataset":
    """Return the dataset with the fluence of `calibrate_daily` in place of its own.

    That is the >2 MeV fluence alone: channels of lower energy are on no common scale, and left out.
    """
    fluence = {
        name: pd.DataFrame({"e2": 10 ** part["value"]}) for name, part in daily.groupby("series")
    }
    return replace(dataset, fluence=fluence)


def _unknown_series(role: str, name: str, known: Mapping[str, object]) -> FluxError:
    return FluxError(
        f"{role} is {name!r}; expected 'auto' or a series with >2 MeV flux on this grid: "
        f"{', '.join(known) or 'there is none'}."
    )
