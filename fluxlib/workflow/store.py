"""Steps kept under the key of all that they depend on, whichever run made them.

A step is run in a folder of its own, beside links to what it builds on, and the folder is renamed
to its place when all is written. So what is there is whole, whatever was killed, and whether a
step has to run depends on nothing but whether its key is here.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

import filelock

from fluxlib.errors import FluxError
from fluxlib.utils.files import write_text

#: What a step may come to that can be reused; the others are tried again.
FINAL = ("done", "not applicable")
BROKEN = ("failed", "skipped")
OUT_OF_DATE = "out of date"
MOST_UNUSED = 200  # steps that no run uses any more, a megabyte or two each
_OUTCOME = "outcome.json"
_STATE = ".state.json"


@dataclass(frozen=True)
class Source:
    """The dataset of a run: what the notebooks and the report need to know of it.

    Attributes
    ----------
    folder : Path
    name, title : str
    synthetic : bool
        Simulated, or observed.
    key : str
        Hash of its content.
    """

    folder: Path
    name: str
    title: str
    synthetic: bool
    key: str


@dataclass(frozen=True)
class Outcome:
    """How a step went, now or when it was last run.

    Attributes
    ----------
    step : str
    status : {"done", "not applicable", "failed", "skipped", "not run", "out of date"}
        The last two only for steps that this run was not asked for.
    key : str
        See `fluxlib.workflow.notebooks.hash_inputs`.
    message : str
        Why it does not apply, or the error's name and value.
    cell : str
        Where it failed: the prompt's number and the first line, ``[5] "model.fit(X)"``.
    seconds : float
    finished : str
        UTC, ISO 8601.
    memory : float or None
        The kernel's peak in MB (10^6 bytes); None where the system does not report it.
    parameters : dict
        Those that the run set, defaults left out.
    outputs : list of str
        The files that it left, in the store's folder of the step.
    inputs : dict
        What the key is the hash of: see `fluxlib.workflow.notebooks.list_inputs`.
    reused : bool
        Whether this run found it current.
    """

    step: str
    status: str
    key: str = ""
    message: str = ""
    cell: str = ""
    seconds: float = 0.0
    finished: str = ""
    memory: float | None = None
    parameters: dict = field(default_factory=dict)
    outputs: Sequence[str] = field(default_factory=list)
    inputs: dict = field(default_factory=dict)
    reused: bool = False

    def describe_failure(self) -> str:
        """Return one sentence on a step that failed or was skipped: which cell, and why."""
        if self.status == "skipped":
            return f"{self.step} was skipped: {self.message}"
        where = f" in cell {self.cell}" if self.cell else ""
        return f"{self.step} failed{where}: {self.message}"


def name_state(outcome: Outcome) -> str:
    """Return what the steps that build on this one depend on: its key, or that it has none."""
    if outcome.status == OUT_OF_DATE:
        return OUT_OF_DATE
    return "failed" if outcome.status in BROKEN else outcome.key


def _hash_file(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


@dataclass(frozen=True)
class StepStore:
    """A folder of steps by key, seen by all processes and machines under the same path."""

    folder: Path

    def find_folder(self, key: str) -> Path:
        """Return where a step's files are: ``reports``, ``figures`` and how it went."""
        return self.folder / key[:32] / "step"

    def read_outcome(self, key: str) -> Outcome | None:
        """Return how a step went when it was last run; None if it has not been run."""
        return self._read(key)[0]

    def find_current(self, key: str) -> Outcome | None:
        """Return how a step went if its results can be reused, else None.

        They cannot if one of its files is missing or not what the step wrote: a disk that was full,
        or a program that wrote into a file, has damaged it.
        """
        outcome, digests = self._read(key)
        if outcome is None or outcome.status not in FINAL or outcome.key != key:
            return None
        folder = self.find_folder(key)
        whole = all(_hash_file(folder / name) == digest for name, digest in digests.items())
        return outcome if whole and set(outcome.outputs) <= set(digests) else None

    def _read(self, key: str) -> tuple[Outcome | None, dict[str, str]]:
        try:
            text = (self.find_folder(key) / _OUTCOME).read_text(encoding="utf-8")
            content = json.loads(text)
            return Outcome(**content["outcome"]), dict(content["files"])
        except (OSError, ValueError, TypeError, KeyError):  # none, or of another version
            return None, {}

    def write_outcome(self, folder: Path, outcome: Outcome) -> None:
        """Say how the step in `folder` went, and hash its files; the last of them to be written."""
        # What is hidden is not the step's: files that something else writes and removes.
        names = [
            name
            for name in list_files(folder, ".")
            if name != _OUTCOME and not any(part.startswith(".") for part in Path(name).parts)
        ]
        content = {
            "outcome": asdict(outcome),
            "files": {name: _hash_file(folder / name) for name in names},
        }
        write_text(folder / _OUTCOME, json.dumps(content, indent=1) + "\n")

    @contextmanager
    def claim(self, key: str) -> Iterator[None]:
        """Wait until no other process works on a step, and keep others waiting.

        The system ends the claim of a process that is killed. Where the file system has no locks
        nobody waits, and a step may be run twice, with the same results.
        """
        folder = self.find_folder(key).parent
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / "lock")
        with suppress(NotImplementedError, OSError):
            lock.acquire()
        try:
            for path in folder.glob(".writing-*"):  # left by one that was killed
                shutil.rmtree(path, ignore_errors=True)
            yield
        finally:
            lock.release()

    def remove_old(self, code: str, used: Collection[str] = ()) -> None:
        """Remove what will hardly be reused, so that the store does not grow for ever.

        That is the steps that other code made, and of those that are not in `used`, by key, all but
        the `MOST_UNUSED` that a run used last.
        """
        used = {key[:32] for key in used}
        unused = []
        for folder in self.folder.glob("[0-9a-f]*"):
            outcome = self.read_outcome(folder.name)
            if outcome is None or outcome.inputs.get("code") != code:
                _remove_if_free(folder)
                continue
            path = self.find_folder(folder.name) / _OUTCOME
            with suppress(FileNotFoundError):  # which another run has removed
                if folder.name in used:
                    os.utime(path)
                else:
                    unused.append((path.stat().st_mtime, folder))
        for _, folder in sorted(unused, reverse=True)[MOST_UNUSED:]:
            _remove_if_free(folder)

    @contextmanager
    def lend_scratch(self) -> Iterator[Path]:
        """Lend a folder for as long as a run lasts; remove what killed runs have left."""
        for folder in self.folder.glob(".run-*"):
            _remove_if_free(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".run-", dir=self.folder))
        try:
            with filelock.FileLock(folder / "lock"):
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_if_free(folder: Path) -> None:
    """Remove a folder unless a process holds the lock in it."""
    with suppress(filelock.Timeout), filelock.FileLock(folder / "lock", timeout=0):
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class RunFolder:
    """The folders of one run's reports and figures.

    Parameters
    ----------
    source
        The dataset.
    reports, figures
        Absolute paths of folders that have one folder a dataset.
    """

    source: Source
    reports: Path
    figures: Path

    @property
    def folder(self) -> Path:
        """The dataset's own folder of reports."""
        return self.reports / self.source.name

    @property
    def pictures(self) -> Path:
        """The dataset's own folder of figures."""
        return self.figures / self.source.name

    @property
    def index(self) -> Path:
        """The report's first page."""
        return self.folder / "index.html"

    def read_state(self) -> tuple[dict[str, Outcome], dict[str, str]]:
        """Return the outcomes that the folder was made of, by step, and what its pages show."""
        try:
            state = json.loads((self.folder / _STATE).read_text(encoding="utf-8"))
            outcomes = {name: Outcome(**one) for name, one in state["outcomes"].items()}
            return outcomes, state["shown"]
        except (OSError, ValueError, TypeError, KeyError):  # none, or of another version
            return {}, {}

    def write_state(self, outcomes: Mapping[str, Outcome], shown: Mapping[str, str]) -> None:
        """Note what the folder is made of; the last file to be written."""
        content = {
            "outcomes": {name: asdict(replace(o, reused=False)) for name, o in outcomes.items()},
            "shown": shown,
            "dataset": str(self.source.folder),
        }
        write_text(self.folder / _STATE, json.dumps(content))

    def check_owner(self) -> None:
        """Raise if the folder shows another dataset of the same name, which is still there.

        Raises
        ------
        FluxError
            Pages would have the heading of one and the figures of the other.
        """
        try:
            content = json.loads((self.folder / _STATE).read_text(encoding="utf-8"))
            shown = Path(content["dataset"])
        except (OSError, ValueError, TypeError, KeyError):  # none, or of another version
            return
        if shown != self.source.folder and (shown / "dataset.toml").is_file():
            raise FluxError(
                f"{self.folder} shows the dataset in {shown}; the one in {self.source.folder} is "
                f"called {self.source.name} too. Rename one of them in its dataset.toml."
            )

    def list_files(self, step: str) -> dict[str, Path]:
        """Return all files of a step but its page: path by ``reports/...`` or ``figures/...``."""
        found = [
            *self.folder.glob(f"{step}.*"),
            *(self.folder / "tables").glob(f"{step}_*"),
        ]
        files = {
            f"reports/{path.relative_to(self.reports).as_posix()}": path
            for path in found
            if path.suffix != ".html"
        }
        for path in self.pictures.glob(f"{step}_*"):
            files[f"figures/{path.relative_to(self.figures).as_posix()}"] = path
        return files

    def place(self, name: str) -> Path:
        """Return where a file of the store goes."""
        kind, _, rest = name.partition("/")
        return (self.reports if kind == "reports" else self.figures) / rest


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold the folder of a run; the system frees it however this process ends.

    Raises
    ------
    FluxError
        If another run holds it; the message says which process, and since when.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / ".lock-holder"
    try:
        lock = filelock.FileLock(folder / ".lock", timeout=0)
        lock.acquire()
    except filelock.Timeout:
        who = holder.read_text(encoding="utf-8") if holder.exists() else "which has just begun"
        raise FluxError(
            f"Another run ({who}) is writing to {folder}. Wait until it ends, or stop it."
        ) from None
    try:
        write_text(holder, f"process {os.getpid()}, since {datetime.now():%H:%M:%S}")
        yield
    finally:
        lock.release()


def link_file(path: Path, target: Path) -> None:
    """Make `target` the same file as `path`, or a copy where the file system has no links.

    A notebook is always copied: JupyterLab writes into the file that it has opened.
    """
    if target.exists():
        there, here = path.stat(), target.stat()
        # A copy has the time of its original.
        if (there.st_size, there.st_mtime_ns) == (here.st_size, here.st_mtime_ns):
            return
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if path.suffix == ".ipynb":
            raise OSError
        os.link(path, target)
    except OSError:
        shutil.copy2(path, target)


def list_files(folder: Path, *parts: str) -> list[str]:
    """Return the files below parts of a folder, as paths from the folder."""
    return [
        path.relative_to(folder).as_posix()
        for part in parts
        for path in sorted((folder / part).rglob("*"))
        if path.is_file()
    ]
