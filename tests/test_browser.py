"""Notebooks and pages in a real browser: what a scientist sees, moves and reads."""

import json
import re
import shutil
import urllib.request

import pytest
from laboratory import (
    TOKEN,
    Sheet,
    copy_notebook,
    count_widgets,
    list_faults,
    need_chromium,
    open_chromium,
    serve_lab,
    wait_until,
)
from pipeline import CHEAP, NAMES, read, run_all

from fluxlib.parameters import read_parameters

pytestmark = pytest.mark.slow

EXPLORED = ["01_observations", "02_calibration", "03_offsets"]


@pytest.fixture(scope="module")
def requests():
    return []


@pytest.fixture(scope="module")
def chromium(requests):
    need_chromium()
    with open_chromium(requests) as context:
        yield context


@pytest.fixture(scope="module")
def folder(tmp_path_factory, batch):
    """Return a folder like the project's: notebooks, data, params, and a batch run's reports."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("notebooks", "params"):
        (folder / name).mkdir()
    project = batch.parent.parent
    (folder / "data").symlink_to(project / "data")
    shutil.copytree(project / "reports", folder / "reports")
    for name in NAMES:
        parameters = CHEAP.get(name, {}) | {"dataset_folder": "../data"}
        copy_notebook(name, folder / "notebooks", parameters)
    return folder


@pytest.fixture(scope="module")
def lab(folder):
    with serve_lab(folder) as address:
        yield address


@pytest.fixture
def open_sheet(chromium, lab):
    """Return a function that opens a notebook and runs all its cells."""
    pages = []

    def open_one(name):
        pages.append(chromium.new_page())
        sheet = Sheet(pages[-1], lab, name)
        sheet.run_all()
        return sheet

    yield open_one
    for page in pages:
        page.close()
    for kernel in json.load(urllib.request.urlopen(f"{lab}/api/kernels?token={TOKEN}")):
        address = f"{lab}/api/kernels/{kernel['id']}?token={TOKEN}"
        urllib.request.urlopen(urllib.request.Request(address, method="DELETE"))


def check_faults(sheet, folder, *, widgets=True):
    """Fail if the page, the saved notebook or the saved state of its widgets holds an error."""
    path = folder / "notebooks" / f"{sheet.name}.ipynb"
    saved = sheet.read_saved(path)
    assert list_faults(saved) == []
    assert (count_widgets(saved) > 10) == widgets
    assert sheet.faults == []
    assert sheet.read_errors() == []


@pytest.mark.parametrize("name", EXPLORED)
def test_every_control_moves_what_is_shown(open_sheet, folder, batch, name):
    sheet = open_sheet(name)
    assert sheet.read_errors() == []
    sheet.show()
    assert_agrees(name, sheet.note, read(batch, name))
    sheet.screenshot("begin")
    for label in sheet.list_controls():
        before = sheet.read_view()
        sheet.move(label)
        assert sheet.wait_for_change(before), f"{label} of {name} changes nothing"
        assert sheet.read_errors() == []
    reach = sheet.press_tab_through()
    assert reach == sheet.list_focusable()
    sheet.panel.get_by_role("button", name="Save these settings").click()
    wait_until(lambda: "./run_all.sh -f params/mine.yaml" in sheet.panel.inner_text(), 10, "saving")
    (folder / "params" / f"{name}.note").write_text(sheet.note)
    sheet.screenshot("moved")
    check_faults(sheet, folder)


def assert_agrees(name, note, found):
    """Compare the numbers that controls show with those of a batch run."""
    if name == "01_observations":
        assert f"{found['large_scale_months']} of {found['months']} satellite-months" in note
    if name == "02_calibration":
        pair = found["pair"]
        assert f"{pair['of']} onto {pair['onto']}," in note
        for line, rmse in pair["rmse"].items():
            assert re.search(rf"{line}: [^;]*, RMSE {rmse:.4f} decades", note)
    if name == "03_offsets":
        peak = found["peaks"][0]
        follows = f"{found['satellite']} follows {peak['driver']} {peak['offset']:.0f} h later"
        assert follows in note
        assert f"at {peak['rho']:+.2f}; {found['n_features']} driver-hours" in note


def test_a_batch_run_with_the_saved_settings_gives_the_numbers_on_the_page(folder, batch):
    path = folder / "params" / "mine.yaml"
    if not path.exists():
        pytest.fail("no settings were saved: the test before this one has failed")
    given = read_parameters(path)
    assert sorted(given) == EXPLORED
    again = folder / "again"
    again.mkdir()
    (again / "data").symlink_to(batch.parent.parent / "data")
    report = run_all(again, parameters=given, only=["01", "02", "03"])
    for name in EXPLORED:
        note = (folder / "params" / f"{name}.note").read_text()
        assert_agrees(name, note, read(report, name))


def test_no_request_has_left_the_machine(requests):
    assert len(requests) > 100
    here = re.compile(r"(http|ws)://127\.0\.0\.1:|data:|blob:|file:")
    assert [address for address in requests if not here.match(address)] == []
