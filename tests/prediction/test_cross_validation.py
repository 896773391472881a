"""Cross-validation: which days are learned from, and that leaks are noticed."""

import numpy as np
import pandas as pd
import pytest

from fluxlib import FluxForecaster
from fluxlib.errors import FluxError
from fluxlib.evaluation.skill import bound_pe
from fluxlib.prediction.baselines import Persistence, RidgeFilter
from fluxlib.prediction.cross_validation import (
    PURGE,
    TrainingRuns,
    issue_days,
    leave_one_year_out,
    observed_years,
    score_forecasts,
    select_horizon,
    training_days,
    walk_forward,
)
from fluxlib.prediction.windows import DAY, make_windows
from tests.helpers.daily_series import find_best_pe, make_noise, make_series

DAYS = pd.date_range("2001-01-01", "2005-12-31", freq="D", name="time")
PLAIN = {"step": 24, "history": 2, "context": False}


def test_training_days_stay_away_from_the_test_year():
    train = training_days(DAYS, 2003, 10, past_only=False)
    assert train[train.year <= 2003].max() == pd.Timestamp("2002-12-21")
    assert train[train.year >= 2003].min() == pd.Timestamp("2004-01-11")


def test_walk_forward_learns_from_the_past_alone():
    train = training_days(DAYS, 2003, 10, past_only=True)
    assert train[0] == DAYS[0]
    assert train.max() == pd.Timestamp("2002-12-21")


def test_a_year_is_forecast_from_the_ends_of_the_days_before_its_own():
    days = issue_days(2004, 3)
    assert [days[0], days[-1]] == [pd.Timestamp("2003-12-29"), pd.Timestamp("2004-12-30")]


def test_every_target_day_of_a_year_is_forecast_once_for_each_horizon():
    table = leave_one_year_out(make_series(1826), {"p": Persistence()}, [2002, 2003])
    counts = table.groupby(["year", "horizon"]).size()
    assert counts.tolist() == [365] * 6
    assert (table.index.year == table["year"]).all()
    assert (table.index - table["issued"] == table["horizon"] * pd.Timedelta("1D")).all()


def test_scores_of_persistence_are_those_of_a_shifted_series():
    frame = make_series(1826)
    score = score_forecasts(leave_one_year_out(frame, {"p": Persistence()}, [2003]))
    log = np.log10(frame["e2"])
    error = (log - log.shift(2))["2003"]
    expected = 1 - (error**2).sum() / ((log["2003"] - log["2003"].mean()) ** 2).sum()
    assert score.loc[("p", 2, 2003), "PE"] == pytest.approx(expected)


RIDGE = RidgeFilter(**PLAIN)
QUICK = {"members": 2, "blocks": 2, "units": 8, "dropout": 0, "noise": 0, "learning_rate": 1e-2}
LSTM = FluxForecaster(**PLAIN, **QUICK, mixed=False, epochs=8)


def test_a_walk_forward_tests_no_year_before_the_fourth():
    table = walk_forward(make_series(1826), {"p": Persistence()})
    assert table["year"].unique().tolist() == [2004, 2005]


def test_a_walk_forward_gives_models_the_past_alone():
    frame = make_series(1826)
    changed = frame.copy()
    changed.loc["2004-12-20":, "e2"] *= 3
    one, other = (walk_forward(data, {"ridge": RIDGE}, [2004]) for data in (frame, changed))
    same = one["issued"] < "2004-12-20"
    pd.testing.assert_series_equal(one.loc[same, "value"], other.loc[same, "value"])


class Recorded(Persistence):
    """Keeps the days that it last learned from, for copies of it as well."""

    days = None

    def fit_windows(self, windows, gap_windows):
        Recorded.days = windows.days
        super().fit_windows(windows, gap_windows)


@pytest.mark.parametrize("protocol", [leave_one_year_out, walk_forward])
def test_the_purge_asked_for_lies_on_both_sides_of_the_test_year(protocol):
    protocol(make_series(1826), {"p": Recorded()}, [2003], purge=100)
    before = Recorded.days[Recorded.days < "2003"]
    after = Recorded.days[Recorded.days >= "2003"]
    assert before.max() == pd.Timestamp("2003-01-01") - 101 * DAY
    if protocol is walk_forward:
        assert after.empty
    else:
        assert after.min() == pd.Timestamp("2003-12-31") + 101 * DAY


@pytest.mark.parametrize("protocol", [leave_one_year_out, walk_forward])
def test_white_noise_has_no_skill_beyond_its_interval(protocol):
    bounds = bound_pe(protocol(make_noise(1826), {"ridge": RIDGE}, [2005]))
    assert (bounds["lower"] <= 0).all()
    assert (bounds["value"] > -0.2).all()


@pytest.mark.slow
def test_an_lstm_finds_nothing_in_white_noise_and_a_target_that_leaks_into_the_inputs():
    noise = make_noise(1461)
    leaky = noise.assign(V=np.log10(noise["e2"].shift(-1)))
    fair, leak = (
        bound_pe(leave_one_year_out(data, {"LSTM": LSTM}, [2003])).loc[("LSTM", 1)]
        for data in (noise, leaky)
    )
    assert fair["lower"] <= 0
    assert leak["lower"] > 0.5


def test_a_target_that_leaks_into_the_inputs_is_noticed():
    frame = make_series(1826)
    leaky = frame.assign(V=np.log10(frame["e2"].shift(-1)))
    found = bound_pe(leave_one_year_out(leaky, {"ridge": RIDGE}, [2003])).loc[("ridge", 1)]
    assert found["lower"] > find_best_pe(frame, 1) + 0.02


def test_each_year_can_be_tested_on_data_of_its_own():
    frame = make_series(1826)
    by_year = {2002: frame, 2003: frame.assign(e2=10 * frame["e2"])}
    table = leave_one_year_out(by_year, {"ridge": RIDGE})
    plain = leave_one_year_out(frame, {"ridge": RIDGE}, [2002, 2003])
    for column in ("observed", "value"):
        ratio = (table[column] / plain[column]).groupby(plain["year"]).mean()
        assert ratio.to_dict() == pytest.approx({2002: 1, 2003: 10})
    with pytest.raises(FluxError, match=r"years has 2004; .* each of \[2002, 2003\]"):
        leave_one_year_out(by_year, {"ridge": RIDGE}, [2003, 2004])


def test_a_training_tests_a_year_on_data_of_its_own():
    frame = make_series(1100)
    runs = TrainingRuns(frame, tested={2002: frame.assign(e2=10 * frame["e2"])})
    own, plain = (runs.persistence(year).forecasts["observed"].mean() for year in (2002, 2001))
    assert own == pytest.approx(10 * frame["e2"]["2002"].mean(), rel=0.1)
    assert plain == pytest.approx(frame["e2"]["2001"].mean(), rel=0.1)


def test_years_with_few_days_are_no_test_and_unknown_years_are_named():
    frame = make_series(800)
    assert observed_years(frame["e2"]) == [2001, 2002]
    with pytest.raises(FluxError, match="years has 1999, but the data has no fluence"):
        leave_one_year_out(frame, {"p": Persistence()}, [1999])


@pytest.mark.slow
def test_years_and_models_on_workers_give_the_same_to_the_last_digit(workers):
    data = make_series(1826)
    models = {"persistence": Persistence(), "ridge": RidgeFilter(**PLAIN)}
    seen = []
    table = leave_one_year_out(
        data, models, [2002, 2003], progress=lambda year, name: seen.append((year, name))
    )
    assert seen == [(year, name) for year in (2002, 2003) for name in models]
    assert table.equals(workers.leave(leave_one_year_out, data, models, [2002, 2003]))


def test_a_horizon_that_was_not_forecast_is_named():
    table = pd.DataFrame({"horizon": [1, 2, 1], "value": [1.0, 2, 3]})
    assert select_horizon(table, 1)["value"].tolist() == [1, 3]
    with pytest.raises(FluxError, match="horizon is 5; expected one of 1, 2"):
        select_horizon(table, 5)


def test_the_purge_is_as_long_as_the_longest_window():
    frame = make_series(400)
    windows = make_windows(frame, drivers=None, history=4, step=24, horizons=3)
    changed = frame.copy()
    changed.iloc[200] += 1  # a day of a test year, say
    others = make_windows(changed, drivers=None, history=4, step=24, horizons=3)
    same = np.isclose(windows.flatten(), others.flatten(), equal_nan=True).all(axis=1)
    same &= np.isclose(windows.target, others.target, equal_nan=True).all(axis=1)
    touched = windows.days[~same] - frame.index[200]
    assert touched.min() >= -PURGE * DAY
    assert touched.max() <= PURGE * DAY


SETTINGS = {"inputs": ("V",), "time_step": 2, "year": 2002, "epochs": 4}


@pytest.fixture(scope="module")
def runs():
    return TrainingRuns(make_series())


@pytest.mark.slow
def test_a_training_run_scores_as_leaving_the_year_out_does(runs):
    seen = []
    run = runs.train(**SETTINGS, progress=lambda losses: seen.append(len(losses)))
    assert seen == [1, 2, 3, 4]
    assert run.is_whole
    assert run.losses[-1] < run.losses[0]
    assert runs.find(**SETTINGS) is run
    model = FluxForecaster.as_published(("V",), 2, epochs=4)
    models = {"LSTM": model, "persistence": Persistence()}
    table = score_forecasts(leave_one_year_out(make_series(), models, [2002]))
    for horizon in (1, 2, 3):
        assert run.score(horizon)["PE"] == table.loc[("LSTM", horizon, 2002), "PE"]
        persistence = runs.persistence(2002).score(horizon)["PE"]
        assert persistence == table.loc[("persistence", horizon, 2002), "PE"]


@pytest.mark.slow
def test_a_stopped_training_forecasts_with_the_best_so_far(runs):
    settings = SETTINGS | {"epochs": 50}
    assert runs.find(**settings) is None
    losses = []
    runs.train(**settings, progress=losses.append, should_stop=lambda: len(losses) == 3)
    run = runs.find(**settings)
    assert (len(run.losses), run.is_whole) == (3, False)
    assert run.forecasts["value"].notna().all()
    assert run.score(1)["PE"] > -1
