"""The LSTM forecaster: skill on known series, intervals, bias, repeatability, files."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from fluxlib import FluxForecaster
from fluxlib.errors import FluxError
from fluxlib.prediction import forecaster as module
from fluxlib.prediction.postprocessing import LOOKBACK, running_bias
from fluxlib.prediction.windows import DailyData, make_gap_windows
from tests.helpers.daily_series import find_best_pe, make_noise, make_series, score_horizon

PLAIN = {"step": 24, "history": 2, "context": False, "members": 2, "blocks": 2}
QUICK = PLAIN | {"units": 8, "mixed": False, "dropout": 0.0, "learning_rate": 1e-2}


class Memoriser:
    """Stands for the networks: knows by heart what it learned from, and forecasts 0 otherwise."""

    def train_networks(self, config, inputs, target, rows, **_):
        self.learned = inputs[0]
        memory = np.full((len(rows), *target.shape), np.nan)
        for member, own in enumerate(rows):
            memory[member, own] = target[own]
        return [memory]

    def run_networks(self, config, weights, inputs):
        places = {row.tobytes(): i for i, row in enumerate(self.learned)}
        rows = np.array([places.get(row.tobytes(), -1) for row in inputs[0]])
        known = np.where(rows[:, None] >= 0, weights[0][:, rows], np.nan)
        return np.concatenate([np.nan_to_num(known), np.zeros_like(known)], axis=2)


@pytest.fixture
def memoriser(monkeypatch):
    monkeypatch.setattr(module, "_import_lstm", Memoriser)
    networks = Memoriser()
    monkeypatch.setattr(module, "_import_lstm", lambda: networks)
    return networks


def test_intervals_are_those_of_days_that_the_networks_have_not_seen(memoriser):
    frame = make_series(3000)
    forecaster = FluxForecaster(**QUICK, debiased=False).fit(frame, frame.index[:2000])
    table = forecaster.predict(frame, frame.index[2000:-3])
    observed = frame["e2"].reindex(table.index)
    inside = observed.between(table["lower"], table["upper"])
    assert inside.groupby(table["horizon"]).mean().between(0.86, 0.94).all()


def test_perceptrons_are_weighed_on_days_that_they_have_not_seen(memoriser, monkeypatch):
    def learn_by_heart(inputs, target, **_):
        return {row.tobytes(): own for row, own in zip(inputs[0], target, strict=True)}

    def recall(known, inputs):
        return np.array([known.get(row.tobytes(), np.zeros(3)) for row in inputs[0]])

    monkeypatch.setattr(module, "fit_mlp", learn_by_heart)
    monkeypatch.setattr(module, "run_mlp", recall)
    # Both kinds know nothing of other days than those they learned from.
    forecaster = FluxForecaster(**QUICK | {"mixed": True}).fit(make_series(1000))
    assert (forecaster.mixing_weights_ == 0).all()


def test_the_recent_bias_is_that_of_networks_that_have_not_seen_the_days(memoriser):
    frame = make_series(1200)
    frame["e2"] *= 10 ** np.tile([0.5, -0.5], 4).repeat(150)
    forecaster = FluxForecaster(**QUICK, residual=False).fit(frame, frame.index[:900])
    assert len(forecaster.held_out_errors_) == 899
    assert (forecaster.bias_weights_ > 0.2).all()
    errors = forecaster.held_out_errors_.to_numpy()
    log = np.log10(frame["e2"])
    truth = np.column_stack([log.shift(-h) for h in (1, 2, 3)])[1:900]
    expected = (forecaster.mean_ - truth) / forecaster.change_scale_
    np.testing.assert_allclose(errors, expected, atol=1e-5)
    recent = np.vstack([errors[-LOOKBACK - 3 :], np.full(3, np.nan)])
    bias = running_bias(frame.index[897 - LOOKBACK : 901], recent)[-1]
    value = np.log10(forecaster.predict(frame, frame.index[[900]])["value"])
    expected = forecaster.mean_ - forecaster.bias_weights_ * bias * forecaster.change_scale_
    np.testing.assert_allclose(value, expected, atol=1e-5)


@pytest.mark.parametrize(("context", "reach"), [(False, 2), (True, 27)])
def test_members_learn_from_no_day_whose_window_touches_one_held_out(monkeypatch, context, reach):
    class RecordedError(Exception):
        pass

    def record(function, tasks, inputs, target):
        raise RecordedError(tasks)

    monkeypatch.setattr(module, "map_tasks", record)
    frame = make_series(2500)
    forecaster = FluxForecaster(**QUICK | {"context": context})
    whole = forecaster.make_windows(frame)
    windows = whole.take_known()
    gaps = make_gap_windows(DailyData.of(frame), whole, forecaster.make_windows).take_known()
    days = windows.join(gaps).days.to_numpy()
    with pytest.raises(RecordedError) as caught:
        forecaster.fit_windows(windows, gaps)
    ((_, folds, _),) = caught.value.args[0]
    assert len(folds) == 2
    for train, test in folds:
        assert train.max() >= len(windows.days)  # of the windows with gaps, too
        apart = np.abs(days[train][:, None] - days[test])
        assert apart.min() > np.timedelta64(reach + 3, "D")


def test_the_module_is_imported_without_tensorflow():
    code = "import sys, fluxlib.prediction as p; p.FluxForecaster, p.RidgeFilter, p.TrainingRuns; "
    code += "sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_tensorflow_is_named_with_the_extra_that_brings_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "fluxlib.prediction.lstm", raising=False)
    monkeypatch.delattr("fluxlib.prediction.lstm", raising=False)
    monkeypatch.setitem(sys.modules, "keras", None)
    frame = make_series(300)
    with pytest.raises(FluxError, match=r"needs keras, .* pip install 'fluxlib-goes\[forecast\]'"):
        FluxForecaster(**QUICK).fit(frame)


@pytest.fixture(scope="module")
def fitted():
    frame = make_series(2000)
    return frame, FluxForecaster(**QUICK, epochs=8).fit(frame, frame.index[:1500])


@pytest.mark.slow
def test_forecast_comes_near_the_best_possible(fitted):
    frame, forecaster = fitted
    table = forecaster.predict(frame, frame.index[1500:])
    for horizon in (1, 2, 3):
        best = find_best_pe(frame[1500:], horizon)
        assert best - 0.06 < score_horizon(frame, table, horizon) < best + 0.01


@pytest.mark.slow
def test_nine_of_ten_days_lie_within_the_intervals(fitted):
    frame, forecaster = fitted
    table = forecaster.predict(frame, frame.index[1500:-3])
    observed = frame["e2"].reindex(table.index)
    inside = observed.between(table["lower"], table["upper"])
    assert inside.groupby(table["horizon"]).mean().between(0.85, 0.95).all()


@pytest.mark.slow
def test_alert_probability_is_the_frequency_of_alerts():
    frame = make_series(2000, seed=1)
    options = QUICK | {"epochs": 4, "alert": 10**6.3}
    forecaster = FluxForecaster(**options).fit(frame, frame.index[:1500])
    table = forecaster.predict(frame, frame.index[1500:-3])
    came = frame["e2"].reindex(table.index) > 10**6.3
    assert table["alert"].between(0, 1).all()
    assert table["alert"].mean() == pytest.approx(came.mean(), abs=0.04)
    assert table.loc[came, "alert"].mean() > table.loc[~came, "alert"].mean() + 0.2


@pytest.mark.slow
def test_white_noise_gives_no_skill():
    frame = make_noise(1500)
    forecaster = FluxForecaster(**QUICK, epochs=2).fit(frame, frame.index[:1000])
    table = forecaster.predict(frame, frame.index[1000:])
    assert all(score_horizon(frame, table, horizon) < 0.02 for horizon in (1, 2, 3))


@pytest.mark.slow
def test_same_seed_gives_the_same_forecast_and_another_seed_another():
    frame = make_series(300)
    one, same, other = (
        FluxForecaster(**QUICK, epochs=1, random_state=seed).fit(frame).predict(frame)
        for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, same)
    assert not np.allclose(one["value"], other["value"])


@pytest.mark.slow
def test_perceptrons_get_most_weight_when_the_lstms_have_learned_nothing(tmp_path):
    frame = make_series(800)
    forecaster = FluxForecaster(**QUICK | {"epochs": 1, "learning_rate": 1e-9, "mixed": True})
    table = forecaster.fit(frame, frame.index[:600]).predict(frame, frame.index[600:])
    assert (forecaster.mixing_weights_ > 0.7).all()
    assert score_horizon(frame, table, 1) > find_best_pe(frame[600:], 1) - 0.15
    forecaster.save(tmp_path)
    again = FluxForecaster.load(tmp_path).predict(frame, frame.index[600:])
    pd.testing.assert_frame_equal(again, table)


@pytest.fixture(scope="module")
def biased():
    """Forecasters of a series whose level changes every 125 days, with and without the bias."""
    frame = make_series(1500)
    frame["e2"] *= 10 ** np.tile([0.5, -0.5], 6).repeat(125)
    learned = frame.index[:900]
    return frame, [
        FluxForecaster(**QUICK, epochs=8, debiased=on).fit(frame, learned) for on in (True, False)
    ]


@pytest.mark.slow
def test_a_forecaster_follows_what_it_has_been_wrong_by(biased):
    frame, forecasters = biased
    truth = np.log10(frame["e2"])
    rmse = []
    for forecaster in forecasters:
        table = forecaster.predict(frame, frame.index[1000:])
        error = (np.log10(table["value"]) - truth.reindex(table.index))[table["horizon"] == 3]
        rmse.append(np.sqrt((error**2).mean()))
    assert (forecasters[0].bias_weights_ > 0.3).all()
    assert rmse[0] < rmse[1]


@pytest.mark.slow
def test_what_comes_after_the_issue_day_changes_nothing(biased):
    frame, (forecaster, _) = biased
    asked = frame.index[[1000]]
    later = frame.copy()
    later.loc[frame.index[1001:], "e2"] *= 7
    before, after = (
        forecaster.predict(one, asked).drop(columns="observed") for one in (frame, later)
    )
    pd.testing.assert_frame_equal(before, after)
    later.loc[frame.index[1000], "e2"] *= 7
    assert (
        forecaster.predict(later, asked)["value"] != forecaster.predict(frame, asked)["value"]
    ).all()


@pytest.mark.slow
def test_a_day_is_forecast_alone_as_among_others(biased):
    frame, (forecaster, _) = biased
    assert forecaster.lookback == LOOKBACK + 3
    alone = forecaster.predict(frame, frame.index[[1100]])
    among = forecaster.predict(frame)
    np.testing.assert_allclose(
        alone["value"], among[among["issued"] == frame.index[1100]]["value"], rtol=1e-5
    )
    assert forecaster.predict(frame, frame.index[:0]).empty
    newest = forecaster.predict_newest(frame)
    assert newest["issued"].eq(frame.index[-1]).all()


@pytest.mark.slow
def test_a_saved_forecaster_forecasts_the_same(fitted, tmp_path):
    frame, forecaster = fitted
    forecaster.save(tmp_path / "kept")
    loaded = FluxForecaster.load(tmp_path / "kept")
    assert loaded.get_params() == forecaster.get_params()
    pd.testing.assert_frame_equal(loaded.predict(frame), forecaster.predict(frame))


@pytest.mark.slow
def test_saving_again_leaves_only_files_that_count(fitted, tmp_path):
    _, forecaster = fitted
    forecaster.save(tmp_path)
    forecaster.save(tmp_path)
    named = json.loads((tmp_path / "forecaster.json").read_text())["members"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["forecaster.json", *named])


def test_loading_from_an_empty_folder_says_what_is_missing(tmp_path):
    with pytest.raises(FluxError, match=r"forecaster\.json does not exist"):
        FluxForecaster.load(tmp_path)


@pytest.mark.slow
def test_newest_day_gives_three_days_ahead(fitted):
    frame, forecaster = fitted
    table = forecaster.predict_newest(frame)
    assert table["horizon"].tolist() == [1, 2, 3]
    assert table.index[0] == frame.index[-1] + pd.Timedelta("1D")
    assert (table["lower"] < table["value"]).all()
    assert (table["value"] < table["upper"]).all()


@pytest.mark.slow
def test_other_channels_than_those_learned_are_refused(fitted):
    frame, forecaster = fitted
    with pytest.raises(FluxError, match="learned from e2, V"):
        forecaster.predict(frame.rename(columns={"V": "N"}))


def test_a_file_of_another_version_is_refused(tmp_path):
    (tmp_path / "forecaster.json").write_text('{"version": 1}')
    with pytest.raises(FluxError, match=r"forecaster\.json: version is 1; this fluxlib reads"):
        FluxForecaster.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff", '{"version": VERSION}'])
def test_a_file_that_is_no_forecaster_is_refused(tmp_path, text):
    content = text.replace("VERSION", str(module.VERSION)).encode("latin-1")
    (tmp_path / "forecaster.json").write_bytes(content)
    with pytest.raises(FluxError, match=r"forecaster\.json: not a forecaster .* or .* damaged"):
        FluxForecaster.load(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["absent", "empty", "cut"])
def test_a_forecaster_whose_network_is_damaged_is_refused(fitted, tmp_path, damage):
    fitted[1].save(tmp_path)
    path = next(tmp_path.glob("*.keras"))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    if damage == "absent":
        path.unlink()
    with pytest.raises(FluxError, match=r"a file beside it is damaged"):
        FluxForecaster.load(tmp_path)


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
def test_training_is_watched_and_stopped_and_what_it_learned_forecasts():
    frame, losses = make_series(300), []
    model = FluxForecaster(**QUICK, epochs=9)
    model.fit(frame, progress=losses.append, should_stop=lambda: len(losses) == 2)
    assert len(losses) == 2
    assert model.predict(frame)["value"].notna().all()


@pytest.mark.slow
def test_members_on_workers_are_the_same_to_the_last_digit(workers):
    data, forecaster = make_series(400), FluxForecaster(**QUICK | {"members": 3, "epochs": 1})
    alone = workers.leave(clone(forecaster).fit, data)
    spread = clone(forecaster).fit(data)
    assert all(map(np.array_equal, spread.weights_, alone.weights_))
    assert np.array_equal(spread.error_quantiles_, alone.error_quantiles_)


WITH_CONTEXT = QUICK | {"epochs": 8, "context": True}


@pytest.fixture(scope="module")
def fleet():
    """A forecaster of two satellites, and a frame that goes on with a third."""
    frame = make_series(1500).assign(series=np.array(["old", "new"]).repeat([600, 900]))
    return frame, FluxForecaster(**WITH_CONTEXT).fit(frame, frame.index[:1200])


def measure_width(table):
    return np.log10(table["upper"] / table["lower"]).groupby(table["horizon"]).mean()


@pytest.mark.slow
@pytest.mark.parametrize("days", [0, 2, 100])
def test_a_satellite_with_few_days_has_intervals_at_most_twice_as_wide(fleet, days):
    frame, forecaster = fleet
    asked = frame.index[1250:1400]
    rare = frame.copy()
    rare.loc[frame.index[1200 - days] :, "series"] = "rare"
    if days:
        forecaster = FluxForecaster(**WITH_CONTEXT).fit(rare, frame.index[:1200])
    table, usual = forecaster.predict(rare, asked), fleet[1].predict(frame, asked)
    ratio = measure_width(table) / measure_width(usual)
    assert ratio.between(0.4, 2).all()
    assert (table["note"] != "").all() == (days < 100)
    error = np.log10(table["value"] / table["observed"]).std()
    assert error < 1.5 * np.log10(usual["value"] / usual["observed"]).std()


@pytest.mark.slow
def test_a_missing_driver_widens_the_interval_by_what_it_is_worth(fitted):
    frame, forecaster = fitted
    asked = frame.index[1600:1990]
    without = frame.assign(V=frame["V"].where(frame.index < asked[0] - 10 * pd.Timedelta("1D")))
    table, usual = forecaster.predict(without, asked), forecaster.predict(frame, asked)
    factor = measure_width(table) / measure_width(usual)
    assert factor[1] > 1.3  # all that is known of the next day comes from V
    assert (table["note"] == "V is missing").all()
    inside = table["observed"].between(table["lower"], table["upper"])[table["observed"].notna()]
    assert 0.8 < inside.mean() < 0.99
