"""A run's folder: what is in it, and what a second run makes of it."""

import json
import shutil
import subprocess

import nbformat
import pytest

from fluxlib.errors import FluxError
from fluxlib.reports import runs as module
from fluxlib.workflow.plan import plan_run
from fluxlib.workflow.store import Outcome, RunFolder, Source, StepStore, hold_folder
from tests.helpers.notebooks import (
    MIXED,
    get_statuses,
    keep_step,
    plan_toys,
    run_toys,
    store_toys,
    write_notebook,
)


@pytest.mark.slow
def test_a_failure_stops_only_what_needs_it(mixed):
    _, run, _ = mixed
    assert get_statuses(run) == {
        "01": "done",
        "02": "not applicable",
        "03": "done",
        "04": "failed",
        "05": "skipped",
        "06": "done",
    }


@pytest.mark.slow
def test_the_failures_name_notebook_cell_and_error(mixed):
    _, run, _ = mixed
    assert run.failures == [
        "04_imputation failed in cell [4] \"flux = {}\": KeyError: 'e2'",
        "05_prediction was skipped: it needs 04_imputation",
    ]


@pytest.mark.slow
def test_one_line_a_notebook_is_reported_with_its_time(mixed):
    _, _, lines = mixed
    assert sorted(" ".join(line.split()[:2]).rstrip(",") for line in lines) == [
        "01_observations done",
        "02_calibration not",
        "03_offsets done",
        "04_imputation failed",
        "05_prediction skipped",
        "06_summary done",
    ]
    assert lines[0].startswith("01_observations      done, ")
    assert lines[0].endswith(" s")


@pytest.mark.slow
def test_a_later_step_sees_that_an_earlier_one_did_not_apply(mixed):
    folder, _, _ = mixed
    assert json.loads((folder / "reports/toy/03_offsets.json").read_text()) == {"calibrated": False}


@pytest.mark.slow
def test_parameters_reach_the_notebook(mixed):
    folder, run, _ = mixed
    assert run.outcomes[2].parameters == {"lag_days": 6}
    notebook = nbformat.read(folder / "reports/toy/03_offsets.ipynb", as_version=4)
    assert notebook.metadata.papermill.parameters.lag_days == 6
    assert notebook.metadata.papermill.parameters.interactive is False


@pytest.mark.slow
def test_partial_notebooks_are_kept_without_papermills_banner(mixed):
    folder, _, _ = mixed
    for name in ("02_calibration", "04_imputation"):
        notebook = nbformat.read(folder / f"reports/toy/{name}.ipynb", as_version=4)
        assert "papermill-error-cell" not in nbformat.writes(notebook)
        assert any(o.output_type == "error" for c in notebook.cells for o in c.get("outputs", []))


@pytest.mark.slow
def test_a_folder_has_the_files_of_its_run_and_nothing_else(mixed):
    folder, run, _ = mixed
    names = {path.name for path in (folder / "reports/toy/tables").iterdir()}
    assert names == {"01_observations_counts.parquet"}
    assert {path.name for path in (folder / "figures/toy").iterdir()} == {
        "01_observations_line.png"
    }
    assert run.index == folder / "reports/toy/index.html"
    assert run.took.endswith(" s")
    assert {path.stem for path in (folder / "reports/toy").glob("*.html")} == {
        "index",
        *(outcome.step for outcome in run.outcomes),
    }


@pytest.mark.slow
def test_what_is_current_is_reused_and_what_failed_is_tried_again(mixed, tmp_path):
    shutil.copytree(mixed[0], tmp_path, dirs_exist_ok=True)
    before = (tmp_path / "reports/toy/03_offsets.json").read_bytes()
    run, lines = run_toys(tmp_path, parameters=MIXED, only=["04"])
    assert list(get_statuses(run).values()) == [
        "reused",
        "reused",
        "reused",
        "failed",
        # Not asked for, and as before: 04 has failed again.
        "skipped",
        "done",
    ]
    assert "01_observations      reused, was done" in lines
    assert (tmp_path / "reports/toy/03_offsets.json").read_bytes() == before
    assert "Runs of this dataset" not in run.index.read_text()


# What a folder is made of, without running a notebook.


@pytest.fixture
def kept(tmp_path):
    """Lend the steps of two notebooks as if they had been run with n = 1 and with n = 2."""
    (tmp_path / "data").mkdir()
    write_notebook(tmp_path / "notebooks", "01_a", parameters="n = 1\n")
    write_notebook(tmp_path / "notebooks", "02_b", needs=["01_a"])
    store = store_toys(tmp_path)
    for n in (1, 2):
        for job in jobs_of(tmp_path, n).values():
            report = store.find_folder(job.key) / "reports" / "toy"
            (report / "tables").mkdir(parents=True)
            names = [f"{job.step}.ipynb", f"{job.step}.json", f"tables/{job.step}_n{n}.parquet"]
            for name in names:
                (report / name).write_text("{}")
            shutil.copy(job.notebook, report / f"{job.step}.ipynb")
            (report / f"{job.step}.json").write_text(
                json.dumps({"headline": [{"label": "n", "value": n}]})
            )
            outputs = [f"reports/toy/{name}" for name in names]
            keep_step(store, job, outputs=outputs, seconds=1.0, finished=f"2020-01-0{n}T00:00")
    return tmp_path


def jobs_of(folder, n):
    from fluxlib.workflow.engine import settle_steps

    plan = plan_run(toy(folder), notebooks=folder / "notebooks", parameters={"n": n})
    return settle_steps(plan, StepStore(folder / "empty"))[1]


def toy(folder):
    return Source(folder / "data", "toy", "Toy <data>", synthetic=True, key="a" * 64)


def list_names(folder):
    paths = (folder / "reports" / "toy").rglob("*")
    return {path.name for path in paths if path.is_file() and not path.name.startswith(".")}


def test_a_folder_follows_the_parameters_and_the_runs_stand_side_by_side(kept):
    run_toys(kept)
    assert {"01_a_n1.parquet", "02_b_n1.parquet", "index.html"} <= list_names(kept)
    run, lines = run_toys(kept, parameters={"n": 2})
    assert get_statuses(run) == {"01": "reused", "02": "reused"}
    assert len(lines) == 2
    assert not {"01_a_n1.parquet", "02_b_n1.parquet"} & list_names(kept)
    assert json.loads((kept / "reports/toy/02_b.json").read_text())["headline"][0]["value"] == 2
    page = run.index.read_text()
    assert "Runs of this dataset" in page
    assert "0 of 2 notebooks run, the others unchanged" in page


def test_a_second_run_writes_nothing_and_starts_no_process(kept, monkeypatch):
    run_toys(kept)
    paths = [path for path in (kept / "reports" / "toy").rglob("*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in paths if ".lock" not in path.name}
    monkeypatch.setattr(subprocess, "Popen", None)
    monkeypatch.setattr("fluxlib.reports.pages.write_report", None)
    run_toys(kept)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_files_that_are_missing_or_were_changed_are_put_back_from_the_store(kept):
    run_toys(kept)
    report = kept / "reports" / "toy"
    (report / "01_a.json").unlink()
    (report / "02_b.ipynb").write_text("edited")
    (report / "index.html").unlink()
    run_toys(kept)
    assert json.loads((report / "01_a.json").read_text())["headline"][0]["value"] == 1
    assert json.loads((report / "02_b.ipynb").read_text())["cells"]
    assert (report / "index.html").exists()
    for job in jobs_of(kept, 1).values():
        assert store_toys(kept).find_current(job.key)


def test_what_was_not_asked_for_is_left_as_it_is_and_marked_out_of_date(kept):
    run_toys(kept)
    run, _ = run_toys(kept, parameters={"n": 2}, only=["01"])
    assert get_statuses(run) == {"01": "reused", "02": "out of date"}
    assert {"01_a_n2.parquet", "02_b_n1.parquet", "02_b.html"} <= list_names(kept)
    assert "out of date" in run.index.read_text()
    run, _ = run_toys(kept, only=["01"])
    assert get_statuses(run) == {"01": "reused", "02": "done"}


def test_pages_are_written_again_when_their_templates_have_changed(kept, monkeypatch):
    run, _ = run_toys(kept)
    run.index.write_text("old")
    run_toys(kept)
    assert run.index.read_text() == "old"
    monkeypatch.setattr(module, "hash_templates", lambda: "others")
    run_toys(kept)
    assert run.index.read_text() != "old"


def test_a_first_run_is_marked_not_run_where_it_was_not_asked(kept):
    run, _ = run_toys(kept, only=["01"])
    assert get_statuses(run) == {"01": "reused", "02": "not run"}
    assert "02_b.html" not in run.index.read_text()


def test_a_second_run_on_the_same_folder_is_refused(kept):
    with hold_folder(kept / "reports" / "toy"), pytest.raises(FluxError, match="Another run"):
        run_toys(kept)
    assert not (kept / "reports" / "toy" / "index.html").exists()


def test_parameters_that_are_unknown_are_refused_before_anything_runs(tmp_path):
    write_notebook(tmp_path / "notebooks", "01_a", parameters="n = 1\n")
    with pytest.raises(FluxError, match=r"batch\.yaml: no notebook has a parameter 'm'"):
        run_toys(tmp_path, parameters={"m": 1}, parameters_source="batch.yaml")
    assert not (tmp_path / "reports").exists()


def test_a_dry_run_explains_by_what_the_folder_was_made_of(kept):
    run_toys(kept)
    plan = plan_run(toy(kept), notebooks=kept / "notebooks", parameters={"n": 3})
    place = RunFolder(toy(kept), kept / "reports", kept / "figures")
    lines = module.explain_run(plan, {"run-1": place}, store_toys(kept))
    assert [line.split(maxsplit=1)[1] for line in lines] == [
        "would run: changed parameters: n",
        "would run: 01_a would run",
    ]


def test_a_failure_of_a_sweep_names_the_runs_that_it_is_part_of(tmp_path):
    write_notebook(tmp_path / "notebooks", "01_a", parameters="n = 1\n")
    write_notebook(tmp_path / "notebooks", "02_b", parameters="m = 1\n")
    plan = plan_toys(tmp_path, "grid: {n: [1, 2], m: [1, 2]}")
    outcomes = {name: Outcome(node.step.name, "done") for name, node in plan.nodes.items()}
    outcomes[plan.runs[1].nodes["02_b"]] = Outcome("02_b", "failed", message="x")
    failures = module._list_failures(plan, outcomes, name_runs=True)
    assert failures == ["02_b failed: x (run-2, run-4)"]
    assert module._list_failures(plan, outcomes, name_runs=False) == ["02_b failed: x"]
