"""Commands for the checkout itself: tests, JupyterLab, documentation, tidying up."""

import argparse
import os
import shutil
import subprocess
import sys

from fluxlib.commands.notebooks import ensure_sample

# Options of pytest: a worker a core, files (or what else shares fixtures) whole, in our order.
SIDE_BY_SIDE = ("-n", "logical", "--dist", "loadfile", "--no-loadscope-reorder")
# What the project makes, by the name that clean takes. In lab are edits of one's own.
MADE = {
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

    ensure_sample()
    start = lay_copies().relative_to(PROJECT)
    words = ["-m", "jupyterlab", f"--ServerApp.root_dir={PROJECT}"]
    words += [f"--LabApp.default_url=/lab/tree/{start}", *options.rest]
    os.execv(sys.executable, [sys.executable, *words])


def build_docs(options: argparse.Namespace) -> int:
    """Build the documentation from the sample's report, which is made first if need be."""
    status = subprocess.call([sys.executable, "-m", "fluxlib"])
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


def remove_made(options: argparse.Namespace) -> int:
    """List what can be made again, with its size; remove it if asked to."""
    from fluxlib.errors import FluxError
    from fluxlib.workflow.notebooks import PROJECT
    from fluxlib.workflow.store import hold_folder

    unknown = set(options.what) - set(MADE)
    if unknown:
        raise FluxError(f"there is no {min(unknown)!r} to clean; there are {', '.join(MADE)}.")
    total = 0
    for name in options.what or [name for name in MADE if name != "lab"]:
        folders = [path for pattern in MADE[name] for path in sorted(PROJECT.glob(pattern))]
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        sizes = {(stat.st_dev, stat.st_ino): stat.st_size for stat in map(os.stat, files)}
        size = sum(sizes.values())  # reports share files with the store by links
        total += size
        print(f"{name:<8} {size / 1e6:10,.1f} MB  {', '.join(MADE[name])}")
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
