import numpy as np
import pytest
from scipy import stats

from fluxlib.offsets.ranks import Ranked, cross_sums


@pytest.mark.parametrize("n", [50, 1000, 60_000])
def test_cross_sums_equal_the_plain_sums(n):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, n))
    steps = np.array([-40, -1, 0, 3, 37])
    sums = cross_sums([x, x**2], [y], steps, [(0, 0), (1, 0)])
    for i, step in enumerate(steps):
        late, early = (y[step:], x[: n - step]) if step >= 0 else (y[:step], x[-step:])
        np.testing.assert_allclose(sums[:, i], [early @ late, early**2 @ late], atol=1e-8)


def test_midranks_of_a_part_are_scipys():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 20, 500).astype(float)
    values[::7] = np.nan
    ranked = Ranked(values)
    part = np.flatnonzero(ranked.present)[100:300]
    dense = ranked.dense[part]
    np.testing.assert_array_equal(ranked.midranks(dense)[dense], stats.rankdata(values[part]))
