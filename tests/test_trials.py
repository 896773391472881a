from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib import impute, overlaps, trials
from fluxlib.errors import FluxError, NotApplicable

PURGE = pd.Timedelta("5D")


@pytest.fixture(scope="module")
def dataset():
    return fluxlib.simulate("2014-01-01", "2014-09-01", cadence="1h")


@pytest.fixture(scope="module")
def inputs(dataset):
    features = impute.satellite_features(dataset, "goes13")
    return features, overlaps.choose_target(dataset, "goes15")


@pytest.fixture(scope="module")
def trial(inputs):
    return trials.split_months(*inputs, n_folds=4, train_every=3)


def train_on(trial):
    imputer = fluxlib.GARFImputer(population=6, generations=2, bits=(4, 3, 2))
    return imputer.fit(trial.features.loc[trial.train], trial.truth[trial.train])


@pytest.fixture(scope="module")
def imputer(trial):
    return train_on(trial)


@pytest.fixture(scope="module")
def predictions(trial, imputer):
    return trials.predict_months(trial, imputer, other="goes13")


@pytest.fixture
def flat():
    """Return a trial whose truth is known: a line through time, sixty days of it to test."""
    index = pd.date_range("2014-01-01", periods=4 * 30 * 24, freq="h", name="time")
    truth = pd.Series(np.linspace(0, 4, len(index)), index)
    features = pd.DataFrame({"foo e2-0h": 2 * truth - 1}, index)
    return trials.Trial(features, truth, index[:1200:2], index[1440:])


def test_whole_months_are_tested_and_none_of_them_trained_on(trial, inputs):
    tested = trial.test.to_period("M").unique()
    assert len(tested) == 2
    known = inputs[1].dropna()
    assert trial.test.equals(known.index[known.index.to_period("M").isin(tested)])
    assert not trial.train.to_period("M").isin(tested).any()


def test_no_training_time_is_within_the_longest_offset_of_a_test_month(trial):
    apart = np.abs(trial.train.to_numpy()[:, None] - trial.test.to_numpy()[None]).min()
    assert apart > PURGE


def test_one_training_sample_in_three_is_taken(inputs, trial):
    every = trials.split_months(*inputs, n_folds=4)
    assert trial.train.equals(every.train[::3])
    assert trial.test.equals(every.test)


def test_too_few_known_samples_do_not_apply(inputs):
    features, truth = inputs
    with pytest.raises(NotApplicable, match="known samples have inputs; 1000 or more are needed"):
        trials.split_months(features, truth[:900])


def test_folds_that_months_do_not_fill_and_no_training_samples_are_refused(inputs):
    features, truth = inputs
    with pytest.raises(FluxError, match="train_every is 0; expected 1 or more"):
        trials.split_months(features, truth, train_every=0)
    with pytest.raises(FluxError, match="n_folds is 9; the samples are of 8 months"):
        trials.split_months(features, truth, n_folds=9)


def test_predictions_know_nothing_of_the_truth_of_test_months(trial, predictions):
    truth = trial.truth.copy()
    truth[trial.test] = np.random.default_rng(0).normal(50, 10, len(trial.test))
    blind = replace(trial, truth=truth)
    again = trials.predict_months(blind, train_on(blind), other="goes13")
    pd.testing.assert_frame_equal(again, predictions)


def test_forests_do_better_than_the_other_satellite_alone(trial, predictions):
    table = trials.score_all(trial.truth, predictions)
    assert list(table.index) == ["GA-RF", "plain forest", "other satellite"]
    assert table.loc["GA-RF", "RMSE"] < table.loc["other satellite", "RMSE"]
    assert (table["PE"] <= table["LC"] ** 2 + 1e-12).all()


def test_scores_are_of_each_column_against_the_truth(flat):
    guesses = pd.DataFrame({"right": flat.truth[flat.test], "high": flat.truth[flat.test] + 0.5})
    table = trials.score_all(flat.truth, guesses)
    assert table["RMSE"].tolist() == [0, pytest.approx(0.5)]
    assert table["n"].tolist() == [len(flat.test)] * 2


def test_the_other_satellite_is_put_on_the_scale_of_training_months(flat):
    calibrated = trials._calibrate_other(flat, "foo")
    np.testing.assert_allclose(calibrated, flat.truth[flat.test])
    silent = flat.features.copy()
    silent.loc[flat.train] = np.nan
    assert trials._calibrate_other(replace(flat, features=silent), "foo").isna().all()


def test_training_samples_and_random_folds_flatter(trial, imputer, predictions):
    held_out = trials.score_all(trial.truth, predictions).loc["plain forest", "RMSE"]
    assert trials.score_training(trial, imputer) < held_out
    assert trials.score_random_fold(trial) < held_out


def test_coverage_is_the_part_of_errors_within_the_interval(flat, imputer):
    errors = np.linspace(0, 2 * imputer.half_width_, len(flat.test))
    guesses = pd.DataFrame({"GA-RF": flat.truth[flat.test] + errors})
    assert trials.measure_coverage(flat, guesses, imputer) == pytest.approx(0.5, abs=1e-3)


def test_gaps_are_hidden_in_test_months_only_and_by_length(trial):
    hidden = trials.hide_gaps(trial, [6, 24, 99999], 4)
    assert list(hidden) == [6, 24]
    for hours, stretches in hidden.items():
        assert len(stretches) == 4
        for times in stretches:
            assert len(times) == hours
            assert times.isin(trial.test).all()


def test_no_room_for_any_gap_is_said(trial):
    with pytest.raises(FluxError, match="no stretch of the held-out months is whole enough"):
        trials.hide_gaps(trial, [99999], 4)


def test_interpolations_are_exact_on_a_line_and_models_are_scored_in_the_gaps_alone(flat):
    hidden = trials.hide_gaps(flat, [6, 240], 2)
    in_gaps = flat.test.isin(np.concatenate([t for ts in hidden.values() for t in ts]))
    guess = flat.truth[flat.test] + np.where(in_gaps, 0.25, 9)
    predictions = pd.DataFrame({"GA-RF": guess, "plain forest": guess + 1})
    before = predictions.copy()
    rmse, filled = trials.score_gaps(flat, predictions, hidden)
    assert rmse.index.tolist() == [6, 240]
    np.testing.assert_allclose(rmse[["linear", "cubic"]], 0, atol=1e-9)
    np.testing.assert_allclose(rmse["GA-RF"], 0.25)
    np.testing.assert_allclose(rmse["plain forest"], 1.25)
    for hours, stretches in hidden.items():
        assert sorted(filled[hours].index) == sorted(np.concatenate(stretches))
        assert filled[hours].notna().all(axis=None)
    pd.testing.assert_frame_equal(predictions, before)


def test_interpolation_does_not_see_what_is_hidden(flat):
    hidden = trials.hide_gaps(flat, [24], 3)
    times = np.concatenate(hidden[24])
    bumped = flat.truth.where(~flat.truth.index.isin(times), 7.0)
    predictions = pd.DataFrame({"GA-RF": 0.0, "plain forest": 0.0}, flat.test)
    _, filled = trials.score_gaps(replace(flat, truth=bumped), predictions, hidden)
    np.testing.assert_allclose(filled[24].loc[times, "linear"], flat.truth[times])


def test_the_gap_picked_moves_as_the_median_one_does():
    index = pd.date_range("2014", periods=30, freq="h")
    truth = pd.Series(np.tile(np.arange(10.0), 3) * np.repeat([5, 1, 3], 10), index)
    stretches = [index[:10], index[10:20], index[20:]]
    assert trials.pick_gap(stretches, truth) is stretches[2]


def test_grid_of_truth_with_holes_is_its_commonest_step():
    index = pd.date_range("2014", periods=99, freq="5min").delete([3, 4, 50])
    assert trials._find_step(index) == pd.Timedelta("5min")
