from fluxlib.imputation.genetic import GeneticSearch
from fluxlib.widgets.search import explore_search
from fluxlib.workflow.settings import CONTROLS
from tests.imputation.test_replay import OPTIONS, make_surface

BEGIN = {name: value for name, value in OPTIONS.items() if name != "seed"} | {"random_state": 1}


def grow_all(panel):
    panel.work.start.click()
    assert panel.work.job.wait(60)


def test_what_is_not_grown_is_told_with_its_time_before_it_starts():
    panel = explore_search(make_surface(), **BEGIN)
    assert "Forests of the first generation are not grown yet." in panel.view.value
    assert panel.work.start.description == "Grow the forests"
    assert "All that these bits allow: 32 trees." in panel.work.said.value
    grow_all(panel)
    panel.named["fitness"].value = "train"
    assert "32 trees, about 0." in panel.work.said.value


def test_the_replay_is_the_search_of_a_batch_run_generation_by_generation():
    panel = explore_search(make_surface(), **BEGIN)
    grow_all(panel)
    surface = make_surface()
    search = GeneticSearch(population=6, generations=3, mutation=0.05, bits=(3, 2, 2), seed=1)
    history, best = search.run(surface.fitness)
    assert (
        f"Generation 3 of 3: best so far {best.trees} trees, depth {best.depth}, leaf "
        f"{best.leaf}, RMSE {best.rmse:.4f} decades; {history['evaluations'].iloc[-1]} forests"
    ) in panel.view.value
    panel.views["generation"].value = 0
    first = history.iloc[0]
    assert f"Generation 0 of 3: best so far {first['trees']:.0f} trees" in panel.view.value


def test_a_moved_control_replays_and_more_generations_move_the_players_end():
    panel = explore_search(make_surface(), **BEGIN)
    grow_all(panel)
    panel.named["generations"].value = 7
    assert "Generation 7 of 7" in panel.view.value
    panel.named["elitism"].value = True
    panel.named["population"].value = 10
    assert "Generation 7 of 7" in panel.view.value
    assert "flux-error" not in panel.view.value


def test_controls_are_the_notebooks_parameters():
    panel = explore_search(make_surface(), **BEGIN)
    assert panel.get_values() == BEGIN | {"bits": [3, 2, 2]}
    assert tuple(panel.named) == CONTROLS["04_imputation"][: len(panel.named)]
