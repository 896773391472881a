"""The newest days: fetched, joined with what earlier calls have seen, and judged."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fluxlib.archives.download import Item, RetryPolicy, download_all
from fluxlib.archives.fetch import fetch
from fluxlib.archives.sources import ARCHIVES
from fluxlib.datasets.dataset import Dataset
from fluxlib.datasets.loading import dataset_key, load
from fluxlib.datasets.series import daily_fluence
from fluxlib.errors import FluxError
from fluxlib.io.text import Quality
from fluxlib.observations.quality import flag_dataset
from fluxlib.prediction.windows import DailyData
from fluxlib.utils.files import atomic_path
from fluxlib.utils.time_grid import DAY, HOUR

REFM = "electron_fluence_forecast.json"
REFM_PLACE = "json/electron_fluence_forecast.json"
DOUBTFUL = Quality.SPIKE | Quality.STUCK | Quality.PROTONS | Quality.ARCHIVE
KEPT = pd.Timedelta("400D")  # of history: two rotations are needed, a year is shown to who asks
STALE = pd.Timedelta("3h")  # an input whose newest sample is older than the newest of all is stale


@dataclass
class LiveInputs:
    """What is known now.

    Attributes
    ----------
    data : DailyData
        Days up to the issue day, and hourly drivers up to its end.
    issue_day : Timestamp
        The last whole day that the newest sample of any input has passed.
    newest : Timestamp
        Of all inputs.
    ages : dict of Timedelta
        By input: how much older its newest sample is than `newest`.
    notes : list of str
        What is missing, stale or contaminated.
    refm : Series
        NOAA's own forecast of the fluence by day, e/(cm2 day sr); empty if it is not known.
    key : str
        A hash of all of it.
    """

    data: DailyData
    issue_day: pd.Timestamp
    newest: pd.Timestamp
    ages: dict[str, pd.Timedelta]
    notes: list[str] = field(default_factory=list)
    refm: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))
    key: str = ""


def fetch_newest(
    folder: str | Path,
    *,
    bases: dict[str, str] | None = None,
    policy: RetryPolicy | None = None,
) -> list[str]:
    """Fetch SWPC's feeds of the last days and NOAA's own forecast; return what failed."""
    folder, notes = Path(folder), []
    policy = policy or RetryPolicy()
    try:
        fetch(folder, recent=True, bases=bases, policy=policy, progress=False)
    except FluxError as error:
        notes.append(str(error))
    base = (bases or {}).get("feeds", ARCHIVES["feeds"].url)
    item = Item(f"{base}/{REFM_PLACE}", REFM, changing=True)
    result = download_all([item], folder, policy=policy, workers=1)
    if not result.fetched:
        (folder / REFM).unlink(missing_ok=True)  # the last one's days are over
        notes.append("NOAA's own forecast could not be fetched.")
    return notes


def read_inputs(folder: str | Path, history: str | Path | None = None) -> LiveInputs:
    """Read the newest days from a dataset's folder, and join what earlier calls have seen.

    Nothing here asks the machine's clock: the newest sample tells the time.

    Parameters
    ----------
    folder : path
        With a `dataset.toml`.
    history : path, optional
        A folder in which hourly drivers and daily fluence are kept for later calls, since feeds
        hold a week and a forecast looks back a solar rotation.

    Raises
    ------
    FluxError
        If the dataset cannot be read, or has no day of >2 MeV electrons.
    """
    folder = Path(folder)
    dataset = load(folder, "1h")
    fluence, flux_end, notes = _sum_days(dataset)
    drivers = dataset.drivers
    ends = {"electrons": flux_end} if flux_end is not None else {}
    ends |= {
        name: drivers[name].last_valid_index() + HOUR
        for name in drivers
        if drivers[name].notna().any()
    }
    if history is not None:
        fluence = _join_history(Path(history) / "fluence.parquet", fluence)
        drivers = _join_history(Path(history) / "drivers.parquet", drivers)
    if not ends or fluence.empty or not fluence["e2"].notna().any():
        raise FluxError(f"{folder}: no whole day of >2 MeV electrons; a forecast starts from one.")
    newest = max(ends.values())
    issue_day = newest.floor("D") - DAY
    ages = {name: newest - end for name, end in ends.items()}
    for name, age in ages.items():
        if age >= STALE:
            notes.append(f"{name}: the newest sample is {age / HOUR:.0f} h older than the newest.")
    days = pd.date_range(fluence.index[0], issue_day, freq="D", name="time")
    data = DailyData(fluence.reindex(days), drivers[drivers.index < issue_day + DAY])
    refm = read_refm(folder / REFM)
    text = json.dumps([str(newest), refm.to_json(), dataset_key(folder)])
    return LiveInputs(
        data, issue_day, newest, ages, notes, refm, hashlib.sha256(text.encode()).hexdigest()
    )


def _sum_days(dataset: Dataset) -> tuple[pd.DataFrame, pd.Timestamp | None, list[str]]:
    """Return the fluence of whole days of good samples, the end of the flux, and notes."""
    fluence, notes, ends = {}, [], []
    flags = flag_dataset(dataset)
    for series in dataset.manifest.daily:
        daily = dataset.fluence.get(series)
        if daily is None or "e2" not in daily:
            continue
        if series in dataset.flux:
            flux = dataset.flux[series]
            bad = (flags[series]["e2"] & int(DOUBTFUL)) > 0
            recent = bad & (bad.index >= flux.index[-1] - 3 * DAY)
            if recent.any():
                notes.append(f"{series}: {int(recent.sum())} doubtful hours of late are left out.")
            daily = daily_fluence(flux.mask(bad))
            last = flux["e2"].last_valid_index()
            ends += [last + HOUR] if last is not None else []
        fluence[series] = daily
    parts = [
        frame.dropna(subset="e2").assign(series=name)[["e2", "series"]]
        for name, frame in fluence.items()
    ]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame({"e2": [], "series": []}), max(ends, default=None), notes
    joined = pd.concat(parts)
    joined = joined[~joined.index.duplicated()].sort_index()
    days = pd.date_range(joined.index[0], joined.index[-1], freq="D", name="time")
    return joined.reindex(days), max(ends, default=None), notes


def _join_history(path: Path, new: pd.DataFrame) -> pd.DataFrame:
    """Return what is new joined with what is kept, and keep it; what is new counts."""
    joined = new
    try:
        old = pd.read_parquet(path)
    except Exception:  # none yet, or damaged: it fills again
        old = new.iloc[:0]
    if len(old):
        joined = new.combine_first(old) if len(new) else old
        step = DAY if "series" in joined else HOUR
        joined = joined[joined.index >= joined.index[-1] - KEPT]
        index = pd.date_range(joined.index[0], joined.index[-1], freq=step, name="time")
        joined = joined.reindex(index)
    if len(joined):
        with atomic_path(path) as temporary:
            joined.to_parquet(temporary)
    return joined


def read_refm(path: str | Path) -> pd.Series:
    """Read NOAA's forecast of the daily >2 MeV fluence, the Relativistic Electron Forecast Model.

    Parameters
    ----------
    path : path
        ``electron_fluence_forecast.json``: a list of objects with `date` and `fluence`,
        `fluence_day_two` and so on, taken as the forecast of that day and of those after it.

    Returns
    -------
    Series
        e/(cm2 day sr) by day, of the newest date; empty where the file cannot be used.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(Path(path).read_text(encoding="utf-8"))
        dates = pd.to_datetime([row["date"] for row in rows], format="ISO8601", utc=True)
        dates = dates.tz_localize(None)
        newest, day = rows[dates.argmax()], dates.max().normalize()
        names = ("fluence", "fluence_day_two", "fluence_day_three", "fluence_day_four")
        values = [float(newest[name]) for name in names if newest.get(name) is not None]
    except (OSError, ValueError, TypeError, KeyError):
        return pd.Series(dtype=float)
    values = [value if np.isfinite(value) and value > 0 else np.nan for value in values]
    return pd.Series(values, pd.date_range(day, periods=len(values), freq="D"), dtype=float)
