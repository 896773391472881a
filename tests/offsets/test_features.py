from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.offsets.features import (
    compare_peaks,
    correlate_at_peaks,
    correlate_years,
    describe_peaks,
    find_peaks,
    find_time_step,
    half_day_mean,
    list_hours,
    paper_inputs,
    select_features,
    suggest_time_step,
)
from fluxlib.offsets.spearman import spearman_intervals

HOURS = pd.date_range("2011-01-01", periods=100, freq="h", name="time")
DRIVERS = pd.DataFrame({"V": np.arange(100.0), "N": np.arange(100.0) ** 2}, HOURS)


@pytest.mark.parametrize(
    "selection",
    [
        {"V": [0, 24], "N": [3]},
        [("V", 0), ("V", 24), ("N", 3)],
        pd.DataFrame({"driver": ["V", "V", "N"], "offset": [0, 24, 3], "rho": 0.5}),
    ],
)
def test_each_column_is_the_driver_so_many_hours_before(selection):
    features = fluxlib.offset_features(DRIVERS, selection)
    assert list(features.columns) == ["V-0h", "V-24h", "N-3h"]
    assert features.index.equals(HOURS)
    at = features.loc[HOURS[50]]
    assert at.tolist() == [50, 26, 47**2]
    assert features["V-24h"].isna().sum() == 24


def test_offsets_are_hours_whatever_the_cadence():
    five = DRIVERS.set_axis(pd.date_range("2011", periods=100, freq="5min"))
    features = fluxlib.offset_features(five, [("V", 0.5)])
    assert features["V-0.5h"].iloc[50] == 44


def test_unknown_driver_and_offset_off_the_grid_are_named():
    with pytest.raises(FluxError, match="selection names Vx, which drivers does not have"):
        fluxlib.offset_features(DRIVERS, {"Vx": [0]})
    with pytest.raises(FluxError, match=r"found 0\.5 h"):
        fluxlib.offset_features(DRIVERS, {"V": [0.5]})


CORRELATIONS = pd.DataFrame(
    {"V": [0.2, 0.5, 0.6], "N": [-0.55, -0.3, np.nan], "Bz": [0.1, 0.1, 0.2]},
    pd.Index([0, 24, 48], name="offset"),
)


def test_selected_features_are_those_above_the_threshold_strongest_first():
    chosen = select_features(CORRELATIONS)
    assert list(chosen.itertuples(index=False, name=None)) == [
        ("V", 48, 0.6),
        ("N", 0, -0.55),
        ("V", 24, 0.5),
    ]
    assert fluxlib.offset_features(DRIVERS, chosen).shape == (100, 3)


def test_time_step_is_the_latest_peak_of_a_strong_driver_in_days():
    assert suggest_time_step(CORRELATIONS) == 2
    assert suggest_time_step(CORRELATIONS[["N", "Bz"]]) == 1
    assert suggest_time_step(CORRELATIONS[["Bz"]]) == 1
    assert suggest_time_step(CORRELATIONS.set_axis([0, 30, 60])) == 3


def test_years_to_be_tested_do_not_choose_the_time_step():
    days = pd.date_range("2011-01-01", "2013-12-31", name="time")
    v = pd.Series(np.random.default_rng(0).normal(size=len(days)), days)
    late = days.year == 2013
    fluence = pd.DataFrame({"e2": 10 ** v.shift(2).where(~late, v.shift(4))}, days)
    dataset = SimpleNamespace(daily=fluence, drivers=v.to_frame("V"))
    assert find_time_step(dataset, without=[2013]) == 2
    assert find_time_step(dataset, without=[2011, 2012]) == 4


def test_offsets_go_from_zero_to_the_longest():
    assert list_hours(6, 3).tolist() == [0, 3, 6]
    for longest, step in ((6, 0), (-1, 1)):
        with pytest.raises(FluxError, match="expected hours, the step above 0"):
            list_hours(longest, step)


def test_strongest_offsets_are_compared_where_both_are_strong():
    later = CORRELATIONS.set_axis([24, 48, 72])
    assert compare_peaks(CORRELATIONS, later, 0.3) == 24
    assert compare_peaks(CORRELATIONS, later, 0.99) is None


def test_peaks_are_each_drivers_strongest_correlation_the_strongest_first():
    peaks = find_peaks(CORRELATIONS.assign(none=np.nan))
    assert list(peaks.itertuples(index=False, name=None)) == [
        ("V", 48, 0.6),
        ("N", 0, -0.55),
        ("Bz", 48, 0.2),
    ]


def test_peaks_have_the_intervals_of_their_own_driver_and_offset():
    rng = np.random.default_rng(0)
    hours = pd.date_range("2011-01-01", periods=500, freq="h", name="time")
    drivers = pd.DataFrame(rng.normal(size=(500, 2)), hours, ["V", "N"])
    target = drivers["V"].shift(5) + 0.1 * rng.normal(size=500)
    peaks = pd.DataFrame({"driver": ["V", "N"], "offset": [5, 3], "rho": [0.9, 0.1]})
    table = describe_peaks(peaks, drivers, target).set_index("driver")
    expected = spearman_intervals(drivers[["N"]], target, [3])["N"].loc[3]
    assert table.loc["N", "rho"] == expected["value"]
    assert table.loc["N", ["lower", "upper"]].tolist() == expected[["lower", "upper"]].tolist()
    assert table.loc["V", "lower"] > 0.9


def test_years_are_correlated_apart_at_the_offset_of_all_if_they_have_enough_days():
    days = pd.date_range("2011-01-01", "2013-12-31", name="time")
    v = pd.Series(np.random.default_rng(0).normal(size=len(days)), days, name="V")
    target = v.shift(2).where(days.year != 2012, -v.shift(2))
    target["2013-06-30":] = np.nan  # 180 days are left
    overall = fluxlib.spearman_offsets(v.to_frame(), target, [0, 24, 48, 72])
    table = correlate_years(v.to_frame(), target, overall)
    assert table["V"].round(6).to_dict() == {2011: 1, 2012: -1, 2013: 1}
    target["2013-06-29"] = np.nan
    assert correlate_years(v.to_frame(), target, overall).index.tolist() == [2011, 2012]


def test_the_papers_inputs_are_48_as_the_design_counts_them():
    inputs = paper_inputs(["goes13 e0.8", "goes13 e2"])
    assert sum(map(len, inputs.values())) == 48
    assert inputs["V"] == inputs["goes13 e2"] == [0, 24, 48, 72, 96, 120]
    assert inputs["Bz"] == [0, 24, 48]
    assert len(inputs) == 12
    with pytest.raises(FluxError, match="two channels"):
        paper_inputs("e2")


def test_half_day_mean_looks_back_only():
    series = pd.Series(np.arange(100.0), HOURS)
    mean = half_day_mean(series)
    assert mean.iloc[50] == np.mean(np.arange(39, 51))
    assert mean.isna().sum() == 5  # fewer than half of the window
    series.iloc[60:] = 1e6
    assert half_day_mean(series).iloc[59] == mean.iloc[59]


def test_each_target_is_correlated_at_the_peaks_and_a_short_one_is_left_out():
    days = pd.date_range("2011-01-01", periods=400)
    v = pd.Series(np.random.default_rng(0).normal(size=400), days, name="V")
    overall = pd.DataFrame({"V": [0.1, 0.9]}, [0.0, 24.0])
    targets = {"same": v.shift(1), "opposite": -v.shift(1), "short": v[:100].reindex(days)}
    table = correlate_at_peaks(v.to_frame(), targets, overall)
    assert table["V"].round(6).to_dict() == {"same": 1, "opposite": -1}
