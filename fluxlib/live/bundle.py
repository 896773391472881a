"""Forecasters that were trained once, with what they learned from, in a folder that is checked."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fluxlib.calibration.fleet import calibrate_daily, calibrate_fleet, replace_daily
from fluxlib.datasets.dataset import Dataset
from fluxlib.datasets.series import log_fluence
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.prediction.forecaster import FluxForecaster
from fluxlib.prediction.hours import HourlySeries
from fluxlib.prediction.rolling import FILE as ROLLING_FILE
from fluxlib.prediction.rolling import RollingForecaster
from fluxlib.prediction.windows import DailyData
from fluxlib.utils.files import atomic_folder, write_text
from fluxlib.utils.time_grid import HOUR

FILE = "bundle.json"
VERSION = 2
LEVELS = np.linspace(3, 13, 501)  # of log10 fluence, at which scales are kept
# What the feeds of the last days have; indices come later, or in another form.
DRIVERS = ("V", "N", "B", "Bz", "Bs")


@dataclass
class Bundle:
    """Trained forecasters.

    Attributes
    ----------
    forecaster : FluxForecaster
    rolling : RollingForecaster or None
        None if the dataset had too little hourly flux.
    scales : dict of list of float
        By series, the log10 fluence on the reference's scale at `LEVELS`.
    about : dict
        `dataset`, `first` and `last` day, `days` learned from, `reference` of the scale,
        `synthetic`, and `key`, a hash of all of its files.
    """

    forecaster: FluxForecaster
    rolling: RollingForecaster | None
    scales: dict[str, list[float]]
    about: dict[str, Any]

    def calibrate(self, data: DailyData) -> DailyData:
        """Put the fluence of the series that were learned from on the scale learned from."""
        fluence = data.fluence.copy()
        for name, levels in self.scales.items():
            days = (fluence["series"] == name) & fluence["e2"].notna()
            values = np.log10(fluence.loc[days, "e2"])
            fluence.loc[days, "e2"] = 10 ** np.interp(values, LEVELS, levels)
        return DailyData(fluence, data.drivers)


def train_bundle(dataset: Dataset, folder: str | Path, **options: Any) -> Bundle:
    """Train the forecasters on a dataset and write them.

    That of days learns from the daily series, on one scale; that of hours ahead from the hourly
    flux of each satellite.

    Parameters
    ----------
    dataset : Dataset
        Hourly.
    folder : path
        A new folder, or an older bundle, which is replaced.
    **options
        Of `fluxlib.FluxForecaster`.

    Raises
    ------
    FluxError
        If there is too little to learn from, or the folder holds something else.
    """
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / FILE).is_file():
        raise FluxError(f"{folder}: holds files and no forecaster; name a new folder.")
    rolling = _train_rolling(dataset, options.get("random_state", 0))
    reference, scales = None, {}
    fluence = log_fluence(dataset)
    try:
        fleet = calibrate_fleet(fluence, dataset.manifest.reference)
        dataset = replace_daily(dataset, calibrate_daily(dataset, fluence, fleet))
        reference = fleet.reference
        for name in fleet.paths:
            scales[name] = fleet.apply(name, pd.Series(LEVELS)).tolist()
    except NotApplicable:
        pass  # one series alone is its own scale
    drivers = _list_drivers(dataset)
    # Channels of lower energy are on no common scale, and what is live may not have them.
    data = DailyData(dataset.daily[["e2", "series"]], dataset.drivers)
    forecaster = FluxForecaster(drivers=drivers, **options).fit(data)
    days = dataset.daily["e2"].dropna()
    about = {
        "version": VERSION,
        "dataset": dataset.name,
        "synthetic": dataset.manifest.synthetic,
        "reference": reference,
        "first": f"{days.index[0]:%Y-%m-%d}",
        "last": f"{days.index[-1]:%Y-%m-%d}",
        "days": len(days),
        "scales": scales,
    }
    with atomic_folder(folder, replace=True) as writing:
        forecaster.save(writing)
        if rolling is not None:
            rolling.save(writing)
        about["files"] = {path.name: _hash(path) for path in sorted(writing.iterdir())}
        about["checksum"] = _hash_text(about)
        write_text(writing / FILE, json.dumps(about, indent=1) + "\n")
    return load_bundle(folder)


def load_bundle(folder: str | Path) -> Bundle:
    """Read a bundle that `train_bundle` wrote.

    Raises
    ------
    FluxError
        If there is none, it is of another version, or one of its files is damaged.
    """
    folder = Path(folder)
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
        about = dict(json.loads(text))
        files, checksum = dict(about["files"]), about.pop("checksum", None)
    except (OSError, ValueError, TypeError, KeyError):
        raise FluxError(
            f"{folder}: no trained forecaster, as {FILE} is absent or damaged; make one with "
            "./run_all.sh train."
        ) from None
    if about.get("version") != VERSION:
        raise FluxError(
            f"{path}: version is {about.get('version')!r}; expected {VERSION}: train anew."
        )
    if checksum != _hash_text(about):
        raise FluxError(f"{path}: damaged; train anew.")
    for name, digest in files.items():
        if Path(name).name != name or _hash(folder / name) != digest:
            raise FluxError(f"{folder / name}: absent or damaged; train anew.")
    about["key"] = _hash_text(files)
    rolling = RollingForecaster.load(folder) if ROLLING_FILE in files else None
    return Bundle(FluxForecaster.load(folder), rolling, about.pop("scales"), about)


def _list_drivers(dataset: Dataset) -> list[str]:
    known = set(dataset.drivers) | ({"Bs"} if "Bz" in dataset.drivers else set())
    return [name for name in DRIVERS if name in known]


def _train_rolling(dataset: Dataset, random_state: int) -> RollingForecaster | None:
    series = [
        HourlySeries(flux["e2"].rename(name), dataset.manifest.position(name))
        for name, flux in dataset.flux.items()
        if "e2" in flux and dataset.cadence == HOUR
    ]
    forecaster = RollingForecaster(drivers=_list_drivers(dataset), random_state=random_state)
    try:
        return forecaster.fit(series, dataset.drivers)
    except NotApplicable:
        return None


def _hash_text(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _hash(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
