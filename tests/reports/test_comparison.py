import json

import pandas as pd
import pytest

from fluxlib.reports.comparison import _split_figures, write_comparison
from fluxlib.workflow.depot import Depot
from fluxlib.workflow.desk import Outcome
from tests.helpers.notebooks import plan_toys, write_notebook

SCORES = [{"model": "LSTM", "horizon": h, "PE": 0.9 / h, "n": 10} for h in (1, 2)]


@pytest.fixture
def sweep(tmp_path):
    """Plan four runs, and lay out what their steps would have left; one has failed."""
    write_notebook(tmp_path / "notebooks", "01_a", parameters="bits = [1]\n")
    write_notebook(tmp_path / "notebooks", "02_b", parameters="m = 1\n")
    plan = plan_toys(tmp_path, "grid: {bits: [[1], [2]], m: [1, 3]}")
    depot, outcomes = Depot(tmp_path / "steps"), {}
    for name, node in plan.nodes.items():
        outcomes[name] = Outcome(node.step.name, "done", name)
        if node.given.get("bits") == [2]:
            outcomes[name] = Outcome(node.step.name, "failed", name)
            continue
        folder = depot.desk(node.source, name).folder
        folder.mkdir(parents=True)
        figures = [
            {"label": "PE", "value": 0.25 * node.given.get("m", 1)},
            {"label": f"Best: {node.given}", "value": 7, "unit": "h"},
        ]
        results = {"scores": SCORES, "headline": figures} if node.step.name == "02_b" else {}
        (folder / f"{node.step.name}.json").write_text(json.dumps(results))
    index = write_comparison(plan, outcomes, depot, tmp_path / "sweep")
    return pd.read_parquet(index.parent / "results.parquet"), index.read_text()


def test_the_table_has_a_row_for_each_number(sweep):
    table, _ = sweep
    assert len(table) == 4 * (2 * 2 + 2)
    assert set(table["run"]) == {"run-1", "run-2", "run-3", "run-4"}
    assert set(table["bits"]) == {"[1]", "[2]"}
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
    assert "2 of 4 runs did not come to their end" in page
    assert page.count('<span class="badge failed">01 failed</span>') == 2


def test_the_page_has_the_mean_by_each_value_of_a_parameter(sweep):
    _, page = sweep
    part = page.split('aria-label="By bits"')[1].split("</table>")[0]
    assert part.count("<td>2</td>") == 2
    assert part.count("<td>0.500</td>") == 2


def test_figures_that_are_the_same_in_all_runs_stand_apart():
    figures, common = _split_figures([{"a": 1, "b": 2.0}, {"a": 1, "b": None}])
    assert figures == [{"b": 2.0}, {"b": None}]
    assert common == {"a": 1}
    assert _split_figures([{"a": 1}]) == ([{"a": 1}], {})
