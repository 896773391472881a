"""Windows: what is in them, that nothing of the future is, and gaps to learn from."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.prediction.windows import (
    GAP_SHARE,
    LONGEST_GAP,
    DailyData,
    derive_drivers,
    hide_fluence,
    make_gap_windows,
    make_windows,
    sector_polarity,
    select_drivers,
)
from tests.helpers.daily_series import make_series

OPTIONS = {"drivers": ["V"], "history": 3, "step": 24, "horizons": 2}


def make_hourly():
    """Return fluence by day, and V by hour that counts the hours."""
    days = pd.date_range("2005-01-01", periods=60, freq="D", name="time")
    hours = pd.date_range("2005-01-01", periods=60 * 24, freq="h", name="time")
    daily = pd.DataFrame({"e2": 10.0 ** np.arange(60), "series": "a"}, index=days)
    drivers = pd.DataFrame({"V": np.arange(60 * 24, dtype=float)}, index=hours)
    return DailyData(daily, drivers)


def test_five_days_have_three_windows_of_two_days_with_a_target():
    data = make_hourly()
    short = DailyData(data.fluence[:5], data.drivers)
    windows = make_windows(short, drivers=[], history=2, step=24, horizons=1, context=False)
    known = windows.take_known()
    assert known.sequence[:, :, 0].tolist() == [[0, 1], [1, 2], [2, 3]]
    assert known.target[:, 0].tolist() == [2, 3, 4]


def test_sequence_ends_with_the_issue_day_and_targets_follow_it():
    windows = make_windows(make_hourly(), drivers=["V"], history=2, step=6, horizons=3)
    row = windows.days.get_loc(pd.Timestamp("2005-01-10"))
    assert windows.channels == ["e2", "V"]
    assert windows.sequence.shape[1:] == (8, 2)
    # Day 9 counted from 0 has the hours 216 to 239; its last six average to 236.5.
    assert windows.sequence[row, -1, 1] == 236.5
    assert windows.sequence[row, 0, 1] == 8 * 24 + 2.5
    assert windows.sequence[row, :, 0].tolist() == [8.0] * 4 + [9.0] * 4
    assert windows.last[row] == 9
    assert windows.target[row].tolist() == [10, 11, 12]


@pytest.mark.parametrize("step", [6, 24])
def test_no_input_changes_when_the_future_does(step):
    data = make_hourly()
    before = make_windows(data, drivers=["V"], history=3, step=step, horizons=2)
    issue = pd.Timestamp("2005-02-10")
    data.fluence.loc[issue + pd.Timedelta("1D") :, "e2"] *= 7
    data.fluence.loc[issue + pd.Timedelta("1D") :, "series"] = "a"
    data.drivers.loc[issue + pd.Timedelta("24h") :] += 1000
    after = make_windows(data, drivers=["V"], history=3, step=step, horizons=2)
    known = before.days <= issue
    np.testing.assert_array_equal(before.flatten()[known], after.flatten()[known])
    np.testing.assert_array_equal(before.last[known], after.last[known])
    assert not np.array_equal(before.flatten()[~known], after.flatten()[~known])


def test_rotation_columns_hold_the_fluence_of_27_days_before_the_target():
    windows = make_windows(make_hourly(), **OPTIONS)
    row = windows.days.get_loc(pd.Timestamp("2005-02-10"))
    assert windows.context["e2 27 days before", "day 2"].iloc[row] == 40 + 2 - 27


@pytest.mark.parametrize(
    ("day", "toward_acts"), [("2005-04-05", 1), ("2005-10-05", -1), ("2005-07-05", 0)]
)
def test_field_towards_the_sun_acts_southward_in_spring(day, toward_acts):
    spiral = pd.DataFrame({"Bx": [30.0, -30.0], "By": [-30.0, 30.0]}, pd.DatetimeIndex([day] * 2))
    sector = sector_polarity(spiral["Bx"], spiral["By"])
    assert sector.to_numpy() == pytest.approx([toward_acts, -toward_acts], abs=0.02)


def test_sector_and_the_one_of_a_rotation_before_are_inputs():
    data = make_hourly()
    data.drivers["Bx"], data.drivers["By"] = 3.0, -3.0
    windows = make_windows(data, **OPTIONS | {"drivers": None})
    assert windows.channels == ["e2", "V", "sector"]
    row = windows.days.get_loc(pd.Timestamp("2005-02-10"))
    before = derive_drivers(data.drivers)["sector"]["2005-01-15"].mean()  # 27 days before the 11th
    assert windows.context["sector 27 days before", "day 1"].iloc[row] == pytest.approx(before)


def test_missing_fluence_is_nan_in_targets_and_carried_on_as_the_last_known():
    frame = make_series(50)
    frame.iloc[20:23, 0] = np.nan
    windows = make_windows(frame, **OPTIONS)
    row = windows.days.get_loc(frame.index[21])
    assert windows.last[row] == np.log10(frame["e2"].iloc[19])
    assert np.isnan(windows.target[row, 0])
    assert windows.context["age", "log days"].iloc[row] == pytest.approx(np.log(3))


def test_low_channel_of_either_threshold_is_one_input():
    data = make_hourly()
    data.fluence["e0.6"] = np.where(np.arange(60) < 30, 100.0, np.nan)
    data.fluence["e0.8"] = np.where(np.arange(60) < 30, np.nan, 1000.0)
    windows = make_windows(data, **OPTIONS)
    low = windows.sequence[:, -1, windows.channels.index("low")]
    assert set(low.tolist()) == {2.0, 3.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": 5}, "step is 5 h"),
        ({"history": 0}, "history is 0"),
        ({"drivers": ["W"]}, "drivers names W"),
        ({"history": 61}, "at least history = 61"),
    ],
)
def test_unusable_options_are_named(change, message):
    with pytest.raises(FluxError, match=message):
        make_windows(make_hourly(), **OPTIONS | change)


def test_a_grid_with_a_day_left_out_is_refused():
    frame = make_series(50)
    with pytest.raises(FluxError, match="daily grid"):
        make_windows(frame.drop(frame.index[10]), **OPTIONS)


def test_protons_are_no_input_unless_named():
    data = make_hourly()
    before = make_windows(data, **OPTIONS | {"drivers": None})
    data.drivers["p10"] = 100.0
    after = make_windows(data, **OPTIONS | {"drivers": None})
    assert after.channels == before.channels
    np.testing.assert_array_equal(after.flatten(), before.flatten())


def test_data_of_all_kinds_give_the_same_windows():
    frame = make_series(60)
    dataset = SimpleNamespace(daily=frame[["e2"]].assign(series="flux"), drivers=frame[["V"]])
    pair = DailyData(frame[["e2"]], frame[["V"]])
    one, *others = (make_windows(data, **OPTIONS) for data in (frame, dataset, pair))
    for other in others:
        np.testing.assert_array_equal(one.flatten(), other.flatten())
    assert "series" not in frame


def test_season_and_satellite_are_inputs():
    data = make_hourly()
    data.fluence.loc["2005-02-10":, "series"] = "b"
    context = make_windows(data, **OPTIONS).context
    assert context["satellite"].idxmax(axis=1)["2005-02-08":"2005-02-11"].tolist() == [*"aabb"]
    day = 2 * np.pi * 31 / 365.25  # February 1st
    season = context["season"].loc["2005-02-01"]
    expected = [np.sin(day), np.cos(day), np.sin(2 * day), np.cos(2 * day)]
    assert season.tolist() == pytest.approx(expected, abs=1e-6)


def test_skewed_drivers_are_logarithms_and_the_southward_field_is_positive():
    raw = pd.DataFrame({"N": [9.0, 99.0], "Bz": [-4.0, 5.0], "V": [500.0, 400.0]})
    chosen = select_drivers(raw, ["N", "Bs", "VBs"])
    assert chosen.to_numpy().tolist() == [[1, 4, 2], [2, 0, 0]]


def test_rows_are_taken_by_place_or_by_mask():
    windows = make_windows(make_series(60), **OPTIONS)
    mask = np.zeros(len(windows.days), bool)
    mask[[3, 5]] = True
    for rows in (mask, np.flatnonzero(mask)):
        assert windows.take(rows).days.tolist() == windows.days[mask].tolist()
        assert windows.take(rows).context.index.tolist() == windows.days[mask].tolist()


def make(data):
    return make_windows(data, **OPTIONS)


def test_a_twentieth_of_the_days_is_hidden_in_gaps_of_a_week_at_most():
    daily = DailyData.of(make_series(3000)).fluence
    gone = hide_fluence(daily, random_state=0)["e2"].isna()
    assert gone.mean() == pytest.approx(GAP_SHARE, abs=0.01)
    lengths = gone.groupby((~gone).cumsum()).sum()
    assert lengths.max() == LONGEST_GAP
    assert daily["e2"].notna().all()  # the data itself is as it was


def test_hidden_fluence_is_in_no_input_and_the_target_is_what_came():
    frame = make_series(300)
    windows = make_gap_windows(DailyData.of(frame), make(frame), make)
    assert len(windows.days) > 10
    whole = make(frame)
    rows = whole.days.get_indexer(windows.days)
    assert np.isnan(windows.sequence[:, -1, windows.channels.index("e2")]).all()
    np.testing.assert_array_equal(windows.target, whole.target[rows])
    age = np.expm1(windows.context["age", "log days"].to_numpy()).round().astype(int)
    assert (age >= 1).all()
    older = np.log10(frame["e2"]).loc[windows.days - pd.to_timedelta(age, "D")]
    np.testing.assert_array_equal(windows.last, older)
    assert windows.context["age", "last fluence"].to_numpy() == pytest.approx(older.to_numpy())


def test_the_same_seed_hides_the_same_days_and_low_channels_in_half_the_gaps():
    data = DailyData.of(make_series(3000).assign(**{"e0.8": 1e8}))
    one, same, other = (hide_fluence(data.fluence, random_state=seed) for seed in (0, 0, 1))
    assert one.equals(same)
    assert not one.equals(other)
    gone = one["e2"].isna()
    assert one.loc[gone, "e0.8"].isna().mean() == pytest.approx(0.5, abs=0.2)
    assert one.loc[~gone, "e0.8"].notna().all()
