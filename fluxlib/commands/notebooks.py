"""Commands that run notebooks: once, as a sweep, or one step for the engine.

Packages are imported inside the functions, so that a call which finds nothing to do, and --help,
wait for none that they do not use.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

SCHEDULER = "FLUX_SCHEDULER"
# Importing these takes longer than all else that a step's process does beside its notebook, which
# has no use for them: papermill's storage in clouds, and a parser of web addresses in jsonschema.
_UNUSED = ("boto3", "pyarrow", "rfc3987_syntax")


def run(options: argparse.Namespace) -> int:
    """Run the notebooks on a dataset; print where the report is and what failed."""
    from fluxlib.workflow import notebooks
    from fluxlib.workflow.parameters import assign_parameters, read_parameters
    from fluxlib.workflow.plan import plan_run
    from fluxlib.workflow.store import RunFolder

    parameters = read_parameters(options.params) if options.params else {}
    # What can be refused is refused before the sample is made.
    steps = notebooks.find_steps(notebooks.NOTEBOOKS)
    notebooks.select_steps(steps, only=options.only, start=options.start)
    assign_parameters(steps, parameters, source=str(options.params))
    source = _recall_dataset(options.data)
    plan = plan_run(
        source,
        notebooks=notebooks.NOTEBOOKS,
        parameters=parameters,
        parameters_source=str(options.params),
        only=options.only,
        start=options.start,
    )
    place = RunFolder(source, notebooks.PROJECT / "reports", notebooks.PROJECT / "figures")
    return _run_plan(options, plan, {plan.runs[0].name: place}, [place.folder, place.pictures])


def run_sweep(options: argparse.Namespace) -> int:
    """Run the notebooks with many parameter sets; print where the comparison is."""
    from fluxlib.reports.runs import place_run
    from fluxlib.workflow import notebooks
    from fluxlib.workflow.plan import plan_sweep

    plan = plan_sweep(
        options.file,
        notebooks=notebooks.NOTEBOOKS,
        sample=ensure_sample,
        describe=describe_dataset,
    )
    folder = notebooks.PROJECT / "sweeps" / plan.name
    places = {run.name: place_run(folder, run) for run in plan.runs}
    print(f"{len(plan.runs)} runs, {len(plan.nodes)} different steps", flush=True)
    return _run_plan(options, plan, places, [folder], sweep=folder)


def _run_plan(options, plan, places, folders: list[Path], sweep: Path | None = None) -> int:
    """Run or explain a plan, publish its folders, and print what failed, last."""
    from fluxlib.reports import runs
    from fluxlib.workflow.engine import Machine
    from fluxlib.workflow.notebooks import PROJECT
    from fluxlib.workflow.store import StepStore

    store = StepStore(PROJECT / "reports" / ".steps")
    if options.dry_run:
        print("\n".join(runs.explain_run(plan, places, store)))
        return 0
    if options.scheduler:
        os.environ[SCHEDULER] = options.scheduler  # which the notebooks' kernels inherit
    machine = Machine(workers=options.workers, profile=options.profile, executor=options.executor)
    result = runs.run_plan(plan, places, store=store, sweep=sweep, machine=machine)
    print(f"{result.took} in all. Report: {result.index}")
    if options.publish:
        from fluxlib.reports.publish import publish

        there = [folder for folder in folders if folder.exists()]
        print(f"Published: {publish(there, options.publish, root=PROJECT)}")
    for line in result.failures:
        print(line)
    return 1 if result.failures else 0


def run_step(jobs: str, key: str, threads: str) -> int:
    """Run one step, as the Snakefile asks for it: ``python -m fluxlib step JOBS KEY THREADS``."""
    sys.modules.update(dict.fromkeys(_UNUSED))
    from fluxlib.reports.pages import prepare_content
    from fluxlib.workflow.engine import follow_run, read_job
    from fluxlib.workflow.execution import run_job
    from fluxlib.workflow.store import FINAL

    follow_run()
    job, store, most_threads = read_job(Path(jobs), key)
    scratch = Path(jobs).parent
    (scratch / f"{key}.began").touch()
    cores = max(int(threads), most_threads)
    outcome = run_job(job, store, threads=cores, finish=prepare_content)
    (scratch / f"{key}.ended").touch()
    return 0 if outcome.status in FINAL else 1


def describe_dataset(folder: str | Path):
    """Return the `fluxlib.workflow.store.Source` of a dataset folder.

    Raises
    ------
    FluxError
        If its manifest cannot be used.
    """
    from fluxlib.datasets.loading import dataset_key
    from fluxlib.datasets.manifest import read_manifest
    from fluxlib.workflow.store import Source

    folder = Path(folder).resolve()
    manifest = read_manifest(folder)
    return Source(
        folder=manifest.folder,
        name=manifest.name,
        title=manifest.title,
        synthetic=manifest.synthetic,
        key=dataset_key(folder),
    )


def _recall_dataset(folder: Path | None):
    """Describe a dataset, the sample if None, from a note if neither it nor the code has changed.

    Reading a manifest imports pandas, for which a call that finds nothing to do should not wait.
    """
    from fluxlib.utils.files import cache_folder, write_text
    from fluxlib.workflow import notebooks
    from fluxlib.workflow.store import Source

    place = Path(folder or notebooks.SAMPLE).resolve()
    path = cache_folder() / "described.json"
    try:
        notes = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        notes = {}  # none yet, or damaged
    known, fields = notes.get(str(place), ("", {}))
    if known != _fingerprint(place):
        source = describe_dataset(folder or ensure_sample())
        fields = {**vars(source), "folder": str(source.folder)}
        notes[str(place)] = _fingerprint(place), fields
        write_text(path, json.dumps(notes))
    return Source(**{**fields, "folder": Path(fields["folder"])})


def _fingerprint(folder: Path) -> str:
    from fluxlib.workflow.notebooks import hash_code

    files = [(str(path), path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    stats = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in files]
    return hashlib.sha256(f"{hash_code()} {stats}".encode()).hexdigest()


def ensure_sample() -> Path:
    """Make the sample dataset if it is absent or older code made it; two runs make it once."""
    from filelock import FileLock

    from fluxlib.simulation import sample
    from fluxlib.utils.files import WRITING
    from fluxlib.workflow import notebooks

    folder = notebooks.SAMPLE
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / ".lock"):
        if not sample.is_current(folder):
            print(f"Making the sample dataset in {folder}", flush=True)
            left = folder.parent.glob(f"{WRITING}*")  # of one that was killed
            for old in (folder, *left):
                shutil.rmtree(old, ignore_errors=True)
            sample.make_sample(folder)
    return folder
