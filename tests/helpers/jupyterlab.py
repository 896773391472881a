"""A JupyterLab of its own, driven in headless Chromium as a scientist would."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, sync_playwright

from fluxlib.utils.files import NOTEBOOKS, PROJECT

TOKEN = "laboratory"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
#: Settings of the user's that the test needs: widgets saved with the notebook, all cells there,
#: no question whether news should be fetched.
SETTINGS = {
    "@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
#: What moves each kind of control with the keyboard alone, and what can have the focus.
FOCUSABLE = ".noUi-handle, select, input:not([type=hidden]), button:not([disabled])"


def need_chromium() -> str:
    """Return the path of Chromium; without one, skip, or fail where it is required."""
    if CHROMIUM:
        return CHROMIUM
    reason = "no chromium on the PATH: apt-get install chromium"
    if os.environ.get("FLUX_REQUIRE_BROWSER"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def open_chromium(requests: list[str]):
    """Yield a browser context that notes the address of every request."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need_chromium(), args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1280, "height": 1400})
        context.on("request", lambda request: requests.append(request.url))
        yield context
        browser.close()


@contextmanager
def serve_lab(folder: Path):
    """Serve JupyterLab on `folder`, with settings of its own; yield its address."""
    own = folder / "jupyter"
    for name, values in SETTINGS.items():
        path = own / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    environment |= {
        "JUPYTER_CONFIG_DIR": str(own / "config"),
        "JUPYTER_DATA_DIR": str(own / "data"),
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
        "IPYTHONDIR": str(own / "ipython"),
        "FLUX_PARAMS": str(folder / "params"),
        "PYTHONPATH": str(PROJECT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"]
    command += [f"--port={port}", f"--IdentityProvider.token={TOKEN}", "--allow-root"]
    command += [f"--ServerApp.root_dir={folder}", "--ServerApp.port_retries=0"]
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{address}/api?token={TOKEN}"), 60, "JupyterLab's answer")
        yield address
    finally:
        server.terminate()
        server.wait(30)


def answers(address: str) -> bool:
    try:
        return urllib.request.urlopen(address, timeout=5).status == 200
    except OSError:
        return False


def wait_until(is_so, seconds: float, what: str):
    """Wait for something true and return it; fail with `what` was waited for."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := is_so():
            return found
        time.sleep(0.05)
    pytest.fail(f"waited {seconds} s in vain for {what}")


def copy_notebook(name: str, folder: Path, parameters: dict) -> None:
    """Copy a notebook, with other values at the end of its parameters."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    (cell,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    cell.source += "".join(f"\n{key} = {value!r}" for key, value in parameters.items())
    nbformat.write(notebook, folder / f"{name}.ipynb")


class Sheet:
    """One notebook, open in JupyterLab."""

    def __init__(self, page: Page, address: str, name: str):
        self.page, self.name, self.faults = page, name, []
        self.number = 0  # of the panel of controls that is looked at
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(f"{address}/lab/tree/notebooks/{name}.ipynb?token={TOKEN}&reset")
        page.wait_for_selector(".jp-NotebookPanel:visible .jp-Cell", timeout=60_000)
        page.wait_for_selector(".jp-StatusBar-TextItem:has-text('| Idle')", timeout=60_000)

    def do(self, command: str) -> None:
        """Have JupyterLab execute a command; it may take its time."""
        self.page.evaluate(f"() => void window.jupyterapp.commands.execute('{command}')")

    def run_all(self) -> None:
        """Run all cells, and wait until each has its number."""
        self.do("notebook:run-all-cells")
        prompts = self.page.locator(".jp-CodeCell .jp-InputPrompt")
        wait_until(
            lambda: all(re.fullmatch(r"\[\d+\]:", text) for text in prompts.all_inner_texts()),
            300,
            f"the end of {self.name}",
        )

    def run_cell(self, source: str) -> None:
        """Add a cell at the end and run it, without waiting for its end."""
        self.page.evaluate(
            """source => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = notebook.widgets.length - 1;
                return window.jupyterapp.commands.execute('notebook:insert-cell-below').then(() => {
                    notebook.activeCell.model.sharedModel.setSource(source);
                    void window.jupyterapp.commands.execute('notebook:run-cell');
                });
            }""",
            source,
        )

    @property
    def panel(self) -> Locator:
        """The controls and what they show."""
        return self.page.locator(".flux-panel").nth(self.number)

    @property
    def note(self) -> str:
        """The sentence above the picture."""
        return self.panel.locator(".flux-view .flux-note").inner_text()

    @property
    def progress(self) -> str:
        """The sentence beside the button for what takes long."""
        return self.panel.locator(".flux-progress").inner_text()

    def show(self) -> None:
        """Bring the controls into view."""
        self.panel.evaluate("panel => panel.scrollIntoView()")

    def read_view(self) -> str:
        """Return all that the controls show: sentence, picture, table."""
        return self.panel.locator(".widget-html").evaluate_all(
            "views => views.map(view => view.innerHTML).join()"
        )

    def read_errors(self) -> list[str]:
        """Return what widgets and cells report as errors."""
        raised = self.page.locator("[data-mime-type='application/vnd.jupyter.stderr']")
        raised = raised.filter(has_text="Traceback")
        return self.page.locator(".flux-error").or_(raised).all_inner_texts()

    def wait_for_change(self, before: str, cause: str) -> None:
        """Wait until the controls show something else, as `cause` should make them."""
        what = f"another picture in {self.name}, for {cause}"
        wait_until(lambda: self.read_view() != before, 20, what)

    def list_controls(self) -> list[str]:
        """Return the labels of the controls, without those of the settings' file."""
        texts = self.panel.locator(".widget-label, .widget-label-basic").all_inner_texts()
        return [text for text in texts if text.strip() and text != "Settings file"]

    def control(self, label: str) -> Locator:
        """Return the control with a label."""
        name = re.compile(rf"^\s*{re.escape(label)}\s*$")
        exact = self.page.locator(".widget-label, .widget-label-basic", has_text=name)
        return self.panel.locator(".widget-inline-hbox").filter(has=exact).last

    def move(self, label: str) -> None:
        """Move a control once, as its kind is moved: by keys, or by choosing the next."""
        control = self.control(label)
        if control.locator(".noUi-handle").count():
            handle = control.locator(".noUi-handle").first
            handle.press("ArrowLeft" if is_at_its_end(handle) else "ArrowRight")
        elif control.locator("select[multiple]").count():
            control.locator("select").select_option(index=[0, 1])
        elif control.locator("select").count():
            chosen = control.locator("select").evaluate("list => list.selectedIndex")
            size = control.locator("option").count()
            control.locator("select").select_option(index=(chosen + 1) % size)
        elif control.locator("input[type=checkbox]").count():
            control.locator("input").click()
        else:
            number = control.locator("input[type=number]")
            number.fill(str(int(number.input_value()) + 1))
            number.press("Tab")

    def press(self, name: str) -> None:
        """Press a button whose text begins so."""
        self.panel.locator("button", has_text=re.compile(rf"^\s*{re.escape(name)}")).click()

    def wait_for(self, pattern: str, seconds: float = 60) -> str:
        """Wait until the controls say something, and return what."""

        def find() -> str | None:
            match = re.search(pattern, self.panel.inner_text())
            return match and match[0]

        return wait_until(find, seconds, f"{pattern!r} in {self.name}")

    def count_focusable(self) -> int:
        """Count what the keyboard should reach: all that is shown."""
        return self.panel.locator(FOCUSABLE).filter(visible=True).count()

    def press_tab_through(self) -> int:
        """Press Tab from the panel's first control on; count the places in it that it reaches."""
        self.panel.locator(FOCUSABLE).first.focus()
        reached = set()
        for _ in range(3 * self.count_focusable()):
            place = self.panel.evaluate(
                """(panel, kinds) => [...panel.querySelectorAll(kinds)].indexOf(
                    document.activeElement)""",
                FOCUSABLE,
            )
            reached.add(place)
            self.page.keyboard.press("Tab")
        return len(reached - {-1})

    def screenshot(self, name: str) -> None:
        take_picture(self.page, f"{self.name}-{name}")

    def read_saved(self, path: Path) -> nbformat.NotebookNode:
        """Save the notebook, widgets included, and read the file."""
        before = path.stat().st_mtime_ns
        self.do("docmanager:save")

        def is_whole():  # JupyterLab empties the file before it writes
            text = path.read_text(encoding="utf-8")
            return path.stat().st_mtime_ns > before and text.endswith("}\n")

        wait_until(is_whole, 30, f"{path} to be saved")
        return nbformat.read(path, as_version=4)


def is_at_its_end(handle: Locator) -> bool:
    return handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")


def take_picture(page: Page, name: str, **options) -> None:
    """Keep a screenshot where FLUX_SCREENSHOTS says."""
    folder = os.environ.get("FLUX_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", **options)


def list_faults(notebook: nbformat.NotebookNode) -> list[str]:
    """Return every error that a saved notebook holds, in outputs and in the state of widgets."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                found.append(f"{output.ename}: {output.evalue}")
    states = notebook.metadata.get("widgets", {})
    state = states.get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    for widget in state.values():
        text = json.dumps(widget.get("state", {}))
        if re.search(r'class=\\"flux-error|Traceback|"output_type": "error"', text):
            found.append(text[:500])
    return found


def count_widgets(notebook: nbformat.NotebookNode) -> int:
    states = notebook.metadata.get("widgets", {})
    return len(states.get("application/vnd.jupyter.widget-state+json", {}).get("state", {}))
