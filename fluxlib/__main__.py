"""The command line behind run_all.sh: run the notebooks or the tests, fetch, open JupyterLab."""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from fluxlib.errors import FluxError
from fluxlib.paths import NOTEBOOKS, PROJECT, SAMPLE

REPORTS = PROJECT / "reports"
FIGURES = PROJECT / "figures"
_USAGE = Path(__file__).parent / "templates" / "usage.txt"


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
            from fluxlib.archive import fetch_from_arguments

            return fetch_from_arguments(arguments[1:])
        return run(_parse(arguments))
    except FluxError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130


def run(options: argparse.Namespace) -> int:
    """Run the notebooks on a dataset, and say where the report is and what failed."""
    # Imported late: a wrong option should be told at once.
    from fluxlib.formatting import format_seconds
    from fluxlib.parameters import read_parameters
    from fluxlib.runner import run_notebooks

    began = time.monotonic()
    parameters = read_parameters(options.params) if options.params else {}
    if options.data is None:
        _ensure_sample(SAMPLE)
    result = run_notebooks(
        describe_dataset(options.data or SAMPLE),
        notebooks=NOTEBOOKS,
        reports=REPORTS,
        figures=FIGURES,
        parameters=parameters,
        parameters_source=str(options.params),
        only=options.only,
        start=options.start,
    )
    print(f"{format_seconds(time.monotonic() - began)} in all. Report: {result.index}")
    for line in result.failures:
        print(line)
    return 1 if result.failures else 0


def describe_dataset(folder: str | Path):
    """Return the `fluxlib.runner.Source` of a dataset folder.

    Raises
    ------
    FluxError
        If its manifest cannot be used.
    """
    from fluxlib.dataset import dataset_key
    from fluxlib.manifest import read_manifest
    from fluxlib.runner import Source

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
    status = int(pytest.main(arguments, plugins=[count]))
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
    return parser.parse_args(arguments)


def _ensure_sample(folder: Path) -> None:
    """Make the sample dataset if it is absent or older code made it; two runs make it once."""
    from fluxlib import sample
    from fluxlib.lock import hold_lock

    with hold_lock(folder.parent / ".lock", say=print):
        if not sample.is_current(folder):
            print(f"Making the sample dataset in {folder}", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            sample.make_sample(folder)


if __name__ == "__main__":
    sys.exit(main())
