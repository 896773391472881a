import pytest

from fluxlib.imputation.hidden_gaps import fill_gap, find_gap
from fluxlib.widgets.gap import explore_gap
from fluxlib.workflow.settings import CONTROLS
from tests.imputation.test_gapview import predictions  # noqa: F401 - a fixture
from tests.imputation.test_hidden_gaps import flat, line  # noqa: F401 - fixtures

BEGIN = {"gap_length": 24, "methods": ["linear", "GA-RF"]}


@pytest.fixture
def panel(flat, line, predictions):  # noqa: F811
    gap = find_gap(flat, f"{flat.test[48]:%Y-%m-%d %H:%M}", 24)
    return explore_gap(flat, line, predictions, gap=gap, gap_hours=[6, 24, 99999], **BEGIN)


def test_the_errors_are_those_of_the_batch_run(panel, flat, line, predictions):  # noqa: F811
    start = panel.named["gap_start"].options[-1]
    panel.set_values({"gap_start": start, "methods": ["full model", "cubic"]})
    _, rmse = fill_gap(flat, line, predictions, find_gap(flat, start, 24))
    expected = f"RMSE in decades: full model {rmse['full model']:.3f}, cubic {rmse['cubic']:.3f}."
    assert expected in panel.view.value


def test_another_length_keeps_the_beginning_and_lengths_without_room_are_not_offered(panel):
    start = panel.named["gap_start"].value
    assert panel.named["gap_length"].options == (6, 24)
    panel.named["gap_length"].value = 6
    assert panel.named["gap_start"].value == start
    assert "6 samples from" in panel.view.value
    panel.named["methods"].value = ()
    assert "methods is []; expected one or more of GA-RF, full model" in panel.view.value


def test_controls_are_the_notebooks_parameters(panel):
    values = panel.get_values()
    assert set(values) <= set(CONTROLS["04_imputation"])
    panel.set_values({"gap_start": ""})
    assert panel.get_values() == values
