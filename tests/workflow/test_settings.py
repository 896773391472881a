import pytest

from fluxlib.errors import FluxError
from fluxlib.utils.files import NOTEBOOKS
from fluxlib.workflow import settings
from fluxlib.workflow.parameters import assign_parameters, read_parameters
from fluxlib.workflow.steps import find_steps

OFFSETS = {"max_offset": 72, "threshold": 0.25, "drivers": ["V", "Kp"], "satellite": "goes13"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FLUX_PARAMS", str(tmp_path))
    return tmp_path


def test_what_is_written_is_what_a_batch_run_reads(folder):
    path = settings.write_settings("03_offsets", OFFSETS, "mine")
    assert path == folder / "mine.yaml"
    assert assign_parameters(find_steps(NOTEBOOKS), read_parameters(path))["03_offsets"] == OFFSETS
    assert settings.read_settings("03_offsets", "mine") == OFFSETS
    assert "drivers: [V, Kp]" in path.read_text()


def test_settings_of_two_notebooks_share_a_file():
    settings.write_settings("03_offsets", OFFSETS, "mine")
    settings.write_settings("01_observations", {"period": ["2014-01", ""]}, "mine")
    settings.write_settings("03_offsets", {"max_offset": 24}, "mine.yaml")
    assert settings.read_settings("03_offsets", "mine") == OFFSETS | {"max_offset": 24}
    assert settings.read_settings("01_observations", "mine") == {"period": ["2014-01", ""]}
    assert settings.list_settings() == ["mine"]


def test_what_a_batch_run_would_refuse_is_not_written(folder):
    with pytest.raises(FluxError, match=r"mine\.yaml: max_offset is 'far'"):
        settings.write_settings("03_offsets", {"max_offset": "far"}, "mine")
    with pytest.raises(FluxError, match="no notebook has a parameter 'max_ofset'"):
        settings.write_settings("03_offsets", {"max_ofset": 3}, "mine")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../mine", ".mine", "a b", "a/b"])
def test_a_name_that_could_leave_the_folder_is_refused(name):
    with pytest.raises(FluxError, match="the file's name is"):
        settings.write_settings("03_offsets", OFFSETS, name)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(FluxError, match=r"absent\.yaml: No such file"):
        settings.read_settings("03_offsets", "absent")


def test_every_control_has_the_name_of_a_parameter():
    known = {name for step in find_steps(NOTEBOOKS) for name in step.parameters}
    assert set(settings.LABELS) <= known
