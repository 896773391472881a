import pandas as pd
import pytest

from fluxlib.imputation.genetic import GeneticSearch
from fluxlib.imputation.hidden_gaps import fill_gap, locate_gap
from fluxlib.widgets.imputation import explore_gap, explore_search
from fluxlib.workflow.parameters import CONTROLS
from tests.helpers.imputation import (
    SEARCH,
    make_line_holdout,
    make_line_imputer,
    make_surface,
)


def grow_all(panel):
    panel.run_row.start_button.click()
    assert panel.run_row.job.wait(60)


def test_missing_forests_are_counted_and_their_time_estimated_before_they_grow():
    panel = explore_search(make_surface(), **SEARCH)
    assert "The forests of the first generation have not been grown yet." in panel.output.value
    assert panel.run_row.start_button.description == "Grow the forests"
    assert "All forests that these bits allow need 32 more trees." in panel.run_row.message.value
    grow_all(panel)
    panel.controls["fitness"].value = "train"
    assert "32 more trees, about 0." in panel.run_row.message.value


def test_the_replay_equals_the_search_of_a_batch_run_at_each_generation():
    panel = explore_search(make_surface(), **SEARCH)
    grow_all(panel)
    surface = make_surface()
    search = GeneticSearch(
        population=6, generations=3, mutation=0.05, bits=(3, 2, 2), random_state=1
    )
    history, best = search.run(surface.fitness)
    assert (
        f"Generation 3 of 3: best so far {best.trees} trees, depth {best.depth}, leaf "
        f"{best.leaf}, RMSE {best.rmse:.4f} decades; {history['evaluations'].iloc[-1]} forests"
    ) in panel.output.value
    panel.display_controls["generation"].value = 0
    first = history.iloc[0]
    assert f"Generation 0 of 3: best so far {first['trees']:.0f} trees" in panel.output.value


def test_a_moved_control_replays_the_search_to_its_last_generation():
    panel = explore_search(make_surface(), **SEARCH)
    grow_all(panel)
    panel.controls["generations"].value = 7
    assert "Generation 7 of 7" in panel.output.value
    panel.controls["elitism"].value = True
    panel.controls["population"].value = 10
    assert "Generation 7 of 7" in panel.output.value
    assert "flux-error" not in panel.output.value


def test_controls_of_the_search_are_the_notebooks_parameters():
    panel = explore_search(make_surface(), **SEARCH)
    assert panel.get_values() == SEARCH | {"bits": [3, 2, 2]}
    assert tuple(panel.controls) == CONTROLS["04_imputation"][: len(panel.controls)]


GAP = {"gap_length": 24, "methods": ["linear", "GA-RF"]}


@pytest.fixture(scope="module")
def flat():
    return make_line_holdout()


@pytest.fixture(scope="module")
def line(flat):
    return make_line_imputer(flat)


@pytest.fixture(scope="module")
def predictions(flat):
    return pd.DataFrame({"GA-RF": flat.log_flux[flat.test] + 0.1})


@pytest.fixture
def gap_panel(flat, line, predictions):
    gap = locate_gap(flat, f"{flat.test[48]:%Y-%m-%d %H:%M}", 24)
    return explore_gap(flat, line, predictions, gap=gap, gap_hours=[6, 24, 99999], **GAP)


def test_the_errors_of_a_gap_are_those_of_a_batch_run(gap_panel, flat, line, predictions):
    start = gap_panel.controls["gap_start"].options[-1]
    gap_panel.set_values({"gap_start": start, "methods": ["full model", "cubic"]})
    _, rmse = fill_gap(flat, line, predictions, locate_gap(flat, start, 24))
    expected = f"RMSE in decades: full model {rmse['full model']:.3f}, cubic {rmse['cubic']:.3f}."
    assert expected in gap_panel.output.value


def test_another_length_keeps_the_start_and_lengths_without_room_are_not_offered(gap_panel):
    start = gap_panel.controls["gap_start"].value
    assert gap_panel.controls["gap_length"].options == (6, 24)
    gap_panel.controls["gap_length"].value = 6
    assert gap_panel.controls["gap_start"].value == start
    assert "6 samples from" in gap_panel.output.value
    gap_panel.controls["methods"].value = ()
    assert "methods is []; expected one or more of GA-RF, full model" in gap_panel.output.value


def test_controls_of_the_gap_are_the_notebooks_parameters(gap_panel):
    values = gap_panel.get_values()
    assert set(values) <= set(CONTROLS["04_imputation"])
    gap_panel.set_values({"gap_start": ""})
    assert gap_panel.get_values() == values
