"""The pages on the architecture are true of the code."""

import doctest
import importlib.util
import re
import sys
from pathlib import Path

import pytest

import fluxlib

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "fluxlib"
PAGE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
PAGES = [*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")]
WORDS = (PROJECT / "docs" / "words.md").read_text(encoding="utf-8")


EXAMPLES = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>> " in path.read_text("utf-8")]


@pytest.fixture(scope="module")
def draw():
    path = PROJECT / "docs" / "draw_imports.py"
    spec = importlib.util.spec_from_file_location("draw_imports", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.draw_imports


def test_the_picture_of_the_chapters_is_that_of_the_imports(draw):
    assert f"```mermaid\n{draw()}```\n" in PAGE


def test_every_chapter_has_a_row_in_the_table():
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE))
    chapters = {path.parent.name for path in PACKAGE.glob("*/*.py")}
    assert chapters - {"utils"} <= rows


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert not [link for link in links if not (page.parent / link).exists()]
    modules = re.findall(r"`(?:fluxlib/)?([a-z_]+/[a-z_]+\.py)`", text)
    found = [PACKAGE / name for name in modules] + [PROJECT / name for name in modules]
    assert len([path for path in found if path.exists()]) == len(modules)


def test_every_column_of_a_filled_series_and_of_the_record_is_explained():
    from fluxlib.record.series import COLUMNS

    terms = set(re.findall(r"^(\S+)$", WORDS, flags=re.MULTILINE))
    assert {*COLUMNS, "value", "lower", "upper", "imputed"} <= terms


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_in_docstrings_run_and_give_what_they_show(path):
    name = path.relative_to(PROJECT).with_suffix("").as_posix().replace("/", ".")
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.slow
def test_a_value_passes_the_modules_that_the_page_lists_on_its_way_to_a_forecast(tmp_path):
    listed = re.findall(r"^\d+\. `([a-z_/]+\.py)`", PAGE, flags=re.MULTILINE)
    assert len(listed) == len(set(listed)) <= 25
    rows = fluxlib.simulate("2013-01-01", "2013-01-04", cadence="5min")
    folder = fluxlib.datasets.write_dataset(rows, tmp_path / "data")
    days = fluxlib.simulate("2012-01-01", "2013-03-01", cadence="1h")
    forecaster = fluxlib.FluxForecaster(members=1, blocks=4, epochs=1, units=2)
    called = set()

    def note_module(frame, *_):
        code = frame.f_code
        if code.co_flags & 2:  # a function's, not a module's or a class's
            called.add(code.co_filename)

    sys.settrace(note_module)  # calls alone: sys.setprofile would tell of returns too
    try:
        assert len(fluxlib.load(folder, cadence="1h").daily)
        forecaster.fit(days).predict(days)
    finally:
        sys.settrace(None)
    modules = {Path(name) for name in called if name.startswith(str(PACKAGE))}
    lazily = {"utils/lazy.py"}
    assert {path.relative_to(PACKAGE).as_posix() for path in modules} - lazily == set(listed)
