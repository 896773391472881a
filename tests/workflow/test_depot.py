import json
import os
from dataclasses import replace

import pytest

from fluxlib.errors import FluxError
from fluxlib.workflow.depot import Depot, Task, link_file, replace_folder
from tests.helpers.notebooks import plan_toys, still_code, write_notebook


@pytest.fixture(autouse=True)
def still():
    with still_code():
        yield


@pytest.fixture
def task(tmp_path):
    write_notebook(
        tmp_path / "notebooks",
        "01_a",
        "import json, os\nfrom pathlib import Path\n"
        "place = Path(reports_folder, 'data', '01_a.json')\n"
        "place.write_text(json.dumps([os.environ['OMP_NUM_THREADS'], n]))",
        plain=True,
        parameters="n = 1\n",
    )
    (node,) = plan_toys(tmp_path, "parameters: {n: 5}").nodes.values()
    return Task(node.step, node.source, node.given, {})


@pytest.fixture
def depot(tmp_path):
    return Depot(tmp_path / "steps")


@pytest.mark.slow
def test_a_step_is_run_once_and_found_under_its_key(task, depot):
    first = depot.bring(task, task.key, 3)
    assert (first.status, first.reused) == ("done", False)
    there = depot.desk(task.source, task.key).folder
    assert json.loads((there / "01_a.json").read_text()) == ["3", 5]
    again = depot.bring(task, task.key, 3)
    assert again == replace(first, reused=True)
    assert depot.find(replace(task, given={}), replace(task, given={}).key) is None
    # Damaged, it is made again.
    (there / "01_a.json").unlink()
    assert depot.find(task, task.key) is None
    assert not depot.bring(task, task.key, 1).reused
    assert json.loads((there / "01_a.json").read_text()) == ["1", 5]


def test_a_notebook_that_is_another_than_was_planned_is_not_run(task, depot):
    key = task.key
    text = task.step.path.read_text()
    task.step.path.write_text(text.replace("n = 1", "n = 2"))
    with pytest.raises(FluxError, match=r"01_a\.ipynb, fluxlib or requirements.txt have changed"):
        depot.bring(task, key, 1)
    assert depot.find(task, key) is None


def test_what_is_given_up_is_kept_as_a_failure(task, depot):
    outcome = depot.give_up(task, task.key, "no worker survived it")
    assert (outcome.status, outcome.message) == ("failed", "no worker survived it")
    desk = depot.desk(task.source, task.key)
    assert desk.has(outcome)
    assert depot.find(task, task.key) is None


def test_only_folders_that_no_worker_writes_to_are_swept(depot):
    for key in ("dead", "live"):
        (depot.folder / f".writing-{key}-1" / "reports").mkdir(parents=True)
    with depot.claim("live"):
        depot.sweep()
        assert {path.name for path in depot.folder.glob(".writing*")} == {".writing-live-1"}


def test_a_folder_takes_the_place_of_another_as_a_whole(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    replace_folder(tmp_path / "new", tmp_path / "old")
    assert [path.name for path in tmp_path.rglob("*")] == ["old", "new"]


def test_files_are_copied_where_a_file_system_has_no_links(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("text")
    link_file(tmp_path / "a", tmp_path / "b" / "linked")
    assert os.path.samefile(tmp_path / "a", tmp_path / "b" / "linked")

    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    link_file(tmp_path / "a", tmp_path / "b" / "copied")
    assert (tmp_path / "b" / "copied").read_text() == "text"
    assert not os.path.samefile(tmp_path / "a", tmp_path / "b" / "copied")


def test_names_of_tasks_tell_folders_apart(tmp_path):
    one, two = Depot(tmp_path / "one"), Depot(tmp_path / "two")
    assert one.name_task("x") == Depot(tmp_path / "one").name_task("x")
    assert len({one.name_task("x"), one.name_task("y"), two.name_task("x")}) == 3
