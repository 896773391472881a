"""Bring the results and pages of a run, or of all runs of a sweep, up to date.

The store has the steps; here they become folders that people open: notebooks, tables and figures
as links into the store, a page a notebook, and an index.
"""

import hashlib
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fluxlib.utils.formatting import format_seconds
from fluxlib.workflow.engine import Machine, explain_steps, run_steps
from fluxlib.workflow.plan import Plan, PlannedRun, make_job
from fluxlib.workflow.store import (
    BROKEN,
    OUT_OF_DATE,
    Outcome,
    RunFolder,
    StepStore,
    hold_folder,
    link_file,
    list_files,
    name_state,
)

_TEMPLATES = Path(__file__).parent / "templates"
_print = partial(print, flush=True)


@dataclass(frozen=True)
class Result:
    """What a run or a sweep came to.

    Attributes
    ----------
    outcomes : list of Outcome
        Of a run, one a notebook, in order; of a sweep, one a step.
    failures : list of str
        One sentence for each that failed or was skipped: which cell and why, and in which runs.
    index : Path
        The report's first page, or the comparison's.
    took : str
        How long it took, in words.
    """

    outcomes: list[Outcome]
    failures: list[str]
    index: Path
    took: str


def run_plan(
    plan: Plan,
    places: Mapping[str, RunFolder],
    *,
    store: StepStore,
    sweep: Path | None = None,
    machine: Machine | None = None,
    report: Callable[[str], None] = _print,
) -> Result:
    """Bring the results and pages of runs up to date.

    Parameters
    ----------
    plan
        What the chosen notebooks build on is run too, if it is out of date.
    places
        Where each run's report goes, by its name.
    store
        Where steps are kept.
    sweep
        The folder of a sweep, which gets a page that compares its runs.
    machine
        Where notebooks run; this machine if None.
    report
        Called with one line a notebook as it ends.

    Raises
    ------
    FluxError
        If notebooks cannot be run, or another process writes to the same folder.
    """
    began = time.monotonic()
    folder = sweep or places[plan.runs[0].name].folder
    for place in places.values():
        place.check_owner()
    with hold_folder(folder):
        old = [outcome for place in places.values() for outcome in place.read_state()[0].values()]
        seconds = {outcome.step: outcome.seconds for outcome in old if outcome.seconds}
        found = run_steps(plan, store, machine=machine, seconds=seconds, report=report)
        assembled = {
            run.name: _assemble(plan, run, found, places[run.name], store, began)
            for run in plan.runs
        }
        if sweep:
            from fluxlib.reports.comparison import write_comparison  # slow

            for path in (sweep / "runs").iterdir():
                if path.name not in places:
                    shutil.rmtree(path)
            index = write_comparison(plan, found, store, sweep)
        else:
            for outcome in found.values():
                if outcome.reused:
                    report(f"{outcome.step:<20} reused, was {outcome.status}")
                if outcome.status == "skipped":
                    report(f"{outcome.step:<20} skipped, {outcome.message}")
            index = folder / "index.html"
    return Result(
        list(found.values()) if sweep else list(assembled[plan.runs[0].name].values()),
        _list_failures(plan, found, name_runs=sweep is not None),
        index,
        format_seconds(time.monotonic() - began),
    )


def place_run(folder: Path, run: PlannedRun) -> RunFolder:
    """Return where a run of a sweep is, in the sweep's folder."""
    own = folder / "runs" / run.name
    return RunFolder(run.source, own / "reports", own / "figures")


def explain_run(plan: Plan, places: Mapping[str, RunFolder], store: StepStore) -> list[str]:
    """Return a line a step: whether it would run, and why; `places` by run."""
    previous = {name: place.read_state()[0] for name, place in places.items()}
    return explain_steps(plan, store, previous)


def _assemble(
    plan: Plan,
    run: PlannedRun,
    found: Mapping[str, Outcome],
    place: RunFolder,
    store: StepStore,
    began: float,
) -> dict[str, Outcome]:
    """Bring a run's folder to what its steps came to; return the outcomes by step."""
    old, shown = place.read_state()
    made: dict[str, Outcome] = {}
    outcomes: dict[str, Outcome] = {}
    for step in plan.steps:
        outcome = found.get(run.nodes[step.name]) or old.get(step.name)
        outcome = made[step.name] = outcome or Outcome(step.name, "not run")
        if step.name not in plan.chosen and outcome.status != "not run":
            upstream = {other: name_state(outcomes[other]) for other in step.builds_on}
            given = run.given[step.name]
            job = make_job(step, run.source, given, upstream, code=plan.code)
            if outcome.key != job.key:
                outcome = replace(outcome, status=OUT_OF_DATE)
        outcomes[step.name] = outcome
    for folder in (place.folder, place.folder / "tables", place.pictures):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(".writing-*"):  # left by a process that was killed
            path.unlink()
    for name in plan.chosen:
        _link_step(outcomes[name], place, store)
    pages = [place.folder / f"{name}.html" for name in (*sorted(plan.chosen), "index")]
    show = {name: f"{o.status} {o.key} {o.finished}" for name, o in outcomes.items()}
    show["templates"] = hash_templates()
    if show != shown or not all(page.exists() for page in pages):
        # Slow to import, and not needed if nothing has changed.
        from fluxlib.reports.comparison import compare_runs, record_run
        from fluxlib.reports.pages import write_report

        write_report(
            place,
            plan,
            outcomes,
            store,
            comparison=compare_runs(record_run(place.folder, outcomes, place.source.key)),
            seconds=time.monotonic() - began,
        )
        place.write_state(made, show)
    return outcomes


def _link_step(outcome: Outcome, place: RunFolder, store: StepStore) -> None:
    """Put a step's files where people look for them, and remove those that it once had."""
    for name, path in place.list_files(outcome.step).items():
        if name not in outcome.outputs:
            path.unlink()
    for name in outcome.outputs:
        link_file(store.find_folder(outcome.key) / name, place.place(name))


def hash_templates() -> str:
    """Return the hash of what pages are made with."""
    digest = hashlib.sha256()
    for name in list_files(_TEMPLATES, "."):
        digest.update((_TEMPLATES / name).read_bytes())
    return digest.hexdigest()[:16]


def _list_failures(plan: Plan, found: Mapping[str, Outcome], *, name_runs: bool) -> list[str]:
    lines = []
    for name, outcome in found.items():
        if outcome.status in BROKEN:
            runs = [run.name for run in plan.runs if name in run.nodes.values()]
            where = f" ({', '.join(runs)})" if name_runs else ""
            lines.append(outcome.describe_failure() + where)
    return lines
