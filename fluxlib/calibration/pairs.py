"""Pairs of series with days in common, and a calibration for each."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import combinations

import numpy as np
import pandas as pd

from fluxlib.calibration.fit import fit_calibration
from fluxlib.calibration.model import Calibration
from fluxlib.datasets.series import Pair
from fluxlib.errors import FluxError, NotApplicable, TooLittleDataError

BLOCKS = 3  # parts of an overlap, each held out once
LEVELS = 4  # quantile bins of flux in which a held-out part is judged
MIN_IN_BIN = 5  # days whose mean is taken


def list_overlaps(log_fluence: Mapping[str, pd.Series], min_days: int = 60) -> pd.DataFrame:
    """List the pairs of daily series with enough days in common.

    Parameters
    ----------
    log_fluence : mapping of str to Series
        log10 daily fluence by series.
    min_days : int
        The fewest days in common.

    Returns
    -------
    DataFrame
        `one`, `other`, `days` in common, `first` and `last` of them; most days first.
    """
    rows = []
    for one, other in combinations(log_fluence, 2):
        days = common_days(log_fluence[one], log_fluence[other])
        if len(days) >= min_days:
            rows.append((one, other, len(days), days[0], days[-1]))
    table = pd.DataFrame(rows, columns=["one", "other", "days", "first", "last"])
    return table.sort_values("days", ascending=False, ignore_index=True)


def common_days(one: pd.Series, other: pd.Series) -> pd.Index:
    """Return the times at which two series have a value."""
    return one.dropna().index.intersection(other.dropna().index)


def fit_pairs(
    log_fluence: Mapping[str, pd.Series],
    overlaps: pd.DataFrame,
    reference: str | None = None,
    *,
    significance: float = 0.05,
    random_state: int = 0,
) -> dict[Pair, Calibration]:
    """Calibrate each pair by a line, or by two pieces where the bend is significant.

    Parameters
    ----------
    log_fluence : mapping of str to Series
        log10 daily fluence by series.
    overlaps : DataFrame
        Of `list_overlaps`.
    reference : str, optional
        The reference of its pairs; in others the first series is.
    significance : float
        Two pieces are taken where `Calibration.p_bend` is below this; 0 for lines only.
    random_state : int
        Seed of the bootstrap.

    Returns
    -------
    dict of Pair to Calibration
        Without the pairs in which one satellite's fluence falls as the other's rises, or takes too
        few different values.

    Raises
    ------
    NotApplicable
        If no pair rises together.
    """
    fitted: dict[Pair, Calibration] = {}
    for row in overlaps.itertuples():
        pair = Pair(row.other, row.one) if row.other == reference else Pair(row.one, row.other)
        first, second = log_fluence[pair.reference], log_fluence[pair.other]
        with suppress(TooLittleDataError):
            line = fit_calibration(first, second, random_state=random_state)
            if line.rises:
                fitted[pair] = line
            if significance > 0:
                bent = fit_calibration(first, second, kind="piecewise", random_state=random_state)
                if bent.rises and bent.p_bend < significance:
                    fitted[pair] = bent
    if not fitted:
        raise NotApplicable("in no pair of its series does one satellite rise with the other.")
    return fitted


def measure_systematic(
    log_fluence: Mapping[str, pd.Series], pairs: Mapping[Pair, Calibration]
) -> dict[Pair, float]:
    """Measure how far each calibration is off on days that it was not fitted to.

    The standard error of a fit tells how well a line is known if a line is right. Where the
    response bends, ends at a background or drifts, the line is wrong by more than that. Each third
    of an overlap is therefore held out in turn, and its mean difference taken in each quarter of
    the flux's range, so that neither the ends of the range nor a change with time is averaged out.
    An overlap too short for that is judged by its thirds, or by its days.

    Parameters
    ----------
    log_fluence : mapping of str to Series
        log10 daily fluence by series.
    pairs : mapping of Pair to Calibration
        Of `fit_pairs`.

    Returns
    -------
    dict of Pair to float
        Root mean square of these means, decades.
    """
    found = {}
    for pair, fitted in pairs.items():
        both = pd.concat(
            [log_fluence[name] for name in pair], axis=1, keys=pair._fields, sort=True
        ).dropna()
        level = pd.qcut(both["other"], LEVELS, labels=False, duplicates="drop")
        block = np.arange(len(both)) * BLOCKS // len(both)
        off = pd.Series(np.nan, both.index)
        try:
            for held in range(BLOCKS):
                rest, tested = both[block != held], both[block == held]
                again = fit_calibration(rest["reference"], rest["other"], fitted.kind, n_boot=2)
                off[tested.index] = tested["reference"] - again.apply(tested["other"])
            bins = off.groupby([block, level])
            means = bins.mean()[bins.size() >= MIN_IN_BIN]
            if means.empty:  # some weeks in common
                means = off.groupby(block).mean()
        except TooLittleDataError:  # two thirds of some days: as if no difference averaged out
            means = both["reference"] - fitted.apply(both["other"])
        found[pair] = float(np.sqrt((means**2).mean()))
    return found


def describe_pairs(pairs: Mapping[Pair, Calibration]) -> pd.DataFrame:
    """Return a row for each coefficient: `reference`, `other`, `kind`, `parameter`, its bounds."""
    rows = [
        {**pair._asdict(), "kind": line.kind, "parameter": name, **values}
        for pair, line in pairs.items()
        for name, values in line.coefficients.to_dict(orient="index").items()
    ]
    return pd.DataFrame(rows)


def format_pairs(pairs: Mapping[Pair, Calibration]) -> pd.DataFrame:
    """Return a row for each pair, each coefficient with its 95 % interval as text."""
    table = describe_pairs(pairs)
    text = [f"{r.value:.3f} ({r.lower:.3f} to {r.upper:.3f})" for r in table.itertuples()]
    wide = table.assign(text=text).pivot_table(
        index=["reference", "other"],
        columns="parameter",
        values="text",
        aggfunc="first",
        sort=False,
    )
    return wide.fillna("").rename_axis(columns=None).reset_index()


def name_pair(reference: str, other: str) -> str:
    """Return a pair as the parameter `pair` of notebook 02 has it: "goes15 onto goes13"."""
    return f"{other} onto {reference}"


def find_pair(name: str, pairs: Mapping[Pair, Calibration]) -> Pair:
    """Return the pair of a name such as "goes15 onto goes13", or for "auto" that with most days.

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
