import json

import pandas as pd
import pytest

from fluxlib.reports.comparison import (
    HISTORY,
    _split_figures,
    compare_runs,
    read_runs,
    record_run,
    write_comparison,
)
from fluxlib.workflow.store import Outcome, StepStore
from tests.helpers.notebooks import plan_toys, write_notebook

SCORES = [{"model": "LSTM", "horizon": h, "PE": 0.9 / h, "n": 10} for h in (1, 2)]


@pytest.fixture
def sweep(tmp_path):
    """Plan four runs, and lay out what their steps would have left; one has failed."""
    write_notebook(tmp_path / "notebooks", "01_a", parameters="sizes = [1]\n")
    write_notebook(tmp_path / "notebooks", "02_b", parameters="m = 1\n")
    plan = plan_toys(tmp_path, "grid: {sizes: [[1], [2]], m: [1, 3]}")
    store, outcomes = StepStore(tmp_path / "steps"), {}
    for name, node in plan.nodes.items():
        outcomes[name] = Outcome(node.step.name, "done", name)
        if node.given.get("sizes") == [2]:
            outcomes[name] = Outcome(node.step.name, "failed", name)
            continue
        folder = store.find_folder(name) / "reports" / node.source.name
        folder.mkdir(parents=True)
        figures = [
            {"label": "PE", "value": 0.25 * node.given.get("m", 1)},
            {"label": f"Best: {node.given}", "value": 7, "unit": "h"},
        ]
        results = {"scores": SCORES, "headline": figures} if node.step.name == "02_b" else {}
        (folder / f"{node.step.name}.json").write_text(json.dumps(results))
    index = write_comparison(plan, outcomes, store, tmp_path / "sweep")
    return pd.read_parquet(index.parent / "results.parquet"), index.read_text()


def test_the_table_has_a_row_for_each_number(sweep):
    table, _ = sweep
    assert len(table) == 4 * (2 * 2 + 2)
    assert set(table["run"]) == {"run-1", "run-2", "run-3", "run-4"}
    assert set(table["sizes"]) == {"[1]", "[2]"}
    row = table[(table["run"] == "run-2") & (table["score"] == "PE") & (table["horizon"] == 2)]
    assert row[["dataset", "step", "m", "model", "value"]].values.tolist() == [
        ["data", "02_b", 3, "LSTM", 0.45]
    ]
    figures = table[table["figure"].notna() & (table["run"] == "run-2")]
    assert figures[["score", "value"]].values.tolist() == [["", 0.75], ["h", 7]]


def test_the_page_names_runs_parameters_and_figures(sweep):
    _, page = sweep
    assert '<a href="runs/run-3/reports/data/index.html">run-3</a>' in page
    assert '">02 PE</th>' in page
    # One name for the figures at one place of a notebook, whose labels differ by run.
    assert "<li>02 figure 2: 7</li>" in page
    assert "4 runs of 2 notebooks, 4 steps" in page


def test_the_page_says_which_runs_failed(sweep):
    _, page = sweep
    assert "2 of 4 runs did not finish" in page
    assert page.count('<span class="badge failed">01 failed</span>') == 2


def test_the_page_has_the_mean_by_each_value_of_a_parameter(sweep):
    _, page = sweep
    part = page.split('aria-label="By sizes"')[1].split("</table>")[0]
    assert part.count("<td>2</td>") == 2
    assert part.count("<td>0.500</td>") == 2


def test_figures_that_are_the_same_in_all_runs_stand_apart():
    figures, common = _split_figures([{"a": 1, "b": 2.0}, {"a": 1, "b": None}])
    assert figures == [{"b": 2.0}, {"b": None}]
    assert common == {"a": 1}
    assert _split_figures([{"a": 1}]) == ([{"a": 1}], {})


# The latest runs of a dataset.

STEP = "03_offsets"


def record(folder, value, *, data="d1", label="PE", status="done", **parameters):
    outcomes = {
        STEP: Outcome(STEP, status, parameters=parameters),
        "06_summary": Outcome("06_summary", "done"),
    }
    folder.mkdir(exist_ok=True)
    headline = [{"label": label, "value": value, "unit": "x"}]
    (folder / f"{STEP}.json").write_text(json.dumps({"headline": headline}))
    return record_run(folder, outcomes, data)


def test_what_failed_has_no_scores(tmp_path):
    assert record(tmp_path, 0.5, status="failed")[0]["scores"] == []


def test_one_run_has_nothing_to_be_compared_with(tmp_path):
    assert compare_runs(record(tmp_path, 0.5)) is None


def test_runs_stand_side_by_side_with_the_parameters_that_differ(tmp_path):
    record(tmp_path, 0.5, max_offset=72, drivers=["V"])
    runs = record(tmp_path, 0.625, max_offset=120, drivers=["V"], threshold=0.4)
    found = compare_runs(runs)
    assert len(found["runs"]) == 2
    assert found["data"] is False
    assert found["parameters"] == [
        {"step": STEP, "name": "max_offset", "texts": ["120", "72"]},
        {"step": STEP, "name": "threshold", "texts": ["0.400", "default"]},
    ]
    assert found["scores"] == [{"step": STEP, "name": "PE", "texts": ["0.625", "0.500"]}]


def test_a_run_takes_the_place_of_one_with_the_same_parameters_and_data(tmp_path):
    record(tmp_path, 0.5, max_offset=72)
    record(tmp_path, 0.6, max_offset=120)
    runs = record(tmp_path, 0.7, max_offset=72)
    assert [run["scores"][0]["value"] for run in runs] == [0.7, 0.6]
    assert len(record(tmp_path, 0.7, max_offset=72, data="d2")) == 3


def test_a_run_that_ran_nothing_again_is_not_recorded_again(tmp_path):
    record(tmp_path, 0.5, max_offset=72)
    before = (tmp_path / HISTORY).stat().st_mtime_ns
    record(tmp_path, 0.5, max_offset=72)
    assert (tmp_path / HISTORY).stat().st_mtime_ns == before


def test_other_data_are_marked(tmp_path):
    record(tmp_path, 0.5, data="a" * 64)
    found = compare_runs(record(tmp_path, 0.6, data="b" * 64))
    assert found["data"] == ["bbbbbbbb", "aaaaaaaa"]


def test_a_score_that_one_run_lacks_is_a_dash(tmp_path):
    record(tmp_path, 0.5, max_offset=72, label="of goes13")
    found = compare_runs(record(tmp_path, 0.6, label="of goes15"))
    assert [row["texts"] for row in found["scores"]] == [
        ["0.600", "\N{EN DASH}"],
        ["\N{EN DASH}", "0.500"],
    ]


def test_no_more_runs_are_kept_than_a_page_can_show(tmp_path):
    for n in range(12):
        runs = record(tmp_path, n, max_offset=n)
    assert [run["scores"][0]["value"] for run in runs] == list(range(11, 3, -1))
    assert read_runs(tmp_path) == runs


@pytest.mark.parametrize("content", [None, "", "{"])
def test_a_file_that_is_absent_or_broken_has_no_runs(tmp_path, content):
    if content is not None:
        (tmp_path / HISTORY).write_text(content)
    assert read_runs(tmp_path) == []
    assert len(record(tmp_path, 0.5)) == 1
