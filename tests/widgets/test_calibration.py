import re

import pytest

from fluxlib.calibration.diagnostics import compare_lines
from fluxlib.calibration.fit import fit_calibration
from fluxlib.widgets.calibration import explore_calibration
from fluxlib.workflow.parameters import CONTROLS, read_settings
from tests.helpers.daily_series import make_bent_pair


@pytest.fixture(scope="module")
def setting():
    reference, other = make_bent_pair(noise=0.05)
    fluence = {"goes13": reference, "goes15": other}
    fitted = fit_calibration(reference, other, "piecewise", n_boot=50)
    return fluence, {("goes13", "goes15"): fitted}


def test_a_breakpoint_set_by_hand_is_compared_with_the_fitted_one(setting):
    fluence, pairs = setting
    panel = explore_calibration(fluence, pairs)
    assert "by hand" not in panel.output.value
    panel.controls["breakpoint"].value = 6.0
    rmse = compare_lines(*fluence.values(), pairs["goes13", "goes15"], 6.0).rmse
    for name, value in rmse.items():
        assert re.search(f"{name}: slope [^;]*, RMSE {value:.4f} decades", panel.output.value)
    panel.controls["kind"].value = "linear"
    assert re.search(r"fitted: slope 1\.0\d+, RMSE", panel.output.value)


def test_another_pair_has_breakpoints_of_its_own_and_starts_with_the_fitted_one(setting):
    fluence, pairs = setting
    low = fluence | {"goes10": (fluence["goes15"] - 2).rename("goes10")}
    line = pairs["goes13", "goes15"]
    both = pairs | {("goes13", "goes10"): line}
    panel = explore_calibration(low, both, breakpoint=6.0)
    last = panel.controls["breakpoint"].options[-1][1]
    panel.controls["pair"].value = panel.controls["pair"].options[1]
    assert panel.get_values()["breakpoint"] == 0.0
    assert panel.controls["breakpoint"].options[-1][1] < last - 1
    assert "goes10 onto goes13" in panel.output.value


def test_the_first_breakpoint_may_lie_between_two_steps_of_the_slider(setting):
    panel = explore_calibration(*setting, breakpoint=6.013)
    assert panel.get_values()["breakpoint"] == 6.013


def test_a_breakpoint_set_by_hand_can_be_saved(setting, tmp_path, monkeypatch):
    monkeypatch.setenv("FLUX_PARAMS", str(tmp_path))
    panel = explore_calibration(*setting)
    panel.controls["breakpoint"].value = panel.controls["breakpoint"].options[3][1]
    panel.settings_row.save_button.click()
    assert "./run_all.sh -f params/mine.yaml" in panel.settings_row.message.value
    assert read_settings("02_calibration", "mine") == panel.get_values()


def test_controls_start_at_the_notebooks_parameters(setting):
    panel = explore_calibration(*setting, kind="linear", breakpoint=6.5)
    expected = {"pair": "goes15 onto goes13", "kind": "linear", "breakpoint": 6.5}
    assert panel.get_values() == expected
    panel.set_values({"pair": "auto", "breakpoint": 0.0})
    assert panel.get_values() == expected | {"breakpoint": 0.0}
    assert tuple(panel.controls) == CONTROLS["02_calibration"]
