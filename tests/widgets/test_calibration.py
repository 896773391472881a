import re

import pytest

from fluxlib.calibration.fit import fit_calibration
from fluxlib.calibration.manual import compare_lines
from fluxlib.widgets.calibration import explore_calibration
from fluxlib.workflow.settings import CONTROLS, read_settings
from tests.calibration.test_manual import draw_bent


@pytest.fixture(scope="module")
def setting():
    reference, other = draw_bent(noise=0.05)
    fluence = {"goes13": reference, "goes15": other}
    fitted = fit_calibration(reference, other, "piecewise", n_boot=50)
    return fluence, {("goes13", "goes15"): fitted}


def test_the_fitted_breakpoint_stands_beside_the_hand(setting):
    fluence, pairs = setting
    panel = explore_calibration(fluence, pairs)
    assert "by hand" not in panel.view.value
    panel.named["breakpoint"].value = 6.0
    rmse = compare_lines(*fluence.values(), pairs["goes13", "goes15"], 6.0).rmse
    for name, value in rmse.items():
        assert re.search(f"{name}: slope [^;]*, RMSE {value:.4f} decades", panel.view.value)
    panel.named["kind"].value = "linear"
    assert re.search(r"fitted: slope 1\.0\d+, RMSE", panel.view.value)


def test_another_pair_has_levels_of_its_own_and_begins_as_fitted(setting):
    fluence, pairs = setting
    low = fluence | {"goes10": (fluence["goes15"] - 2).rename("goes10")}
    line = pairs["goes13", "goes15"]
    both = pairs | {("goes13", "goes10"): line}
    panel = explore_calibration(low, both, breakpoint=6.0)
    last = panel.named["breakpoint"].options[-1][1]
    panel.named["pair"].value = panel.named["pair"].options[1]
    assert panel.get_values()["breakpoint"] == 0.0
    assert panel.named["breakpoint"].options[-1][1] < last - 1
    assert "goes10 onto goes13" in panel.view.value


def test_a_breakpoint_between_the_sliders_steps_can_be_where_it_begins(setting):
    panel = explore_calibration(*setting, breakpoint=6.013)
    assert panel.get_values()["breakpoint"] == 6.013


def test_a_breakpoint_set_by_hand_can_be_saved(setting, tmp_path, monkeypatch):
    monkeypatch.setenv("FLUX_PARAMS", str(tmp_path))
    panel = explore_calibration(*setting)
    panel.named["breakpoint"].value = panel.named["breakpoint"].options[3][1]
    panel.saving.save.click()
    assert "./run_all.sh -f params/mine.yaml" in panel.saving.said.value
    assert read_settings("02_calibration", "mine") == panel.get_values()


def test_controls_begin_where_the_parameters_are(setting):
    panel = explore_calibration(*setting, kind="linear", breakpoint=6.5)
    expected = {"pair": "goes15 onto goes13", "kind": "linear", "breakpoint": 6.5}
    assert panel.get_values() == expected
    panel.set_values({"pair": "auto", "breakpoint": 0.0})
    assert panel.get_values() == expected | {"breakpoint": 0.0}
    assert tuple(panel.named) == CONTROLS["02_calibration"]
