from dataclasses import replace

import pytest

from fluxlib.reports.assembly import assemble_run, find_index, is_assembled
from fluxlib.reports.pages import Report
from fluxlib.workflow.depot import Depot, Task
from fluxlib.workflow.desk import Outcome
from tests.helpers.notebooks import plan_toys, still_code, write_notebook

pytestmark = pytest.mark.slow


@pytest.fixture
def parts(tmp_path):
    """Run one step of two; the other is skipped."""
    write_notebook(
        tmp_path / "notebooks",
        "01_a",
        "from pathlib import Path\nfolder = Path(figures_folder, 'data')\n"
        "folder.mkdir(parents=True)\n(folder / '01_a_x.txt').write_text('a figure')",
        plain=True,
    )
    write_notebook(tmp_path / "notebooks", "02_b")
    with still_code():
        plan = plan_toys(tmp_path, "")
        node = next(iter(plan.nodes.values()))
        task = Task(node.step, node.source, {}, {})
        depot = Depot(tmp_path / "steps")
        outcomes = {
            "01_a": depot.bring(task, task.key, 1),
            "02_b": Outcome("02_b", "skipped", "x", "it needs nothing that is there"),
        }
        yield plan, node.source, outcomes, depot


def test_a_run_is_a_report_with_pages_and_figures_that_is_made_once(parts, tmp_path, monkeypatch):
    plan, source, outcomes, depot = parts
    folder = tmp_path / "runs" / "run-1"
    assert not is_assembled(folder, outcomes)
    assemble_run(folder, source, plan.steps, outcomes, depot)
    assert is_assembled(folder, outcomes)
    assert (folder / "figures" / "data" / "01_a_x.txt").read_text() == "a figure"
    index = find_index(folder, source)
    assert {path.name for path in index.parent.glob("*.html")} == {
        *("index.html", "01_a.html", "02_b.html")
    }
    assert "it needs nothing that is there" in index.read_text()
    assert [path.name for path in folder.parent.iterdir()] == ["run-1"]

    # The page of a step that runs share is rendered once.
    rendered = []
    write_page = Report.write_page
    monkeypatch.setattr(
        Report, "write_page", lambda *a: (rendered.append(a[1].name), write_page(*a))[1]
    )
    assemble_run(folder.with_name("run-2"), source, plan.steps, outcomes, depot)
    assert rendered == ["02_b"]
    changed = outcomes | {"02_b": replace(outcomes["02_b"], key="y")}
    assert not is_assembled(folder, changed)
    assemble_run(folder, source, plan.steps, changed, depot)
    assert is_assembled(folder, changed)
