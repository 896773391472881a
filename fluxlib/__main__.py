"""The command line behind run_all.sh: run notebooks, sweeps or tests, fetch, open JupyterLab."""

import argparse
import errno
import os
import shutil
import sys
import time
from functools import partial
from pathlib import Path

from fluxlib.errors import FluxError
from fluxlib.utils.files import NOTEBOOKS, PROJECT, SAMPLE
from fluxlib.utils.parallel import SCHEDULER_VARIABLE as SCHEDULER
from fluxlib.utils.validation import parse_count

REPORTS = PROJECT / "reports"
FIGURES = PROJECT / "figures"
SWEEPS = PROJECT / "sweeps"
# Options of pytest: a worker a core, files (or what else shares fixtures) whole, in our order.
SIDE_BY_SIDE = ("-n", "logical", "--dist", "loadgroup", "--no-loadscope-reorder")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_USAGE = Path(__file__).parent / "reports" / "templates" / "usage.txt"


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
    if arguments[:1] == ["test"]:
        return run_tests(arguments[1:])
    if arguments[:1] == ["lab"]:
        return open_lab(arguments[1:])
    try:
        if arguments[:1] == ["fetch"]:
            from fluxlib.archives.fetch import fetch_from_arguments

            return fetch_from_arguments(arguments[1:])
        if arguments[:1] == ["sweep"]:
            return sweep(_parse_sweep(arguments[1:]))
        return run(_parse(arguments))
    except FluxError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        print(f"Error: {error}. Make room; the same command goes on from here.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130


def run(options: argparse.Namespace) -> int:
    """Run the notebooks on a dataset, and say where the report is and what failed."""
    # Imported late: a wrong option should be told at once.
    from fluxlib.reports.formatting import format_seconds
    from fluxlib.workflow.parameters import read_parameters
    from fluxlib.workflow.runner import run_notebooks

    began = time.monotonic()
    if options.scheduler:
        os.environ[SCHEDULER] = options.scheduler  # which the notebooks' kernels inherit
    parameters = read_parameters(options.params) if options.params else {}
    result = run_notebooks(
        describe_dataset(options.data or _ensure_sample()),
        notebooks=NOTEBOOKS,
        reports=REPORTS,
        figures=FIGURES,
        parameters=parameters,
        parameters_source=str(options.params),
        only=options.only,
        start=options.start,
    )
    print(f"{format_seconds(time.monotonic() - began)} in all. Report: {result.index}")
    if options.publish:
        folders = [result.index.parent, FIGURES / result.index.parent.name]
        _publish([folder for folder in folders if folder.exists()], options.publish)
    for line in result.failures:
        print(line)
    return 1 if result.failures else 0


def sweep(options: argparse.Namespace) -> int:
    """Run the notebooks with many parameter sets, and say where the comparison is."""
    from fluxlib.reports.formatting import format_seconds
    from fluxlib.workflow.plan import read_plan
    from fluxlib.workflow.sweep import run_sweep

    began = time.monotonic()
    plan = read_plan(
        options.file, notebooks=NOTEBOOKS, sample=_ensure_sample, describe=describe_dataset
    )
    print(f"{len(plan.runs)} runs, {len(plan.nodes)} different steps", flush=True)
    result = run_sweep(
        plan,
        folder=SWEEPS,
        address=options.scheduler,
        workers=options.workers,
        say=partial(print, flush=True),
    )
    ran = [outcome for outcome in result.outcomes.values() if not outcome.reused]
    took = format_seconds(time.monotonic() - began)
    print(f"{took} in all, {len(ran)} steps run. Comparison: {result.index}")
    if options.publish:
        _publish([result.index.parent], options.publish)
    for line in result.failures:
        print(line)
    return 1 if result.failures else 0


def describe_dataset(folder: str | Path):
    """Return the `fluxlib.workflow.runner.Source` of a dataset folder.

    Raises
    ------
    FluxError
        If its manifest cannot be used.
    """
    from fluxlib.datasets.loading import dataset_key
    from fluxlib.datasets.manifest import read_manifest
    from fluxlib.workflow.runner import Source

    folder = Path(folder).resolve()
    manifest = read_manifest(folder)
    return Source(
        folder=manifest.folder,
        name=manifest.name,
        title=manifest.title,
        synthetic=manifest.synthetic,
        key=dataset_key(folder),
    )


def run_tests(arguments: list[str]) -> int:
    """Run pytest in the project's folder; it fails also when no test ran."""
    import pytest

    class Count:
        ran = 0

        def pytest_runtest_logreport(self, report):
            self.ran += report.when == "call" and not report.skipped

    os.chdir(PROJECT)
    count = Count()
    status = int(pytest.main([*SIDE_BY_SIDE, *arguments], plugins=[count]))
    if status == 0 and count.ran == 0:
        print("Error: no test ran.", file=sys.stderr)
        return 1
    return status


def open_lab(arguments: list[str]) -> int:
    """Become JupyterLab, opened in the folder of notebooks."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={NOTEBOOKS}", *arguments]
    os.execv(sys.executable, command)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run_all.sh", allow_abbrev=False)
    parser.format_help = lambda: _USAGE.read_text(encoding="utf-8")
    parser.format_usage = lambda: "./run_all.sh --help lists the options.\n"
    parser.add_argument("--data", type=Path)
    parser.add_argument("-f", "--params", type=Path)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only", action="extend", type=lambda text: text.split(","), default=[])
    which.add_argument("--from", dest="start")
    _add_places(parser)
    return parser.parse_args(arguments)


def _parse_sweep(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run_all.sh sweep",
        allow_abbrev=False,
        description="Run the notebooks with many parameter sets; what runs share is run once.",
    )
    parser.add_argument("file", type=Path, help="the parameter sets; params/sweep.yaml shows one")
    parser.add_argument(
        "--workers",
        type=parse_count,
        help="notebooks at a time on this machine; as many as it has cores and memory for",
    )
    _add_places(parser)
    return parser.parse_args(arguments)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scheduler",
        default=os.environ.get(SCHEDULER),
        help=f"a Dask scheduler, tcp://host:8786; without it, {SCHEDULER}",
    )
    parser.add_argument(
        "--publish", metavar="URL", help="copy the pages to s3://, gs:// or abfs://"
    )


def _publish(folders: list[Path], url: str) -> None:
    from fluxlib.reports.publish import publish

    print(f"Published: {publish(folders, url, root=PROJECT)}")


def _ensure_sample() -> Path:
    """Make the sample dataset if it is absent or older code made it; two runs make it once."""
    from fluxlib.simulation import sample
    from fluxlib.workflow.lock import hold_lock

    folder = SAMPLE
    with hold_lock(folder.parent / ".lock", say=print):
        if not sample.is_current(folder):
            print(f"Making the sample dataset in {folder}", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            sample.make_sample(folder)
    return folder


if __name__ == "__main__":
    sys.exit(main())
