"""The LSTM forecaster: skill on known series, intervals, repeatability, keeping."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from fluxlib import FluxForecaster
from fluxlib.errors import FluxError
from tests.helpers.daily_series import find_best_pe, make_noise, make_series, score_horizon

QUICK = {"step": 24, "history": 2, "context": False, "members": 2, "blocks": 2, "units": 8}
QUICK["mixed"] = False


@pytest.fixture(scope="module")
def fitted():
    frame = make_series(2400)
    options = QUICK | {"epochs": 12, "dropout": 0.0, "learning_rate": 1e-2}
    return frame, FluxForecaster(**options).fit(frame, frame.index[:1800])


def test_forecast_comes_near_the_best_possible(fitted):
    frame, forecaster = fitted
    table = forecaster.predict(frame, frame.index[1800:])
    for horizon in (1, 2, 3):
        best = find_best_pe(frame[1800:], horizon)
        assert best - 0.06 < score_horizon(frame, table, horizon) < best + 0.01


def test_nine_of_ten_days_lie_within_the_intervals(fitted):
    frame, forecaster = fitted
    table = forecaster.predict(frame, frame.index[1800:-3])
    observed = frame["e2"].reindex(table.index)
    inside = observed.between(table["lower"], table["upper"])
    assert inside.groupby(table["horizon"]).mean().between(0.86, 0.94).all()


def test_alert_probability_is_the_frequency_of_alerts():
    frame = make_series(2400, seed=1)
    options = QUICK | {"epochs": 8, "dropout": 0.0, "learning_rate": 1e-2, "alert": 10**6.3}
    forecaster = FluxForecaster(**options).fit(frame, frame.index[:1800])
    table = forecaster.predict(frame, frame.index[1800:-3])
    came = frame["e2"].reindex(table.index) > 10**6.3
    assert table["alert"].between(0, 1).all()
    assert table["alert"].mean() == pytest.approx(came.mean(), abs=0.04)
    assert table.loc[came, "alert"].mean() > table.loc[~came, "alert"].mean() + 0.2


def test_white_noise_gives_no_skill():
    frame = make_noise(1500)
    forecaster = FluxForecaster(**QUICK | {"epochs": 4}).fit(frame, frame.index[:1000])
    table = forecaster.predict(frame, frame.index[1000:])
    assert all(score_horizon(frame, table, horizon) < 0.02 for horizon in (1, 2, 3))


def test_same_seed_gives_the_same_forecast_and_another_seed_another():
    frame = make_series(500)

    def run(seed):
        return FluxForecaster(**QUICK | {"epochs": 1}, random_state=seed).fit(frame).predict(frame)

    pd.testing.assert_frame_equal(run(1), run(1))
    assert not np.allclose(run(1)["value"], run(2)["value"])


def test_plain_networks_get_most_when_the_lstms_have_learned_nothing(tmp_path):
    frame = make_series(1000)
    forecaster = FluxForecaster(**QUICK | {"epochs": 1, "learning_rate": 1e-9, "mixed": True})
    table = forecaster.fit(frame, frame.index[:700]).predict(frame, frame.index[700:])
    assert (forecaster.shares_ > 0.7).all()
    assert score_horizon(frame, table, 1) > find_best_pe(frame[700:], 1) - 0.1
    forecaster.save(tmp_path)
    again = FluxForecaster.load(tmp_path).predict(frame, frame.index[700:])
    pd.testing.assert_frame_equal(again, table)


def test_a_saved_forecaster_forecasts_the_same(fitted, tmp_path):
    frame, forecaster = fitted
    forecaster.save(tmp_path / "kept")
    loaded = FluxForecaster.load(tmp_path / "kept")
    assert loaded.get_params() == forecaster.get_params()
    pd.testing.assert_frame_equal(loaded.predict(frame), forecaster.predict(frame))


def test_saving_again_leaves_only_files_that_count(fitted, tmp_path):
    _, forecaster = fitted
    forecaster.save(tmp_path)
    forecaster.save(tmp_path)
    named = json.loads((tmp_path / "forecaster.json").read_text())["members"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["forecaster.json", *named])


def test_loading_from_an_empty_folder_says_what_is_missing(tmp_path):
    with pytest.raises(FluxError, match=r"forecaster\.json does not exist"):
        FluxForecaster.load(tmp_path)


def test_newest_day_gives_three_days_ahead(fitted):
    frame, forecaster = fitted
    table = forecaster.predict_newest(frame)
    assert table["horizon"].tolist() == [1, 2, 3]
    assert table.index[0] == frame.index[-1] + pd.Timedelta("1D")
    assert (table["lower"] < table["value"]).all()
    assert (table["value"] < table["upper"]).all()


def test_other_channels_than_those_learned_are_refused(fitted):
    frame, forecaster = fitted
    with pytest.raises(FluxError, match="learned from e2, V"):
        forecaster.predict(frame.rename(columns={"V": "N"}))


def test_published_variant_is_daily_and_without_residual():
    forecaster = FluxForecaster.as_published(drivers=("V", "Kp"), time_step=5, epochs=3)
    options = forecaster.get_params()
    assert (options["step"], options["history"], options["members"]) == (24, 5, 1)
    assert not options["residual"]
    assert not options["context"]
    assert options["epochs"] == 3


def test_data_without_fluence_is_refused():
    frame = make_series(100).assign(e2=np.nan)
    with pytest.raises(FluxError, match="no daily e2"):
        FluxForecaster().fit(frame)


@pytest.mark.slow
def test_members_on_workers_are_the_same_to_the_last_digit(workers):
    data, forecaster = make_series(800), FluxForecaster(**QUICK | {"members": 3, "epochs": 1})
    alone = workers.leave(clone(forecaster).fit, data)
    spread = clone(forecaster).fit(data)
    assert all(map(np.array_equal, spread.weights_, alone.weights_))
    assert np.array_equal(spread.errors_, alone.errors_)
