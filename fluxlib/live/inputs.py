"""The newest days: fetched, joined with what earlier calls have seen, and judged."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fluxlib.archives.download import Item, RetryPolicy, download_all
from fluxlib.archives.fetch import list_items, make_request, write_description
from fluxlib.archives.sources import ARCHIVES, HapiSource
from fluxlib.datasets.dataset import Dataset
from fluxlib.datasets.loading import load
from fluxlib.datasets.manifest import NAME
from fluxlib.datasets.series import daily_fluence
from fluxlib.errors import FluxError
from fluxlib.io.swpc import ELECTRON_FEEDS, FEEDS, WIND_FEEDS, read_feed
from fluxlib.io.text import Quality
from fluxlib.observations.quality import flag_dataset
from fluxlib.prediction.hours import HourlySeries
from fluxlib.prediction.windows import DailyData
from fluxlib.utils.files import atomic_path
from fluxlib.utils.time_grid import DAY, HOUR

REFM = "electron_fluence_forecast.json"
REFM_PLACE = "json/electron_fluence_forecast.json"
DOUBTFUL = Quality.SPIKE | Quality.STUCK | Quality.PROTONS | Quality.ARCHIVE
KEPT = pd.Timedelta("400D")  # of history: two rotations are needed, a year is shown to who asks
STALE = pd.Timedelta("3h")  # an input whose newest sample is older than the newest of all is stale
WEEK = pd.Timedelta("8D")  # that a feed spans, with a day to spare
NOTHING = pd.DataFrame(index=pd.DatetimeIndex([], name="time"))
RECENT = "-recent"  # how the names of feeds' series end; the satellite is that of the archives


@dataclass
class LiveInputs:
    """What is known now.

    Attributes
    ----------
    data : DailyData
        Days up to the issue day, and hourly drivers up to its end.
    flux : DataFrame
        Hourly flux without doubtful samples, e/(cm2 s sr), a column for each satellite.
    series : HourlySeries
        That of the satellite that is known best of late.
    drivers : DataFrame
        Hourly, up to `newest`.
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
        A hash of all that a forecast is made from.
    """

    data: DailyData
    flux: pd.DataFrame
    series: HourlySeries
    drivers: pd.DataFrame
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
    """Fetch the last days and NOAA's own forecast; return what failed, in sentences.

    Electrons and solar wind are SWPC's feeds. Protons, which contaminate the electrons, are those
    of the primary satellite at iSWA. What fails, or cannot be used, is left out, and the rest is
    described without it.
    """
    folder = Path(folder)
    notes: list[str] = []
    policy, bases = policy or RetryPolicy(), bases or {}
    folder.mkdir(parents=True, exist_ok=True)
    # What earlier calls fetched is in the history, and the satellites may be others now.
    for path in (folder / NAME, folder / REFM, *(folder / name for name in FEEDS)):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / "hapi", ignore_errors=True)

    def get(items: Iterable[Item]) -> None:
        result = download_all(items, folder, policy=policy)
        notes.extend(f"{url} could not be fetched: {why}." for url, why in result.failed.items())

    try:
        request = make_request(folder.name, (), None, None, recent=True)
        base = bases.get("feeds", ARCHIVES["feeds"].url)
        refm = Item(f"{base}/{REFM_PLACE}", REFM, changing=True)
        get([*list_items(request, bases=bases, policy=policy), refm])
        if not (folder / REFM).exists():
            notes.append("NOAA's own forecast could not be fetched.")
        usable = set()
        for name in FEEDS:
            if (folder / name).exists():
                fault = _find_fault(folder / name)
                notes.extend([fault] if fault else [])
                usable |= set() if fault else {name}
        electrons = [folder / name for name in ELECTRON_FEEDS if name in usable]
        if not electrons:
            raise FluxError("no feed of electrons could be used.")
        last = max(read_feed(path).frame.index[-1] for path in electrons)
        months = pd.period_range(last - WEEK, last, freq="M")
        source = HapiSource("goesp_part_flux_P5M", months, {"p10": "P10"}, {"cadence": "5min"})
        protons = replace(request, recent=False, hapi=(source,))
        try:
            get(list_items(protons, bases=bases, policy=policy))
        except FluxError as error:
            notes.append(f"protons are not known, which contaminate the electrons: {error}")
        usable |= {path.relative_to(folder).as_posix() for path in folder.glob("hapi/*/*.csv")}
        write_description(replace(protons, recent=True), folder, usable)
    except FluxError as error:  # such as a damaged record of checksums
        notes.append(str(error))
    return notes


def _find_fault(path: Path) -> str:
    """Return why a feed cannot be used; "" if it can."""
    try:
        times = read_feed(path).frame.index
    except FluxError as error:
        return str(error)
    if times[-1] - times[0] > WEEK:  # one wrong stamp would move the time of all that is known
        return f"{path.name}: its times span {times[0]} to {times[-1]}, more than a feed holds."
    return ""


def read_inputs(folder: str | Path, history: str | Path | None = None) -> LiveInputs:
    """Read the newest days from a dataset's folder, and join what earlier calls have seen.

    Nothing here asks the machine's clock: the newest sample tells the time.

    Parameters
    ----------
    folder : path
        With a `dataset.toml`.
    history : path, optional
        A folder in which hourly flux and drivers and daily fluence are kept for later calls, since
        feeds hold a week and a forecast looks back a solar rotation. If no new electrons can be
        read, those there count, with the wind of the feeds.

    Raises
    ------
    FluxError
        If nothing can be read, or no day of >2 MeV electrons is known.
    """
    folder, dataset = Path(folder), None
    notes: list[str] = []
    flux = drivers = fluence = doubtful = NOTHING
    try:
        dataset = load(folder, "1h")
        flux, doubtful, notes = _select_good(dataset)
        drivers = dataset.drivers
    except FluxError as error:
        if history is None or not (Path(history) / "fluence.parquet").exists():
            raise
        notes = [f"no new electrons could be read: {error}"]
        drivers = _read_wind(folder)
    since = flux.index[0].floor("D") if len(flux) else None
    if history is not None:
        kept = Path(history)
        # What was taken for good as the newest sample may be a spike, now that others follow.
        old = _read_history(kept / "flux.parquet")
        doubtful = doubtful.reindex(index=old.index, columns=old.columns, fill_value=False)
        flux = _join_history(kept / "flux.parquet", flux, old.mask(doubtful))
        old = _read_history(kept / "drivers.parquet")
        drivers = _join_history(kept / "drivers.parquet", drivers, old)
    if dataset is not None:
        # Of the first day, earlier calls may have hours that are no longer in the files.
        fluence = _sum_days(dataset, flux[since:])
    if history is not None:
        old = _read_history(kept / "fluence.parquet")
        if since is not None and len(old):
            anew = (old.index >= since) & old["series"].isin([*map(_name_series, dataset.flux)])
            old = old[~anew]
        fluence = _join_history(kept / "fluence.parquet", fluence, old)
    known = {"electrons": flux.dropna(how="all").index}
    known |= {name: drivers[name].dropna().index for name in drivers}
    ends = {name: times[-1] + HOUR for name, times in known.items() if len(times)}
    if not ends and not fluence.empty:  # a dataset of nothing but days
        ends["electrons"] = fluence.index[-1] + DAY
    newest = max(ends.values(), default=pd.Timestamp(0))
    issue_day = newest.floor("D") - DAY
    fluence = fluence[:issue_day]
    if fluence.empty or not fluence["e2"].notna().any():
        raise FluxError(f"{folder}: no whole day of >2 MeV electrons; a forecast starts from one.")
    ages = {name: newest - end for name, end in ends.items()}
    for name, age in ages.items():
        if age >= STALE:
            notes.append(f"{name}: the newest sample is {age / HOUR:.0f} h older than the newest.")
    days = pd.date_range(fluence.index[0], issue_day, freq="D", name="time")
    data = DailyData(fluence.reindex(days), drivers[drivers.index < issue_day + DAY])
    refm = read_refm(folder / REFM)
    series = _choose_series(flux, newest, dataset)
    digest = hashlib.sha256(f"{newest} {series.flux.name} {series.position}".encode())
    parts = (data.fluence.fillna({"series": ""}), drivers, series.flux.to_frame("e2"))
    for table in (*parts, refm.to_frame("refm")):
        table = table[sorted(table)]
        digest.update(str(list(table)).encode())
        digest.update(pd.util.hash_pandas_object(table).to_numpy().tobytes())
    key = digest.hexdigest()
    return LiveInputs(data, flux, series, drivers, issue_day, newest, ages, notes, refm, key)


def _read_wind(folder: Path) -> pd.DataFrame:
    """Return hourly drivers of the feeds alone, as a dataset without electrons has no manifest."""
    hours = NOTHING
    for name in WIND_FEEDS:
        if (folder / name).exists() and not _find_fault(folder / name):
            hours = hours.combine_first(read_feed(folder / name).frame.resample("1h").mean())
    return hours


def _choose_series(
    flux: pd.DataFrame, newest: pd.Timestamp, dataset: Dataset | None
) -> HourlySeries:
    """Return the flux with most samples in the last day; of two alike, that of the first."""
    if flux.shape[1] == 0:
        return HourlySeries(pd.Series(dtype=float, index=flux.index))
    name = flux[flux.index >= newest - DAY].notna().sum().idxmax()
    entries = dataset.manifest.flux if dataset is not None else ()
    position = next((e.position for e in entries if _name_series(e.series) == name), None)
    return HourlySeries(flux[name], position)


def _name_series(series: str) -> str:
    return series.removesuffix(RECENT)


def _select_good(dataset: Dataset) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return the hourly flux of good samples by satellite, where it is doubtful, and notes."""
    hours, doubtful, notes = {}, {}, []
    flags = flag_dataset(dataset)
    for series in dataset.manifest.daily:
        if "e2" not in dataset.flux.get(series, ()):
            continue
        flux, name = dataset.flux[series]["e2"], _name_series(series)
        bad = (flags[series]["e2"] & int(DOUBTFUL)) > 0
        recent = bad & (bad.index >= flux.index[-1] - 3 * DAY)
        if recent.any():
            notes.append(f"{name}: {int(recent.sum())} doubtful hours of late are left out.")
        hours[name], doubtful[name] = flux.mask(bad), bad
    if not hours:
        return NOTHING, NOTHING, notes
    return pd.DataFrame(hours), pd.DataFrame(doubtful).fillna(False).astype(bool), notes


def _sum_days(dataset: Dataset, flux: pd.DataFrame) -> pd.DataFrame:
    """Return the fluence of whole days: of the hourly flux, or as the files have it."""
    parts = []
    for series in dataset.manifest.daily:
        name, daily = _name_series(series), dataset.fluence.get(series, ())
        if name in flux:
            daily = daily_fluence(flux[[name]].set_axis(["e2"], axis=1))
        if "e2" in daily:
            parts.append(daily.dropna(subset="e2").assign(series=name)[["e2", "series"]])
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame({"e2": [], "series": []}, pd.DatetimeIndex([], name="time"))
    joined = pd.concat(parts)
    joined = joined[~joined.index.duplicated()].sort_index()
    days = pd.date_range(joined.index[0], joined.index[-1], freq="D", name="time")
    return joined.reindex(days)


def _read_history(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except Exception:  # none yet, or damaged: it fills again
        return NOTHING


def _join_history(path: Path, new: pd.DataFrame, old: pd.DataFrame) -> pd.DataFrame:
    """Return what is new joined with what is kept, and keep it; what is new counts."""
    joined = new.combine_first(old) if len(new) and len(old) else new if len(new) else old
    if len(joined):
        step = DAY if "series" in joined else HOUR
        first = max(joined.index[0], (joined.index[-1] - KEPT).ceil("D"))
        times = pd.date_range(first, joined.index[-1], freq=step, name="time")
        joined = joined.reindex(times)
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
