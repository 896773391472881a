"""Simulated datasets: `simulate`, and the sample that the project runs on by default."""

from pathlib import Path

import pandas as pd

from fluxlib.datasets.dataset import Dataset
from fluxlib.datasets.loading import READING_CODE
from fluxlib.datasets.manifest import Entry, Manifest, write_manifest
from fluxlib.datasets.series import daily_fluence
from fluxlib.datasets.writing import write_drivers, write_flux
from fluxlib.simulation.fleet import FLEET, simulate_tables
from fluxlib.utils.files import atomic_folder, hash_code

SAMPLE_SEED = 1
SAMPLE_START, SAMPLE_END = "1999-01-01", "2017-01-01"
# The east-west pair that the sample has at 5 min, and when.
PAIR = ("goes13", "goes15")
PAIR_START, PAIR_END = pd.Timestamp("2014-01-01"), pd.Timestamp("2015-01-01")
REFERENCE = "goes11"
# The east satellites one after another, the west ones where none of those has a day.
DAILY = ("goes8", "goes12", "goes13", "goes10", "goes11", "goes15")

MADE_BY = "made-by.txt"


def simulate(start: str, end: str, cadence: str = "5min", seed: int = 0) -> Dataset:
    """Simulate the GOES fleet, the solar wind and the geomagnetic indices.

    Parameters
    ----------
    start, end : str or Timestamp
        First instant, and the first instant after the last.
    cadence : str
        "5min" to "1h", a multiple of 5 min that divides an hour.
    seed : int
        The same seed gives the same dataset.

    Returns
    -------
    Dataset
        Of the satellites that were in service; `fluxlib.write_dataset` saves it as native files.

    See Also
    --------
    fluxlib.simulation.fleet.simulate_tables : the models and their sources.
    """
    flux, drivers = simulate_tables(start, end, cadence=cadence, seed=seed)
    return Dataset(
        manifest=_describe("simulated", "Simulated GOES fleet and solar wind", list(flux)),
        cadence=pd.Timedelta(cadence),
        flux=flux,
        fluence={series: daily_fluence(frame) for series, frame in flux.items()},
        drivers=drivers,
    )


def make_sample(folder: str | Path) -> Path:
    """Write the embedded sample: the fleet hourly 1999-2016, one pair at 5 min for a year.

    Parameters
    ----------
    folder : path
        A new folder; it appears only when the sample is whole.
    """
    fine = simulate(SAMPLE_START, SAMPLE_END, "5min", SAMPLE_SEED)
    title = "Simulated GOES fleet and solar wind, 1999-2016"
    manifest = _describe("sample", title, list(fine.flux))
    entries = []
    with atomic_folder(folder) as writing:
        for series, frame in fine.flux.items():
            hourly = frame.resample("1h").mean()
            if series not in PAIR:
                entries.append(write_flux(writing, manifest, series, hourly))
                continue
            before, after = hourly[: PAIR_START - pd.Timedelta("1h")], hourly[PAIR_END:]
            within = frame[PAIR_START : PAIR_END - pd.Timedelta("5min")]
            for part in (before, within, after):
                period = [f"{part.index[i]:%Y-%m-%d}" for i in (0, -1)]
                subfolder = f"{series}-from-{period[0][:4]}"
                entry = write_flux(writing, manifest, series, part, subfolder=subfolder)
                entries.append(entry | {"period": period})
        # Dst and Kp are steps: their means over the hour are their values.
        entries += write_drivers(writing, fine.drivers.resample("1h").mean())
        write_manifest(writing, manifest, entries)
        (writing / MADE_BY).write_text(_hash_makers())
    return Path(folder)


def is_current(folder: str | Path) -> bool:
    """Tell whether a folder holds the sample that this version of the package makes."""
    path = Path(folder) / MADE_BY
    return path.is_file() and path.read_text() == _hash_makers()


def _hash_makers() -> str:
    return hash_code(*READING_CODE, "simulation")


def _describe(name: str, title: str, series: list[str]) -> Manifest:
    return Manifest(
        folder=Path(),
        name=name,
        title=title,
        synthetic=True,
        reference=REFERENCE if REFERENCE in series else series[0] if series else None,
        daily=tuple(satellite for satellite in DAILY if satellite in series),
        flux=tuple(
            Entry("flux", satellite=s, series=s, position=FLEET[s].position) for s in series
        ),
        drivers=(),
    )
