"""Try imputation in stretches of the months held out: gaps of known truth, and storms."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.gaps import draw_gaps, draw_lengths
from fluxlib.impute import SatelliteImputer, interpolate
from fluxlib.phases import find_storms
from fluxlib.trials import FULL, Trial, fill_hidden, score_all

BEFORE, LATER = pd.Timedelta("2D"), pd.Timedelta("5D")  # shown around a storm


def hide_gaps(
    trial: Trial, hours: Iterable[float], count: int, *, random_state: int = 0
) -> dict[float, list[pd.DatetimeIndex]]:
    """Draw stretches of the test months to hide, by length; lengths without room are left out."""
    drawn = {h: draw_gaps(trial.tested, h, count, random_state=random_state) for h in hours}
    drawn = {h: stretches for h, stretches in drawn.items() if stretches}
    if not drawn:
        raise FluxError("no stretch of the held-out months is whole enough to hide a gap in.")
    return drawn


def hide_like(
    trial: Trial, lengths: pd.Series, count: int, *, random_state: int = 0
) -> list[pd.DatetimeIndex]:
    """Draw stretches of the test months to hide, as long as gaps of the record are.

    Parameters
    ----------
    lengths : Series
        Hours of the record's gaps, such as `gaps.find_gaps` gives.
    count : int
        Stretches; lengths are drawn from the record's, and those without room left out.
    """
    drawn = lengths.sample(count, replace=True, random_state=random_state)
    return draw_lengths(trial.tested, drawn, random_state=random_state)


def score_gaps(
    trial: Trial,
    imputer: SatelliteImputer,
    predictions: pd.DataFrame,
    hidden: Mapping[float, list[pd.DatetimeIndex]],
) -> tuple[pd.DataFrame, dict[float, pd.DataFrame]]:
    """Score each method in the hidden stretches.

    Parameters
    ----------
    predictions : DataFrame
        See `fill_stretch`.
    hidden : mapping of float to list of DatetimeIndex
        Stretches by length, or by any other label.

    Returns
    -------
    rmse : DataFrame
        Decades, by length of gap (rows, hours) and method; `coverage`, the part of the samples
        within the interval, last.
    filled : dict of DataFrame
        By length, log10 flux of each method at the hidden times, and `lower` and `upper`.
    """
    filled = {}
    table: dict[float, dict[str, float]] = {}
    for label, stretches in hidden.items():
        times = stretches[0].append(stretches[1:])
        part, rmse = fill_stretch(trial, imputer, predictions, times)
        table[label] = rmse.to_dict() | {"coverage": measure_inside(trial.truth, part)}
        filled[label] = part.sort_index()
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("hours"), filled


def fill_stretch(
    trial: Trial, imputer: SatelliteImputer, predictions: pd.DataFrame, times: pd.DatetimeIndex
) -> tuple[pd.DataFrame, pd.Series]:
    """Fill hidden times by every method.

    Parameters
    ----------
    predictions : DataFrame
        Of `predict_trial`; the full model, which looks at the edges, is asked anew.
    times : DatetimeIndex
        Test times.

    Returns
    -------
    filled : DataFrame
        log10 flux at these times, a column a method, and `lower` and `upper` of the full model.
    rmse : Series
        Decades, by method.
    """
    ours = np.log10(fill_hidden(trial, imputer, times)[["value", "lower", "upper"]])
    filled = predictions.loc[times].assign(**{FULL: ours["value"]})
    known = trial.truth.drop(times).reindex(trial.truth.index)
    for kind in ("linear", "cubic"):
        filled[kind] = interpolate(known, kind)[times]
    rmse = score_all(trial.truth, filled)["RMSE"]
    return filled.join(ours[["lower", "upper"]]), rmse


def measure_inside(truth: pd.Series, interval: pd.DataFrame) -> float:
    """Return the part of the samples that lie between `lower` and `upper`, log10 flux."""
    return float(truth[interval.index].between(interval["lower"], interval["upper"]).mean())


def pick_gap(stretches: list[pd.DatetimeIndex], truth: pd.Series) -> pd.DatetimeIndex:
    """Return the stretch in which the flux moves as much as it does in the median one."""
    spread = [truth[times].std() for times in stretches]
    return stretches[int(np.argsort(spread)[len(spread) // 2])]


def pick_storm(trial: Trial, dst: pd.Series) -> pd.DatetimeIndex | None:
    """Return test times from two days before a storm's least value to five days after it.

    Of the storms with the most known samples (or nearly), the strongest; None if no test month
    has one.

    Parameters
    ----------
    trial : Trial
    dst : Series
        Dst or SYM-H, nT, on a regular grid.
    """
    storms = find_storms(dst[trial.test[0] : trial.test[-1]])
    windows = [
        trial.test[(trial.test >= least - BEFORE) & (trial.test <= least + LATER)]
        for least in storms["least"]
    ]
    samples = np.array([len(times) for times in windows])
    if not samples.any():  # between test months there are others, with storms of their own
        return None
    strength = np.where(samples >= 0.9 * samples.max(), storms["dst"], 0)
    return windows[int(np.argmin(strength))]
