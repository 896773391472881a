"""Rank correlation of two series with gaps at many shifts: exact, by FFT, and partial."""

import numpy as np
from scipy import fft

MIN_PAIRS = 3  # two pairs always correlate by 1 or -1


class Ranked:
    """A series as dense ranks, so that midranks of any part of it need no further sorting."""

    def __init__(self, values: np.ndarray):
        self.present = ~np.isnan(values)
        distinct, dense = np.unique(values[self.present], return_inverse=True)
        self.n_distinct = len(distinct)
        self.dense = np.full(len(values), -1, dtype=np.intp)  # bincount copies other types
        self.dense[self.present] = dense

    def midranks(self, dense: np.ndarray) -> np.ndarray:
        """Return the midrank of each distinct value among the given dense ranks."""
        counts = np.bincount(dense, minlength=self.n_distinct)
        return np.cumsum(counts) - (counts - 1) / 2

    def overlap(self, step: int) -> tuple[slice, slice]:
        """Return the slices of driver and target that make up the pairs at an offset."""
        n = len(self.dense)
        shift = min(abs(step), n)
        early, late = slice(0, n - shift), slice(shift, n)
        return (early, late) if step >= 0 else (late, early)


def correlate_exact(x: Ranked, y: Ranked, steps: np.ndarray) -> np.ndarray:
    """Correlate at each step with the ranks of the pairs at that step."""
    rho = np.full(len(steps), np.nan)
    for i, step in enumerate(steps):
        of_x, of_y = x.overlap(step)
        both = x.present[of_x] & y.present[of_y]
        a, b = x.dense[of_x][both], y.dense[of_y][both]
        if len(a) >= MIN_PAIRS:
            middle = (len(a) + 1) / 2  # mean of all ranks; centred products lose no digits
            u, v = (x.midranks(a) - middle)[a], (y.midranks(b) - middle)[b]
            with np.errstate(invalid="ignore"):
                rho[i] = (u @ v) / np.sqrt((u @ u) * (v @ v))
    return rho


def correlate_fft(
    x: Ranked, y: Ranked, steps: np.ndarray, knots: np.ndarray, exact: np.ndarray
) -> np.ndarray:
    """Correlate at all steps with one ranking, corrected by the exact values at the knots."""
    rho = _correlate_ranked(x, y, np.concatenate([steps, knots]))
    rho, at_knots = rho[: len(steps)], rho[len(steps) :]
    known = ~np.isnan(exact - at_knots)
    if not known.any():
        return rho
    return np.clip(rho + np.interp(steps, knots[known], (exact - at_knots)[known]), -1, 1)


def _correlate_ranked(x, y, steps):
    u, v = ranks_at(x, y, int(np.median(steps)))
    a, b = x.present.astype(float), y.present.astype(float)
    n, sum_u, sum_v, uu, vv, uv = cross_sums(
        [a, u, u * u], [b, v, v * v], steps, [(0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (1, 1)]
    )
    n = np.rint(n)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = (uu - sum_u**2 / n) * (vv - sum_v**2 / n)
        rho = (uv - sum_u * sum_v / n) / np.sqrt(spread)
    # By rounding errors of the FFT the variance of a constant is about 1e-12 of its pairs.
    rho[(n < MIN_PAIRS) | ~(spread > (1e-9 * n) ** 2)] = np.nan
    return rho


def correlate_partial(x: Ranked, known: list[Ranked], steps: np.ndarray) -> np.ndarray:
    """Correlate x with the first of ``known``, given the others, which have the same gaps."""
    middle = int(np.median(steps))
    u = ranks_at(x, known[0], middle)[0]
    ranks = [ranks_at(x, one, middle)[1] for one in known]
    size = len(ranks) + 1
    corner = np.triu_indices(size - 1)
    a, b = x.present.astype(float), known[0].present.astype(float)
    squares = [ranks[i] * ranks[j] for i, j in zip(*corner, strict=True)]
    of_x = [(1, j) for j in range(size)] + [(2, 0)]
    of_known = [(0, j) for j in range(size + len(squares))]
    sums = cross_sums([a, u, u * u], [b, *ranks, *squares], steps, of_x + of_known)
    n = np.rint(sums[size + 1])
    mean = np.stack([sums[0], *sums[size + 2 : 2 * size + 1]]) / np.maximum(n, 1)
    second = np.empty((len(steps), size, size))
    second[:, 0, 0] = sums[size]
    second[:, 0, 1:] = second[:, 1:, 0] = sums[1:size].T
    second[:, corner[0] + 1, corner[1] + 1] = sums[2 * size + 1 :].T
    second[:, corner[1] + 1, corner[0] + 1] = sums[2 * size + 1 :].T
    covariance = second / np.maximum(n, 1)[:, None, None] - np.einsum("is,js->sij", mean, mean)
    usable = (n > size + 1) & (np.linalg.eigvalsh(covariance)[:, 0] > 1e-9)
    rho = np.full(len(steps), np.nan)
    inverse = np.linalg.inv(covariance[usable])
    rho[usable] = -inverse[:, 0, 1] / np.sqrt(inverse[:, 0, 0] * inverse[:, 1, 1])
    return rho


def ranks_at(x: Ranked, y: Ranked, step: int) -> list[np.ndarray]:
    """Rank both among the pairs of one offset, scaled to -0.5..0.5, zero where missing."""
    of_x, of_y = x.overlap(step)
    both = x.present[of_x] & y.present[of_y]
    scaled = []
    for one, part in ((x, of_x), (y, of_y)):
        # Other offsets may have pairs where this one has none: then rank among all values.
        dense = one.dense[part][both] if both.any() else one.dense[one.present]
        rank = one.midranks(dense) / max(len(dense), 1) - 0.5
        values = np.zeros(len(one.dense))
        values[one.present] = rank[one.dense[one.present]]
        scaled.append(values)
    return scaled


def cross_sums(
    drivers: list[np.ndarray],
    targets: list[np.ndarray],
    steps: np.ndarray,
    products: list[tuple[int, int]],
) -> np.ndarray:
    """Sum driver(t - step) * target(t) over t, for many steps at once.

    Overlap-save: the target is cut into segments, each transformed with the part of the driver
    that reaches it; products are summed over segments before the one inverse transform.

    Parameters
    ----------
    drivers, targets
        Lists of arrays of one length, zero where missing.
    products
        Pairs (i, j): which driver with which target.

    Returns
    -------
    ndarray of shape (products, steps)
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
    """Return rows of ``width`` from each begin, zero beyond the ends."""
    first, last = begins[0], begins[-1] + width
    padded = np.zeros(last - first)
    inside = slice(max(first, 0), min(last, len(values)))
    padded[inside.start - first : inside.stop - first] = values[inside]
    return np.lib.stride_tricks.sliding_window_view(padded, width)[begins - first]
