"""Notebooks and pages in a real browser: what a scientist sees, moves and reads."""

import json
import re
import shutil
import urllib.request

import pytest

from fluxlib.workflow.parameters import read_parameters
from tests.helpers.batch import CHEAP, NAMES, read, run_all
from tests.helpers.jupyterlab import (
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

pytestmark = pytest.mark.slow

REPLAYED = ["Generation", "Population", "Generations", "Crossover", "Mutation", "Seed", "Elitism"]
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
    move_all(sheet, sheet.list_controls())
    check_tabs(sheet)
    sheet.press("Save these settings")
    sheet.wait_for("./run_all.sh -f params/mine.yaml")
    (folder / "params" / f"{name}.note").write_text(sheet.note)
    sheet.screenshot("moved")
    check_faults(sheet, folder)


def move_all(sheet, labels):
    """Move controls, once each, and see that something else is shown, and no error."""
    for label in labels:
        before = sheet.read_view()
        sheet.move(label)
        sheet.wait_for_change(before, f"{label} was moved")
        assert sheet.read_errors() == []


def check_tabs(sheet):
    """Fail unless the keyboard alone reaches all there is to press and to move."""
    assert sheet.press_tab_through() == sheet.count_focusable() > 5


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


def test_a_search_says_what_is_missing_grows_it_and_can_be_stopped(open_sheet, folder, batch):
    sheet = open_sheet("04_imputation")
    assert sheet.read_errors() == []
    sheet.show()
    best = read(batch, "04_imputation")["best"]
    assert f"{best['trees']} trees, depth {best['depth']}, leaf {best['leaf']}, RMSE " in sheet.note
    assert f"{best['rmse']:.4f} decades" in sheet.note
    move_all(sheet, REPLAYED)
    sheet.screenshot("replayed")
    move_all(sheet, ["Fitness", "Bits of each gene"])
    sheet.wait_for(r"All forests that these bits allow need \d+ more trees")
    check_tabs(sheet)
    for field, number in zip(
        sheet.panel.locator("input[type=number]").all(), (9, 3, 6), strict=False
    ):
        field.fill(str(number))
        field.press("Tab")
    sheet.wait_for(r"these bits allow need \d{5} more trees")
    check_interrupts(sheet, "Grow the forests", "of 3[12]", lambda: sheet.move("Seed"))
    sheet.number = 1
    sheet.show()
    for method, rmse in read(batch, "04_imputation")["gap_rmse"].items():
        assert method not in sheet.note or f"{method} {rmse:.3f}" in sheet.note
    sheet.screenshot("gap")
    move_all(sheet, ["Gap's length (h)", "Gap begins", "Methods"])
    check_tabs(sheet)
    sheet.press("Save these settings")
    sheet.wait_for("./run_all.sh -f params/mine.yaml")
    check_faults(sheet, folder)


def test_a_training_shows_its_loss_and_can_be_stopped(open_sheet, folder, batch):
    sheet = open_sheet("05_prediction")
    assert sheet.read_errors() == []
    sheet.show()
    sheet.press("Train")
    told = sheet.wait_for(r"1 day ahead: prediction efficiency [\d.-]+, persistence [\d.-]+\d", 120)
    for name, pe in zip(
        ("LSTM as published", "persistence"), re.findall(r"-?\d\.\d+", told), strict=True
    ):
        rows = read(batch, "05_prediction")["by_year"]
        (row,) = [r for r in rows if (r["model"], r["horizon"], r["year"]) == (name, 1, 2012)]
        assert f"{row['PE']:.3f}" == pe
    sheet.screenshot("trained")
    move_all(sheet, ["Days ahead", "Year", "Time step (days)", "Inputs", "Epochs"])
    check_tabs(sheet)
    sheet.control("Epochs").locator(".noUi-handle").press("End")
    check_interrupts(sheet, "Train", "Epoch [1-9]", lambda: sheet.move("Days ahead"))
    sheet.wait_for(r"\(stopped after \d+ of 60 epochs\)")
    sheet.screenshot("stopped")
    check_faults(sheet, folder)


def check_interrupts(sheet, button, progress, go_on):
    """Stop what a button starts, by the button beside it and by the kernel's interrupt."""
    for stop in (lambda: sheet.press("Stop"), lambda: sheet.do("notebook:interrupt-kernel")):
        sheet.press(button)
        sheet.wait_for(progress, 120)
        sheet.wait_for(r" left", 120)
        stop()
        sheet.wait_for("Stopped; the results so far are kept.", 120)
        before = sheet.read_view()
        go_on()
        sheet.wait_for_change(before, f"a move after a stop of {button}")
        assert sheet.read_errors() == []


def test_an_interrupted_cell_leaves_a_kernel_that_goes_on(open_sheet):
    sheet = open_sheet("01_observations")
    sheet.run_cell("import time\nkept = 1\nprint('fast', 'asleep', flush=True)\ntime.sleep(60)")
    # An interrupt that comes before the cell runs has nothing to interrupt.
    wait_until(lambda: "fast asleep" in sheet.page.inner_text(".jp-Notebook"), 30, "the cell")
    sheet.do("notebook:interrupt-kernel")
    wait_until(lambda: "KeyboardInterrupt" in "".join(sheet.read_errors()), 30, "the interrupt")
    sheet.run_cell("print('kept is', kept)")
    wait_until(lambda: "kept is 1" in sheet.page.inner_text(".jp-Notebook"), 30, "the next cell")
    before = sheet.read_view()
    sheet.move("Satellite")
    sheet.wait_for_change(before, "a move after an interrupt")


def test_a_batch_run_with_the_saved_settings_gives_the_numbers_on_the_page(folder, batch):
    path = folder / "params" / "mine.yaml"
    if not path.exists():
        pytest.fail("no settings were saved: the test before this one has failed")
    given = read_parameters(path)
    assert set(EXPLORED) <= set(given)
    given = {name: given[name] for name in EXPLORED}
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
