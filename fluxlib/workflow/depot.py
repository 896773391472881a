"""Steps kept under the key of all that they depend on, whichever sweep and worker ran them.

A step is run in a folder of its own, beside copies of what it builds on, and the folder is
renamed to the step's key when all is written. So what is there is whole, whoever was killed, and
two workers that run the same step do no harm.
"""

import hashlib
import os
import platform
import shutil
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat

from fluxlib.errors import FluxError
from fluxlib.utils.parallel import SCHEDULER_VARIABLE, limit_threads
from fluxlib.workflow.desk import FINAL, Desk, Outcome, Source, make_key
from fluxlib.workflow.lock import hold_claim, is_claimed
from fluxlib.workflow.steps import Step, read_step

ATTEMPTS = 3  # for a kernel that dies, which may be for want of memory that others now use
_WRITING = ".writing-"


@dataclass(frozen=True)
class Task:
    """A step to run.

    Attributes
    ----------
    step : Step
    source : Source
    given : dict
        The parameters that are set.
    upstream : dict of Outcome
        How each step went that this one builds on.
    """

    step: Step
    source: Source
    given: dict
    upstream: dict[str, Outcome]

    @property
    def key(self) -> str:
        """The key of the step's results, as notebook and code are now."""
        return make_key(self.step, self.given, self.source, self.upstream)


@dataclass(frozen=True)
class Depot:
    """A folder of steps by key.

    Parameters
    ----------
    folder
        Seen by all workers under the same path.
    """

    folder: Path

    def desk(self, source: Source, key: str) -> Desk:
        """Return where a step's files are."""
        folder = self.folder / key[:32]
        return Desk(source, folder / "reports", folder / "figures")

    def name_task(self, text: str) -> str:
        """Return a name that two sweeps give to the same thing in the same folder."""
        return hashlib.sha256(f"{self.folder}\0{text}".encode()).hexdigest()[:16]

    def find(self, task: Task, key: str) -> Outcome | None:
        """Return how a step went if its results can be reused, else None."""
        desk = self.desk(task.source, key)
        outcome = desk.recall(task.step)
        if outcome.key == key and outcome.status in FINAL and desk.has(outcome):
            return replace(outcome, reused=True)
        return None

    def bring(self, task: Task, key: str, threads: int) -> Outcome:
        """Return how a step went, which is run if its results are not here; meant for workers.

        Parameters
        ----------
        task
        key
            What its results are kept under.
        threads
            Cores that the notebook may use; its neighbours want the others.

        Raises
        ------
        FluxError
            If notebook or code are not, or not any more, those that `key` is of.
        """
        with self.claim(key):
            _check_key(task, key, "before")
            if found := self.find(task, key):
                return found
            with self._workspace(key) as workspace:
                desk = Desk(task.source, workspace / "reports", workspace / "figures")
                borrowed = self._borrow(task, desk)
                outcome = desk.execute(
                    task.step,
                    task.given,
                    key,
                    # A notebook of a sweep is a task itself, and hands out none.
                    environment=limit_threads(threads) | {SCHEDULER_VARIABLE: ""},
                    attempts=ATTEMPTS,
                )
                _check_key(task, key, "while")
                for path in borrowed:
                    path.unlink()
            return outcome

    def give_up(self, task: Task, key: str, message: str) -> Outcome:
        """Keep the notebook of a step that no worker survived, as one that failed."""
        with self.claim(key), self._workspace(key) as workspace:
            desk = Desk(task.source, workspace / "reports", workspace / "figures")
            desk.folder.mkdir(parents=True)
            path = desk.notebook(task.step)
            nbformat.write(task.step.notebook, path)
            outputs = [os.path.relpath(path, desk.reports)]
        return Outcome(
            task.step.name, "failed", key, message, parameters=task.given, outputs=outputs
        )

    def sweep(self) -> None:
        """Remove what workers that were killed left behind."""
        for path in self.folder.glob(f"{_WRITING}*"):
            if not is_claimed(self._claims / path.name.split("-")[1]):
                shutil.rmtree(path, ignore_errors=True)

    def claim(self, name: str) -> AbstractContextManager:
        """Keep others from making the same step, or run, at the same time."""
        return hold_claim(self._claims / name[:32])

    @property
    def _claims(self) -> Path:
        return self.folder / "claims"

    @contextmanager
    def _workspace(self, key: str) -> Iterator[Path]:
        """Lend a folder that becomes the step's, if the block succeeds."""
        workspace = self.folder / f"{_WRITING}{key[:32]}-{uuid.uuid4().hex[:8]}"
        workspace.mkdir(parents=True)
        try:
            yield workspace
            replace_folder(workspace, self.folder / key[:32])
        finally:
            shutil.rmtree(workspace, ignore_errors=True)

    def _borrow(self, task: Task, desk: Desk) -> list[Path]:
        """Lay out what the step builds on, as it would find it in a folder of reports."""
        borrowed = []
        for outcome in task.upstream.values():
            if outcome.status in FINAL:
                there = self.desk(task.source, outcome.key)
                for path in outcome.outputs:
                    borrowed.append(desk.reports / path)
                    link_file(there.reports / path, desk.reports / path)
        return borrowed


def replace_folder(new: Path, folder: Path) -> None:
    """Rename `new` to `folder`; what was there is removed."""
    old = new.with_name(f"{new.name}-old")
    with suppress(FileNotFoundError):
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def link_file(path: Path, target: Path) -> None:
    """Make `target` the same file as `path`, or a copy where the file system has no links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target)
    except OSError:
        shutil.copy2(path, target)


def _check_key(task: Task, key: str, when: str) -> None:
    if replace(task, step=read_step(task.step.path)).key != key:
        raise FluxError(
            f"{task.step.path.name}, fluxlib or requirements.txt have changed since the sweep "
            f"began, or differ on {platform.node()}. The same command goes on from here."
        )
