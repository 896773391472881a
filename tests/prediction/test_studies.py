"""The study of inputs finds those that a series was made of."""

import pytest

from fluxlib.errors import FluxError
from fluxlib.prediction.importance import choose_sets, study_inputs
from tests.helpers.daily_series import make_series


@pytest.mark.slow
def test_the_driver_of_the_series_is_found_and_a_longer_window_adds_nothing():
    frame = make_series(1500).assign(N=1.0)
    seen = []
    study = study_inputs(
        frame,
        [2003],
        sets={"flux alone": (), "V": ("V",)},
        time_steps=(1, 2),
        report=lambda *part: seen.append(part),
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
    assert choose_sets(["flux alone", "V, Dst"], ["V"]) == {"flux alone": ()}
    with pytest.raises(FluxError, match="input_sets has 'V, B'; expected some of flux alone; V;"):
        choose_sets(["V", "V, B"], ["V", "B"])
    with pytest.raises(FluxError, match="input_sets or time_steps is empty"):
        study_inputs(None, [2003], sets={})
