"""Shared fixtures: the real observations, a cache of the tests' own, headless figures."""

import os
from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot as plt

matplotlib.use("agg")


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
