"""Write a dataset as a folder of native files, with the manifest that describes it."""

from pathlib import Path

import pandas as pd

from fluxlib.datasets.dataset import Dataset
from fluxlib.datasets.manifest import Manifest, write_manifest
from fluxlib.io import goes, omni, swpc, table
from fluxlib.satellites import find_number
from fluxlib.utils.files import atomic_folder
from fluxlib.utils.time_grid import HOUR, find_cadence

FIVE_MINUTES, ONE_MINUTE = pd.Timedelta("5min"), pd.Timedelta("1min")


def write_dataset(dataset: Dataset, folder: str | Path) -> Path:
    """Write a dataset in the archives' native formats, with its `dataset.toml`.

    Flux at 5 min becomes NCEI CSV, hourly drivers OMNI2, 1- and 5-min drivers OMNI HRO, daily
    fluence without flux SWPC Daily Particle Data, and all else plain tables.

    Parameters
    ----------
    dataset : Dataset
    folder : path
        Made if absent; must be empty.

    Returns
    -------
    Path
        The folder. Loading it gives the same numbers to the digits that the formats have.

    Raises
    ------
    FluxError
        If the folder already contains something.
    """
    with atomic_folder(folder) as writing:
        entries = [
            write_flux(writing, dataset.manifest, series, frame)
            for series, frame in dataset.flux.items()
        ]
        for series, frame in dataset.fluence.items():
            if series not in dataset.flux:
                satellite = dataset.manifest.satellite(series)
                entries.append(
                    {"satellite": satellite, "series": series}
                    | swpc.write_daily(writing, series, find_number(satellite), frame)
                )
        entries += write_drivers(writing, dataset.drivers)
        write_manifest(writing, dataset.manifest, entries)
    return Path(folder)


def write_flux(
    folder: Path,
    manifest: Manifest,
    series: str,
    flux: pd.DataFrame,
    *,
    subfolder: str | None = None,
) -> dict:
    """Write the flux of a series below a subfolder, by default named after the series.

    Returns
    -------
    dict
        The entry of the manifest.
    """
    subfolder = subfolder or series
    satellite = manifest.satellite(series)
    entry = {"satellite": satellite, "series": series}
    position = manifest.position(series)
    if position:
        entry["position"] = position
    number = find_number(satellite)
    if number and find_cadence(flux.index, series) == FIVE_MINUTES:
        return entry | goes.write(folder, subfolder, number, flux)
    return entry | table.write(folder, subfolder, series, flux)


def write_drivers(folder: Path, drivers: pd.DataFrame) -> list[dict]:
    """Write drivers in OMNI's format of their cadence, and those that it lacks as a table.

    Returns
    -------
    list of dict
        The entries of the manifest.
    """
    if drivers.empty:
        return []
    cadence = find_cadence(drivers.index, "drivers")
    entries, written = [], []
    if cadence == HOUR:
        entries.append(omni.write(folder, "omni2", drivers))
        written = [*omni.OMNI2_FIELDS, "Vx"]
    elif cadence in (FIVE_MINUTES, ONE_MINUTE):
        entries.append(omni.write(folder, "omni-hro", drivers))
        written = list(omni.HRO_FIELDS)
    others = drivers.drop(columns=written, errors="ignore")
    if len(others.columns):
        entries.append(table.write(folder, "indices", "indices", others))
    return entries
