"""A run of a sweep as an ordinary folder of reports and figures, put together from the depot."""

import hashlib
import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fluxlib.reports.pages import TEMPLATES, Report
from fluxlib.utils.files import atomic_path
from fluxlib.workflow.depot import Depot, link_file, replace_folder
from fluxlib.workflow.desk import Desk, Outcome, Source
from fluxlib.workflow.steps import Step

_STATE = "state.json"


def find_index(folder: Path, source: Source) -> Path:
    """Return where the report of a run in `folder` begins."""
    return folder / "reports" / source.name / "index.html"


def is_assembled(folder: Path, outcomes: Mapping[str, Outcome]) -> bool:
    """Tell whether a run's folder is made of these outcomes."""
    try:
        return json.loads((folder / _STATE).read_text(encoding="utf-8")) == _describe(outcomes)
    except (OSError, ValueError):
        return False


def assemble_run(
    folder: Path,
    source: Source,
    steps: list[Step],
    outcomes: Mapping[str, Outcome],
    depot: Depot,
) -> None:
    """Make a run's folder: what its steps left, a page for each, and the index.

    Parameters
    ----------
    folder
        Replaced as a whole, if it is there.
    source
    steps
        All notebooks, in order.
    outcomes
        By name, of those steps that the sweep runs.
    depot
    """
    with depot.claim(depot.name_task(str(folder))):
        if is_assembled(folder, outcomes):
            return
        workspace = folder.with_name(f".writing-{folder.name}-{uuid.uuid4().hex[:8]}")
        try:
            _fill(
                Desk(source, workspace / "reports", workspace / "figures"), steps, outcomes, depot
            )
            (workspace / _STATE).write_text(json.dumps(_describe(outcomes)), encoding="utf-8")
            replace_folder(workspace, folder)
        finally:
            shutil.rmtree(workspace, ignore_errors=True)


def _fill(desk: Desk, steps: list[Step], outcomes: Mapping[str, Outcome], depot: Depot) -> None:
    desk.folder.mkdir(parents=True)
    desk.pictures.mkdir(parents=True)
    outcomes = {name: replace(outcome, reused=False) for name, outcome in outcomes.items()}
    report = Report(desk, steps, set(outcomes))
    for step in steps:
        if step.name not in outcomes:
            outcomes[step.name] = Outcome(step.name, "not run")
            continue
        there = depot.desk(desk.source, outcomes[step.name].key)
        for name in there.list_files(step, outcomes[step.name]):
            link_file(there.reports / name, desk.reports / name)
        _write_page(report, step, outcomes[step.name], there)
    report.write_index(outcomes, seconds=sum(outcome.seconds for outcome in outcomes.values()))


def _write_page(report: Report, step: Step, outcome: Outcome, there: Desk) -> None:
    """Render a step's page, or take it from a run that shares the step and the other pages."""
    if outcome.status == "skipped":
        report.write_page(step, outcome)
        return
    digest = hashlib.sha256(json.dumps(sorted(report.chosen)).encode())
    for path in sorted(TEMPLATES.iterdir()):
        digest.update(path.read_bytes())
    kept = there.reports.parent / "pages" / f"{digest.hexdigest()[:16]}.html"
    page = report.desk.page(step)
    if kept.exists():
        link_file(kept, page)
    else:
        report.write_page(step, outcome)
        with atomic_path(kept) as temporary:
            shutil.copyfile(page, temporary)


def _describe(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    return {name: f"{outcome.status} {outcome.key}" for name, outcome in outcomes.items()}
