"""Many runs of the notebooks, of which what they share is run once: ./run_all.sh sweep FILE."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fluxlib.reports.assembly import assemble_run, is_assembled
from fluxlib.reports.comparison import write_comparison
from fluxlib.reports.formatting import format_seconds
from fluxlib.utils.parallel import Crew
from fluxlib.workflow.depot import Depot, Task
from fluxlib.workflow.desk import Outcome, list_broken
from fluxlib.workflow.plan import Node, Plan
from fluxlib.workflow.runner import describe_failure


@dataclass(frozen=True)
class Sweep:
    """What a sweep came to.

    Attributes
    ----------
    outcomes : dict of Outcome
        By node of the plan.
    index : Path
        The comparison page.
    failures : list of str
        One sentence a step that failed or was skipped, with the runs that it is part of.
    """

    outcomes: dict[str, Outcome]
    index: Path
    failures: list[str]


def run_sweep(
    plan: Plan,
    *,
    folder: str | Path,
    address: str | None = None,
    workers: int | None = None,
    say: Callable[[str], None] = print,
) -> Sweep:
    """Bring all runs of a sweep up to date, and compare them.

    Parameters
    ----------
    plan
    folder
        Of all sweeps, which share their steps. Workers must see it under the same path.
    address
        Of a Dask scheduler; without it, workers are started on this machine.
    workers
        How many to start; as many as this machine has cores and memory for.
    say
        Is told one line a step as it goes.

    Raises
    ------
    FluxError
        If `workers` is no whole number above 0, notebooks or code change meanwhile, or the
        scheduler is lost.
    """
    folder = Path(folder).resolve()
    depot = Depot(folder / "steps")
    depot.sweep()
    own = folder / plan.name
    with Crew(address, workers) as crew:
        outcomes = _Foreman(plan, depot, crew, say).run_steps()
        _assemble_runs(plan, outcomes, depot, crew, own / "runs")
    index = write_comparison(plan, outcomes, depot, own)
    return Sweep(outcomes, index, _list_failures(plan, outcomes))


class _Foreman:
    """Hands steps out as soon as all that they build on has come to an end."""

    def __init__(self, plan: Plan, depot: Depot, crew: Crew, say: Callable):
        self.plan, self.depot, self.crew, self.say = plan, depot, crew, say
        self.outcomes: dict[str, Outcome] = {}
        self.tasks: dict[str, tuple[Node, Task, str]] = {}
        self.heights = _measure_heights(plan)

    def run_steps(self) -> dict[str, Outcome]:
        waiting = list(self.plan.nodes.values())
        while True:
            waiting = [node for node in waiting if not self._start(node)]
            if not self.crew.busy:
                return self.outcomes
            name, result = self.crew.take()
            node, task, key = self.tasks.pop(name)
            if not isinstance(result, Outcome):
                message = f"{type(result).__name__}: every worker that ran it died"
                result = self.depot.give_up(task, key, message)
            self._finish(node, result)

    def _start(self, node: Node) -> bool:
        """Find a step's outcome or hand it out; return False if it has to wait."""
        if not all(name in self.outcomes for name in node.upstream.values()):
            return False
        upstream = {step: self.outcomes[name] for step, name in node.upstream.items()}
        task = Task(node.step, node.source, node.given, upstream)
        key = task.key
        if broken := list_broken(node.step, upstream):
            message = f"it needs {', '.join(broken)}"
            self._finish(node, Outcome(node.step.name, "skipped", key, message))
        elif found := self.depot.find(task, key):
            self._finish(node, found)
        else:
            name = f"{node.step.name}-{self.depot.name_task(key)}"
            self.tasks[name] = node, task, key
            height = self.heights[node.name]
            self.crew.submit(name, self.depot.bring, task, key, self.crew.threads, priority=height)
        return True

    def _finish(self, node: Node, outcome: Outcome) -> None:
        self.outcomes[node.name] = outcome
        if outcome.reused:
            return
        count = f"{len(self.outcomes)}/{len(self.plan.nodes)}"
        time = f", {format_seconds(outcome.seconds)}" if outcome.seconds else ""
        self.say(f"{count:>9}  {node.step.name:<20} {outcome.status}{time}")


def _measure_heights(plan: Plan) -> dict[str, int]:
    """Return how many steps may have to follow each: the tall ones are handed out first."""
    heights = dict.fromkeys(plan.nodes, 0)
    for node in reversed(plan.nodes.values()):
        for name in node.upstream.values():
            heights[name] = max(heights[name], heights[node.name] + 1)
    return heights


def _assemble_runs(
    plan: Plan, outcomes: Mapping[str, Outcome], depot: Depot, crew: Crew, folder: Path
) -> None:
    for run in plan.runs:
        own = {step: outcomes[name] for step, name in run.nodes.items()}
        if not is_assembled(folder / run.name, own):
            crew.submit(
                f"{run.name}-{depot.name_task(str(folder / run.name))}",
                assemble_run,
                folder / run.name,
                run.source,
                plan.steps,
                own,
                depot,
            )
    while crew.busy:
        crew.take()
    current = {run.name for run in plan.runs}
    for path in folder.glob("run-*"):
        if path.name not in current:
            shutil.rmtree(path)


def _list_failures(plan: Plan, outcomes: Mapping[str, Outcome]) -> list[str]:
    lines = []
    for name, outcome in outcomes.items():
        if outcome.status in ("failed", "skipped"):
            runs = [run.name for run in plan.runs if name in run.nodes.values()]
            lines.append(f"{describe_failure(outcome)} ({', '.join(runs)})")
    return lines
