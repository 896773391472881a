"""A JupyterLab server, and its notebooks driven in headless Chromium as a scientist would."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from fluxlib.workflow.notebooks import NOTEBOOKS, PROJECT

TOKEN = "test"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
#: JupyterLab's settings: widgets are saved with the notebook, all cells are in the page, and no
#: dialogue asks whether news may be fetched.
SETTINGS = {
    "@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
#: What can have the keyboard's focus in a panel of controls.
FOCUSABLE = ".noUi-handle, select, input:not([type=hidden]), button:not([disabled])"
#: All that a panel shows: sentences, figure, table.
SHOWN = "[...panel.querySelectorAll('.widget-html')].map(view => view.innerHTML).join()"


def find_chromium() -> str:
    """Return the path of Chromium; without one, skip the test, or fail where it is required."""
    if CHROMIUM:
        return CHROMIUM
    reason = "no chromium on the PATH: apt-get install chromium"
    if os.environ.get("FLUX_REQUIRE_BROWSER"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def open_chromium(requests: list[str]) -> Iterator[BrowserContext]:
    """Yield a browser context that appends the address of every request to a list."""
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1280, "height": 1400})
        context.on("request", lambda request: requests.append(request.url))
        yield context
        browser.close()


@contextmanager
def serve_lab(folder: Path) -> Iterator[str]:
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
        wait_until(lambda: responds(f"{address}/api?token={TOKEN}"), 180, "JupyterLab to respond")
        yield address
    finally:
        server.terminate()
        server.wait(30)


def responds(address: str) -> bool:
    try:
        return urllib.request.urlopen(address, timeout=5).status == 200
    except OSError:
        return False


def shut_down_kernels(address: str) -> None:
    """End all kernels of the server at an address."""
    for kernel in json.load(urllib.request.urlopen(f"{address}/api/kernels?token={TOKEN}")):
        path = f"{address}/api/kernels/{kernel['id']}?token={TOKEN}"
        urllib.request.urlopen(urllib.request.Request(path, method="DELETE"))


def wait_until(condition: Callable, seconds: float, what: str):
    """Wait for a true value of ``condition()`` and return it; fail after some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail(f"waited {seconds} s in vain for {what}")


def copy_notebook(name: str, folder: Path, parameters: dict) -> None:
    """Copy a notebook up to its last controls, with other values at the end of its parameters.

    What comes after the controls is not needed for them, and runs in every batch run.
    """
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    (cell,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    cell.source += "".join(f"\n{key} = {value!r}" for key, value in parameters.items())
    last = max(i for i, c in enumerate(notebook.cells) if "if interactive:" in c.source)
    notebook.cells = notebook.cells[: last + 1]
    nbformat.write(notebook, folder / f"{name}.ipynb")


class NotebookPage:
    """One notebook, open in JupyterLab."""

    def __init__(self, page: Page, address: str, name: str):
        self.page, self.name, self.page_errors = page, name, []
        self.number = 0  # of the panel of controls that is looked at
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        page.goto(f"{address}/lab/tree/notebooks/{name}.ipynb?token={TOKEN}&reset")
        page.wait_for_selector(".jp-NotebookPanel:visible .jp-Cell", timeout=120_000)
        page.wait_for_selector(".jp-StatusBar-TextItem:has-text('| Idle')", timeout=120_000)

    def wait(self, expression: str, seconds: float, what: str):
        """Wait until a JavaScript expression of `panel` is true, and return its value."""
        panel = "document.querySelectorAll('.flux-panel')[number]"
        function = f"number => {{ const panel = {panel}; return {expression} }}"
        try:
            handle = self.page.wait_for_function(
                function, arg=self.number, timeout=1000 * seconds, polling=50
            )
        except PlaywrightTimeout:
            pytest.fail(f"waited {seconds} s in vain for {what} in {self.name}")
        return handle.json_value()

    def execute(self, command: str) -> None:
        """Execute a command of JupyterLab, without waiting for its end."""
        self.page.evaluate(f"() => void window.jupyterapp.commands.execute('{command}')")

    def run_all(self) -> None:
        """Run all cells, and wait until each has its number."""
        self.execute("notebook:run-all-cells")
        prompts = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]"
        numbered = r"/^\[\d+\]:$/.test(prompt.innerText.trim())"
        self.wait(f"{prompts}.every(prompt => {numbered})", 300, "all cells to be run")

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
        """The sentence above the figure."""
        return self.panel.locator(".flux-view .flux-note").inner_text()

    def show(self) -> None:
        """Bring the controls into view."""
        self.panel.evaluate("panel => panel.scrollIntoView()")

    def read_errors(self) -> list[str]:
        """Return what widgets and cells report as errors."""
        raised = self.page.locator("[data-mime-type='application/vnd.jupyter.stderr']")
        raised = raised.filter(has_text="Traceback")
        return self.page.locator(".flux-error").or_(raised).all_inner_texts()

    @contextmanager
    def changing(self, cause: str) -> Iterator[None]:
        """Fail unless the controls show something else after the block, and no error."""
        self.panel.evaluate(f"panel => void (window.shownBefore = {SHOWN})")
        yield
        self.wait(f"{SHOWN} !== window.shownBefore", 60, f"a new view after {cause}")
        assert self.read_errors() == []

    def list_controls(self) -> list[str]:
        """Return the labels of the controls, without that of the settings file."""
        texts = self.panel.locator(".widget-label, .widget-label-basic").all_inner_texts()
        return [text for text in texts if text.strip() and text != "Settings file"]

    def control(self, label: str) -> Locator:
        """Return the control with a label."""
        name = re.compile(rf"^\s*{re.escape(label)}\s*$")
        exact = self.page.locator(".widget-label, .widget-label-basic", has_text=name)
        return self.panel.locator(".widget-inline-hbox").filter(has=exact).last

    def move(self, label: str) -> None:
        """Change a control by one step, with the keyboard or by choosing the next option."""
        control = self.control(label)
        if control.locator(".noUi-handle").count():
            handle = control.locator(".noUi-handle").first
            at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
            handle.press("ArrowLeft" if at_end else "ArrowRight")
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
        """Press the button whose label starts with a name."""
        self.panel.locator("button", has_text=re.compile(rf"^\s*{re.escape(name)}")).click()

    def wait_for(self, pattern: str, seconds: float = 60) -> str:
        """Wait until the controls show a text, and return it."""
        found = f"(panel.innerText.match({json.dumps(pattern)}) || [null])[0]"
        return self.wait(found, seconds, repr(pattern))

    def count_focusable(self) -> int:
        """Count the places that the keyboard should reach: all that are shown."""
        return self.panel.locator(FOCUSABLE).filter(visible=True).count()

    def press_tab_through(self) -> int:
        """Press Tab from the panel's first control on; count the places in it that it reaches."""
        self.panel.locator(FOCUSABLE).first.focus()
        place = """(panel, kinds) =>
            [...panel.querySelectorAll(kinds)].indexOf(document.activeElement)"""
        reached: set[int] = set()
        for _ in range(3 * self.count_focusable()):
            reached.add(self.panel.evaluate(place, FOCUSABLE))
            self.page.keyboard.press("Tab")
        return len(reached - {-1})

    def screenshot(self, name: str) -> None:
        take_screenshot(self.page, f"{self.name}-{name}")

    def read_saved(self, path: Path) -> nbformat.NotebookNode:
        """Save the notebook, widgets included, and read the file."""
        before = path.stat().st_mtime_ns
        self.execute("docmanager:save")

        def is_complete():  # JupyterLab empties the file before it writes
            text = path.read_text(encoding="utf-8")
            return path.stat().st_mtime_ns > before and text.endswith("}\n")

        wait_until(is_complete, 30, f"{path} to be saved")
        return nbformat.read(path, as_version=4)


def take_screenshot(page: Page, name: str, **options) -> None:
    """Keep a screenshot in the folder FLUX_SCREENSHOTS, if there is one."""
    folder = os.environ.get("FLUX_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", **options)


def list_saved_errors(notebook: nbformat.NotebookNode) -> list[str]:
    """Return every error that a saved notebook holds, in outputs and in the state of widgets."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                found.append(f"{output.ename}: {output.evalue}")
    for widget in read_widget_states(notebook).values():
        text = json.dumps(widget.get("state", {}))
        if re.search(r'class=\\"flux-error|Traceback|"output_type": "error"', text):
            found.append(text[:500])
    return found


def read_widget_states(notebook: nbformat.NotebookNode) -> dict:
    """Return the state of each widget of a saved notebook."""
    states = notebook.metadata.get("widgets", {})
    return states.get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
