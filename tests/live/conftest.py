from dataclasses import replace

import pandas as pd
import pytest

import fluxlib
from fluxlib.datasets import write_dataset
from fluxlib.live import train_bundle

DRIVERS = ["V", "N", "B", "Bz"]


@pytest.fixture(scope="session")
def past():
    return fluxlib.simulate("2013-01-01", "2015-01-01", "1h", seed=4)


@pytest.fixture(scope="session")
def bundle(past, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "toy"
    return train_bundle(past, folder, members=2, blocks=2, epochs=2, units=8)


@pytest.fixture(scope="session")
def future():
    return fluxlib.simulate("2015-01-01", "2015-05-01", "1h", seed=4)


@pytest.fixture
def serve(future, tmp_path):
    """Return a function that writes what feeds would have at a time, after a fault, if any."""

    def write(now, fault=lambda flux, drivers: None, days=60):
        folder = tmp_path / "feeds"
        cut = slice(pd.Timestamp(now) - pd.Timedelta(days=days), pd.Timestamp(now))
        flux = {name: frame[cut].iloc[:-1].copy() for name, frame in future.flux.items()}
        drivers = future.drivers[DRIVERS][cut].iloc[:-1].copy()
        result = fault(flux, drivers)
        drivers = drivers if result is None else result
        for path in sorted(folder.rglob("*"), reverse=True) if folder.exists() else ():
            path.unlink() if path.is_file() else path.rmdir()
        write_dataset(replace(future, flux=flux, drivers=drivers), folder / "of-now")
        return folder / "of-now"

    return write
