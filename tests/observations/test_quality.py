import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.observations.quality import (
    Quality,
    count_flags,
    find_doubtful,
    find_handovers,
    flag_dataset,
    flag_quality,
    tabulate_flags,
)
from tests.helpers.datasets import make_dataset


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


def test_a_step_is_not_a_spike():
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


def test_reasons_add_up():
    flux = make_flux()
    flux.iloc[20:40] = 777.0
    protons = pd.Series(100.0, index=flux.index)
    flags = flag_quality(flux, protons=protons)
    assert flags["e2"].iloc[25] == Quality.STUCK | Quality.PROTONS


def test_flux_is_not_changed_by_flagging():
    flux = make_flux()
    flux.iloc[50] *= 100
    flux.iloc[70:80] = np.nan
    before = flux.copy()
    assert flag_quality(flux).to_numpy().any()
    pd.testing.assert_frame_equal(flux, before)


@pytest.mark.parametrize(
    "wrong", [{"spike_decades": 0}, {"stuck_samples": 1}, {"proton_limit": -1}]
)
def test_limits_out_of_range_are_refused(wrong):
    with pytest.raises(FluxError, match=f"{next(iter(wrong))}.* expected"):
        flag_quality(make_flux(), **wrong)


@given(
    st.lists(st.sampled_from([np.nan, -1.0, 0.0, 1.0, 3.0, 11.0, 200.0, np.inf]), max_size=40),
    st.integers(2, 6),
)
def test_flags_are_those_of_the_definition_taken_sample_by_sample(values, samples):
    index = pd.date_range("2014-01-01", periods=len(values), freq="5min", name="time")
    flux = pd.DataFrame({"e2": values}, index=index, dtype=float)
    flags = flag_quality(flux, stuck_samples=samples)
    for i, value in enumerate(values):
        around = [v for v in values[max(i - 2, 0) : i + 3] if v > 0]
        finite = [v for v in around if np.isfinite(v)]
        spike = (
            value > 0
            and len(finite) >= 4
            and abs(np.log10(value) - np.median(np.log10(around))) > 1
        )
        runs = [values[j : j + samples] for j in range(max(i - samples + 1, 0), i + 1)]
        stuck = any(len(run) == samples and run.count(value) == samples for run in runs)
        stuck = stuck and not np.isnan(value)
        assert flags["e2"].iloc[i] == spike * Quality.SPIKE | stuck * Quality.STUCK


def test_a_datasets_series_are_flagged_by_the_protons_of_its_drivers():
    dataset = make_dataset(days=2)
    dataset.drivers["p10"] = 0.2
    dataset.drivers.iloc[200:205, -1] = 50.0
    dataset.drivers.iloc[300:310, -1] = np.nan
    before = {series: flux.copy() for series, flux in dataset.flux.items()}
    flags = flag_dataset(dataset)
    assert list(flags) == list(dataset.flux)
    for series, flux in dataset.flux.items():
        protons = dataset.drivers["p10"]
        pd.testing.assert_frame_equal(flags[series], flag_quality(flux, protons=protons))
        pd.testing.assert_frame_equal(flux, before[series])
    table = tabulate_flags(dataset, flags)
    assert list(table) == [
        "series",
        "channel",
        "samples",
        "spike",
        "stuck",
        "protons",
        "archive",
        "yaw_flip",
        "few_samples",
        "unchecked",
    ]
    assert len(table) == sum(flux.shape[1] for flux in dataset.flux.values())
    assert (table["samples"] == 2 * 288 - 20).all()
    assert (table["protons"] == 5).all()
    assert (table["unchecked"] == 10).all()


def test_without_protons_every_sample_is_unchecked_and_none_contaminated():
    dataset = make_dataset(days=1)
    table = tabulate_flags(dataset, flag_dataset(dataset))
    assert (table["protons"] == 0).all()
    assert (table["unchecked"] == table["samples"]).all()


def test_protons_at_other_times_do_not_flag_the_flux():
    dataset = make_dataset(days=1)
    dataset.drivers = dataset.drivers.assign(p10=100.0).shift(freq="100D")
    table = tabulate_flags(dataset, flag_dataset(dataset))
    assert (table["protons"] == 0).all()
    assert (table["unchecked"] == table["samples"]).all()


def test_a_dataset_without_flux_has_a_table_without_rows():
    dataset = make_dataset(days=1)
    full = tabulate_flags(dataset, flag_dataset(dataset))
    dataset.flux = {}
    table = tabulate_flags(dataset, flag_dataset(dataset))
    assert list(table) == list(full)
    assert table.empty


@pytest.mark.real
def test_real_hourly_flux_is_hardly_flagged(real_data):
    for series, flux in fluxlib.load(real_data).flux.items():
        counts = count_flags(flag_quality(flux))
        assert counts.loc["e2", ["spike", "stuck"]].max() < 0.002 * len(flux), series


@pytest.mark.real
def test_real_solar_proton_events_are_flagged_and_quiet_months_are_not(real_data):
    dataset = fluxlib.load(real_data)
    table = tabulate_flags(dataset, flag_dataset(dataset)).set_index(["series", "channel"])
    assert (table["protons"] > 0).all()
    assert (table["protons"] < 0.05 * table["samples"]).all()
    # The low channel of GOES-13 has hardly a gap: all hours of the storms of NOAA's list.
    contaminated = (flag_dataset(dataset)["goes13"]["e0.8"] & int(Quality.PROTONS)) > 0
    for first, last in (("2012-01-24", "2012-01-25"), ("2012-03-08", "2012-03-10")):
        assert contaminated[first:last].all(), first
    assert not contaminated["2016-02":"2016-12"].any()


def test_handovers_are_where_the_source_changes_for_long_whatever_the_gaps():
    days = pd.date_range("2014-01-01", periods=8)
    sources = pd.Series(["a", None, "a", "b", "a", "a", "c", "c"], days)
    assert find_handovers(sources, min_days=1) == {
        days[0]: "a",
        days[3]: "b",
        days[4]: "a",
        days[6]: "c",
    }
    assert find_handovers(sources, min_days=2) == {days[0]: "a", days[6]: "c"}


def test_doubtful_samples_are_those_of_the_channel_and_the_period_of_service():
    days = pd.date_range("2014-01-01", periods=4)
    flags = {"a": pd.DataFrame({"e2": [0, 1, 0, 2], "e4": [1, 1, 1, 1]}, days)}
    columns = {"a 2014-01": pd.Series(1.0, days[1:]), "dpd": pd.Series(1.0, days)}
    found = find_doubtful(flags, columns)
    assert found["a 2014-01"].tolist() == [True, False, True]
    assert set(found) == {"a 2014-01"}
