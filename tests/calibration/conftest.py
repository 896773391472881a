import numpy as np
import pandas as pd
import pytest

from fluxlib.calibration.pairs import fit_pairs, list_overlaps

DAYS = pd.date_range("2014-01-01", periods=400, freq="D", name="time")


@pytest.fixture(scope="session")
def series():
    """Return log10 fluence of three satellites: b = a + 0.5, c bends to twice a's slope at 7."""
    rng = np.random.default_rng(0)
    truth = pd.Series(rng.uniform(5, 9, len(DAYS)), DAYS)

    def measure(response):
        return response + 0.02 * rng.normal(size=len(DAYS))

    bent = truth + np.maximum(truth - 7, 0)
    return {"a": measure(truth), "b": measure(truth + 0.5), "c": measure(bent)}


@pytest.fixture(scope="session")
def pairs(series):
    return fit_pairs(series, list_overlaps(series), "b")
