"""The common base: which windows a forecaster gets, and how its numbers become a table."""

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.prediction.baselines import BoostedTrees, Persistence, Recurrence, RidgeFilter
from fluxlib.prediction.contract import DailyForecaster
from tests.helpers.daily_series import make_series

DAY = pd.Timedelta("1D")


class Recorder(DailyForecaster):
    """Keeps the windows that it is given; forecasts 10 to the power of the horizon."""

    step = 24
    history = 2
    horizons = 2

    def __init__(self, *, context=True, lookback=0):
        self.context = context
        self.lookback = lookback

    def fit_windows(self, windows, gap_windows, **options):
        self.windows, self.gap_windows, self.options = windows, gap_windows, options

    def predict_windows(self, windows):
        self.windows = windows
        value = np.tile(np.arange(1.0, 3), (len(windows.days), 1))
        return {"value": value, "lower": value - 1, "alert": value / 10}


def test_a_model_learns_from_the_days_asked_for_whose_fluence_and_target_are_known():
    frame = make_series(200)
    frame.iloc[:60, 0] = np.nan
    asked = frame.index[50:150]
    model = Recorder().fit(frame, asked, speed=3)
    assert model.windows.days.equals(frame.index[60:150])
    assert model.options == {"speed": 3}


def test_a_model_with_context_learns_from_days_whose_newest_fluence_is_hidden_as_well():
    frame = make_series(2000)
    asked = frame.index[500:1500]
    gaps = Recorder().fit(frame, asked).gap_windows
    assert 20 < len(gaps.days) < 100
    assert gaps.days.isin(asked).all()
    assert np.isnan(gaps.sequence[:, -1, gaps.channels.index("e2")]).all()
    assert len(Recorder(context=False).fit(frame, asked).gap_windows.days) == 0


def test_days_without_fluence_teach_nothing():
    frame = make_series(40)
    frame.loc[frame.index[1:6], "e2"] = np.nan
    with pytest.raises(FluxError, match="no day to learn from"):
        Recorder().fit(frame, frame.index[2:3])


@pytest.mark.parametrize("lookback", [0, 5])
def test_a_forecast_sees_the_earlier_days_that_it_depends_on(lookback):
    frame = make_series(100)
    model = Recorder(context=False, lookback=lookback)
    table = model.predict(frame, frame.index[[20, 50, 51]])
    seen = [np.arange(20 - lookback, 21), np.arange(50 - lookback, 52)]
    assert model.windows.days.equals(frame.index[np.concatenate(seen)])
    assert table["issued"].unique().tolist() == frame.index[[20, 50, 51]].tolist()


def test_the_table_has_fluence_on_the_days_that_are_forecast():
    frame = make_series(30)
    table = Recorder(context=False).predict(frame, frame.index[[10]])
    assert table.index.tolist() == [frame.index[11], frame.index[12]]
    assert table["horizon"].tolist() == [1, 2]
    assert table["value"].tolist() == [10, 100]
    assert table["lower"].tolist() == [1, 10]
    assert table["alert"].tolist() == [0.1, 0.2]


def test_the_newest_forecast_is_made_where_the_fluence_ends():
    frame = make_series(40)
    frame.iloc[-3:, 0] = np.nan
    table = Persistence().fit(frame).predict_newest(frame)
    assert (table["issued"] == frame.index[-4]).all()
    assert table["value"].to_numpy() == pytest.approx(frame["e2"].iloc[-4])


def test_a_newest_day_that_has_no_fluence_at_all_is_refused():
    frame = make_series(40)
    fitted = Recurrence().fit(frame)
    frame.iloc[20:, 0] = np.nan
    with pytest.raises(FluxError, match="no day has both fluence and the history"):
        fitted.predict_newest(frame)


@pytest.mark.parametrize(
    ("days", "count"),
    [
        ("2001-02", 28),
        ("2001-02-03", 1),
        (pd.Timestamp("2001-02-03 15:00"), 1),
        (slice("2001-02-03", "2001-02-05"), 3),
        (["2001-02-03", "2001-02-05"], 2),
        (np.array(["2001-02-03"], "datetime64[D]"), 1),
    ],
)
def test_days_are_whatever_pandas_takes_as_dates(days, count):
    table = Persistence().predict(make_series(100), days)
    assert table["issued"].nunique() == count
    assert table["issued"].iloc[0] in (pd.Timestamp("2001-02-01"), pd.Timestamp("2001-02-03"))


@pytest.mark.parametrize("days", ["2018", pd.Timestamp("1999-01-01"), "no date", 3.5])
def test_days_that_the_data_does_not_have_are_refused(days):
    with pytest.raises(FluxError, match=r"days is .* 2001-01-01 to 2001-04-10"):
        Persistence().predict(make_series(100), days)


def test_the_truth_stands_beside_the_forecast_where_it_is_known():
    frame = make_series(100)
    table = Persistence(horizons=2).predict(frame)
    known = table.index.isin(frame.index)
    assert table["observed"][known].equals(
        frame["e2"].reindex(table.index[known]).rename("observed")
    )
    assert table["observed"][~known].isna().all()
    assert (~known).sum() == 3


def make_fleet(*, days=700, rare=20):
    """Return a series that one satellite measures, then another, then a third for some days."""
    frame = make_series(days)
    names = np.array(["old", "new", "rare"]).repeat([300, days - 300 - rare, rare])
    return frame.assign(series=names)


@pytest.mark.parametrize("model", [RidgeFilter, BoostedTrees])
def test_a_model_of_one_period_forecasts_another_of_other_satellites(model):
    frame = make_fleet()
    fitted = model(history=2).fit(frame, frame.index[:600])
    later = frame.iloc[550:].assign(series="newest")
    table = fitted.predict(later)
    error = np.log10(table["value"] / table["observed"])[table["horizon"] == 1]
    assert error.std() < 0.3
    assert (table["note"] == "a satellite that was hardly learned from").all()
    assert (fitted.predict(frame, "2002-03")["note"] == "").all()


def test_a_satellite_of_a_few_days_counts_as_unknown():
    frame = make_fleet()
    fitted = RidgeFilter(history=2).fit(frame)
    assert ("satellite", "rare") not in fitted.known_context_
    assert ("satellite", "old") in fitted.known_context_
    notes = fitted.predict(frame)["note"]
    assert (notes.iloc[-3:] == "a satellite that was hardly learned from").all()


def test_a_note_says_which_drivers_and_fluence_are_missing():
    frame = make_series(100)
    frame.loc[frame.index[50:60], "V"] = np.nan
    frame.loc[frame.index[80], "e2"] = np.nan
    notes = RidgeFilter(history=2).fit(frame).predict(frame).groupby("issued")["note"].first()
    assert notes[frame.index[55]] == "V is missing"
    assert notes[frame.index[80]] == "the issue day's fluence is missing"
    assert (notes == "").sum() == 99 - 10
