"""Spearman correlation of drivers with the flux, at many offsets at once.

An offset is the number of hours by which a driver precedes the flux: at offset h the driver is
``shift(+h)``.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import fft

from fluxlib.errors import FluxError

FEWEST_PAIRS = 3


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
        One column a driver, on a regular grid; may begin before the target does.
    target
        The flux, on a grid of the same cadence. For one year, or one storm phase, set the rest
        to NaN.
    offsets
        Hours by which the driver precedes the target, whole multiples of the cadence.
    method
        ``"exact"`` ranks the pairs of every offset anew and equals
        :func:`scipy.stats.spearmanr`. ``"fft"`` ranks once, among the pairs of the middle
        offset, and takes all offsets from one FFT cross-correlation. As the pairs change with
        the offset, so do their ranks, slowly: about once a day of offset the exact value is
        computed too, and the difference, interpolated, is added.

    Returns
    -------
    DataFrame
        Index ``offset`` in hours, a column a driver, -1..1; NaN where fewer than three pairs
        or no variation.

    Raises
    ------
    FluxError
        If the grids are irregular or differ, or an offset does not fall on them.
    """
    if method not in ("fft", "exact"):
        raise FluxError(f"method is {method!r}: choose 'fft' or 'exact'")
    hours, steps, drivers, target = align_grids(drivers, target, offsets)
    y = _Ranked(target.to_numpy(float))
    knots = _choose_knots(hours, steps) if method == "fft" else steps
    table = {}
    for name in drivers:
        x = _Ranked(drivers[name].to_numpy(float))
        exact = _correlate_exact(x, y, knots)
        table[name] = exact if method == "exact" else _correlate_fft(x, y, steps, knots, exact)
    return pd.DataFrame(table, index=hours)


def spearman_counts(
    drivers: pd.DataFrame, target: pd.Series, offsets: Iterable[float]
) -> pd.DataFrame:
    """Count the pairs behind each cell of :func:`spearman_offsets`; same arguments and shape."""
    hours, steps, drivers, target = align_grids(drivers, target, offsets)
    present = target.notna().to_numpy(float)
    table = {}
    for name in drivers:
        (counts,) = _cross_sums([drivers[name].notna().to_numpy(float)], [present], steps, [(0, 0)])
        table[name] = np.rint(counts).astype(int)
    return pd.DataFrame(table, index=hours)


def align_grids(
    drivers: pd.DataFrame, target: pd.Series, offsets: Iterable[float]
) -> tuple[pd.Index, np.ndarray, pd.DataFrame, pd.Series]:
    """Put drivers and target on one regular grid, and offsets in its steps.

    Returns
    -------
    hours : Index
        The offsets, named ``offset``.
    steps : ndarray of int
        The same in steps of the grid.
    drivers, target
        On one grid, from the first of either to the last of either.
    """
    cadence = find_cadence(drivers.index, "drivers")
    if find_cadence(target.index, "target") != cadence:
        raise FluxError(
            f"drivers come every {cadence}, target every {find_cadence(target.index, 'target')}: "
            "bring both to one cadence first"
        )
    if (target.index[0] - drivers.index[0]) % cadence:
        raise FluxError(
            f"target's times lie between those of drivers ({target.index[0]} against "
            f"{drivers.index[0]} every {cadence}): shift one of the two grids"
        )
    hours = pd.Index(list(offsets), name="offset")
    steps = offset_steps(hours, cadence)
    grid = pd.date_range(
        min(drivers.index[0], target.index[0]),
        max(drivers.index[-1], target.index[-1]),
        freq=cadence,
        name="time",
    )
    return hours, steps, drivers.reindex(grid), target.reindex(grid)


def find_cadence(index: pd.Index, name: str) -> pd.Timedelta:
    """Give the step of a regular grid of times, or raise FluxError about ``name``."""
    if not isinstance(index, pd.DatetimeIndex) or len(index) < 2:
        raise FluxError(f"{name} needs an index of at least two times, found {index!r:.80}")
    steps = np.diff(index.asi8)
    if (steps != steps[0]).any() or steps[0] <= 0:
        at = int(np.flatnonzero((steps != steps[0]) | (steps <= 0))[0])
        raise FluxError(
            f"{name} is not on a regular grid: {index[at]} is followed by {index[at + 1]}; "
            "reindex it with .asfreq() first"
        )
    return index[1] - index[0]


def offset_steps(hours: Iterable[float], cadence: pd.Timedelta) -> np.ndarray:
    """Turn offsets in hours into whole steps of the grid, or raise FluxError."""
    hours = np.asarray(list(hours), dtype=float)
    steps = hours * pd.Timedelta(hours=1) / cadence
    wrong = ~np.isclose(steps, np.rint(steps), rtol=0, atol=1e-6)
    if not len(hours) or wrong.any():
        found = f"{hours[wrong][0]:g} h" if len(hours) else "none"
        raise FluxError(f"offsets must be multiples of the cadence, {cadence}; found {found}")
    return np.rint(steps).astype(int)


class _Ranked:
    """A series as dense ranks, so that midranks of any part of it need no further sorting."""

    def __init__(self, values):
        self.present = ~np.isnan(values)
        distinct, dense = np.unique(values[self.present], return_inverse=True)
        self.n_distinct = len(distinct)
        self.dense = np.full(len(values), -1, dtype=np.int32)
        self.dense[self.present] = dense

    def among(self, dense):
        """Midrank of each distinct value among the given dense ranks."""
        counts = np.bincount(dense, minlength=self.n_distinct)
        return np.cumsum(counts) - (counts - 1) / 2

    def overlap(self, step):
        """Slices of driver and target that make up the pairs at an offset."""
        n = len(self.dense)
        shift = min(abs(step), n)
        early, late = slice(0, n - shift), slice(shift, n)
        return (early, late) if step >= 0 else (late, early)


def _choose_knots(hours, steps):
    """Choose steps about a day apart, from the first to the last."""
    size = min(len(np.unique(steps)), max(2, 1 + round((hours.max() - hours.min()) / 24)))
    return np.unique(np.rint(np.linspace(steps.min(), steps.max(), size)).astype(int))


def _correlate_exact(x, y, steps):
    rho = np.full(len(steps), np.nan)
    for i, step in enumerate(steps):
        of_x, of_y = x.overlap(step)
        both = x.present[of_x] & y.present[of_y]
        a, b = x.dense[of_x][both], y.dense[of_y][both]
        if len(a) >= FEWEST_PAIRS:
            middle = (len(a) + 1) / 2  # mean of any ranks; centred products lose no digits
            u, v = (x.among(a) - middle)[a], (y.among(b) - middle)[b]
            with np.errstate(invalid="ignore"):
                rho[i] = (u @ v) / np.sqrt((u @ u) * (v @ v))
    return rho


def _correlate_fft(x, y, steps, knots, exact):
    """Correlate at all steps with one ranking, and put right what is known at the knots."""
    rho = _correlate_ranked(x, y, np.concatenate([steps, knots]))
    rho, at_knots = rho[: len(steps)], rho[len(steps) :]
    known = ~np.isnan(exact - at_knots)
    if not known.any():
        return rho
    return np.clip(rho + np.interp(steps, knots[known], (exact - at_knots)[known]), -1, 1)


def _correlate_ranked(x, y, steps):
    u, v = _ranks_at(x, y, int(np.median(steps)))
    a, b = x.present.astype(float), y.present.astype(float)
    n, sum_u, sum_v, uu, vv, uv = _cross_sums(
        [a, u, u * u], [b, v, v * v], steps, [(0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (1, 1)]
    )
    n = np.rint(n)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = (uu - sum_u**2 / n) * (vv - sum_v**2 / n)
        rho = (uv - sum_u * sum_v / n) / np.sqrt(spread)
    # FFT noise leaves a constant series a variance of about 1e-12 of its pairs, not zero.
    rho[(n < FEWEST_PAIRS) | ~(spread > (1e-9 * n) ** 2)] = np.nan
    return rho


def _ranks_at(x, y, step):
    """Rank both among the pairs of one offset, scaled to -0.5..0.5, zero where missing."""
    of_x, of_y = x.overlap(step)
    both = x.present[of_x] & y.present[of_y]
    scaled = []
    for one, part in ((x, of_x), (y, of_y)):
        # Without a pair at this offset, others may still have some: rank among all values.
        dense = one.dense[part][both] if both.any() else one.dense[one.present]
        rank = one.among(dense) / max(len(dense), 1) - 0.5
        values = np.zeros(len(one.dense))
        values[one.present] = rank[one.dense[one.present]]
        scaled.append(values)
    return scaled


def _cross_sums(drivers, targets, steps, products):
    """Sum driver(t - step) * target(t) over t, for many steps at once.

    Overlap-save: the target is cut in segments, each transformed with as much of the driver as
    reaches it; products add up over segments before the one inverse transform.

    Parameters
    ----------
    drivers, targets
        Lists of arrays of one length, zero where missing.
    products
        Pairs (i, j): which driver with which target.
    """
    low, high = int(steps.min()), int(steps.max())
    reach = high - low
    size = fft.next_fast_len(max(8 * reach, 2**14), real=True)
    stride = size - reach
    total = np.zeros((len(products), size // 2 + 1), dtype=complex)
    n = len(targets[0])
    per_batch = max(1, 2**20 // size)
    for start in range(0, n, stride * per_batch):
        begins = np.arange(start, min(n, start + stride * per_batch), stride)
        late = [fft.rfft(_cut(one, begins, stride), size) for one in targets]
        early = [fft.rfft(_cut(one, begins - high, size), size) for one in drivers]
        for k, (i, j) in enumerate(products):
            total[k] += np.einsum("sf,sf->f", early[i].conj(), late[j])
    sums = fft.irfft(total, size)
    # Driver sample m of a segment lies at begin - high + m, so offset s is lag s - high.
    return sums[:, (steps - high) % size]


def _cut(values, begins, width):
    """Rows of ``width`` from each begin, zero beyond the ends."""
    first, last = begins[0], begins[-1] + width
    padded = np.zeros(last - first)
    inside = slice(max(first, 0), min(last, len(values)))
    padded[inside.start - first : inside.stop - first] = values[inside]
    return np.lib.stride_tricks.sliding_window_view(padded, width)[begins - first]
