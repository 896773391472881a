import json

import nbformat
import pytest

from fluxlib.workflow import lab
from fluxlib.workflow.notebooks import NOTEBOOKS, find_steps


@pytest.fixture
def folder(tmp_path):
    return lab.lay_copies(tmp_path / "lab").parent


def test_each_notebook_has_a_copy_and_the_start_links_to_all(folder):
    names = {f"{step.name}.ipynb" for step in find_steps(NOTEBOOKS)}
    assert {path.name for path in folder.glob("*.ipynb")} == names | {"00_start.ipynb"}
    text = (folder / "00_start.ipynb").read_text()
    assert all(f"]({name})" in text for name in names)
    nbformat.validate(nbformat.read(folder / "00_start.ipynb", 4))


def test_a_copys_results_stay_beside_it_and_its_data_are_the_projects(folder):
    for path in folder.glob("0[1-6]*.ipynb"):
        (cell,) = [
            cell
            for cell in nbformat.read(path, 4).cells
            if "parameters" in cell.metadata.get("tags", ())
        ]
        assert 'reports_folder = "reports"' in cell.source
        assert "../figures" not in cell.source
        assert "../data/sample" in cell.source or "06" in path.name


def test_an_edited_copy_stays_and_a_deleted_one_comes_back(folder):
    edited, deleted = folder / "03_offsets.ipynb", folder / "04_imputation.ipynb"
    edited.write_text(edited.read_text().replace("Offsets", "Mine"))
    mine = edited.read_text()
    deleted.unlink()
    lab.lay_copies(folder)
    assert edited.read_text() == mine
    assert deleted.exists()


def test_an_untouched_copy_follows_its_original(folder, monkeypatch):
    monkeypatch.setattr(lab, "_adapt", lambda text: text.replace("Offsets", "Newer"))
    touched = folder / "04_imputation.ipynb"
    touched.write_text(touched.read_text() + "\n")
    lab.lay_copies(folder)
    assert "Newer" in (folder / "03_offsets.ipynb").read_text()
    assert touched.read_text().endswith("\n\n")


def test_a_damaged_record_of_what_was_laid_keeps_every_copy(folder):
    (folder / lab.RECORD).write_text("{")
    before = (folder / "03_offsets.ipynb").read_text()
    lab.lay_copies(folder)
    assert (folder / "03_offsets.ipynb").read_text() == before
    assert json.loads((folder / lab.RECORD).read_text()) == {}
