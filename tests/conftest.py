"""Shared fixtures: the real observations, a cache of the tests' own, headless figures."""

import os
import signal
from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot as plt

from fluxlib.utils import parallel

matplotlib.use("agg")
# A shell that starts the tests in the background has interrupts ignored, by all they start too.
signal.signal(signal.SIGINT, signal.default_int_handler)


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
    with parallel.start_workers(2) as link:
        yield link


class Workers:
    """Two workers, which FLUX_SCHEDULER names for as long as a test lasts."""

    def __init__(self, link, patch):
        self.link = link
        patch.setattr(parallel, "_keep_link", lambda address: link)
        patch.setenv(parallel.SCHEDULER_VARIABLE, link.address)

    def leave(self, function, *arguments):
        """Call a function without them."""
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(parallel.SCHEDULER_VARIABLE)
            return function(*arguments)


@pytest.fixture
def workers(two_workers, monkeypatch):
    return Workers(two_workers, monkeypatch)


@pytest.fixture(scope="session")
def batch(tmp_path_factory, cache):
    """Return the reports of all notebooks on a small dataset; leave them as they are."""
    from tests.helpers.batch import make_batch

    return make_batch(tmp_path_factory.mktemp("batch"))
