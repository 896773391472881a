import json

import nbformat
import pytest

from fluxlib.errors import FluxError
from fluxlib.workflow import notebooks as module
from fluxlib.workflow.notebooks import (
    find_steps,
    hash_inputs,
    list_inputs,
    read_step,
    select_steps,
)
from tests.helpers.notebooks import write_mixed, write_notebook


@pytest.fixture
def mixed_steps(tmp_path):
    write_mixed(tmp_path)
    return find_steps(tmp_path)


def test_steps_come_in_order_with_title_parameters_and_needs(mixed_steps):
    assert [step.name[:2] for step in mixed_steps] == ["01", "02", "03", "04", "05", "06"]
    first, second = mixed_steps[:2]
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


@pytest.mark.parametrize("text", ["plain text", "[]", '{"cells": [{"source": 1}]}'])
def test_a_file_that_is_not_a_notebook_is_named(tmp_path, text):
    (tmp_path / "01_x.ipynb").write_text(text)
    with pytest.raises(FluxError, match=r"01_x\.ipynb is not a notebook"):
        find_steps(tmp_path)


def test_a_source_may_be_a_text_or_a_list_of_lines(tmp_path):
    path = write_notebook(tmp_path, "01_a", "a = 1\nb = 2")
    content = json.loads(path.read_text())
    content["cells"][-1]["source"] = "a = 1\nb = 2"
    first = read_step(path).cells
    path.write_text(json.dumps(content))
    assert read_step(path).cells == first


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
def test_a_choice_brings_what_it_builds_on(mixed_steps, options, expected):
    assert sorted(name[:2] for name in select_steps(mixed_steps, **options)) == expected.split()


def test_an_unknown_choice_lists_the_notebooks(mixed_steps):
    with pytest.raises(
        FluxError, match=r"'07' is no notebook; expected one of 01_observations, 02_"
    ):
        select_steps(mixed_steps, only=["07"])


def test_only_the_cells_of_a_notebook_count(tmp_path):
    def hash_cells(**options):
        step = read_step(write_notebook(tmp_path, "01_a", "1 + 1", **options))
        return list_inputs(step, {}, dataset_key="d", upstream={}, code="c")["notebook"]

    first = hash_cells()
    assert hash_cells(uses=[]) == first
    assert hash_cells(parameters="n = 1\n") != first
    notebook = nbformat.read(tmp_path / "01_a.ipynb", as_version=4)
    notebook.cells[-1].source = "1 + 2"
    nbformat.write(notebook, tmp_path / "01_a.ipynb")
    assert list_inputs(
        read_step(tmp_path / "01_a.ipynb"), {}, dataset_key="d", upstream={}, code="c"
    )["notebook"] not in (first, "")


def test_inputs_have_defaults_for_what_is_not_given_and_their_hash_follows_each(mixed_steps):
    step = mixed_steps[2]
    inputs = list_inputs(step, {}, dataset_key="d", upstream={"02_calibration": "k"}, code="c")
    assert inputs["parameters"]["lag_days"] == 5
    assert inputs["upstream"] == {"02_calibration": "k"}
    assert (inputs["dataset"], inputs["code"]) == ("d", "c")
    given = list_inputs(
        step, {"lag_days": 7}, dataset_key="d", upstream={"02_calibration": "k"}, code="c"
    )
    assert given["parameters"] == inputs["parameters"] | {"lag_days": 7}
    hashes = {hash_inputs(inputs)} | {hash_inputs({**inputs, name: "x"}) for name in inputs}
    assert len(hashes) == 1 + len(inputs)
    assert hash_inputs(dict(reversed(inputs.items()))) == hash_inputs(inputs)


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
