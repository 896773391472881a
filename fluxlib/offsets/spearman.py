"""Spearman's correlation of drivers with a target at many offsets: exact, by FFT, partial."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import stats

from fluxlib.errors import FluxError
from fluxlib.evaluation.bootstrap import CONFIDENCE
from fluxlib.offsets.ranks import (
    Ranked,
    correlate_exact,
    correlate_fft,
    correlate_partial,
    cross_sums,
    ranks_at,
)
from fluxlib.utils.time_grid import DAY_HOURS, align_grids, find_cadence, offset_steps

PERFECT = 1 - 1e-12


def spearman_offsets(
    drivers: pd.DataFrame,
    target: pd.Series,
    offsets: Iterable[float],
    method: str = "fft",
) -> pd.DataFrame:
    """Correlate the ranks of each driver with those of the target, offset by offset.

    Parameters
    ----------
    drivers
        A column for each driver, on a regular grid; may begin before the target.
    target
        The flux, on a grid of the same cadence. To restrict it to a year or to storms, set the
        rest to NaN.
    offsets
        Hours by which the driver precedes the target, whole multiples of the cadence.
    method
        ``"exact"`` ranks the pairs of every offset separately and equals
        :func:`scipy.stats.spearmanr`. ``"fft"`` ranks once, among the pairs of the middle
        offset, and computes all offsets by one FFT cross-correlation. Pairs and their ranks
        change slowly with the offset: every half to one and a half days of offset the exact
        value is computed too, and the interpolated difference is added.

    Returns
    -------
    DataFrame
        Index ``offset`` in hours, a column for each driver, -1..1; NaN where there are fewer
        than three pairs or no variation.

    Raises
    ------
    FluxError
        If the grids are irregular or differ, or an offset is not a multiple of the cadence.

    Examples
    --------
    >>> hours = pd.date_range("2014", periods=200, freq="h")
    >>> drivers = pd.DataFrame({"V": np.sin(np.arange(200.0))}, hours)
    >>> table = spearman_offsets(drivers, drivers["V"].shift(3), [0, 3], "exact")
    >>> round(float(table.loc[3, "V"]), 6)
    1.0
    """
    if method not in ("fft", "exact"):
        raise FluxError(f"method is {method!r}: choose 'fft' or 'exact'")
    hours, steps, drivers, target = align_grids(drivers, target, offsets)
    y = Ranked(target.to_numpy(float))
    knots = _exact_steps(hours, steps, len(target)) if method == "fft" else steps
    table = {}
    for name in drivers:
        x = Ranked(drivers[name].to_numpy(float))
        exact = correlate_exact(x, y, knots)
        table[name] = exact if method == "exact" else correlate_fft(x, y, steps, knots, exact)
    return pd.DataFrame(table, index=hours)


def spearman_counts(
    drivers: pd.DataFrame, target: pd.Series, offsets: Iterable[float]
) -> pd.DataFrame:
    """Count the pairs behind each cell of :func:`spearman_offsets`; same arguments and shape."""
    hours, steps, drivers, target = align_grids(drivers, target, offsets)
    present = target.notna().to_numpy(float)
    table = {}
    for name in drivers:
        (counts,) = cross_sums([drivers[name].notna().to_numpy(float)], [present], steps, [(0, 0)])
        table[name] = np.rint(counts).astype(int)
    return pd.DataFrame(table, index=hours)


def spearman_intervals(
    drivers: pd.DataFrame,
    target: pd.Series,
    offsets: Iterable[float],
    *,
    method: str = "fft",
) -> pd.DataFrame:
    """Compute correlations with 95 % intervals that allow for autocorrelation.

    Neighbouring samples of solar wind and flux repeat each other, so fewer are independent. Their
    effective number is estimated from both autocorrelations, up to a lag of a fifth of the series
    (Pyper and Peterman 1998, Can. J. Fish. Aquat. Sci. 55, 2127, eq. 1), counting the pairs of
    pairs that gaps leave. The interval is Fisher's with the variance of a rank correlation (Bonett
    and Wright 2000, Psychometrika 65, 23).

    Parameters
    ----------
    drivers, target, offsets, method
        As for :func:`spearman_offsets`.

    Returns
    -------
    DataFrame
        Index ``offset``; for each driver the columns ``value``, ``lower``, ``upper``, ``n``
        (pairs) and ``n_effective``; ``table["V"]`` is one driver's curve with its band.
    """
    offsets = list(offsets)
    rho = spearman_offsets(drivers, target, offsets, method)
    counts = spearman_counts(drivers, target, offsets)
    _, steps, drivers, target = align_grids(drivers, target, offsets)
    y = Ranked(target.to_numpy(float))
    parts = {}
    for name in drivers:
        x = Ranked(drivers[name].to_numpy(float))
        effective = counts[name] / _pairs_per_independent_pair(x, y, int(np.median(steps)))
        error = np.sqrt((1 + rho[name] ** 2 / 2) / (effective - 3).clip(lower=1e-9))
        # A perfect correlation has no finite z.
        centre = np.arctanh(rho[name].clip(-PERFECT, PERFECT))
        reach = stats.norm.ppf((1 + CONFIDENCE) / 2) * error
        parts[name] = pd.DataFrame(
            {
                "value": rho[name],
                "lower": np.tanh(centre - reach),
                "upper": np.tanh(centre + reach),
                "n": counts[name],
                "n_effective": effective,
            }
        )
    return pd.concat(parts, axis=1)


def _pairs_per_independent_pair(x: Ranked, y: Ranked, step: int) -> float:
    of_x, of_y = x.overlap(step)
    both = np.zeros(len(x.present))
    both[of_y] = x.present[of_x] & y.present[of_y]
    lags = np.arange(1, max(2, len(both) // 5))
    product = np.ones(len(lags))
    for ranked, values in zip((x, y), ranks_at(x, y, step), strict=True):
        present = ranked.present.astype(float)
        values = np.where(ranked.present, values - values[ranked.present].mean(), 0)
        (covariance,) = cross_sums([values], [values], lags, [(0, 0)])
        (pairs,) = cross_sums([present], [present], lags, [(0, 0)])
        product *= covariance / np.maximum(pairs, 1) / (values @ values / present.sum())
    (kept,) = cross_sums([both], [both], lags, [(0, 0)])
    return max(1.0, 1 + 2 * (kept / max(both.sum(), 1)) @ product)


def partial_spearman_offsets(
    drivers: pd.DataFrame,
    target: pd.Series,
    offsets: Iterable[float],
    *,
    given_days: int = 1,
) -> pd.DataFrame:
    """Correlate ranks given the flux's own past: what a driver adds to persistence.

    Partial rank correlation of driver and target, given the target 24 h before and so on back to
    ``given_days`` days, over the times where all of these are present. Ranks are taken once for
    each driver, at the middle offset.

    Parameters
    ----------
    drivers, target, offsets
        As for :func:`spearman_offsets`.
    given_days
        How many days of the flux's past are given, at least 1.

    Returns
    -------
    DataFrame
        As :func:`spearman_offsets` returns.
    """
    if given_days < 1:
        raise FluxError(f"given_days is {given_days}; expected at least one day of the flux's past")
    hours, steps, drivers, target = align_grids(drivers, target, offsets)
    days = DAY_HOURS * np.arange(1, given_days + 1)
    lags = offset_steps(days, find_cadence(target.index, "target"))
    series = pd.DataFrame({0: target} | {lag: target.shift(lag) for lag in lags})
    complete = series.notna().all(axis=1).to_numpy()
    known = [Ranked(one.where(complete).to_numpy(float)) for _, one in series.items()]
    table = {
        name: correlate_partial(Ranked(drivers[name].to_numpy(float)), known, steps)
        for name in drivers
    }
    return pd.DataFrame(table, index=hours)


def _exact_steps(hours: pd.Index, steps: np.ndarray, n: int) -> np.ndarray:
    """Return steps half a day apart, or up to one and a half days in a long series.

    In a long series the edges of gaps matter less, and each exact value takes longer.
    """
    spacing = 12 * np.clip(n / 200_000, 1, 3)
    size = min(len(np.unique(steps)), max(2, 1 + round((hours.max() - hours.min()) / spacing)))
    return np.unique(np.rint(np.linspace(steps.min(), steps.max(), size)).astype(int))


class CachedOffsetCorrelation:
    """`spearman_offsets` by FFT for one range of offsets after another, as controls ask for it.

    Ranks, and the exact values that correct the FFT's, are kept and used again.

    Parameters
    ----------
    drivers, target
        As `spearman_offsets` takes.
    reach : float
        The longest offset to be asked for, hours.
    """

    def __init__(self, drivers: pd.DataFrame, target: pd.Series, reach: float):
        self._reach = reach
        *_, drivers, target = align_grids(drivers, target, [0])
        self._n = len(target)  # the number of exact values depends on it
        known = target.dropna().index
        if len(known):  # other times are in no pair
            view = slice(known[0] - pd.Timedelta(hours=reach), known[-1])
            drivers, target = drivers[view], target[view]
        self._drivers, self._target = drivers, target
        self._y = Ranked(target.to_numpy(float))
        self._x: dict[str, Ranked] = {}
        self._exact: dict[tuple[str, int], float] = {}

    def correlate(self, name: str, offsets: Iterable[float]) -> pd.Series:
        """Return a driver's correlation at offsets in hours, as a column of `spearman_offsets`."""
        hours, steps, *_ = align_grids(self._drivers[[name]], self._target, offsets)
        if name not in self._x:
            self._x[name] = Ranked(self._drivers[name].to_numpy(float))
        x = self._x[name]
        knots = _exact_steps(hours, steps, self._n)
        exact = np.array([self._correlate_exact(name, step) for step in knots])
        rho = correlate_fft(x, self._y, steps, knots, exact)
        return pd.Series(rho, hours, name=name)

    def warm(self) -> None:
        """Compute what every range up to the reach uses, for all drivers."""
        for name in self._drivers:
            self.correlate(name, np.arange(0, self._reach + 1, 12))

    def _correlate_exact(self, name: str, step: int) -> float:
        key = name, int(step)
        if key not in self._exact:
            self._exact[key] = correlate_exact(self._x[name], self._y, np.array([step]))[0]
        return self._exact[key]
