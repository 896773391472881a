"""Shared fixtures: the real observations, a cache of the tests' own, headless figures."""

import logging
import os
import signal
from pathlib import Path

# Tests side by side share the cores: read by the libraries below when they are imported.
if (workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))) > 1:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
        os.environ.setdefault(variable, str(max(1, (os.cpu_count() or 1) // workers)))

import matplotlib
import pytest
from matplotlib import pyplot as plt

from fluxlib.utils import parallel

matplotlib.use("agg")
# A shell that starts the tests in the background has interrupts ignored, by all they start too.
signal.signal(signal.SIGINT, signal.default_int_handler)


#: Tests whose paths begin so share what takes long to make, such as the run of all notebooks.
SHARING = ("tests/test_notebooks.py", "tests/browser"), ("tests/reports",)


def find_group(nodeid: str) -> str:
    """Return what a test is kept together with, side by side with others: its file, or several."""
    path = nodeid.partition("::")[0]
    return next((paths[0] for paths in SHARING if path.startswith(paths)), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Hand out groups of tests (xdist's own groups are lost on pytest 9.2)."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return find_group(nodeid)

    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the groups that take longest: notebooks, the engine, then all slow tests."""
    longest = {SHARING[0][0]: 3, "tests/workflow/test_engine.py": 2}
    order = {}
    for item in items:
        group = find_group(item.nodeid)
        slow = item.get_closest_marker("slow") is not None
        order[group] = max(order.get(group, 0), slow * longest.get(group, 1))
    items.sort(key=lambda item: -order[find_group(item.nodeid)])


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Keep cached tables out of the project's own cache."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["FLUX_CACHE"] = str(folder)
    return folder


@pytest.fixture(autouse=True)
def fresh_figures():
    """Leave neither open figures nor a style to the next test."""
    with plt.rc_context():
        yield
    plt.close("all")


@pytest.fixture
def ax():
    return plt.figure().subplots()


@pytest.fixture(scope="session")
def real_data():
    """Return the folder of real observations that FLUX_REAL_DATA names."""
    folder = os.environ.get("FLUX_REAL_DATA")
    if folder and (Path(folder) / "dataset.toml").exists():
        return Path(folder)
    reason = f"FLUX_REAL_DATA names no folder with a dataset.toml (it is {folder!r})"
    if os.environ.get("FLUX_REQUIRE_REAL"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def two_workers():
    """Return the address of a scheduler with two workers, a process each."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",  # any port, for there may be others
        silence_logs=logging.ERROR,
        env=parallel.limit_threads(1),
        memory_limit=0,
    ) as cluster:
        yield cluster.scheduler_address


class Workers:
    """Two workers, which FLUX_SCHEDULER names for as long as a test lasts."""

    def __init__(self, address, patch):
        patch.setenv(parallel.SCHEDULER_VARIABLE, address)

    def leave(self, function, *arguments, **options):
        """Call a function without them."""
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(parallel.SCHEDULER_VARIABLE)
            return function(*arguments, **options)


@pytest.fixture
def workers(two_workers, monkeypatch):
    return Workers(two_workers, monkeypatch)


@pytest.fixture(scope="session")
def batch(tmp_path_factory, cache):
    """Return the reports of all notebooks on a small dataset; leave them as they are."""
    from tests.helpers.batch import make_batch

    return make_batch(tmp_path_factory.mktemp("batch"))


@pytest.fixture(scope="session")
def mixed(tmp_path_factory):
    """Run notebooks of which one fails and one does not apply; leave the folder as it is.

    Returns
    -------
    (Path, Run, list of str)
        The folder, the run and the lines that it reported.
    """
    from tests.helpers.notebooks import run_mixed

    folder = tmp_path_factory.mktemp("mixed")
    return folder, *run_mixed(folder)
