"""The command line behind run_all.sh: run notebooks, sweeps or tests, fetch, open JupyterLab.

The parser needs nothing but Python, so that ``run_all.sh --help`` works before anything is set up.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

_COMMANDS = {
    "test": "run the tests; arguments are pytest's",
    "lab": "open the notebooks in JupyterLab; arguments are its own",
    "fetch": "get a dataset from the archives",
    "docs": "build the documentation in docs/_build/html; arguments are Sphinx's",
}
# Options of pytest: a worker a core, files (or what else shares fixtures) whole, in our order.
SIDE_BY_SIDE = ("-n", "logical", "--dist", "loadfile", "--no-loadscope-reorder")
_VARIABLE = "FLUX_SCHEDULER"
# What the project makes, by the name that clean takes. In lab are edits of one's own.
_MADE = {
    "cache": ("data/cache",),
    "sample": ("data/sample",),
    "reports": ("reports", "figures/*/"),
    "sweeps": ("sweeps",),
    "records": ("records",),
    "models": ("models",),
    "scores": ("scores",),
    "docs": ("docs/_build", "docs/api", "docs/notebooks"),
    "lab": ("lab",),
}
# Importing these takes longer than all else that a step's process does beside its notebook, which
# has no use for them: papermill's storage in clouds, and a parser of web addresses in jsonschema.
_UNUSED = ("boto3", "pyarrow", "rfc3987_syntax")


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says and return its exit status.

    Parameters
    ----------
    arguments
        Those of the process if None.

    Returns
    -------
    int
        0 when all went well, 1 when a notebook failed, 2 for input that cannot be used, 130
        when interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["step"]:
        return run_step(*arguments[1:])
    options = make_parser().parse_args(arguments)

    # After the parser, which needs no package.
    from fluxlib.errors import FluxError
    from fluxlib.utils.lazy import explain_missing_extra
    from fluxlib.workflow.notebooks import IS_CHECKOUT

    try:
        of_checkout = (run, run_sweep, run_tests, open_lab, build_docs, remove_made)
        if options.run in of_checkout and not IS_CHECKOUT:
            raise FluxError(
                "this command works on the project's notebooks, which an installed package has "
                "not; clone the project and call its ./run_all.sh. fetch, record, train, now and "
                "score work without."
            )
        with explain_missing_extra():
            return options.run(options)
    except FluxError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if not (advice := _advise(error)):
            raise
        print(f"Error: {error}. {advice}; the same command goes on from here.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all that run_all.sh takes."""
    parser = argparse.ArgumentParser(
        prog="./run_all.sh",
        usage="./run_all.sh [OPTIONS], or ./run_all.sh COMMAND ...; --help lists both.",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Run the notebooks on a dataset, and make the report.\n\n"
        "The first call makes .venv, which takes a minute and needs the network. Notebooks whose\n"
        "code, parameters and data have not changed since their last run are reused.",
        epilog="The report is reports/<dataset>/index.html; figures are in figures/<dataset>/.\n"
        "Python 3.11, 3.12 or 3.13 is needed; PYTHON=/path/to/python chooses one.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        help="a folder with a dataset.toml; without it, the simulated data/sample",
    )
    parser.add_argument(
        "-f",
        "--params",
        metavar="FILE",
        type=Path,
        help='parameters, a YAML file: "name: value", or a section a notebook',
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--only",
        metavar="03[,05]",
        action="extend",
        type=lambda text: text.split(","),
        default=[],
        help="only these notebooks, and what they build on where it is out of date",
    )
    which.add_argument("--from", dest="start", metavar="04", help="this notebook and all after it")
    _add_machine(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    sweep = commands.add_parser(
        "sweep",
        prog="./run_all.sh sweep",
        allow_abbrev=False,
        help="run many parameter sets, and compare them",
        description="Run the notebooks with many parameter sets; what runs share is run once.",
    )
    sweep.set_defaults(run=run_sweep)
    sweep.add_argument("file", type=Path, help="the parameter sets; params/sweep.yaml shows one")
    _add_machine(sweep)
    record = commands.add_parser(
        "record",
        prog="./run_all.sh record",
        allow_abbrev=False,
        help="one series on one scale, filled, with intervals",
        description="Put all satellites of a dataset on one scale, join them and fill the gaps.",
    )
    record.set_defaults(run=make_record)
    record.add_argument(
        "--data", metavar="DIR", type=Path, help="a folder with a dataset.toml; else the sample"
    )
    record.add_argument(
        "--out", metavar="DIR", type=Path, help="a new folder; else records/<dataset>"
    )
    record.add_argument(
        "--max-gap", metavar="LENGTH", help="leave longer gaps, such as 10D; else all are filled"
    )
    train = commands.add_parser(
        "train",
        prog="./run_all.sh train",
        allow_abbrev=False,
        help="train the forecaster that now uses",
        description="Train the forecaster on a dataset's daily series, for ./run_all.sh now.",
    )
    train.set_defaults(run=train_forecaster)
    train.add_argument(
        "--data", metavar="DIR", type=Path, help="a folder with a dataset.toml; else the sample"
    )
    train.add_argument(
        "--out", metavar="DIR", type=Path, help="a new folder; else models/<dataset>"
    )
    train.add_argument(
        "--members", metavar="N", type=_parse_workers, help="networks of the ensemble; 8"
    )
    now = commands.add_parser(
        "now",
        prog="./run_all.sh now",
        allow_abbrev=False,
        help="forecast the next three days, and score earlier forecasts",
        description="Fetch the newest days, forecast the next three, and score what was issued "
        "before. Safe to call often: the same inputs are issued once.",
    )
    now.set_defaults(run=forecast_now)
    now.add_argument(
        "--model", metavar="DIR", type=Path, help="of train; else models/sample or the one there"
    )
    now.add_argument(
        "--data", metavar="DIR", type=Path, help="the newest days; else they are fetched"
    )
    now.add_argument("--out", metavar="DIR", type=Path, help="log and page; else live")
    score = commands.add_parser(
        "score",
        prog="./run_all.sh score",
        allow_abbrev=False,
        help="score anybody's predictions on a frozen task",
        description="Score a CSV of predictions (time, horizon, value[, lower, upper]) on a task.",
    )
    score.set_defaults(run=score_predictions)
    score.add_argument("file", metavar="FILE", type=Path, nargs="?", help="the predictions")
    score.add_argument("--task", metavar="NAME", help="without it, the tasks are listed")
    score.add_argument(
        "--data", metavar="DIR", type=Path, help="a folder with a dataset.toml; else the sample"
    )
    score.add_argument("--out", metavar="DIR", type=Path, help="else scores/<task>/<file's name>")
    clean = commands.add_parser(
        "clean",
        prog="./run_all.sh clean",
        allow_abbrev=False,
        help="list what can be made again, and how large it is; --yes removes it",
    )
    clean.set_defaults(run=remove_made)
    clean.add_argument(
        "what", nargs="*", metavar="WHAT", help=f"of {', '.join(_MADE)}; all but lab by default"
    )
    clean.add_argument("--yes", action="store_true", help="remove it")
    for name, text in _COMMANDS.items():
        # No prefix is that of an option: all that follows belongs to the command.
        command = commands.add_parser(name, help=text, add_help=False, prefix_chars="\0")
        functions = {"test": run_tests, "lab": open_lab, "fetch": fetch, "docs": build_docs}
        command.set_defaults(run=functions[name])
        command.add_argument("rest", nargs="*")
    return parser


def _add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        "--cores",
        "--jobs",
        metavar="N",
        type=_parse_workers,
        help="notebooks at a time; as many as this machine has cores and memory for",
    )
    parser.add_argument(
        "--executor",
        metavar="NAME",
        help="where notebooks run, through a plugin of Snakemake's: slurm, kubernetes, ...",
    )
    parser.add_argument(
        "--profile", metavar="DIR", help="a folder with a config.yaml of Snakemake's options"
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        default=os.environ.get(_VARIABLE),
        help="Dask's, tcp://host:8786, whose workers then do the long work inside a notebook; "
        f"without it, {_VARIABLE}",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="list the notebooks that would run, and why"
    )
    parser.add_argument(
        "--publish", metavar="URL", help="copy the report to s3://bucket/path, gs:// or abfs://"
    )


def _parse_workers(text: str) -> int:
    from fluxlib.utils.validation import parse_count

    return parse_count(text)


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
        sample=_ensure_sample,
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
        os.environ[_VARIABLE] = options.scheduler  # which the notebooks' kernels inherit
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
        source = describe_dataset(folder or _ensure_sample())
        fields = {**vars(source), "folder": str(source.folder)}
        notes[str(place)] = _fingerprint(place), fields
        write_text(path, json.dumps(notes))
    return Source(**{**fields, "folder": Path(fields["folder"])})


def _fingerprint(folder: Path) -> str:
    from fluxlib.workflow.notebooks import hash_code

    files = [(str(path), path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    stats = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in files]
    return hashlib.sha256(f"{hash_code()} {stats}".encode()).hexdigest()


def run_tests(options: argparse.Namespace) -> int:
    """Run pytest in the project's folder; it fails also when no test ran."""
    import pytest

    from fluxlib.workflow.notebooks import PROJECT

    class Count:
        ran = 0

        def pytest_runtest_logreport(self, report):
            self.ran += report.when == "call" and not report.skipped

    os.chdir(PROJECT)
    count = Count()
    status = int(pytest.main([*SIDE_BY_SIDE, *options.rest], plugins=[count]))
    if status == 0 and count.ran == 0:
        print("Error: no test ran.", file=sys.stderr)
        return 1
    return status


def open_lab(options: argparse.Namespace) -> int:
    """Become JupyterLab, opened on working copies of the notebooks."""
    from fluxlib.workflow.lab import lay_copies
    from fluxlib.workflow.notebooks import PROJECT

    _ensure_sample()
    start = lay_copies().relative_to(PROJECT)
    words = ["-m", "jupyterlab", f"--ServerApp.root_dir={PROJECT}"]
    words += [f"--LabApp.default_url=/lab/tree/{start}", *options.rest]
    os.execv(sys.executable, [sys.executable, *words])


def build_docs(options: argparse.Namespace) -> int:
    """Build the documentation from the sample's report, which is made first if need be."""
    status = main([])
    if status:
        return status
    from sphinx.cmd.build import main as build

    from fluxlib.workflow.notebooks import PROJECT

    folder = PROJECT / "docs"
    arguments = ["-q", "-W", "--keep-going", "-j", "auto", *options.rest]
    status = build([*arguments, str(folder), str(folder / "_build" / "html")])
    if status == 0:
        print(f"Documentation: {folder / '_build' / 'html' / 'index.html'}")
    return status


def make_record(options: argparse.Namespace) -> int:
    """Make the reference record of a dataset, unless it is there already; print where it is."""
    from fluxlib.datasets.loading import dataset_key, load
    from fluxlib.datasets.manifest import read_manifest
    from fluxlib.errors import FluxError
    from fluxlib.record import make_record as make
    from fluxlib.record import read_record
    from fluxlib.reports.record_page import PAGE, write_record_page
    from fluxlib.utils.time_grid import HOUR
    from fluxlib.workflow.notebooks import PROJECT, hash_code

    folder = options.data or _ensure_sample()
    manifest = read_manifest(folder)
    out = options.out or PROJECT / "records" / manifest.name
    parts = [dataset_key(manifest), hash_code(), str(options.max_gap)]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    try:
        if read_record(out).about.get("key") == key and (out / PAGE).is_file():
            print(f"Nothing has changed. Record: {out / PAGE}")
            return 0
    except FluxError:
        pass  # none yet, or damaged
    is_fine = any(entry.cadence and entry.cadence < HOUR for entry in manifest.flux)
    record = make(
        load(folder, "1h"),
        fine=load(folder, "5min") if is_fine else None,
        max_gap=options.max_gap,
        progress=lambda line: print(line, flush=True),
    )
    record.about["key"] = key
    record.write(out)
    print(f"Record: {write_record_page(record, out)}")
    return 0


def train_forecaster(options: argparse.Namespace) -> int:
    """Train the forecaster of a dataset for `forecast_now`."""
    from fluxlib.datasets.loading import load
    from fluxlib.live import train_bundle
    from fluxlib.workflow.notebooks import PROJECT

    dataset = load(options.data or _ensure_sample(), "1h")
    out = options.out or PROJECT / "models" / dataset.name
    more = {"members": options.members} if options.members else {}
    about = train_bundle(dataset, out, **more).about
    print(f"Learned from {about['days']} days, {about['first']} to {about['last']}: {out}")
    return 0


def forecast_now(options: argparse.Namespace) -> int:
    """Forecast from the newest days, keep the forecast, score the earlier ones, write the page."""
    from filelock import FileLock

    from fluxlib.live import issue_newest, load_bundle
    from fluxlib.reports.live_page import write_live_page
    from fluxlib.workflow.notebooks import PROJECT

    bundle = load_bundle(options.model or _find_model(PROJECT / "models"))
    out = options.out or PROJECT / "live"
    out.mkdir(parents=True, exist_ok=True)
    with FileLock(out / ".lock"):
        issue = issue_newest(bundle, out, data=options.data)
        page = write_live_page(out / "index.html", bundle, issue)
    for line in [issue.reason] if issue.table is None else _list_forecast(issue.table):
        print(line)
    print(f"Page: {page}")
    return 0


def _list_forecast(table) -> list[str]:
    return [
        f"{day:%Y-%m-%d}  {row['value']:.1e}  ({row['lower']:.1e} to {row['upper']:.1e})  "
        f"alert {row['alert']:.0%}"
        for day, row in table.iterrows()
    ]


def _find_model(folder: Path) -> Path:
    """Return the one trained forecaster that there is."""
    from fluxlib.errors import FluxError

    found = sorted(path.parent for path in folder.glob("*/bundle.json"))
    if len(found) != 1:
        there = ", ".join(path.name for path in found) or "none"
        raise FluxError(
            f"{folder} has {there}; train one with ./run_all.sh train, or name it with --model."
        )
    return found[0]


def score_predictions(options: argparse.Namespace) -> int:
    """Score a file on a task; without a file, write the times that it asks for."""
    from fluxlib.benchmark import TASKS, find_task, make_truth, read_submission, score_submission
    from fluxlib.datasets.loading import load
    from fluxlib.reports.score_page import write_score_page, write_template
    from fluxlib.workflow.notebooks import PROJECT

    if options.task is None:
        for task in TASKS.values():
            print(f"{task.name:<18} {task.title}\n{'':<18} data: {task.source}")
        print("Give one with --task; without a file, the times that it asks for are written.")
        return 0
    task = find_task(options.task)
    dataset = load(options.data or _ensure_sample(), "1h")
    truth = make_truth(task, dataset)
    if options.file is None:
        path = write_template(task, truth, options.out or PROJECT / "scores" / task.name)
        print(f"{len(truth.log_values)} times, truth {truth.checksum[:16]}. Asked for: {path}")
        return 0
    submission = read_submission(options.file, task, truth)
    scored = score_submission(task, truth, submission, dataset)
    out = options.out or PROJECT / "scores" / task.name / options.file.stem
    page = write_score_page(out, task, truth, scored, options.file, dataset)
    print(scored.scores.round(3).to_string())
    for line in scored.left_out:
        print(f"Not scored: {line}")
    for line in scored.leaks:
        print(f"Leak? {line}")
    print(f"Page: {page}")
    return 1 if scored.leaks else 0


def remove_made(options: argparse.Namespace) -> int:
    """List what can be made again, with its size; remove it if asked to."""
    from fluxlib.errors import FluxError
    from fluxlib.workflow.notebooks import PROJECT
    from fluxlib.workflow.store import hold_folder

    unknown = set(options.what) - set(_MADE)
    if unknown:
        raise FluxError(f"there is no {min(unknown)!r} to clean; there are {', '.join(_MADE)}.")
    total = 0
    for name in options.what or [name for name in _MADE if name != "lab"]:
        folders = [path for pattern in _MADE[name] for path in sorted(PROJECT.glob(pattern))]
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        sizes = {(stat.st_dev, stat.st_ino): stat.st_size for stat in map(os.stat, files)}
        size = sum(sizes.values())  # reports share files with the store by links
        total += size
        print(f"{name:<8} {size / 1e6:10,.1f} MB  {', '.join(_MADE[name])}")
        if options.yes:
            if name == "reports":
                for held in (PROJECT / "reports").glob("*/.lock"):
                    with hold_folder(held.parent):
                        pass  # or an error that says which run is still writing
            for folder in folders:
                shutil.rmtree(folder)
    done = "removed" if options.yes else "in all; --yes removes it"
    print(f"{total / 1e6:,.1f} MB {done}")
    return 0


def fetch(options: argparse.Namespace) -> int:
    """Get a dataset from the archives."""
    from fluxlib.archives.fetch import fetch_from_arguments

    return fetch_from_arguments(options.rest)


def _ensure_sample() -> Path:
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


def _advise(error: OSError) -> str | None:
    """Return what to do about a disk that is full or not ours, or None: a fault of the program."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Make room"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Make it writable"
    return None


if __name__ == "__main__":
    sys.exit(main())
