"""Studies of inputs find those that a series was made from."""

import numpy as np
import pytest

from fluxlib.errors import FluxError
from fluxlib.prediction.baselines import RidgeFilter
from fluxlib.prediction.importance import (
    permute_inputs,
    select_input_sets,
    study_inputs,
    study_quicklook,
    tabulate_importance,
)
from tests.helpers.daily_series import MEMORY, make_series


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


def test_the_flux_loses_twice_the_variance_that_it_explains(table):
    assert tabulate_importance(table, 1).loc["e2", 0] == pytest.approx(2 * MEMORY**2, abs=0.1)


def test_what_drives_nothing_weighs_nothing(table):
    assert tabulate_importance(table, 1).loc["N"].abs().max() < 0.02


def test_a_driver_as_a_whole_weighs_as_its_only_day(table):
    laid = tabulate_importance(table, 1)
    assert laid.loc["V", "all"] == pytest.approx(laid.loc["V", 0], abs=0.05)


def test_context_is_shuffled_in_groups():
    frame = make_series(900)
    model = RidgeFilter(step=24, history=2).fit(frame)
    table = permute_inputs(model, frame, repeats=1)
    names = {"season", "satellite", "age", "e2 27 days before", "V 27 days before"}
    assert names <= set(table["input"])
    losses = table.set_index("input")["loss"]
    assert (losses[["season", "e2 27 days before", "V 27 days before"]] != 0).all()


def make_indices(n=1500):
    """The flux follows Kp and AE of the day before; Dst does nothing."""
    rng = np.random.default_rng(4)
    frame = make_series(n).drop(columns="V")
    indices = {"Kp": rng.uniform(0, 9, n), "AE": rng.uniform(0, 900, n), "Dst": rng.normal(size=n)}
    frame = frame.assign(**indices)
    log = 7 + 0.1 * frame["Kp"] + 2 * np.log10(1 + frame["AE"] / 300) + 0.1 * rng.normal(size=n)
    return frame.assign(e2=10 ** log.shift(1, fill_value=7))


def test_an_index_that_comes_late_costs_what_it_explains_and_a_rough_one_a_little():
    frame = make_indices()
    before = frame.copy()
    model = RidgeFilter(drivers=("Kp", "AE", "Dst"), step=24, history=2, context=False)
    model.fit(frame, frame.index[:1000])
    table = study_quicklook(model, frame, frame.index[1000:])
    final, late, rough, both = table[1]
    assert list(table.index) == [
        "final",
        "without AE",
        "quick-look Dst, Kp",
        "quick-look, without AE",
    ]
    assert final > 0.8 > final - 0.4 > late
    assert 0.01 < final - rough < 0.2
    assert both < late
    assert frame.equals(before)


def test_indices_that_a_forecast_does_not_read_change_nothing():
    frame = make_indices(400)
    model = RidgeFilter(drivers=("AE",), step=24, history=2, context=False).fit(frame)
    assert list(study_quicklook(model, frame).index) == ["final", "without AE"]


@pytest.mark.slow
def test_the_driver_of_the_series_is_found_and_a_longer_window_adds_nothing():
    frame = make_series(1500).assign(N=1.0)
    seen = []
    study = study_inputs(
        frame,
        [2003],
        sets={"flux alone": (), "V": ("V",)},
        time_steps=(1, 2),
        progress=lambda *part: seen.append(part),
        units=8,
        epochs=10,
        dropout=0.0,
        blocks=2,
        learning_rate=1e-2,
    )
    assert seen == [("flux alone", 1), ("flux alone", 2), ("V", 1), ("V", 2)]
    pe = study[study["horizon"] == 1].set_index(["inputs", "time_step"])["PE"]
    assert pe["V", 1] > pe["flux alone", 1] + 0.2
    assert pe["V", 2] == pytest.approx(pe["V", 1], abs=0.05)


def test_sets_whose_drivers_are_not_there_are_left_out_and_unknown_ones_named():
    assert select_input_sets(["flux alone", "V, Dst"], ["V"]) == {"flux alone": ()}
    with pytest.raises(FluxError, match="input_sets has 'V, B'; expected some of flux alone; V;"):
        select_input_sets(["V", "V, B"], ["V", "B"])
    with pytest.raises(FluxError, match="input_sets or time_steps is empty"):
        study_inputs(None, [2003], sets={})
