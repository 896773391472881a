"""Run the notebooks on a dataset: reuse what is current, go on after failures, make the report.

Each step ends with a stamp, ``<step>.stamp.json``, written last of all its files. A step is
current if its stamp has the key of today's notebook, parameters, data, code and upstream steps.
A run that was killed leaves a step without a stamp, and the next one runs that step again.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fluxlib.execute import execute_notebook
from fluxlib.formatting import format_seconds
from fluxlib.lock import hold_lock
from fluxlib.parameters import assign_parameters
from fluxlib.paths import write_text
from fluxlib.report import Report
from fluxlib.steps import Step, find_steps, hash_step, select_steps


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
        See `fluxlib.steps.hash_step`.
    message, cell : str
        See `fluxlib.execute.Execution`.
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


@dataclass(frozen=True)
class Run:
    """What a run came to: an outcome a notebook, in order, and the report's first page."""

    outcomes: list[Outcome]
    index: Path

    @property
    def failures(self) -> list[str]:
        """One sentence a notebook that failed or was skipped: which cell, and why."""
        return [
            f"{o.step} failed in cell {o.cell}: {o.message}"
            if o.status == "failed"
            else f"{o.step} was skipped: {o.message}"
            for o in self.outcomes
            if o.status in ("failed", "skipped")
        ]


def run_notebooks(
    source: Source,
    *,
    notebooks: str | Path,
    reports: str | Path,
    figures: str | Path,
    parameters: Mapping[str, Any] | None = None,
    parameters_source: str = "parameters",
    only: Iterable[str] = (),
    start: str | None = None,
    say: Callable[..., None] = print,
) -> Run:
    """Bring the results and pages of a dataset up to date.

    Parameters
    ----------
    source
        The dataset.
    notebooks
        The folder of ``NN_name.ipynb``.
    reports, figures
        Folders that get one folder a dataset.
    parameters, parameters_source
        See `fluxlib.parameters.assign_parameters`.
    only, start
        See `fluxlib.steps.select_steps`. What the chosen ones build on is run too, if stale.
    say
        Is told one line a notebook as it goes, called like `print`.

    Raises
    ------
    FluxError
        If parameters or notebooks cannot be used, or another run writes to the same folder.
    """
    steps = find_steps(notebooks)
    assigned = assign_parameters(steps, parameters or {}, source=parameters_source)
    chosen = select_steps(steps, only=only, start=start)
    folder = Path(reports).resolve() / source.name
    desk = _Desk(source, Path(reports).resolve(), Path(figures).resolve(), say)
    outcomes: dict[str, Outcome] = {}
    with hold_lock(folder / ".lock", say=say):
        began = time.monotonic()
        desk.sweep()
        report = Report(source, steps, folder, desk.figures / source.name, chosen)
        for step in steps:
            outcome = desk.handle(step, assigned[step.name], outcomes, wanted=step.name in chosen)
            outcomes[step.name] = outcome
            if step.name in chosen:
                report.write_page(step, outcome)
        index = report.write_index(outcomes, seconds=time.monotonic() - began)
    return Run(list(outcomes.values()), index)


@dataclass(frozen=True)
class _Desk:
    """Where the steps of a run are handled one after another."""

    source: Source
    reports: Path
    figures: Path
    say: Callable[..., None]

    @property
    def folder(self) -> Path:
        return self.reports / self.source.name

    def sweep(self) -> None:
        """Remove what writers that were killed left behind (see `fluxlib.paths.atomic_path`)."""
        for folder in (self.folder, self.folder / "tables", self.figures / self.source.name):
            for path in folder.glob(".writing-*"):
                path.unlink()

    def handle(self, step: Step, given: dict, earlier: dict[str, Outcome], wanted: bool) -> Outcome:
        upstream = {name: earlier[name] for name in step.needs + step.uses}
        key = hash_step(
            step,
            parameters={p.name: given.get(p.name, p.default) for p in step.parameters.values()},
            dataset_key=self.source.key,
            upstream={name: f"{o.status} {o.key}" for name, o in upstream.items()},
        )
        old = self.recall(step)
        current = old.key == key and all(Path(self.reports, f).exists() for f in old.outputs)
        if current and old.status in ("done", "not applicable"):
            if wanted:
                self.say(f"{step.name:<20} reused, was {old.status}", flush=True)
            return replace(old, reused=True)
        if not wanted:
            return old if current or old.status == "not run" else replace(old, status="out of date")
        self.clear(step)
        broken = [n for n in step.needs if upstream[n].status in ("failed", "skipped")]
        if broken:
            outcome = Outcome(step.name, "skipped", key, f"it needs {', '.join(broken)}")
            self.say(f"{step.name:<20} skipped, {outcome.message}", flush=True)
            return outcome
        return self.execute(step, given, key)

    def execute(self, step: Step, given: dict, key: str) -> Outcome:
        self.say(f"{step.name:<20} ", end="", flush=True)
        own = {
            "dataset_folder": str(self.source.folder),
            "reports_folder": str(self.reports),
            "figures_folder": str(self.figures),
            "interactive": False,
        }
        own = {name: value for name, value in own.items() if name in step.parameters}
        began = time.monotonic()
        execution = execute_notebook(step.path, self.folder / f"{step.name}.ipynb", given | own)
        outcome = Outcome(
            step=step.name,
            key=key,
            seconds=round(time.monotonic() - began, 2),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            parameters=given,
            outputs=[os.path.relpath(path, self.reports) for path in self.list_outputs(step)],
            **asdict(execution),
        )
        write_text(self.stamp(step), json.dumps(asdict(outcome), indent=1) + "\n")
        self.say(f"{outcome.status}, {format_seconds(outcome.seconds)}", flush=True)
        return outcome

    def stamp(self, step: Step) -> Path:
        return self.folder / f"{step.name}.stamp.json"

    def recall(self, step: Step) -> Outcome:
        try:
            return Outcome(**json.loads(self.stamp(step).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # none, or of another version
            return Outcome(step.name, "not run")

    def list_outputs(self, step: Step) -> list[Path]:
        """Return all that a step wrote, but its page and its stamp."""
        own = [self.folder / f"{step.name}.ipynb", self.folder / f"{step.name}.json"]
        tables = sorted((self.folder / "tables").glob(f"{step.name}_*"))
        pictures = sorted((self.figures / self.source.name).glob(f"{step.name}_*"))
        return [path for path in own if path.exists()] + tables + pictures

    def clear(self, step: Step) -> None:
        """Remove a step's former outputs, the stamp first: nothing stale is taken for new."""
        page = self.folder / f"{step.name}.html"
        for path in [self.stamp(step), page, *self.list_outputs(step)]:
            path.unlink(missing_ok=True)
