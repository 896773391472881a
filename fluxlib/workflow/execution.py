"""Run one notebook headlessly through papermill, and keep what it left in the store."""

import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import zmq
from jupyter_client import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from papermill import execute_notebook as run_papermill
from papermill.exceptions import PapermillExecutionError
from papermill.execute import remove_error_markers

from fluxlib.errors import FluxError, NotApplicable, TooLittleDataError
from fluxlib.utils.files import atomic_folder, write_text
from fluxlib.utils.parallel import limit_threads
from fluxlib.workflow.notebooks import read_step
from fluxlib.workflow.plan import Job
from fluxlib.workflow.store import FINAL, Outcome, StepStore, link_file, list_files

# It warns of parameters that it failed to parse itself; `parameters` has checked them all.
logging.getLogger("papermill").setLevel(logging.ERROR)
ATTEMPTS = 3  # for a kernel that dies, which may be for want of memory that others now use
# Threads of linear algebra sum in another order on each number of cores. One makes last digits the
# same on all machines; what takes time here has threads of its own.
_ONE_ORDER = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def run_job(
    job: Job, store: StepStore, *, threads: int, finish: Callable[[Path, Outcome], object]
) -> Outcome:
    """Return how a step went, which is run if its results are not in the store.

    Parameters
    ----------
    job, store
    threads
        Cores that the notebook may use; its neighbours want the others.
    finish
        Called with the step's folder and outcome, to add what a report needs.

    Raises
    ------
    FluxError
        If notebook or code are not, or no longer, those that the step's key is of.
    """
    with store.claim(job.key):
        if found := store.find_current(job.key):
            return found
        with atomic_folder(store.find_folder(job.key), replace=True) as folder:
            try:
                outcome = _run_in_folder(job, store, folder, threads)
                finish(folder, outcome)
            except Exception as error:  # a full disk, or notebooks that have changed meanwhile
                outcome = _give_up(job, folder, error)
            store.write_outcome(folder, outcome)
        return outcome


def give_up(job: Job, store: StepStore, message: str) -> Outcome:
    """Keep the notebook of a step whose process ended without results, as one that failed."""
    with store.claim(job.key), atomic_folder(store.find_folder(job.key), replace=True) as folder:
        outcome = _give_up(job, folder, FluxError(message))
        store.write_outcome(folder, outcome)
    return outcome


def _run_in_folder(job: Job, store: StepStore, folder: Path, threads: int) -> Outcome:
    _check_key(job)
    report = folder / "reports" / job.source.name
    report.mkdir(parents=True)
    borrowed = _borrow(job, store, folder)
    places = {
        "dataset_folder": str(job.source.folder),
        "reports_folder": str(folder / "reports"),
        "figures_folder": str(folder / "figures"),
        "interactive": False,
    }
    known = read_step(job.notebook).parameters
    outcome = execute_notebook(
        job.notebook,
        report / job.notebook.name,
        {**job.given, **{name: value for name, value in places.items() if name in known}},
        # A thread that waits sleeps, so that the cores are the neighbours'.
        environment={**limit_threads(threads), "OMP_WAIT_POLICY": "PASSIVE"},
        attempts=ATTEMPTS,
    )
    _check_key(job)
    for name in borrowed:
        (folder / name).unlink()
    return replace(
        outcome,
        key=job.key,
        inputs=job.inputs,
        parameters=job.given,
        outputs=list_files(folder, "reports", "figures"),
    )


def _borrow(job: Job, store: StepStore, folder: Path) -> list[str]:
    """Link the results that a step builds on, as it would find them in a folder of reports."""
    borrowed = []
    for key in job.inputs["upstream"].values():
        upstream = store.find_current(key)
        for name in upstream.outputs if upstream else ():
            link_file(store.find_folder(key) / name, folder / name)
            borrowed.append(name)
    return borrowed


def _give_up(job: Job, folder: Path, error: Exception) -> Outcome:
    shutil.rmtree(folder, ignore_errors=True)
    report = folder / "reports" / job.source.name
    report.mkdir(parents=True)
    shutil.copyfile(job.notebook, report / job.notebook.name)
    name = "" if isinstance(error, FluxError) else f"{type(error).__name__}: "
    return Outcome(
        job.step,
        "failed",
        job.key,
        name + str(error),
        inputs=job.inputs,
        parameters=job.given,
        outputs=list_files(folder, "reports"),
    )


def _check_key(job: Job) -> None:
    if job.rebuild().key != job.key:
        raise FluxError(
            f"{job.notebook.name}, fluxlib or requirements.txt have changed since the run began. "
            "The same command goes on from here."
        )


def execute_notebook(
    path: Path,
    output: Path,
    parameters: Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    attempts: int = 1,
) -> Outcome:
    """Run the notebook `path` in its own folder and keep it, complete or partial, as `output`.

    The kernel is the one of this Python, and figures are inline whatever MPLBACKEND says. What
    libraries write below Python, such as a crash's last words, goes to a `.log` beside the
    output, which is kept if the notebook fails.

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
    began = time.monotonic()
    for _ in range(attempts):
        outcome = _execute_once(path, output, parameters, environment or {})
        if not outcome.message.startswith(DeadKernelError.__name__):
            break
    return replace(
        outcome,
        seconds=round(time.monotonic() - began, 2),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _execute_once(path: Path, output: Path, parameters: Mapping, environment: Mapping) -> Outcome:
    kernels: list[AsyncKernelManager] = []
    peak: list[float | None] = [None]
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
    name, value, index = failure or ("", "", None)
    if failure is None or name in (NotApplicable.__name__, TooLittleDataError.__name__):
        log.unlink(missing_ok=True)
        status = FINAL[0] if failure is None else FINAL[1]
        return Outcome(path.stem, status, message=value, memory=peak[-1])
    cell = _describe_cell(notebook, index)
    message = f"{name}: {' '.join(value.split())}"
    return Outcome(path.stem, "failed", message=message, cell=cell, memory=peak[-1])


def list_started_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the cells that the run came to, the failed one included."""
    return [c for c in notebook.cells if c.metadata.get("papermill", {}).get("start_time")]


def _make_kernel_manager(
    report: Callable, log: Path, folder: Path, environment: Mapping[str, str]
) -> type[AsyncKernelManager]:
    class KernelManager(AsyncKernelManager):
        async def start_kernel(self, **options):  # type: ignore[override]
            report(self)
            # Set to agg, as tests and servers like it, it removes inline figures.
            env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
            # Unencrypted, each kernel prints a warning of three lines.
            options["transport_encryption"] = "auto" if zmq.has("curve") else "disabled"
            # papermill would change the folder of this whole process.
            options["cwd"] = str(folder)
            # What libraries write below Python, and a crash's last words: kept if it fails.
            with log.open("wb") as file:
                env = {**env, **_ONE_ORDER, **environment}
                await super().start_kernel(env=env, stderr=file, **options)

    return KernelManager


def _read_peak(kernel: AsyncKernelManager) -> float | None:
    try:
        pid = kernel.provisioner.pid  # type: ignore[attr-defined]
        status = Path(f"/proc/{pid}/status").read_text()
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
