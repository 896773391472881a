"""Baselines come near the best forecast of series for which it is known."""

import numpy as np
import pandas as pd
import pytest

from fluxlib.prediction.baselines import (
    BoostedTrees,
    MultilayerPerceptron,
    Persistence,
    Recurrence,
    RidgeFilter,
)
from fluxlib.prediction.windows import DailyData, make_gap_windows
from tests.helpers.daily_series import find_best_pe, make_series, score_horizon

PLAIN = {"step": 24, "history": 2, "context": False}


def test_persistence_gives_the_last_known_day():
    frame = make_series(40)
    frame.iloc[30, 0] = np.nan
    table = Persistence().fit(frame).predict(frame)
    two = table[(table["issued"] == frame.index[30]) & (table["horizon"] == 2)]
    assert two["value"].item() == pytest.approx(frame["e2"].iloc[29])
    assert two.index[0] == frame.index[32]


def test_recurrence_gives_27_days_before_the_target():
    frame = make_series(60)
    table = Recurrence().fit(frame).predict(frame)
    for horizon in (1, 2, 3):
        part = table[table["horizon"] == horizon].loc[: frame.index[-1], "value"]
        expected = frame["e2"].shift(27).reindex(part.index)
        np.testing.assert_allclose(part, expected, rtol=1e-5)


@pytest.mark.parametrize("rule", [Persistence, Recurrence])
def test_a_fitted_rule_knows_how_often_it_is_how_far_off(rule):
    frame = make_series(3000)
    fitted = rule().fit(frame, frame.index[:2000])
    table = fitted.predict(frame, frame.index[2000:]).dropna()
    inside = table["observed"].between(table["lower"], table["upper"])
    half = table["observed"].between(table["lower_50"], table["upper_50"])
    for horizon, part in inside.groupby(table["horizon"]):
        assert 0.86 < part.mean() < 0.94, horizon
    assert 0.45 < half.mean() < 0.55
    assert "lower" not in rule().predict(frame)


def test_ridge_reaches_the_best_linear_forecast():
    frame = make_series(4000)
    fitted = RidgeFilter(**PLAIN).fit(frame, frame.index[:3000])
    table = fitted.predict(frame, frame.index[3000:])
    for horizon in (1, 2, 3):
        best = find_best_pe(frame[3000:], horizon)
        assert best - 0.02 < score_horizon(frame, table, horizon) < best + 0.01


@pytest.mark.slow
@pytest.mark.parametrize("kind", [BoostedTrees, MultilayerPerceptron])
def test_trees_and_perceptron_come_near_the_best_forecast(kind):
    frame = make_series(2000)
    table = kind(**PLAIN).fit(frame, frame.index[:1500]).predict(frame, frame.index[1500:])
    best = find_best_pe(frame[1500:], 1)
    assert best - 0.06 < score_horizon(frame, table, 1) < best + 0.01


def test_ridge_learns_from_hidden_days_how_to_forecast_in_a_gap():
    frame = make_series(6000)
    seen, unseen = frame[:4000], DailyData.of(frame[4000:])
    model = RidgeFilter(drivers=["V"], history=3, step=24, horizons=2)
    windows = model.make_windows(seen).take_known()
    gaps = make_gap_windows(DailyData.of(seen), model.make_windows(seen), model.make_windows)
    whole = model.make_windows(unseen)
    test = make_gap_windows(unseen, whole, model.make_windows, random_state=1).take_known()

    def rmse(gap_windows):
        model.fit_windows(windows, gap_windows)
        return np.sqrt(np.nanmean((model.predict_windows(test)["value"] - test.target) ** 2))

    assert rmse(gaps.take_known()) < 0.9 * rmse(gaps.take([]))


def test_predictions_do_not_change_the_data():
    frame = make_series(200)
    copy = frame.copy()
    RidgeFilter(**PLAIN).fit(frame).predict(frame)
    pd.testing.assert_frame_equal(frame, copy)
