"""Small datasets and native files that tests make and break."""

from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.dataset import Dataset
from fluxlib.fluence import daily_fluence
from fluxlib.manifest import Entry, Manifest

POSITIONS = {"goes12": "east", "goes13": "east", "goes15": "west"}


def make_dataset(start="2014-01-01", days=40, cadence="5min", seed=0) -> Dataset:
    """Return a dataset of plain noise: three satellites and every driver, with gaps."""
    rng = np.random.default_rng(seed)
    samples = days * (pd.Timedelta("1D") // pd.Timedelta(cadence))
    index = pd.date_range(start, periods=samples, freq=cadence)
    index = index.rename("time")
    flux = {}
    for series in POSITIONS:
        low = "e0.6" if series == "goes12" else "e0.8"
        channels = [low, "e2", "e4"] if series == "goes12" else [low, "e2"]
        frame = pd.DataFrame(
            {name: 10 ** rng.normal(3, 1, len(index)) for name in channels}, index=index
        )
        frame.iloc[10:30] = np.nan
        flux[series] = frame
    return Dataset(
        manifest=make_manifest("toy", flux),
        cadence=pd.Timedelta(cadence),
        flux=flux,
        fluence={series: daily_fluence(frame) for series, frame in flux.items()},
        drivers=make_drivers(index, rng),
    )


def make_manifest(name: str, series) -> Manifest:
    entries = tuple(
        Entry("flux", "", "", "", "", (), satellite=s, series=s, position=POSITIONS[s])
        for s in series
    )
    return Manifest(Path(), name, "A toy", True, "goes13", tuple(series), entries, ())


def make_drivers(index: pd.DatetimeIndex, rng: np.random.Generator) -> pd.DataFrame:
    def draw(center, width, digits):
        return np.round(rng.normal(center, width, len(index)), digits)

    speed = draw(450, 40, 0)
    drivers = pd.DataFrame(
        {
            "V": speed,
            "Vx": -speed,
            "N": draw(6, 0.5, 1),
            "T": draw(1e5, 1e3, 0),
            "B": draw(6, 0.5, 1),
            "Bx": draw(0, 3, 1),
            "By": draw(0, 3, 1),
            "Bz": draw(0, 3, 1),
            "P": draw(2, 0.2, 2),
            "AE": draw(200, 20, 0),
            "AL": draw(-120, 20, 0),
            "AU": draw(80, 20, 0),
            "SYM_H": draw(-15, 10, 0),
            "Dst": draw(-15, 10, 0),
            "Kp": rng.integers(0, 28, len(index)) / 3,
        },
        index=index,
    )
    drivers.iloc[100:110] = np.nan
    return drivers
