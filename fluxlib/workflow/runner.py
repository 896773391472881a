"""Run the notebooks on a dataset: reuse what is current, go on after failures, make the report.

A run that was killed leaves a step without a stamp, and the next one runs that step again.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fluxlib.reports.formatting import format_seconds
from fluxlib.reports.pages import Report
from fluxlib.workflow.desk import FINAL, Desk, Outcome, Source, list_broken, make_key
from fluxlib.workflow.lock import hold_lock
from fluxlib.workflow.parameters import assign_parameters
from fluxlib.workflow.steps import Step, find_steps, select_steps


@dataclass(frozen=True)
class Run:
    """What a run came to: an outcome a notebook, in order, and the report's first page."""

    outcomes: list[Outcome]
    index: Path

    @property
    def failures(self) -> list[str]:
        """One sentence a notebook that failed or was skipped: which cell, and why."""
        return [describe_failure(o) for o in self.outcomes if o.status in ("failed", "skipped")]


def describe_failure(outcome: Outcome) -> str:
    """Return one sentence on a notebook that failed or was skipped: which cell, and why."""
    if outcome.status == "failed":
        return f"{outcome.step} failed in cell {outcome.cell}: {outcome.message}"
    return f"{outcome.step} was skipped: {outcome.message}"


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
        See `fluxlib.workflow.parameters.assign_parameters`.
    only, start
        See `fluxlib.workflow.steps.select_steps`. What the chosen ones build on is run too, if
        stale.
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
    desk = Desk(source, Path(reports).resolve(), Path(figures).resolve())
    outcomes: dict[str, Outcome] = {}
    with hold_lock(desk.folder / ".lock", say=say):
        began = time.monotonic()
        desk.sweep()
        report = Report(desk, steps, chosen)
        for step in steps:
            outcome = _handle(
                desk, step, assigned[step.name], outcomes, wanted=step.name in chosen, say=say
            )
            outcomes[step.name] = outcome
            if step.name in chosen:
                report.write_page(step, outcome)
        index = report.write_index(outcomes, seconds=time.monotonic() - began)
    return Run(list(outcomes.values()), index)


def _handle(
    desk: Desk,
    step: Step,
    given: dict,
    earlier: Mapping[str, Outcome],
    *,
    wanted: bool,
    say: Callable[..., None],
) -> Outcome:
    upstream = {name: earlier[name] for name in step.builds_on}
    key = make_key(step, given, desk.source, upstream)
    old = desk.recall(step)
    current = old.key == key and desk.has(old)
    if current and old.status in FINAL:
        if wanted:
            say(f"{step.name:<20} reused, was {old.status}", flush=True)
        return replace(old, reused=True)
    if not wanted:
        return old if current or old.status == "not run" else replace(old, status="out of date")
    desk.clear(step)
    if broken := list_broken(step, upstream):
        outcome = Outcome(step.name, "skipped", key, f"it needs {', '.join(broken)}")
        say(f"{step.name:<20} skipped, {outcome.message}", flush=True)
        return outcome
    say(f"{step.name:<20} ", end="", flush=True)
    outcome = desk.execute(step, given, key)
    say(f"{outcome.status}, {format_seconds(outcome.seconds)}", flush=True)
    return outcome
