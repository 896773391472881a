import numpy as np
import pandas as pd
import pytest
from scipy import signal

from fluxlib.offsets.spearman import OffsetCurves, spearman_offsets


@pytest.fixture(scope="module")
def data():
    """Drivers over 400 days, one rounded, and a flux in the midst with a gap."""
    rng = np.random.default_rng(0)
    hours = pd.date_range("2014-01-01", periods=9600, freq="h", name="time")
    v, kp = signal.lfilter([0.1], [1, -0.95], rng.normal(size=(2, 9600)))
    drivers = pd.DataFrame({"V": v, "Kp": np.round(3 * kp)}, hours)
    target = (drivers["V"].shift(36) + 0.2 * rng.normal(size=9600)).iloc[3000:6000]
    target.iloc[500:900] = np.nan
    return drivers, target


@pytest.mark.parametrize(
    "offsets", [range(121), range(0, 73, 3), range(0, 241, 24), [0], [24, 25], range(0, 101)]
)
def test_curves_are_those_of_spearman_offsets(data, offsets):
    drivers, target = data
    curves = OffsetCurves(drivers, target, 240)
    curves.warm()
    expected = spearman_offsets(drivers, target, offsets)
    for name in drivers:
        pd.testing.assert_series_equal(
            curves.correlate(name, offsets), expected[name], rtol=0, atol=1e-10
        )


def test_a_range_that_was_seen_before_needs_no_exact_value(data, monkeypatch):
    curves = OffsetCurves(*data, 240)
    curves.correlate("V", range(0, 121))
    monkeypatch.setattr("fluxlib.offsets.spearman.correlate_exact", None)
    curves.correlate("V", range(0, 97, 3))
