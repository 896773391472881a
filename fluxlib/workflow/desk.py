"""A folder in which the steps of one dataset leave their files, and how one step is run there.

Each step ends with a stamp, ``<step>.stamp.json``, written last of all its files. A step is
current if its stamp has the key of today's notebook, parameters, data, code and upstream steps.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fluxlib.utils.files import write_text
from fluxlib.workflow.execution import execute_notebook
from fluxlib.workflow.steps import Step, hash_step

#: What a step may come to that can be reused; the others are tried again.
FINAL = ("done", "not applicable")


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
        See `fluxlib.workflow.steps.hash_step`.
    message, cell : str
        See `fluxlib.workflow.execution.Execution`.
    seconds : float
    finished : str
        UTC, ISO 8601.
    memory : float or None
        Peak, MB.
    parameters : dict
        Those that the run set, defaults left out.
    outputs : list of str
        Files that must be there for the step to be reused.
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
    outputs: list = field(default_factory=list)
    reused: bool = False


def make_key(
    step: Step,
    given: Mapping,
    source: Source,
    upstream: Mapping[str, Outcome],
    *,
    code: str | None = None,
) -> str:
    """Return the key of a step's results, by `fluxlib.workflow.steps.hash_step`.

    Parameters
    ----------
    step
    given
        The parameters that are set; the others have their defaults.
    source
    upstream
        How each step went that this one builds on.
    code
        See `fluxlib.workflow.steps.hash_step`.
    """
    return hash_step(
        step,
        parameters={p.name: given.get(p.name, p.default) for p in step.parameters.values()},
        dataset_key=source.key,
        upstream={name: f"{o.status} {o.key}" for name, o in upstream.items()},
        code=code,
    )


def list_broken(step: Step, upstream: Mapping[str, Outcome]) -> list[str]:
    """Return the names of the steps that this one needs and that did not come to their end."""
    return [name for name in step.needs if upstream[name].status in ("failed", "skipped")]


@dataclass(frozen=True)
class Desk:
    """The folders of one dataset's reports and figures.

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

    def sweep(self) -> None:
        """Remove what writers that were killed left behind."""
        for folder in (self.folder, self.folder / "tables", self.pictures):
            for path in folder.glob(".writing-*"):
                path.unlink()

    def recall(self, step: Step) -> Outcome:
        """Return how the step went that the files here are of."""
        try:
            return Outcome(**json.loads(self._stamp(step).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # none, or of another version
            return Outcome(step.name, "not run")

    def has(self, outcome: Outcome) -> bool:
        """Tell whether all that the step wrote is still here."""
        return all(Path(self.reports, name).exists() for name in outcome.outputs)

    def clear(self, step: Step) -> None:
        """Remove a step's former outputs, the stamp first: nothing stale is taken for new."""
        for path in [self._stamp(step), self.page(step), *self.list_outputs(step)]:
            path.unlink(missing_ok=True)

    def execute(self, step: Step, given: Mapping, key: str, **options) -> Outcome:
        """Run a step here, and stamp it.

        Parameters
        ----------
        step
        given
            Parameters to set, beside those that say where things are.
        key
            See `make_key`.
        **options
            Of `fluxlib.workflow.execution.execute_notebook`.
        """
        own = {
            "dataset_folder": str(self.source.folder),
            "reports_folder": str(self.reports),
            "figures_folder": str(self.figures),
            "interactive": False,
        }
        own = {name: value for name, value in own.items() if name in step.parameters}
        self.folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        execution = execute_notebook(step.path, self.notebook(step), {**given, **own}, **options)
        outcome = Outcome(
            step=step.name,
            key=key,
            seconds=round(time.monotonic() - began, 2),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            parameters=dict(given),
            outputs=[os.path.relpath(path, self.reports) for path in self.list_outputs(step)],
            **asdict(execution),
        )
        write_text(self._stamp(step), json.dumps(asdict(outcome), indent=1) + "\n")
        return outcome

    def page(self, step: Step) -> Path:
        """Return where a step's page is, or would be."""
        return self.folder / f"{step.name}.html"

    def notebook(self, step: Step) -> Path:
        """Return where a step's executed notebook is, or would be."""
        return self.folder / f"{step.name}.ipynb"

    def results(self, step: Step) -> Path:
        """Return where a step's results are, or would be: see `fluxlib.Results.save`."""
        return self.folder / f"{step.name}.json"

    def list_outputs(self, step: Step) -> list[Path]:
        """Return all that a step wrote, but its page and its stamp."""
        own = [self.notebook(step), self.results(step)]
        tables = sorted((self.folder / "tables").glob(f"{step.name}_*"))
        pictures = sorted(self.pictures.glob(f"{step.name}_*"))
        return [path for path in own if path.exists()] + tables + pictures

    def list_files(self, step: Step, outcome: Outcome) -> list[str]:
        """Return all that is here of a step but its page, as paths from the folder of reports."""
        beside = [self._stamp(step), self.folder / f"{step.name}.log"]
        there = [os.path.relpath(path, self.reports) for path in beside if path.exists()]
        return outcome.outputs + there

    def _stamp(self, step: Step) -> Path:
        return self.folder / f"{step.name}.stamp.json"
