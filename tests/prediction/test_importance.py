"""Importance: a forecast's loss falls on the inputs that it was made from."""

import numpy as np
import pytest

from fluxlib.prediction.baselines import RidgeFilter
from fluxlib.prediction.importance import permute_inputs, tabulate_importance
from tests.helpers.daily_series import make_series


@pytest.fixture(scope="module")
def table():
    frame = make_series(1500).assign(N=np.random.default_rng(9).lognormal(size=1500))
    model = RidgeFilter(step=24, history=3, context=False).fit(frame, frame.index[:1000])
    return permute_inputs(model, frame, frame.index[1000:])


def test_the_issue_day_of_what_drives_the_flux_weighs_most(table):
    laid = tabulate_importance(table, 1)
    assert laid.columns.tolist() == [0, 1, 2, "all"]
    assert set(laid.index[:2]) == {"e2", "V"}
    assert laid.loc["V", 0] > 0.3
    assert laid.loc[["e2", "V"], [1, 2]].abs().max(axis=None) < 0.02


def test_what_drives_nothing_weighs_nothing(table):
    assert tabulate_importance(table, 1).loc["N"].abs().max() < 0.02


def test_a_driver_as_a_whole_weighs_as_its_only_day(table):
    laid = tabulate_importance(table, 1)
    assert laid.loc["V", "all"] == pytest.approx(laid.loc["V", 0], abs=0.05)


def test_context_is_shuffled_in_groups():
    frame = make_series(900)
    model = RidgeFilter(step=24, history=2).fit(frame)
    names = set(permute_inputs(model, frame, repeats=1)["input"])
    assert {"season", "satellite", "age", "e2 27 days before", "V 27 days before"} <= names
