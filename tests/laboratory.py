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

from fluxlib.paths import NOTEBOOKS, PROJECT

TOKEN = "laboratory"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
#: Settings of the user's that the test needs: widgets saved with the notebook, no news asked for.
SETTINGS = {
    "@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True},
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
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(f"{address}/lab/tree/notebooks/{name}.ipynb?token={TOKEN}&reset")
        page.wait_for_selector(".jp-NotebookPanel:visible .jp-Cell", timeout=60_000)
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=60_000)

    def do(self, command: str) -> None:
        """Execute a command of JupyterLab, and wait until it is done."""
        self.page.evaluate(f"() => window.jupyterapp.commands.execute('{command}')")

    def run_all(self) -> None:
        self.page.set_default_timeout(180_000)
        self.do("notebook:run-all-cells")
        self.page.set_default_timeout(20_000)

    @property
    def panel(self) -> Locator:
        return self.page.locator(".jupyter-widgets.widget-vbox:has(.flux-note, .flux-error)").first

    @property
    def note(self) -> str:
        return self.panel.locator(".flux-note, .flux-error").last.inner_text()

    def picture(self) -> str:
        return self.panel.locator("img.flux-figure").first.get_attribute("src")

    def control(self, label: str) -> Locator:
        """Return the control with a label."""
        exact = re.compile(f"^{re.escape(label)}$")
        return (
            self.panel.locator(".widget-inline-hbox, .widget-hbox")
            .filter(has=self.page.locator(".widget-label", has_text=exact))
            .last
        )

    def list_labels(self) -> list[str]:
        texts = self.panel.locator(".widget-label").all_inner_texts()
        return [text for text in texts if text.strip()]

    def screenshot(self, name: str) -> None:
        take_picture(self.page, f"{self.name}-{name}")

    def read_saved(self, path: Path) -> nbformat.NotebookNode:
        """Save the notebook, widgets included, and read the file."""
        self.do("docmanager:save")
        return nbformat.read(path, as_version=4)


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
        if "flux-error" in text or "Traceback" in text or '"output_type": "error"' in text:
            found.append(text[:500])
    return found


def count_widgets(notebook: nbformat.NotebookNode) -> int:
    states = notebook.metadata.get("widgets", {})
    return len(states.get("application/vnd.jupyter.widget-state+json", {}).get("state", {}))
