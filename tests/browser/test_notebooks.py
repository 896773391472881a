"""Notebooks in JupyterLab: what a scientist sees, moves, stops and saves."""

import re
import shutil

import pytest

from fluxlib.workflow.parameters import read_parameters
from tests.helpers.batch import CHEAP, NAMES, read, run_all
from tests.helpers.jupyterlab import (
    NotebookPage,
    copy_notebook,
    list_saved_errors,
    read_widget_states,
    serve_lab,
    shut_down_kernels,
)

pytestmark = pytest.mark.slow

SEARCH = ["Generation", "Population", "Generations", "Crossover", "Mutation", "Seed", "Elitism"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, batch):
    """Return a folder like the project's: notebooks, data, params, and a batch run's reports."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("notebooks", "params"):
        (folder / name).mkdir()
    project = batch.parent.parent
    (folder / "data").symlink_to(project / "data")
    shutil.copytree(project / "reports", folder / "reports", ignore=shutil.ignore_patterns(".*"))
    for name in NAMES[:5]:  # the sixth has no controls
        parameters = CHEAP.get(name, {}) | {"dataset_folder": "../data"}
        copy_notebook(name, folder / "notebooks", parameters)
    return folder


@pytest.fixture(scope="module")
def lab(folder):
    with serve_lab(folder) as address:
        yield address


@pytest.fixture
def open_notebook(chromium, requests, lab):
    """Return a function that opens a notebook and runs all its cells.

    It fails if that gives an error, or if the page requests anything from another machine.
    """
    page = chromium.new_page()
    requests.clear()

    def open_one(name):
        notebook = NotebookPage(page, lab, name)
        notebook.run_all()
        assert notebook.read_errors() == []
        notebook.show()
        return notebook

    yield open_one
    page.close()
    shut_down_kernels(lab)
    assert len(requests) > 20
    here = re.compile(r"(http|ws)://127\.0\.0\.1:|data:|blob:|file:")
    assert [address for address in requests if not here.match(address)] == []


def move_all(notebook, labels):
    """Move controls, once each, and see that something else is shown each time."""
    for label in labels:
        with notebook.changing(f"{label} was moved"):
            notebook.move(label)


def check_tabs(notebook):
    """Fail unless the keyboard alone reaches all there is to press and to move."""
    assert notebook.press_tab_through() == notebook.count_focusable() > 5


def check_errors(notebook, folder):
    """Fail if the page, the saved notebook or the saved state of its widgets holds an error."""
    saved = notebook.read_saved(folder / "notebooks" / f"{notebook.name}.ipynb")
    assert list_saved_errors(saved) == []
    assert len(read_widget_states(saved)) > 10
    assert notebook.page_errors == []
    assert notebook.read_errors() == []


def check_stops(notebook, button, progress, move):
    """Stop what a button starts, by the button beside it and by the kernel's interrupt."""
    interrupt = "notebook:interrupt-kernel"
    for stop in (lambda: notebook.press("Stop"), lambda: notebook.execute(interrupt)):
        notebook.press(button)
        notebook.wait_for(progress, 120)
        notebook.wait_for(" left", 120)
        stop()
        notebook.wait_for("Stopped; the results so far are kept.", 120)
        assert notebook.read_errors() == []
        with notebook.changing(f"a move after a stop of {button}"):
            move()


def assert_agrees(name, note, results):
    """Compare the numbers that controls show with those of a batch run."""
    if name == "01_observations":
        counts = f"{results['large_scale_months']} of {results['months']} satellite-months"
        assert counts in note
    if name == "02_calibration":
        pair = results["pair"]
        assert f"{pair['other']} onto {pair['reference']}," in note
        for line, rmse in pair["rmse"].items():
            assert re.search(rf"{line}: [^;]*, RMSE {rmse:.4f} decades", note)
    if name == "03_offsets":
        peak = results["peaks"][0]
        follows = f"{results['satellite']} follows {peak['driver']} {peak['offset']:.0f} h later"
        assert follows in note
        assert f"at {peak['rho']:+.2f}; {results['n_features']} driver-hours" in note


# It takes a minute; the controls of 01 and 02 are tested without a browser.
@pytest.mark.parametrize("name", ["03_offsets"])
def test_controls_change_the_view_and_a_batch_run_with_their_values_agrees_with_it(
    open_notebook, folder, batch, tmp_path, name
):
    notebook = open_notebook(name)
    assert_agrees(name, notebook.note, read(batch, name))
    notebook.screenshot("first")
    move_all(notebook, notebook.list_controls())
    check_tabs(notebook)
    notebook.panel.locator("input[type=text]").last.fill(name)
    notebook.press("Save these settings")
    notebook.wait_for(f"./run_all.sh -f params/{name}.yaml")
    notebook.screenshot("moved")
    check_errors(notebook, folder)
    (tmp_path / "data").symlink_to(batch.parent.parent / "data")
    saved = read_parameters(folder / "params" / f"{name}.yaml")
    report = run_all(tmp_path, parameters=saved, only=[name[:2]])
    assert_agrees(name, notebook.note, read(report, name))


def test_a_click_in_the_heatmap_moves_three_views_and_the_controls_and_nothing_changes_height(
    open_notebook, folder
):
    notebook = open_notebook("03_offsets")
    notebook.number = 1
    notebook.show()
    heatmap = notebook.panel.locator(".js-plotly-plot .nsewdrag").first
    heatmap.wait_for()
    figure = notebook.panel.locator(".flux-figure")
    heights = notebook.panel.bounding_box()["height"]
    picture = figure.get_attribute("src")
    box = heatmap.bounding_box()
    for across, down in ((0.75, 0.05), (0.25, 0.95)):
        before = notebook.note
        with notebook.changing("a click in the heatmap"):
            heatmap.click(position={"x": across * box["width"], "y": down * box["height"]})
        driver, hours = re.match(r"(\w+) (\d+) h before", notebook.note).groups()
        assert notebook.note != before
        assert abs(int(hours) - across * 240) <= 6
        control = notebook.control("Driver").locator("select")
        assert control.evaluate("list => list.selectedOptions[0].text") == driver
        assert notebook.control("Hours before").locator(".widget-readout").inner_text() == hours
        assert figure.get_attribute("src") != picture
        assert notebook.panel.bounding_box()["height"] == heights
        picture = figure.get_attribute("src")
    notebook.screenshot("clicked")
    check_errors(notebook, folder)


def test_a_search_counts_missing_forests_grows_them_and_can_be_stopped(
    open_notebook, folder, batch
):
    notebook = open_notebook("04_imputation")
    best = read(batch, "04_imputation")["best"]
    genes = f"{best['trees']} trees, depth {best['depth']}, leaf {best['leaf']}"
    assert f"{genes}, RMSE {best['rmse']:.4f} decades" in notebook.note
    move_all(notebook, SEARCH)
    notebook.screenshot("replayed")
    move_all(notebook, ["Fitness", "Bits of each gene"])
    notebook.wait_for(r"forests that these bits allow need \d+ more trees")
    check_tabs(notebook)
    fields = notebook.panel.locator("input[type=number]").all()
    for field, bits in zip(fields, (9, 3, 6), strict=False):
        field.fill(str(bits))
        field.press("Tab")
    notebook.wait_for(r"these bits allow need \d{5} more trees")
    check_stops(notebook, "Grow the forests", "of 3[12]", lambda: notebook.move("Seed"))
    notebook.number = 1
    notebook.show()
    for method, rmse in read(batch, "04_imputation")["gap_rmse"].items():
        assert method not in notebook.note or f"{method} {rmse:.3f}" in notebook.note
    notebook.screenshot("gap")
    move_all(notebook, ["Length of the gap (h)", "Start of the gap", "Methods"])
    check_tabs(notebook)
    notebook.press("Save these settings")
    notebook.wait_for("./run_all.sh -f params/mine.yaml")
    check_errors(notebook, folder)


def test_a_training_shows_its_loss_and_can_be_stopped(open_notebook, folder, batch):
    notebook = open_notebook("05_prediction")
    notebook.press("Train")
    pattern = r"1 day ahead: prediction efficiency [\d.-]+, persistence [\d.-]+\d"
    efficiencies = re.findall(r"-?\d\.\d+", notebook.wait_for(pattern, 120))
    rows = read(batch, "05_prediction")["by_year"]
    for model, pe in zip(("LSTM as published", "persistence"), efficiencies, strict=True):
        (row,) = [r for r in rows if (r["model"], r["horizon"], r["year"]) == (model, 1, 2012)]
        assert f"{row['PE']:.3f}" == pe
    notebook.screenshot("trained")
    move_all(notebook, ["Days ahead", "Year", "Time step (days)", "Inputs", "Epochs"])
    check_tabs(notebook)
    notebook.control("Epochs").locator(".noUi-handle").press("End")
    check_stops(notebook, "Train", "Epoch [1-9]", lambda: notebook.move("Days ahead"))
    notebook.wait_for(r"\(stopped after \d+ of 60 epochs\)")
    notebook.screenshot("stopped")
    check_errors(notebook, folder)


def test_an_interrupted_cell_leaves_a_kernel_that_goes_on(open_notebook):
    notebook = open_notebook("01_observations")
    notebook.run_cell("import time\nkept = 1\nprint('fast', 'asleep', flush=True)\ntime.sleep(60)")
    shown = "document.querySelector('.jp-Notebook').innerText.includes"
    # An interrupt that comes before the cell runs has nothing to interrupt.
    notebook.wait(f"{shown}('fast asleep')", 60, "the cell to run")
    notebook.execute("notebook:interrupt-kernel")
    notebook.wait(f"{shown}('KeyboardInterrupt')", 60, "the interrupt")
    notebook.run_cell("print('kept is', kept)")
    notebook.wait(f"{shown}('kept is 1')", 60, "the next cell")
    before = notebook.note
    notebook.move("Satellite")
    notebook.wait(f"panel.innerText && !panel.innerText.includes({before!r})", 60, "another view")
