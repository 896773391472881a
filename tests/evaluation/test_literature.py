from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fluxlib.evaluation import literature as published
from tests.helpers.datasets import make_manifest

IMPUTATION = {
    "satellite": "goes15",
    "other": "goes13",
    "scores": [
        {"method": "GA-RF", "LC": 0.95, "PE": 0.9, "MAE": 0.2, "RMSE": 0.26, "n": 100},
        {"method": "plain forest", "LC": 0.94, "PE": 0.88, "MAE": 0.2, "RMSE": 0.28, "n": 100},
    ],
    "training_rmse": 0.1,
    "random_fold_rmse": 0.2,
}


def test_swap_is_shown_by_arithmetic():
    swapped = [(0.9199, 0.8140), (0.9290, 0.8595)]  # PE, LC as the paper's table prints them
    assert all(pe > lc**2 for pe, lc in swapped)
    right = published.list_garf_scores()
    assert (right["PE"] <= right["LC"] ** 2).all()


def test_scores_are_those_that_were_printed():
    table = published.list_garf_scores().set_index(["protocol", "position"])
    assert table.loc[("five folds", "east")].tolist() == [0.3872, 0.2084, 0.8140, 0.9199]
    assert table.loc[("five folds", "west")].tolist() == [0.4197, 0.2474, 0.8595, 0.9290]
    assert table.loc[("new periods", "east")].tolist() == [0.3983, 0.1938, 0.8275, 0.9259]
    assert table.loc[("new periods", "west")].tolist() == [0.4082, 0.2625, 0.8814, 0.9395]


def test_rmse_and_mae_are_of_one_sample_each():
    table = published.list_garf_scores()
    assert (table["MAE"] <= table["RMSE"]).all()


def test_weis_figures_carry_that_they_are_unverified():
    table = published.list_wei_scores()
    assert table["year"].tolist() == [2008, 2009, 2010]
    assert table["PE"].tolist() == [0.833, 0.896, 0.911]
    assert not table["verified"].any()


def test_each_erratum_says_what_why_and_what_we_do():
    table = published.list_errata()
    assert list(table) == ["paper", "printed", "reason", "here"]
    assert len(table) == 8
    assert (table.map(len) > 10).all(axis=None)
    assert not table["printed"].duplicated().any()


def test_our_scores_stand_below_the_published_ones_with_protocol_and_position():
    manifest = make_manifest("toy", ["goes13", "goes15"])
    table = published.compare_imputation(IMPUTATION, manifest)
    assert table["source"].tolist() == ["published, GA-RF"] * 4 + [
        "ours, GA-RF",
        "ours, plain forest",
    ]
    ours = table.iloc[4]
    assert ours["position"] == "west"
    assert ours["protocol"] == "months held out, goes15 from goes13"
    assert ours[["RMSE", "MAE", "PE", "LC"]].tolist() == [0.26, 0.2, 0.9, 0.95]


def test_a_satellite_without_position_is_compared_all_the_same():
    manifest = make_manifest("toy", ["goes15"])
    manifest = replace(manifest, flux=(replace(manifest.flux[0], position=None),))
    table = published.compare_imputation(IMPUTATION, manifest)
    assert table["position"].isna().tolist() == [False] * 4 + [True] * 2


def test_without_results_of_ours_the_published_ones_stand_alone():
    assert len(published.compare_imputation(None, make_manifest("toy", ["goes15"]))) == 4
    assert list(published.compare_errors(None).index) == ["published"]
    assert list(published.compare_prediction(None)) == ["Wei et al. 2018"]


def test_fitness_is_compared_on_training_random_folds_and_held_out_samples():
    table = published.compare_errors(IMPUTATION)
    ours = {"training": 0.1, "random folds": 0.2, "months held out": 0.26}
    assert table.loc["ours"].dropna().to_dict() == ours
    assert table.loc["published", "training"] == 0.2045
    assert table.loc["published", "five folds"] == pytest.approx((0.3872 + 0.4197) / 2)
    assert np.isnan(table.loc["published", "months held out"])


def test_prediction_is_compared_one_day_ahead_in_every_year_of_either():
    rows = [
        {"model": model, "year": year, "horizon": horizon, "PE": pe / horizon}
        for model, pe in (("LSTM", 0.9), ("persistence", 0.7))
        for year in (2009, 2011)
        for horizon in (1, 2)
    ]
    ours = {"by_year": rows, "scores": [{"model": "LSTM"}, {"model": "persistence"}]}
    table = published.compare_prediction(ours)
    assert table.index.tolist() == [2008, 2009, 2010, 2011]
    assert list(table) == ["Wei et al. 2018", "LSTM", "persistence"]
    assert table.loc[2009].tolist() == [0.896, 0.9, 0.7]
    assert table.loc[2008].isna().tolist() == [False, True, True]
    assert pd.isna(table.loc[2011, "Wei et al. 2018"])
