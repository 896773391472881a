"""Bring the steps of a plan up to date: Snakemake hands out those that are not in the store.

Snakemake decides what runs when, and where: on this machine's cores, or through an executor such
as Slurm's. What has to run is decided here, by keys, so that it needs none of Snakemake's own
records, which a killed run leaves in disorder: each call has a scratch folder of its own.
"""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from fluxlib.errors import FluxError
from fluxlib.utils.formatting import format_seconds
from fluxlib.workflow.notebooks import PROJECT
from fluxlib.workflow.plan import Job, Node, Plan, make_job
from fluxlib.workflow.store import FINAL, Outcome, Source, StepStore, name_state

SNAKEFILE = PROJECT / "Snakefile"
ATTEMPTS = 3  # for a step whose process ends without an outcome: its machine or its memory failed
MEMORY = 3000  # MB that a notebook may need
PIPE = "FLUX_RUN_PIPE"  # by which a step knows that its standard input ends with the run


@dataclass(frozen=True)
class Machine:
    """Where steps run.

    Attributes
    ----------
    workers : int or None
        Notebooks at a time; without it, as many as this machine has cores and memory for.
    profile, executor : str or None
        Snakemake's: a folder with its options, and the name of an executor plugin ("slurm").
    """

    workers: int | None = None
    profile: str | None = None
    executor: str | None = None


@dataclass
class _State:
    """What this call has seen so far, by key."""

    ran: dict[str, Outcome] = field(default_factory=dict)
    lost: Counter = field(default_factory=Counter)


def run_steps(
    plan: Plan,
    store: StepStore,
    *,
    machine: Machine | None,
    seconds: Mapping[str, float],
    report: Callable[[str], None],
) -> dict[str, Outcome]:
    """Run the steps of a plan that are not in the store; return how each went, by node.

    Parameters
    ----------
    plan, store
    machine
        This machine if None.
    seconds
        What each notebook took when it last ran, where that is known: the long ones begin first.
    report
        Called with one line a step as it ends.

    Raises
    ------
    FluxError
        If Snakemake cannot start.
    KeyboardInterrupt
        With all steps and their kernels stopped.
    """
    state = _State()
    while True:
        outcomes, waiting = settle_steps(plan, store, state.ran)
        if not waiting:
            store.remove_old(plan.code, {outcome.key for outcome in outcomes.values()})
            return outcomes
        before = len(outcomes) - len(state.ran)

        def announce(outcome: Outcome, before: int = before) -> None:
            state.ran[outcome.key] = outcome
            time = f", {format_seconds(outcome.seconds)}" if outcome.seconds else ""
            done = f"{before + len(state.ran)}/{len(plan.nodes)}"
            place = f"{done:>9}  " if len(plan.runs) > 1 else ""
            report(f"{place}{outcome.step:<20} {outcome.status}{time}")

        _call_snakemake(waiting, plan, store, machine or Machine(), seconds, announce)
        _find_lost(waiting, store, state, announce)


def settle_steps(
    plan: Plan, store: StepStore, ran: Mapping[str, Outcome] | None = None
) -> tuple[dict[str, Outcome], dict[str, Job]]:
    """Return the outcomes that are known, by node, and the jobs that are still to run, by key.

    Parameters
    ----------
    plan, store
    ran
        The outcomes of the jobs that were run before, by key.
    """
    outcomes: dict[str, Outcome] = {}
    waiting: dict[str, Job] = {}
    keys: dict[str, str] = {}
    for name, node in plan.nodes.items():
        upstream = {
            step: name_state(outcomes[other]) if other in outcomes else keys[other]
            for step, other in node.upstream.items()
        }
        job = make_job(node.step, node.source, node.given, upstream, code=plan.code)
        keys[name] = job.key
        if broken := [step for step in node.step.needs if upstream[step] == "failed"]:
            message = f"it needs {', '.join(broken)}"
            outcomes[name] = Outcome(node.step.name, "skipped", job.key, message)
        elif ran and job.key in ran:
            outcomes[name] = ran[job.key]
        elif found := store.find_current(job.key):
            outcomes[name] = replace(found, reused=True)
        else:
            waiting[job.key] = job
    return outcomes, waiting


def explain_steps(
    plan: Plan, store: StepStore, previous: Mapping[str, Mapping[str, Outcome]]
) -> list[str]:
    """Return a line a step: what a run would do with it, and why.

    Parameters
    ----------
    plan, store
    previous
        By run and step, how it went when it was last run.
    """
    outcomes, waiting = settle_steps(plan, store)
    lines = []
    for run in plan.runs:
        prefix = f"{run.name}  " if len(plan.runs) > 1 else ""
        for step in plan.steps:
            name = run.nodes[step.name]
            if name not in plan.nodes:
                text = "not asked for"
            elif name in outcomes:
                text = f"is current: {outcomes[name].status}"
            else:
                node = plan.nodes[name]
                old = previous.get(run.name, {}).get(step.name)
                text = f"would run: {_explain(node, waiting, old)}"
            lines.append(f"{prefix}{step.name:<20} {text}")
    return lines


def _explain(node: Node, waiting: Mapping[str, Job], old: Outcome | None) -> str:
    later = [step for step, other in node.upstream.items() if other in waiting]
    if old is None or not old.inputs:
        return "it has not been run with these inputs"
    if old.status == "failed":
        return f"it failed when it was last run ({old.message})"
    new = waiting[node.name].inputs
    words = {
        "notebook": "the notebook has changed",
        "dataset": "the data have changed",
        "code": "fluxlib or requirements.txt have changed",
        "python": "Python has another version",
    }
    reasons = [text for name, text in words.items() if new[name] != old.inputs.get(name)]
    changed = [
        name
        for name, value in new["parameters"].items()
        if value != old.inputs.get("parameters", {}).get(name)
    ]
    reasons += [f"changed parameters: {', '.join(changed)}"] if changed else []
    reasons += [f"{', '.join(later)} would run"] if later else []
    return "; ".join(reasons) or "its results are not in the store"


def write_jobs(path: Path, jobs: Mapping[str, Job], **options: object) -> None:
    """Write the jobs of a call as JSON, for the Snakefile and the processes that run them."""
    steps = {
        key: {
            **asdict(job),
            "notebook": str(job.notebook),
            "source": {**asdict(job.source), "folder": str(job.source.folder)},
            "inputs_here": [k for k in job.inputs["upstream"].values() if k in jobs],
        }
        for key, job in jobs.items()
    }
    path.write_text(json.dumps({**options, "steps": steps}, indent=1), encoding="utf-8")


def read_job(path: Path, key: str) -> tuple[Job, StepStore, int]:
    """Return one of the jobs of `write_jobs`, its store, and the threads that it may use at most.

    The last is 0 if that is for the executor to say.
    """
    jobs = json.loads(path.read_text(encoding="utf-8"))
    content = jobs["steps"][key]
    content.pop("inputs_here")
    source = content.pop("source")
    job = Job(
        **{**content, "notebook": Path(content["notebook"])},
        source=Source(**{**source, "folder": Path(source["folder"])}),
    )
    return job, StepStore(Path(jobs["store"])), jobs["most_threads"]


def follow_run() -> None:
    """Interrupt this process, a step's, when the run that it belongs to has ended."""
    status = os.fstat(0)
    # On another machine standard input is something else.
    if stat.S_ISFIFO(status.st_mode) and os.environ.get(PIPE) == str(status.st_ino):

        def wait() -> None:
            os.read(0, 1)  # returns when the other end is closed, by whatever ended it
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=wait, daemon=True).start()


def _call_snakemake(
    jobs: dict[str, Job],
    plan: Plan,
    store: StepStore,
    machine: Machine,
    seconds: Mapping[str, float],
    announce: Callable[[Outcome], None],
) -> None:
    """Run jobs, with those that wait for others of them after these."""
    cores = count_cores()
    together = min(machine.workers or cores, len(jobs))
    share = max(1, cores // together)
    is_local = not (machine.executor or machine.profile)
    with store.lend_scratch() as scratch:
        write_jobs(
            scratch / "jobs.json",
            jobs,
            python=sys.executable,
            store=str(store.folder),
            threads=share,
            # Some neighbours wait, and the last one has none.
            most_threads=min(cores, 2 * share) if is_local else 0,
            memory=MEMORY,
            priorities=_rank_notebooks(plan, seconds),
        )
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
        command += ["--directory", str(scratch), "--config", f"jobs={scratch / 'jobs.json'}"]
        command += ["--keep-going", "--nolock", "--nocolor", "--scheduler", "greedy"]
        command += ["--latency-wait", "30", "--rerun-triggers", "mtime"]
        if machine.profile:
            path = Path(machine.profile)
            command += ["--profile", str(path.resolve()) if path.exists() else machine.profile]
        if machine.executor:
            command += ["--executor", machine.executor, "--jobs", str(machine.workers or 100)]
        elif is_local or machine.workers:
            memory = max(MEMORY, _measure_memory())
            command += ["--cores", str(share * together), "--resources", f"mem_mb={memory}"]
        _watch(command, scratch, jobs, store, announce)


def _watch(
    command: list[str],
    scratch: Path,
    jobs: Mapping[str, Job],
    store: StepStore,
    announce: Callable[[Outcome], None],
) -> None:
    """Announce each job as it ends; leave no process behind, however this one ends."""
    log = scratch / "snakemake.log"
    announced: set[str] = set()

    def look() -> None:
        for key in jobs.keys() - announced:
            if (scratch / f"{key}.ended").exists() and (outcome := store.read_outcome(key)):
                announced.add(key)
                announce(outcome)

    path = [str(PROJECT), os.environ.get("PYTHONPATH", "")]
    reader, writer = os.pipe()
    with open(log, "wb") as file:
        # A session of its own: an interrupt from the keyboard comes to this process alone.
        process = subprocess.Popen(
            command,
            stdin=reader,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=PROJECT,
            env={
                **os.environ,
                PIPE: str(os.fstat(reader).st_ino),
                "PYTHONPATH": os.pathsep.join(filter(None, path)),  # this very package
            },
        )
    os.close(reader)
    try:
        while process.poll() is None:
            look()
            time.sleep(0.05)
        look()
    finally:
        os.close(writer)
        _end_session(process)
    if process.returncode and not any(scratch.glob("*.began")):
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise FluxError("Snakemake could not run the notebooks:\n" + "\n".join(lines[-8:]))


def _end_session(process: subprocess.Popen, patience: float = 15) -> None:
    """Interrupt what is left of a session, and end what does not end by itself."""
    if process.poll() is not None:
        return
    deadline = time.monotonic() + patience
    for sign in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
            while time.monotonic() < deadline:
                process.poll()  # a process that has ended and is not waited for counts as alive
                os.killpg(process.pid, 0)
                time.sleep(0.02)
    process.wait()


def _find_lost(
    jobs: Mapping[str, Job],
    store: StepStore,
    state: _State,
    announce: Callable[[Outcome], None],
) -> None:
    """Count the steps that could have run and left no outcome; give them up after some attempts."""
    for key, job in jobs.items():
        upstream = [other for other in job.inputs["upstream"].values() if other in jobs]
        could_run = all(
            other in state.ran and state.ran[other].status in FINAL for other in upstream
        )
        if key in state.ran or not could_run:
            continue
        state.lost[key] += 1
        if state.lost[key] == ATTEMPTS:
            message = f"its process was killed {ATTEMPTS} times, most often for lack of memory"
            from fluxlib.workflow.execution import give_up  # slow, and needed for nothing else

            announce(give_up(job, store, message))


def _rank_notebooks(plan: Plan, seconds: Mapping[str, float]) -> dict[str, int]:
    """Return a priority by notebook: how long it takes with all that waits for it.

    Where no time is known the later notebooks are taken for the longer ones, as they train more.
    """
    ranks: dict[str, float] = {}
    for place, step in reversed(list(enumerate(plan.steps, 1))):
        after = [ranks[other.name] for other in plan.steps if step.name in other.builds_on]
        ranks[step.name] = seconds.get(step.name, float(place)) + max(after, default=0)
    return {name: round(10 * rank) for name, rank in ranks.items()}


def count_cores() -> int:
    """Return how many cores this process may use."""
    import joblib

    return joblib.cpu_count()  # which knows of the limits of containers


def _measure_memory() -> int:
    """Return this machine's memory in MB, or the container's limit."""
    import psutil

    limits = [psutil.virtual_memory().total]
    with suppress(OSError, ValueError):  # not in a container, or "max"
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits) // 1_000_000
