"""Run one notebook headlessly through papermill, and say how it went."""

import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import zmq
from jupyter_client import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from papermill import execute_notebook as run_papermill
from papermill.exceptions import PapermillExecutionError
from papermill.execute import remove_error_markers

from fluxlib.errors import NotApplicable
from fluxlib.utils.files import write_text

# It warns of parameters that it failed to parse itself; `parameters` has checked them all.
logging.getLogger("papermill").setLevel(logging.ERROR)
# Threads of linear algebra sum in another order on each number of cores. One makes last digits the
# same on all machines; what takes time here has threads of its own.
_ONE_ORDER = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Execution:
    """How a notebook went.

    Attributes
    ----------
    status : {"done", "not applicable", "failed"}
    message : str
        Why it does not apply, or the error's name and value.
    cell : str
        Where it failed: the prompt's number and the first line, ``[5] "model.fit(X)"``.
    memory : float or None
        The kernel's peak in MB (10^6 bytes); None where the system does not tell.
    """

    status: str
    message: str = ""
    cell: str = ""
    memory: float | None = None


def execute_notebook(
    path: Path,
    output: Path,
    parameters: Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    attempts: int = 1,
) -> Execution:
    """Run the notebook `path` in its own folder and keep it, complete or partial, as `output`.

    The kernel is the one of this Python, figures are inline whatever MPLBACKEND says, and locks
    held by this process last as long as the kernel (see `fluxlib.workflow.lock`). What libraries
    write
    below Python, such as a crash's last words, goes to a `.log` beside the output, which is kept
    if the notebook fails.

    Parameters
    ----------
    path, output
    parameters
    environment
        Variables to set for the kernel, beside those of this process.
    attempts
        How often to run a notebook whose kernel dies, before it counts as failed.

    Raises
    ------
    KeyboardInterrupt
        At once, with the kernel stopped.
    """
    for _ in range(attempts):
        execution = _execute_once(path, output, parameters, environment or {})
        if not execution.message.startswith(DeadKernelError.__name__):
            break
    return execution


def _execute_once(path: Path, output: Path, parameters: Mapping, environment: Mapping) -> Execution:
    kernels: list[AsyncKernelManager] = []
    peak = [None]
    failure = None
    log = output.with_suffix(".log")
    try:
        run_papermill(
            _escape(path.resolve()),
            _escape(output.resolve()),
            parameters=dict(parameters),
            kernel_name="python3",
            progress_bar=False,
            kernel_manager_class=_make_kernel_manager(
                kernels.append, log, path.parent, environment
            ),
            on_cell_executed=lambda **_: peak.append(_read_peak(kernels[-1]) or peak[-1]),
            # Nothing is left to tidy once the last cell is done, and an interrupt must be quick.
            shutdown_kernel="immediate",
        )
    except PapermillExecutionError as error:
        failure = error.ename, _ANSI.sub("", str(error.evalue)), error.cell_index
    except DeadKernelError:
        failure = DeadKernelError.__name__, "the kernel died, most often for lack of memory", None
    notebook = remove_error_markers(nbformat.read(output, as_version=4))
    write_text(output, nbformat.writes(notebook))
    if failure is None:
        log.unlink(missing_ok=True)
        return Execution("done", memory=peak[-1])
    name, value, index = failure
    if name == NotApplicable.__name__:
        log.unlink(missing_ok=True)
        return Execution("not applicable", value, memory=peak[-1])
    cell = _describe_cell(notebook, index)
    return Execution("failed", f"{name}: {' '.join(value.split())}", cell, peak[-1])


def list_started_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the cells that the run came to, the failed one included."""
    return [c for c in notebook.cells if c.metadata.get("papermill", {}).get("start_time")]


def _make_kernel_manager(
    tell: Callable, log: Path, folder: Path, environment: Mapping[str, str]
) -> type[AsyncKernelManager]:
    class KernelManager(AsyncKernelManager):
        async def start_kernel(self, **options):
            tell(self)
            # What libraries write below Python, and a crash's last words: kept if it fails.
            with log.open("wb") as file:
                await self._start(stderr=file, **options)

        async def _start(self, **options):
            # Set to agg, as tests and servers like it, it removes inline figures.
            env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
            env.update(_ONE_ORDER)
            # Unencrypted, each kernel prints a warning of three lines.
            options["transport_encryption"] = "auto" if zmq.has("curve") else "disabled"
            # papermill would change the folder of this whole process.
            options["cwd"] = str(folder)
            await super().start_kernel(env={**env, **environment}, close_fds=False, **options)

    return KernelManager


def _read_peak(kernel: AsyncKernelManager) -> float | None:
    try:
        status = Path(f"/proc/{kernel.provisioner.pid}/status").read_text()
    except OSError:  # not Linux
        return None
    peak = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(peak[1]) * 1024 / 1e6 if peak else None


def _describe_cell(notebook: nbformat.NotebookNode, index: int | None) -> str:
    started = list_started_cells(notebook) if index is None else notebook.cells[: index + 1]
    codes = [cell for cell in started if cell.cell_type == "code"]
    if not codes:
        return ""
    lines = codes[-1].source.strip().splitlines() or [""]
    return f'[{codes[-1].execution_count or len(codes)}] "{lines[0]}"'


def _escape(path: Path) -> str:
    """Return the path as papermill wants it, which formats braces as parameters."""
    return str(path).replace("{", "{{").replace("}", "}}")
