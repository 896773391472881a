import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.quality import Quality, count_flags, flag_quality, split_flagged


def make_flux(n=200, seed=0):
    rng = np.random.default_rng(seed)
    index = pd.date_range("2014-01-01", periods=n, freq="5min", name="time")
    return pd.DataFrame({"e2": 10 ** (3 + rng.normal(0, 0.05, n).cumsum() / 5)}, index=index)


def flagged(flags, reason):
    return np.flatnonzero((flags["e2"] & int(reason)).to_numpy()).tolist()


def test_plain_flux_has_no_flag():
    flags = flag_quality(make_flux())
    assert set(flags.dtypes) == {np.dtype(np.uint8)}
    assert (flags == 0).all().all()


@pytest.mark.parametrize("factor", [30, 1 / 30])
def test_one_sample_far_from_its_neighbours_is_a_spike(factor):
    flux = make_flux()
    flux.iloc[50] *= factor
    assert flagged(flag_quality(flux), Quality.SPIKE) == [50]


def test_a_step_is_no_spike():
    flux = make_flux()
    flux.iloc[100:] *= 1000
    assert flagged(flag_quality(flux), Quality.SPIKE) == []


def test_a_spike_beside_a_gap_is_found_and_a_lonely_sample_is_none():
    flux = make_flux()
    flux.iloc[51] = np.nan
    flux.iloc[50] *= 100
    flux.iloc[100:110] = np.nan
    flux.iloc[105] = 1e7
    assert flagged(flag_quality(flux), Quality.SPIKE) == [50]


@pytest.mark.parametrize(("equal", "found"), [(11, 0), (12, 12), (30, 30)])
def test_a_run_of_equal_samples_is_stuck(equal, found):
    flux = make_flux()
    flux.iloc[20 : 20 + equal] = 777.0
    assert flagged(flag_quality(flux), Quality.STUCK) == list(range(20, 20 + found))


def test_missing_samples_are_neither_stuck_nor_flagged():
    flux = make_flux()
    flux.iloc[20:60] = np.nan
    protons = pd.Series(100.0, index=flux.index)
    flags = flag_quality(flux, protons=protons)
    assert (flags.iloc[20:60] == 0).all().all()


def test_protons_above_ten_contaminate_every_channel():
    flux = make_flux().assign(e4=1.0)
    flux["e4"] = flux["e2"] / 50
    protons = pd.Series(0.1, index=flux.index)
    protons.iloc[10:13] = [10, 5000, 9.9]
    protons.iloc[13] = np.nan
    flags = flag_quality(flux, protons=protons)
    assert flagged(flags, Quality.PROTONS) == [10, 11]
    assert count_flags(flags)["protons"].tolist() == [2, 2]


def test_reasons_add_up_and_can_be_told_apart():
    flux = make_flux()
    flux.iloc[20:40] = 777.0
    protons = pd.Series(100.0, index=flux.index)
    flags = flag_quality(flux, protons=protons)
    assert flags["e2"].iloc[25] == Quality.STUCK | Quality.PROTONS
    clean, apart = split_flagged(flux, flags, Quality.STUCK)
    assert clean["e2"].isna().sum() == 20
    assert apart["e2"].dropna().tolist() == [777.0] * 20


def test_nothing_is_lost_by_splitting():
    flux = make_flux()
    flux.iloc[50] *= 100
    flux.iloc[70:80] = np.nan
    before = flux.copy()
    clean, apart = split_flagged(flux, flag_quality(flux))
    pd.testing.assert_frame_equal(clean.fillna(apart), before)
    pd.testing.assert_frame_equal(flux, before)


@pytest.mark.parametrize(
    "wrong", [{"spike_decades": 0}, {"stuck_samples": 1}, {"proton_limit": -1}]
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(FluxError, match=f"{next(iter(wrong))}.* expected"):
        flag_quality(make_flux(), **wrong)


@pytest.mark.real
def test_real_hourly_flux_is_hardly_flagged(real_data):
    for series, flux in fluxlib.load(real_data).flux.items():
        counts = count_flags(flag_quality(flux))
        assert counts.loc["e2", ["spike", "stuck"]].max() < 0.002 * len(flux), series
