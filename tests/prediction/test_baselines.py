"""Baselines: against series whose best forecast is known."""

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.prediction.baselines import (
    BoostedTrees,
    Persistence,
    PlainNetwork,
    Recurrence,
    RidgeFilter,
)
from tests.helpers.daily_series import find_best_pe, make_series, score_horizon

PLAIN = {"step": 24, "history": 2, "context": False}


def test_persistence_gives_the_last_known_day():
    frame = make_series(40)
    frame.iloc[30, 0] = np.nan
    table = Persistence().fit(frame).predict(frame)
    two = table[(table["issued"] == frame.index[30]) & (table["horizon"] == 2)]
    assert two["value"].item() == pytest.approx(frame["e2"].iloc[29])
    assert two.index[0] == frame.index[32]


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


def test_recurrence_gives_27_days_before_the_target():
    frame = make_series(60)
    table = Recurrence().fit(frame).predict(frame)
    for horizon in (1, 2, 3):
        part = table[table["horizon"] == horizon].loc[: frame.index[-1], "value"]
        expected = frame["e2"].shift(27).reindex(part.index)
        np.testing.assert_allclose(part, expected, rtol=1e-5)


def test_ridge_reaches_the_best_linear_forecast():
    frame = make_series(4000)
    fitted = RidgeFilter(**PLAIN).fit(frame, frame.index[:3000])
    table = fitted.predict(frame, frame.index[3000:])
    for horizon in (1, 2, 3):
        best = find_best_pe(frame[3000:], horizon)
        assert best - 0.02 < score_horizon(frame, table, horizon) < best + 0.01


@pytest.mark.parametrize("kind", [BoostedTrees, PlainNetwork])
def test_trees_and_network_come_near_the_best_forecast(kind):
    frame = make_series(2500)
    table = kind(**PLAIN).fit(frame, frame.index[:2000]).predict(frame, frame.index[2000:])
    best = find_best_pe(frame[2000:], 1)
    assert best - 0.06 < score_horizon(frame, table, 1) < best + 0.01


def test_predictions_do_not_change_the_data():
    frame = make_series(200)
    copy = frame.copy()
    RidgeFilter(**PLAIN).fit(frame).predict(frame)
    pd.testing.assert_frame_equal(frame, copy)
