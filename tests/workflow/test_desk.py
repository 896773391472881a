import json

import pytest

from fluxlib.workflow.desk import Desk, Outcome, Source, list_broken, make_key
from fluxlib.workflow.steps import read_step
from tests.helpers.notebooks import write_notebook


@pytest.fixture
def desk(tmp_path):
    source = Source(tmp_path / "data", "toy", "Toy", synthetic=True, key="k")
    return Desk(source, tmp_path / "reports", tmp_path / "figures")


@pytest.fixture
def step(tmp_path):
    options = {"parameters": "n = 1\n", "needs": ["01_a"], "uses": ["00_z"]}
    return read_step(write_notebook(tmp_path / "notebooks", "02_b", **options))


def test_a_step_that_left_no_stamp_or_another_versions_was_not_run(desk, step):
    assert desk.recall(step).status == "not run"
    desk.folder.mkdir(parents=True)
    stamp = desk.folder / "02_b.stamp.json"
    for text in ("{", '{"step": "02_b", "status": "done", "colour": "red"}'):
        stamp.write_text(text)
        assert desk.recall(step).status == "not run"
    stamp.write_text(json.dumps({"step": "02_b", "status": "done", "outputs": ["toy/02_b.json"]}))
    outcome = desk.recall(step)
    assert outcome.status == "done"
    assert not desk.has(outcome)
    (desk.folder / "02_b.json").touch()
    assert desk.has(outcome)


def test_clearing_removes_the_files_of_one_step_alone(desk, step):
    own = [*(f"02_b{end}" for end in (".stamp.json", ".json", ".ipynb", ".html")), "tables/02_b_t"]
    for name in [*own, "02_c.json", "tables/02_c_t"]:
        (desk.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (desk.folder / name).touch()
    desk.clear(step)
    left = {str(path.relative_to(desk.folder)) for path in desk.folder.rglob("*") if path.is_file()}
    assert left == {"02_c.json", "tables/02_c_t"}


def test_a_key_follows_what_upstream_came_to_and_takes_defaults_for_given(desk, step):
    upstream = {"01_a": Outcome("01_a", "done", "x"), "00_z": Outcome("00_z", "failed", "y")}
    key = make_key(step, {}, desk.source, upstream)
    assert make_key(step, {"n": 1}, desk.source, upstream) == key
    assert make_key(step, {"n": 2}, desk.source, upstream) != key
    mended = upstream | {"00_z": Outcome("00_z", "done", "y")}
    assert make_key(step, {}, desk.source, mended) != key


def test_only_what_is_needed_can_break_a_step(step):
    upstream = {"01_a": Outcome("01_a", "skipped"), "00_z": Outcome("00_z", "failed")}
    assert list_broken(step, upstream) == ["01_a"]
    assert list_broken(step, upstream | {"01_a": Outcome("01_a", "not applicable")}) == []
