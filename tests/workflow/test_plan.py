from dataclasses import replace

import pytest

from fluxlib.errors import FluxError
from fluxlib.workflow.plan import make_job, plan_run
from tests.helpers.notebooks import plan_toys, write_notebook


@pytest.fixture
def folder(tmp_path):
    notebooks = tmp_path / "notebooks"
    write_notebook(notebooks, "01_a", parameters="cadence = '1h'\n")
    write_notebook(notebooks, "02_b", parameters="limit = 5\nsizes = [1, 2]\n", needs=["01_a"])
    write_notebook(notebooks, "03_c", parameters="units = 8\n", needs=["01_a"])
    write_notebook(
        notebooks, "04_d", parameters="cadence = '1h'\nunits = 1\n", uses=["02_b", "03_c"]
    )
    return tmp_path


def count_steps(plan):
    return [
        sum(node.step.name.startswith(number) for node in plan.nodes.values())
        for number in ("01", "02", "03", "04")
    ]


def test_a_grid_is_every_combination_and_runs_share_the_steps_that_agree(folder):
    plan = plan_toys(folder, "grid: {limit: [1, 2, 3], 03_c: {units: [4, 8, 16, 32]}}")
    assert plan.name == "toys"
    assert len(plan.runs) == 12
    assert [run.name for run in plan.runs[:2]] == ["run-01", "run-02"]
    assert count_steps(plan) == [1, 3, 4, 12]
    assert plan.runs[1].varied == {"limit": 1, "units": 8}
    first = plan.runs[0].nodes
    assert plan.nodes[first["04_d"]].upstream == {"02_b": first["02_b"], "03_c": first["03_c"]}


def test_a_default_spelled_out_is_the_default(folder):
    plan = plan_toys(folder, "runs: [{}, {limit: 5}, {limit: 6}]")
    assert plan.runs[0].nodes == plan.runs[1].nodes
    assert count_steps(plan) == [1, 2, 1, 2]
    assert [run.varied["limit"] for run in plan.runs] == [5, 5, 6]


def test_each_of_a_list_meets_each_of_the_grid_and_wins_over_what_is_common(folder):
    plan = plan_toys(
        folder,
        "parameters: {limit: 1, 02_b: {sizes: [3, 4]}}\n"
        "runs: [{limit: 2}, {02_b: {sizes: [5, 6]}}]\ngrid: {cadence: [1h, 5min]}",
    )
    given = [plan.nodes[run.nodes["02_b"]].given for run in plan.runs]
    assert given == 2 * [{"limit": 2, "sizes": [3, 4]}] + 2 * [{"limit": 1, "sizes": [5, 6]}]
    # What several notebooks are told alike is one column.
    assert plan.runs[0].varied == {"cadence": "1h", "limit": 2, "sizes": [3, 4]}


def test_what_means_two_things_has_its_notebook_in_its_name(folder):
    plan = plan_toys(folder, "grid: {03_c: {units: [1, 2]}, 04_d: {units: [1, 2]}}")
    assert plan.runs[1].varied == {"03_c.units": 1, "04_d.units": 2}


def test_datasets_lie_beside_the_file_and_share_no_step(folder):
    plan = plan_toys(folder, "datasets: [one, data/two]\nnotebooks: [1]")
    assert [run.source.folder for run in plan.runs] == [folder / "one", folder / "data" / "two"]
    assert [run.varied for run in plan.runs] == [{"dataset": "one"}, {"dataset": "two"}]
    assert count_steps(plan) == [2, 0, 0, 0]


def test_only_the_notebooks_asked_for_and_what_they_build_on_are_run(folder):
    plan = plan_toys(folder, "notebooks: ['02']\ngrid: {limit: [1, 2], 03_c: {units: [1, 2]}}")
    assert plan.chosen == {"01_a", "02_b"}
    assert count_steps(plan) == [1, 2, 0, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grids: {limit: [1]}", "found 'grids'; expected any of datasets, notebooks, parameters"),
        ("grid: {limit: 1}", "grid: limit is 1; expected a list of values"),
        ("grid: {02_b: {limit: []}}", r"grid: 02_b: limit is \[\]; expected a list of values"),
        ("grid: [1]", r"grid is \[1\]; expected names and values"),
        ("runs: [3]", "runs has 3; expected names and values"),
        ("grid: {limt: [1]}", "no notebook has a parameter 'limt'; did you mean 'limit'"),
        ("grid: {sizes: [1, 2]}", r"sizes is 1 \(int\), expected a list like \[1, 2\]"),
        ("notebooks: ['09']", "'09' is no notebook; expected one of 01_a"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_before_anything_runs(folder, text, message):
    with pytest.raises(FluxError, match=message):
        plan_toys(folder, text)


def test_an_ordinary_run_is_a_sweep_of_one_with_the_same_steps(folder):
    sweep = plan_toys(folder, "parameters: {limit: 7}")
    run = plan_run(
        sweep.runs[0].source, notebooks=folder / "notebooks", parameters={"limit": 7}, only=["03"]
    )
    assert run.runs[0].nodes == sweep.runs[0].nodes
    assert [node.step.name for node in run.nodes.values()] == ["01_a", "03_c"]
    assert (run.chosen, run.code) == ({"01_a", "03_c"}, sweep.code)


def test_a_key_follows_all_that_a_step_depends_on(folder):
    plan = plan_toys(folder, "")
    node = list(plan.nodes.values())[1]
    upstream = {"01_a": "k"}
    key = make_job(node.step, node.source, {}, upstream, code="c").key
    assert make_job(node.step, node.source, {"limit": 5}, upstream, code="c").key == key
    other = replace(node.source, key="other data")
    changed = [
        make_job(node.step, node.source, {"limit": 6}, upstream, code="c"),
        make_job(node.step, node.source, {}, {"01_a": "failed"}, code="c"),
        make_job(node.step, node.source, {}, upstream, code="d"),
        make_job(node.step, other, {}, upstream, code="c"),
    ]
    assert len({key, *(job.key for job in changed)}) == 5


def test_a_job_is_rebuilt_from_notebook_and_code_as_they_are_now(folder, monkeypatch):
    plan = plan_toys(folder, "")
    node = next(iter(plan.nodes.values()))
    job = make_job(node.step, node.source, {}, {}, code=plan.code)
    assert job.rebuild() == job
    write_notebook(folder / "notebooks", "01_a", "1 + 1", parameters="cadence = '1h'\n")
    assert job.rebuild().key != job.key
    write_notebook(folder / "notebooks", "01_a", parameters="cadence = '1h'\n")
    assert job.rebuild().key == job.key
    monkeypatch.setattr("fluxlib.workflow.plan.hash_code", lambda: "other code")
    assert job.rebuild().key != job.key
