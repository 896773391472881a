"""One browser for all tests in it, and a list of all addresses that it requests."""

import pytest

from tests.helpers.jupyterlab import open_chromium


@pytest.fixture(scope="session")
def requests():
    return []


@pytest.fixture(scope="session")
def chromium(requests):
    with open_chromium(requests) as context:
        yield context
