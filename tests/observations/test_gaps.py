from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fluxlib
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.observations.gaps import (
    draw_gaps,
    draw_lengths,
    large_scale_months,
    list_channels,
    list_large_months,
    list_months,
    measure_coverage,
    missing_fraction,
)
from tests.helpers.datasets import make_dataset


def make_holes(seed, n=300, cadence="1h"):
    """Draw a series whose gaps are of every length, at the ends too."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=n)
    for start in rng.integers(-5, n, rng.integers(0, 20)):
        values[max(start, 0) : start + rng.integers(1, 15)] = np.nan
    index = pd.date_range("2014-01-25", periods=n, freq=cadence, name="time")
    return pd.Series(values, index)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_gaps_hold_every_missing_sample_and_none_other(seed):
    series = make_holes(seed)
    gaps = fluxlib.find_gaps(series)
    inside = np.zeros(len(series), bool)
    for gap in gaps.itertuples():
        inside |= (series.index >= gap.start) & (series.index < gap.end)
    assert inside.tolist() == series.isna().tolist()
    assert gaps["samples"].sum() == series.isna().sum()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_gaps_are_maximal(seed):
    series = make_holes(seed)
    known = series.dropna().index
    for gap in fluxlib.find_gaps(series).itertuples():
        before = gap.start - pd.Timedelta("1h")
        assert before in known or before < series.index[0]
        assert gap.end in known or gap.end > series.index[-1]


@pytest.mark.parametrize(("cadence", "hours"), [("5min", 0.25), ("1h", 3), ("1D", 72)])
def test_a_gap_of_three_samples_lasts_three_steps(cadence, hours):
    index = pd.date_range("2014", periods=9, freq=cadence)
    series = pd.Series(1.0, index)
    series.iloc[4:7] = np.nan
    gap = fluxlib.find_gaps(series).iloc[0]
    assert gap.tolist() == [index[4], index[7], 3, hours]


def test_no_gap_gives_an_empty_table_and_nothing_known_one_gap():
    series = pd.Series(1.0, pd.date_range("2014", periods=24, freq="h"))
    assert len(fluxlib.find_gaps(series)) == 0
    gaps = fluxlib.find_gaps(series * np.nan)
    assert gaps["hours"].tolist() == [24]


def test_an_irregular_index_is_refused():
    with pytest.raises(FluxError, match="series: the index is not a regular grid"):
        fluxlib.find_gaps(make_holes(0).drop(pd.Timestamp("2014-01-26")))
    with pytest.raises(FluxError, match="series is indexed by int64; expected an index of times"):
        fluxlib.find_gaps(pd.Series([1.0, np.nan]))


def test_missing_samples_are_counted_by_month():
    index = pd.date_range("2014-01-30", "2014-03-01 23:00", freq="h")
    series = pd.Series(1.0, index)
    series["2014-01-31 12:00":"2014-02-01 05:00"] = np.nan
    counts = fluxlib.monthly_missing(series)
    assert {str(month): n for month, n in counts.items()} == {
        "2014-01": 12,
        "2014-02": 6,
        "2014-03": 0,
    }


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_months_add_up_to_all_missing_samples(seed):
    series = make_holes(seed)
    assert fluxlib.monthly_missing(series).sum() == series.isna().sum()


@pytest.mark.parametrize(("cadence", "samples"), [("5min", 2880), ("1h", 240), ("1D", 10)])
def test_a_month_is_large_scale_above_ten_days_at_any_cadence(cadence, samples):
    series = pd.Series(1.0, pd.date_range("2014-01-01", "2014-02-28", freq=cadence))
    at, above = series.copy(), series.copy()
    at.iloc[:samples] = np.nan
    above.iloc[: samples + 1] = np.nan
    assert large_scale_months(at).tolist() == [False, False]
    assert large_scale_months(above).tolist() == [True, False]
    assert large_scale_months(at, pd.Timedelta("9D")).tolist() == [True, False]


def test_fraction_is_nan_where_a_series_does_not_reach():
    first = pd.Series([1, np.nan], pd.to_datetime(["2014-01-01", "2014-01-02"]))
    table = missing_fraction({"a": first, "b": first.set_axis(first.index + pd.Timedelta("31D"))})
    assert table["a"].tolist()[0] == 0.5
    assert table["b"].tolist()[1] == 0.5
    assert table.isna().to_numpy().tolist() == [[False, True], [True, False]]


def test_channels_come_in_the_manifests_order_from_flux_before_fluence():
    dataset = make_dataset(days=3)
    del dataset.flux["goes13"]
    found = list_channels(dataset, "e2")
    assert list(found) == ["goes12", "goes13", "goes15"]
    assert len(found["goes15"]) == 3 * 288
    assert len(found["goes13"]) == 3
    assert list(list_channels(dataset, "e4")) == ["goes12"]


def test_a_channel_that_no_series_has_does_not_apply():
    with pytest.raises(NotApplicable, match=r"no series has the channel e0\.1"):
        list_channels(make_dataset(days=3), "e0.1")


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_drawn_gaps_are_whole_known_and_apart(seed, width):
    series = make_holes(seed)
    stretches = draw_gaps(series, width, 8, random_state=seed)
    hidden = series.copy()
    for times in stretches:
        assert len(times) == width
        assert series[times].notna().all()
        hidden[times] = np.nan
    places = sorted(series.index.get_loc(times[0]) for times in stretches)
    # A known sample on either side, and at least one between two stretches.
    assert (np.diff(places) > width).all()
    for place in places:
        assert place > 0
        assert hidden.iloc[[place - 1, place + width]].notna().all()


def test_as_many_gaps_are_drawn_as_are_asked_for_or_as_fit():
    series = pd.Series(1.0, pd.date_range("2014", periods=11, freq="h"))
    assert len(draw_gaps(series, 1, 3)) == 3
    assert len(draw_gaps(series, 9, 3)) == 1
    assert draw_gaps(series, 10, 3) == []
    assert draw_gaps(series, 500, 3) == []


def test_hours_are_hours_at_any_cadence():
    series = pd.Series(1.0, pd.date_range("2014", periods=999, freq="5min"))
    (times,) = draw_gaps(series, 6, 1)
    assert len(times) == 72


def test_drawing_leaves_the_series_alone_and_obeys_its_seed():
    series = make_holes(3)
    before = series.copy()
    first, again = (draw_gaps(series, 4, 5, random_state=1) for _ in range(2))
    other = draw_gaps(series, 4, 5, random_state=2)
    pd.testing.assert_series_equal(series, before)
    assert [t[0] for t in first] == [t[0] for t in again]
    assert [t[0] for t in first] != [t[0] for t in other]


def test_a_gap_shorter_than_the_grid_is_refused():
    with pytest.raises(FluxError, match=r"hours is 0\.1; expected at least one sample"):
        draw_gaps(make_holes(0), 0.1, 1)


def test_stretches_of_many_lengths_are_drawn_the_longest_first_and_apart():
    series = make_holes(5, n=2000)
    hours = [3, 48, 3, 12, 48, 3]
    drawn = draw_lengths(series, hours, random_state=2)
    assert [len(times) for times in drawn] == sorted(hours, reverse=True)
    hidden = drawn[0].append(drawn[1:])
    assert hidden.is_unique
    assert series[hidden].notna().all()
    again = draw_lengths(series, hours, random_state=2)
    assert [list(times) for times in again] == [list(times) for times in drawn]
    assert draw_lengths(series, [5000]) == []


def test_the_time_between_two_periods_of_service_is_no_gap():
    dataset = make_dataset(days=60, cadence="1h")
    entry = dataset.manifest.flux[0]
    days = pd.to_datetime(["2014-01-01", "2014-01-11", "2014-02-01", "2014-03-02"])
    flux = (
        replace(entry, period=(days[0], days[1])),
        replace(entry, period=(days[2], days[3])),
    )
    dataset = replace(dataset, manifest=replace(dataset.manifest, flux=flux))
    dataset.flux["goes12"].loc[days[1] : days[2] - pd.Timedelta("1h")] = float("nan")
    found = list_channels(dataset, "e2")
    assert {name: len(one) / 24 for name, one in found.items()} == {
        "goes12 2014-01": 10,
        "goes12 2014-02": 29,
    }
    # The builder's gap of twenty samples is in the first.
    assert [len(fluxlib.find_gaps(one)) for one in found.values()] == [1, 0]


def test_large_scale_months_are_listed_with_what_they_miss():
    index = pd.date_range("2014-01-01", "2014-03-01", freq="1h", inclusive="left", name="time")
    flux = pd.Series(1.0, index)
    flux["2014-02-03":"2014-02-14"] = np.nan
    table = list_large_months({"a": flux, "b": flux.fillna(1.0)})
    assert table.to_dict("records") == [
        {"series": "a", "month": "2014-02", "missing": 288, "days": 12.0}
    ]


@pytest.fixture
def columns():
    """Hourly: goes13 over 2014, goes15 twice; 12 days of March and 5 of October are missing."""
    hours = pd.date_range("2014-01-01", "2014-12-31 23:00", freq="h", name="time")
    whole = pd.Series(1.0, hours)
    whole["2014-03-01":"2014-03-12"] = np.nan
    whole["2014-10-01":"2014-10-05"] = np.nan
    return {
        "goes13": whole,
        "goes15 2014-01": whole[:"2014-03"],
        "goes15 2014-08": whole["2014-08":],
    }


@pytest.mark.parametrize(
    ("options", "large", "months"),
    [
        ({}, 2, 20),
        ({"large_scale_days": 4.0}, 4, 20),
        ({"satellite": "goes13"}, 1, 12),
        ({"satellite": "goes15"}, 1, 8),
        ({"satellite": "goes15 2014-08", "large_scale_days": 4.0}, 1, 5),
        ({"period": ["2014-02", "2014-03"]}, 2, 4),
        ({"period": ["2014-04", ""], "large_scale_days": 4.0}, 2, 14),
        ({"period": ("", "2014-02")}, 0, 4),
    ],
)
def test_months_are_counted_of_the_satellite_and_the_period(columns, options, large, months):
    found = measure_coverage(columns, **options)
    assert (len(found.large), found.months) == (large, months)


def test_the_last_month_is_whole(columns):
    found = measure_coverage(columns, satellite="goes13", period=("2014-03", "2014-03"))
    assert found.series["goes13"].index[-1] == pd.Timestamp("2014-03-31 23:00")
    assert found.missing["goes13"].tolist() == [12 / 31]


def test_unknown_satellites_and_periods_are_named(columns):
    with pytest.raises(FluxError, match="satellite is 'goes9'; expected 'all' or one of goes13"):
        measure_coverage(columns, satellite="goes9")
    with pytest.raises(FluxError, match="goes13 has no sample there"):
        measure_coverage(columns, satellite="goes13", period=("2020-01", ""))
    with pytest.raises(FluxError, match="period has 'spring'; expected a month such as"):
        measure_coverage(columns, period=("spring", ""))
    with pytest.raises(FluxError, match="expected the first and the last month"):
        measure_coverage(columns, period=["2014-05"])


def test_months_reach_from_the_first_series_to_the_last(columns):
    months = list_months(columns)
    assert (months[0], months[-1], len(months)) == ("2014-01", "2014-12", 12)
