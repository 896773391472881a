from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.prediction import HourlySeries, RollingForecaster, hours, rolling, sum_hours
from fluxlib.prediction.hours import LEADS, SPAN, describe_hours, tabulate_truth

HOUR = pd.Timedelta("1h")
TIMES = pd.date_range("2014-12-01 05:00", periods=6, freq="29h", name="time")


@pytest.fixture(scope="module")
def data():
    return fluxlib.simulate("2012-06-01", "2015-01-01", "1h", seed=4)


def take_series(data, start=None, end=None):
    return [
        HourlySeries(flux["e2"][start:end].rename(name), data.manifest.position(name))
        for name, flux in data.flux.items()
    ]


@pytest.fixture(scope="module")
def fitted(data):
    past = slice(None, "2014-06-30 23:00")
    return RollingForecaster().fit(take_series(data, end=past.stop), data.drivers[past])


def test_the_fluence_of_24_hours_is_that_of_the_hours_before_its_end():
    times = pd.date_range("2014-01-01", periods=72, freq="h", name="time")
    flux = pd.Series(np.where(np.arange(72) < 24, 10.0, 20.0), times)
    sums = sum_hours(flux)
    assert sums["2014-01-02 00:00"] == pytest.approx(10 * 86400)
    assert sums["2014-01-02 06:00"] == pytest.approx((18 * 10 + 6 * 20) * 3600)
    assert sums.index[-1] == pd.Timestamp("2014-01-04 00:00")
    truth = tabulate_truth(flux, pd.DatetimeIndex(["2014-01-02 00:00"]))
    assert 10 ** truth[6].iloc[0] == pytest.approx((18 * 10 + 6 * 20) * 3600)
    assert 10 ** truth[24].iloc[0] == pytest.approx(20 * 86400)
    assert truth[72].isna().all()
    flux.iloc[1:6] = np.nan  # five of 24 are too many
    assert sum_hours(flux)[:"2014-01-02 00:00"].isna().all()


def check_blindness(data):
    """Check that inputs stay as they are, whatever comes from a time on."""
    one, names = take_series(data)[0], RollingForecaster().drivers
    for time in TIMES:
        later = one.flux.index >= time
        changed = replace(one, flux=one.flux.where(~later, one.flux * 7))
        drivers = data.drivers.copy()
        drivers[time:] = drivers[time:] * 7 + 1
        times = pd.DatetimeIndex([time])
        before = describe_hours(one, data.drivers, times, names)
        pd.testing.assert_frame_equal(before, describe_hours(changed, drivers, times, names))


def test_no_input_is_later_than_the_issue_and_one_hour_too_many_is_caught(data, monkeypatch):
    check_blindness(data)

    def look_ahead(values, start, end, coverage=0.8):
        n = end - start
        return values.rolling(n, min_periods=1).mean().shift(-end)

    monkeypatch.setattr(hours, "_average", look_ahead)
    with pytest.raises(AssertionError, match="are different"):
        check_blindness(data)


def check_purge(folds, index):
    for train, test in folds:
        for edge in (index[test].min(), index[test].max()):
            assert np.abs(index[train] - edge).min() > pd.Timedelta("27D") + 24 * HOUR + 72 * HOUR


@pytest.mark.slow
def test_errors_are_of_blocks_that_share_no_hour_and_a_purge_left_out_is_caught(data, monkeypatch):
    made = []

    class EnoughError(Exception):
        pass

    def spy(index, *, purge):
        made.append((fluxlib.blocked_folds(index, purge=purge), index))
        raise EnoughError

    monkeypatch.setattr(rolling, "blocked_folds", spy)
    for purge in (SPAN, pd.Timedelta(0)):
        monkeypatch.setattr(rolling, "SPAN", purge)
        with pytest.raises(EnoughError):
            RollingForecaster().fit(take_series(data), data.drivers)
    check_purge(*made[0])
    with pytest.raises(AssertionError):
        check_purge(*made[1])


@pytest.mark.slow
def test_a_part_of_the_hours_is_known_so_errors_grow_with_the_lead_and_persistence_is_beaten(
    fitted, data
):
    one = take_series(data)[0]
    times = pd.date_range("2014-08-01", "2014-12-20", freq="7h", name="time")
    table = fitted.predict(one, data.drivers, times)
    assert table["lead"].tolist() == list(LEADS) * len(times)
    assert (table.index - table["issued"] == table["lead"] * HOUR).all()
    truth = np.log10(sum_hours(one.flux).reindex(table.index).to_numpy())
    error = (np.log10(table["value"]) - truth) ** 2
    other = (np.log10(table["persistence"]) - truth) ** 2
    error, other = (np.sqrt(e.groupby(table["lead"].to_numpy()).mean()) for e in (error, other))
    assert error.is_monotonic_increasing
    assert error[6] < 0.6 * error[24]
    assert (error < other).all()
    inside = table.assign(truth=10**truth).dropna(subset="truth")
    wide = inside["truth"].between(inside["lower"], inside["upper"]).mean()
    half = inside["truth"].between(inside["lower_50"], inside["upper_50"]).mean()
    assert 0.8 < wide < 0.97
    assert 0.38 < half < 0.62
    ends = table[["lower", "lower_50", "upper_50", "upper"]].to_numpy()
    assert (np.diff(ends, axis=1) > 0).all()
    sure = table["lower"] >= fitted.alert
    assert (table["alert"][sure] > 0.94).all()
    assert (table["alert"][table["upper"] < fitted.alert] < 0.06).all()


def measure_width(table):
    return np.log10(table["upper"] / table["lower"]).groupby(table["lead"]).mean()


@pytest.mark.slow
def test_what_is_missing_widens_the_intervals_and_is_told_and_old_flux_gives_no_forecast(
    fitted, data
):
    one, time = take_series(data)[0], TIMES[:1]
    times = pd.date_range("2014-10-01", "2014-12-20", freq="31h", name="time")
    # Where nothing is missing, and the flux is hidden.
    whole = fitted.predict(one, data.drivers, times)
    assert (whole["note"] == "").mean() > 0.5
    unknown = fitted.predict(replace(one, flux=one.flux.rename("goes99")), data.drivers, times)
    assert (measure_width(unknown) > measure_width(whole)).all()
    assert unknown["note"].str.startswith("a satellite that was not learned from").all()
    blind = fitted.predict(one, data.drivers.assign(V=np.nan), times)
    assert (measure_width(blind) > measure_width(whole))[[24, 48, 72]].all()
    assert blind["note"].str.contains("V of the last six hours is missing").all()
    for age, told in ((30, True), (80, False)):
        late = replace(one, flux=one.flux[: time[0] - (age + 1) * HOUR])
        table = fitted.predict(late, data.drivers, time)
        assert table["note"].str.contains("flux of the last hours is missing").all()
        assert table["value"].notna().all() == told
        assert table["alert"].notna().all() == told


@pytest.mark.slow
def test_what_was_saved_forecasts_the_same_and_damage_gets_one_clear_error(fitted, data, tmp_path):
    one = take_series(data)[0]
    path = fitted.save(tmp_path)
    again = RollingForecaster.load(tmp_path)
    pd.testing.assert_frame_equal(
        *(model.predict(one, data.drivers, TIMES) for model in (fitted, again))
    )
    content = path.read_bytes()
    for damaged in (b"", content[:-50], content[:100] + bytes(100) + content[200:]):
        path.write_bytes(damaged)
        with pytest.raises(FluxError, match="absent, damaged or of another version"):
            RollingForecaster.load(tmp_path)


def test_too_little_flux_or_another_cadence_is_refused(data):
    with pytest.raises(NotApplicable, match="too little hourly flux"):
        RollingForecaster().fit(take_series(data, end="2012-07-01"), data.drivers)
    with pytest.raises(NotApplicable, match="no hourly flux"):
        RollingForecaster().fit([], data.drivers)
    days = data.flux["goes13"]["e2"].resample("1D").mean()
    with pytest.raises(FluxError, match="not hourly"):
        HourlySeries(days)
