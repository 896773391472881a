import re

import pytest

from fluxlib.errors import FluxError
from fluxlib.widgets.prediction import explore_training
from fluxlib.workflow.parameters import CONTROLS
from tests.helpers.daily_series import make_series

BEGIN = {"network_drivers": ["V"], "time_step": 2, "horizon": 1, "year": 2002, "epochs": 3}


class Toy:
    """What notebooks hand over: daily fluence and drivers, years of which one is to be forecast."""

    def __init__(self):
        frame = make_series()
        self.daily = frame[["e2"]].assign(series="goes13")
        self.drivers = frame[["V"]].assign(Kp=frame["V"] / 100)


def explore(**changes):
    return explore_training(Toy(), [2001, 2002, 2003], **BEGIN | changes)


def test_controls_start_at_the_notebooks_parameters_and_nothing_is_trained_yet():
    panel = explore()
    assert panel.get_values() == BEGIN
    assert tuple(panel.controls) == CONTROLS["05_prediction"]
    assert "Not trained with these settings yet." in panel.output.value
    assert "3 epochs of 2-day windows of V, on all years but 2002." in panel.run_row.message.value
    panel.set_values({"year": 0, "time_step": 0})
    assert panel.get_values() == BEGIN
    panel.controls["network_drivers"].value = ()
    assert "network_drivers is empty; choose at least one driver." in panel.output.value
    assert panel.run_row.start_button.disabled


def test_an_unknown_driver_is_named():
    with pytest.raises(FluxError, match="drivers names AE, which the data does not have"):
        explore(network_drivers=["V", "AE"])


@pytest.mark.slow
def test_a_training_shows_its_loss_by_epoch_and_then_its_prediction_efficiency():
    panel = explore()
    seen = []
    panel.output.observe(lambda change: seen.append(change["new"]), "value")
    panel.run_row.start_button.click()
    assert panel.run_row.job.wait(300)
    losses = [re.search(r"Epoch (\d) of 3: loss [\d.-]+, least", text) for text in seen]
    assert [found[1] for found in losses if found] == ["1", "2", "3"]
    assert re.search(r"1 day ahead: prediction efficiency 0\.\d+, persistence", panel.output.value)
    panel.controls["horizon"].value = 3
    assert "3 days ahead: prediction efficiency" in panel.output.value
    panel.controls["time_step"].value = 4
    assert "Not trained with these settings yet." in panel.output.value
