import pytest

from fluxlib.errors import FluxError
from fluxlib.workflow import steps as module
from fluxlib.workflow.steps import find_steps, hash_step, select_steps
from tests.helpers.notebooks import write_mixed, write_notebook


@pytest.fixture
def mixed(tmp_path):
    write_mixed(tmp_path)
    return find_steps(tmp_path)


def hash_one(step, **changes):
    inputs = {"parameters": {}, "dataset_key": "d", "upstream": {"01_observations": "done k"}}
    return hash_step(step, **(inputs | changes))


def test_steps_come_in_order_with_title_parameters_and_needs(mixed):
    assert [step.name[:2] for step in mixed] == ["01", "02", "03", "04", "05", "06"]
    first, second = mixed[:2]
    assert first.title == "Observations: a question?"
    assert first.parameters["large"].default == 10
    assert first.parameters["large"].help == "days, n >= 10 = large"
    assert first.parameters["first"].help == "The first day, or the day that a longer comment says."
    assert first.parameters["rate"].help == ""
    assert first.parameters["first"].default == "2010-01-01"
    assert second.needs == ("01_observations",)


def test_an_empty_folder_is_told(tmp_path):
    with pytest.raises(FluxError, match="found no notebooks"):
        find_steps(tmp_path)


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    (tmp_path / "01_x.ipynb").write_text("plain text")
    with pytest.raises(FluxError, match=r"01_x\.ipynb is no notebook"):
        find_steps(tmp_path)


def test_a_step_cannot_build_on_a_later_or_unknown_one(tmp_path):
    write_notebook(tmp_path, "01_a", needs=["02_b"])
    write_notebook(tmp_path, "02_b")
    with pytest.raises(FluxError, match=r"01_a.*'02_b'.*there is none"):
        find_steps(tmp_path)


def test_two_notebooks_with_one_number_are_refused(tmp_path):
    write_notebook(tmp_path, "01_a")
    write_notebook(tmp_path, "01_b")
    with pytest.raises(FluxError, match="01_a has the number 01 as well"):
        find_steps(tmp_path)


def test_a_parameter_that_is_no_literal_is_refused(tmp_path):
    write_notebook(tmp_path, "01_a", parameters="n = 2 * 3\n")
    with pytest.raises(FluxError, match=r"'n' is 2 \* 3; expected a literal"):
        find_steps(tmp_path)[0].parameters  # noqa: B018 - it is read from the cell when asked


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "01 02 03 04 05 06"),
        ({"only": ["03"]}, "01 02 03"),
        ({"only": ["01", "02_calibration"]}, "01 02"),
        ({"start": "06"}, "01 02 03 04 05 06"),
        ({"only": ["02"], "start": "02"}, "01 02"),
    ],
)
def test_a_choice_brings_what_it_builds_on(mixed, options, expected):
    assert sorted(name[:2] for name in select_steps(mixed, **options)) == expected.split()


def test_an_unknown_choice_lists_the_notebooks(mixed):
    with pytest.raises(FluxError, match=r"no notebook '07'; there are 01_observations, 02_"):
        select_steps(mixed, only=["07"])


def test_the_key_changes_with_each_input_and_only_then(mixed, tmp_path, monkeypatch):
    step = mixed[1]
    key = hash_one(step)
    assert hash_one(find_steps(tmp_path)[1]) == key
    assert hash_one(step, parameters={"n": 1}) != key
    assert hash_one(step, dataset_key="e") != key
    assert hash_one(step, upstream={"01_observations": "failed k"}) != key
    step.notebook.cells[-1].source += " at all"
    changed = hash_one(step)
    assert changed != key
    step.notebook.metadata["new"] = 1
    assert hash_one(step) == changed
    monkeypatch.setattr(module, "hash_code", lambda: "other code")
    assert hash_one(step) != changed


def test_the_hash_of_the_code_follows_each_module(tmp_path, monkeypatch):
    (tmp_path / "fluxlib" / "templates").mkdir(parents=True)
    (tmp_path / "fluxlib" / "a.py").write_text("a = 1\n")
    (tmp_path / "requirements.txt").write_text("numpy==1\n")
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    hashes = [module.hash_code()]
    for name, text in [
        ("fluxlib/a.py", "a = 2\n"),
        ("fluxlib/b.py", ""),
        ("requirements.txt", "numpy==2\n"),
    ]:
        (tmp_path / name).write_text(text)
        hashes.append(module.hash_code())
    assert len(set(hashes)) == 4
    (tmp_path / "fluxlib" / "templates" / "page.html").write_text("x")
    assert module.hash_code() == hashes[-1]
