"""A forecaster that was trained once, with what it learned from, in a folder that is checked."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxlib.calibration.fleet import calibrate_daily, calibrate_fleet, replace_daily
from fluxlib.datasets.dataset import Dataset
from fluxlib.datasets.series import log_fluence
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.prediction.forecaster import FluxForecaster
from fluxlib.prediction.windows import DailyData
from fluxlib.utils.files import atomic_folder, write_text

FILE = "bundle.json"
VERSION = 1
# What the feeds of the last days have; indices come later, or in another form.
DRIVERS = ("V", "N", "B", "Bz", "Bs")


@dataclass
class Bundle:
    """A trained forecaster.

    Attributes
    ----------
    forecaster : FluxForecaster
    about : dict
        `dataset`, `first` and `last` day, `days` learned from, `reference` of the scale,
        `synthetic`, and `key`, a hash of all of its files.
    """

    forecaster: FluxForecaster
    about: dict[str, Any]


def train_bundle(dataset: Dataset, folder: str | Path, **options: Any) -> Bundle:
    """Train the forecaster on a dataset's daily series, on one scale, and write it.

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
    reference = None
    fluence = log_fluence(dataset)
    try:
        fleet = calibrate_fleet(fluence, dataset.manifest.reference)
        dataset = replace_daily(dataset, calibrate_daily(dataset, fluence, fleet))
        reference = fleet.reference
    except NotApplicable:
        pass  # one series alone is its own scale
    drivers = [name for name in DRIVERS if name in dataset.drivers or name == "Bs"]
    if "Bz" not in dataset.drivers:
        drivers = [name for name in drivers if name != "Bs"]
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
    }
    with atomic_folder(folder, replace=True) as writing:
        forecaster.save(writing)
        about["files"] = {path.name: _hash(path) for path in sorted(writing.iterdir())}
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
        files = dict(about["files"])
    except (OSError, ValueError, TypeError, KeyError):
        raise FluxError(
            f"{folder}: no trained forecaster, as {FILE} is absent or damaged; make one with "
            "./run_all.sh train."
        ) from None
    if about.get("version") != VERSION:
        raise FluxError(
            f"{path}: version is {about.get('version')!r}; expected {VERSION}: train anew."
        )
    for name, digest in files.items():
        if Path(name).name != name or _hash(folder / name) != digest:
            raise FluxError(f"{folder / name}: absent or damaged; train anew.")
    about["key"] = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    return Bundle(FluxForecaster.load(folder), about)


def _hash(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
