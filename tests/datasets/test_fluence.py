import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.errors import FluxError


def make_flux(value, days=2, cadence="5min"):
    count = days * (pd.Timedelta("1D") // pd.Timedelta(cadence))
    index = pd.date_range("2014-01-01", periods=count, freq=cadence, name="time")
    return pd.DataFrame({"e2": np.full(count, value)}, index=index)


@pytest.mark.parametrize("cadence", ["1min", "5min", "1h"])
def test_constant_flux_times_86400_s_is_the_fluence(cadence):
    fluence = fluxlib.daily_fluence(make_flux(100.0, cadence=cadence))
    assert fluence["e2"].tolist() == pytest.approx([8.64e6, 8.64e6])
    assert list(fluence.index) == list(pd.date_range("2014-01-01", periods=2))


def test_a_gap_within_the_coverage_does_not_lower_the_fluence():
    flux = make_flux(100.0)
    flux.iloc[: int(0.2 * 288)] = np.nan
    assert fluxlib.daily_fluence(flux)["e2"].iloc[0] == pytest.approx(8.64e6)


@pytest.mark.parametrize(("missing", "kept"), [(28, True), (29, False)])
def test_the_default_coverage_is_eighty_percent(missing, kept):
    flux = make_flux(1.0, days=1, cadence="10min")  # 144 samples, of which 115.2 are needed
    flux.iloc[:missing] = np.nan
    assert fluxlib.daily_fluence(flux)["e2"].notna().tolist() == [kept]


def test_a_day_cut_short_counts_against_the_whole_day():
    flux = make_flux(1.0)[:-100]
    assert fluxlib.daily_fluence(flux)["e2"].notna().tolist() == [True, False]
    assert fluxlib.daily_fluence(flux, min_coverage=0.5)["e2"].notna().all()


def test_each_channel_has_its_own_coverage():
    flux = make_flux(1.0, days=1).assign(e4=np.nan)
    fluence = fluxlib.daily_fluence(flux)
    assert fluence["e2"].notna().all()
    assert fluence["e4"].isna().all()


def test_the_flux_is_not_changed():
    flux = make_flux(1.0)
    before = flux.copy()
    fluxlib.daily_fluence(flux)
    pd.testing.assert_frame_equal(flux, before)


@pytest.mark.parametrize("coverage", [0, -1, 1.01, float("nan")])
def test_a_coverage_that_is_no_fraction_is_refused(coverage):
    with pytest.raises(FluxError, match="min_coverage is"):
        fluxlib.daily_fluence(make_flux(1.0), min_coverage=coverage)


def test_daily_flux_is_refused():
    with pytest.raises(FluxError, match="finer than a day"):
        fluxlib.daily_fluence(make_flux(1.0, days=5, cadence="1D"))


def test_nothing_gives_nothing():
    assert fluxlib.daily_fluence(make_flux(1.0)[:0]).empty
