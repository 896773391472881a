from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.datasets.series import choose_target
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.imputation import holdout as held
from fluxlib.imputation.imputer import make_imputer
from fluxlib.imputation.inputs import satellite_features
from fluxlib.imputation.intervals import EdgeCorrection

PURGE = pd.Timedelta("5D")


@pytest.fixture(scope="module")
def dataset():
    return fluxlib.simulate("2014-01-01", "2014-09-01", cadence="1h")


@pytest.fixture(scope="module")
def inputs(dataset):
    features = satellite_features(dataset, "goes13")
    return features, choose_target(dataset, "goes15")


@pytest.fixture(scope="module")
def holdout(inputs):
    return held.hold_out_months(*inputs, n_folds=4)[0]


def train_on(holdout):
    imputer = make_imputer(holdout.features, other="goes13", every=6)
    imputer.set_params(correction=EdgeCorrection(rows=3000, trees=30))
    return imputer.fit_log(holdout.train_log_flux)


def search_on(holdout):
    search = {"population": 6, "generations": 2, "bits": (4, 3, 2)}
    return held.fit_garf(holdout, other="goes13", search=search, every=3)


@pytest.fixture(scope="module")
def imputer(holdout):
    return train_on(holdout)


@pytest.fixture(scope="module")
def garf(holdout):
    return search_on(holdout)


@pytest.fixture(scope="module")
def predictions(holdout, imputer, garf):
    return held.predict_holdout(holdout, imputer, garf, other="goes13")


def test_ga_rf_learns_from_one_training_time_in_so_many(holdout, monkeypatch):
    rows = []
    monkeypatch.setattr(held.GARFImputer, "fit", lambda self, X, y: rows.append((X.index, y.index)))
    held.fit_garf(holdout, other="goes13", search={}, every=5)
    assert all(index.equals(holdout.train[::5]) for index in rows[0])


def test_whole_months_are_tested_and_none_of_them_trained_on(holdout, inputs):
    tested = holdout.test.to_period("M").unique()
    assert len(tested) == 2
    known = inputs[1].dropna()
    assert holdout.test.equals(known.index[known.index.to_period("M").isin(tested)])
    assert not holdout.train.to_period("M").isin(tested).any()


def test_what_is_tested_lies_on_the_grid_and_nothing_else_does(holdout):
    assert holdout.test_log_flux.index.equals(holdout.features.index)
    pd.testing.assert_series_equal(
        holdout.test_log_flux.dropna(), holdout.log_flux[holdout.test], check_freq=False
    )


def test_no_training_time_is_within_the_longest_offset_of_a_test_month(holdout):
    apart = np.abs(holdout.train.to_numpy()[:, None] - holdout.test.to_numpy()[None]).min()
    assert apart > PURGE


def test_repeats_test_each_month_once(inputs):
    all_four = held.hold_out_months(*inputs, n_folds=4, repeats=4)
    months = [month for one in all_four for month in one.test.to_period("M").unique()]
    assert len(months) == len(set(months)) == 8
    assert sum(len(one.test) for one in all_four) == len(inputs[1].dropna())


def test_tenths_are_five_pairs_of_blocks_far_apart(inputs):
    five = held.hold_out_tenths(*inputs)
    assert len(five) == 5
    assert sum(len(one.test) for one in five) == len(inputs[1].dropna())
    for one in five:
        apart = np.abs(one.train.to_numpy()[:, None] - one.test.to_numpy()[None]).min()
        assert apart > PURGE


def test_too_few_known_samples_do_not_apply(inputs):
    features, truth = inputs
    with pytest.raises(NotApplicable, match="known samples have inputs; 1000 or more are needed"):
        held.hold_out_months(features, truth[:900])


def test_more_folds_than_months_and_more_repeats_than_folds_are_refused(inputs):
    features, truth = inputs
    with pytest.raises(FluxError, match="repeats is 6; expected 1 to n_folds, which is 5"):
        held.hold_out_months(features, truth, repeats=6)
    with pytest.raises(NotApplicable, match=r"cover 8 months, and n_folds is 9.* With n_folds = 8"):
        held.hold_out_months(features, truth, n_folds=9)


@pytest.mark.slow
def test_predictions_know_nothing_of_the_truth_of_test_months(holdout, predictions):
    truth = holdout.log_flux.copy()
    truth[holdout.test] = np.random.default_rng(0).normal(50, 10, len(holdout.test))
    blind = replace(holdout, log_flux=truth)
    again = held.predict_holdout(blind, train_on(blind), search_on(blind), other="goes13")
    pd.testing.assert_frame_equal(again, predictions)


@pytest.mark.slow
def test_forests_do_better_than_the_other_satellite_alone(holdout, predictions):
    table = held.score_methods(holdout.log_flux, predictions)
    names = [held.FULL, held.NO_EDGES, held.GARF, "ridge", "RF", held.OTHER]
    assert list(table.index) == names
    assert table.loc[held.FULL, "RMSE"] < table.loc["RF", "RMSE"]
    assert table.loc[held.GARF, "RMSE"] < table.loc["other satellite", "RMSE"]
    assert (table["PE"] <= table["LC"] ** 2 + 1e-12).all()


def test_scores_are_of_each_column_against_the_truth():
    index = pd.date_range("2014-01-01", periods=100, freq="h", name="time")
    truth = pd.Series(np.linspace(0, 4, 100), index)
    guesses = pd.DataFrame({"right": truth, "high": truth + 0.5})[10:60]
    table = held.score_methods(truth, guesses)
    assert table["RMSE"].tolist() == [0, pytest.approx(0.5)]
    assert table["n"].tolist() == [50, 50]


@pytest.mark.slow
def test_training_samples_and_random_folds_flatter(holdout, garf, predictions):
    held_out = held.score_methods(holdout.log_flux, predictions).loc["RF", "RMSE"]
    assert held.score_training(holdout, garf, every=3) < held_out
    assert held.score_random_fold(holdout, every=3) < held_out
