"""Forecasts from days whose newest fluence is not known: gaps drawn into the data to learn from.

A record has few gaps to learn from, and the next one may be in the days of a forecast.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from fluxlib.errors import FluxError
from fluxlib.observations.gaps import draw_lengths
from fluxlib.satellites import LOW_CHANNELS
from fluxlib.utils.time_grid import DAY

ROTATION = 27  # days in which the Sun, seen from Earth, turns once
DRIVERS = ("V", "N", "B", "Bz", "Bs", "AE", "Kp", "Dst", "sector")  # unless others are asked for
SKEWED = ("N", "P", "B", "AE", "AU", "AL", "T")  # drivers that models see as logarithms
# Of what streams bring back; N, B, Bz and AE too made one day ahead worse. Whether the sector helps
# was seen on other years than 2008-2010.
RECURRENT = ("V", "sector")
SPREAD = 3  # nT: a field along the spiral that is stronger is surely of a sector


def slide_windows(values: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut a series into windows and the value that follows each.

    Parameters
    ----------
    values : array
        (n, ...), oldest first.
    steps : int
        Values in a window.

    Returns
    -------
    X, y : array
        (n - steps, steps, ...) and (n - steps, ...). [1,2,3,4,5] with two steps gives
        [[1,2],[2,3],[3,4]] and [3,4,5].

    Raises
    ------
    FluxError
        If there is no window with a value after it.
    """
    values = np.asarray(values)
    if not 1 <= steps < len(values):
        raise FluxError(
            f"steps is {steps} for {len(values)} values; expected 1 to {len(values) - 1}, so that "
            "a value follows the window."
        )
    X = np.moveaxis(sliding_window_view(values, steps, axis=0), -1, 1)[:-1]
    return X, values[steps:]


@dataclass(frozen=True)
class Windows:
    """What was known at the end of each issue day, and what came after.

    Attributes
    ----------
    days : DatetimeIndex
        Issue days, n of them.
    sequence : array
        (n, steps, channels): drivers and log10 fluence, oldest first, NaN where missing.
    channels : list of str
        Names of the sequence's channels.
    context : DataFrame
        (n, k): inputs that are no sequence.
    last : array
        (n,): the last known log10 fluence, which persistence forecasts.
    target : array
        (n, horizons): log10 fluence one, two, ... days after, NaN where not observed.
    """

    days: pd.DatetimeIndex
    sequence: np.ndarray
    channels: list[str]
    context: pd.DataFrame
    last: np.ndarray
    target: np.ndarray

    def take(self, rows: np.ndarray) -> "Windows":
        """Return the windows of some rows."""
        return Windows(
            self.days[rows],
            self.sequence[rows],
            self.channels,
            self.context.iloc[rows],
            self.last[rows],
            self.target[rows],
        )

    def take_known(self) -> "Windows":
        """Return those that can be learned from, with fluence before and after."""
        return self.take(np.isfinite(self.last) & np.isfinite(self.target).any(axis=1))

    def join(self, other: "Windows") -> "Windows":
        """Return these windows, followed by others of the same kind."""
        return Windows(
            self.days.append(other.days),
            np.concatenate([self.sequence, other.sequence]),
            self.channels,
            pd.concat([self.context, other.context]),
            np.concatenate([self.last, other.last]),
            np.concatenate([self.target, other.target]),
        )

    def flatten(self) -> np.ndarray:
        """Return every input side by side: (n, steps * channels + k)."""
        return flatten_inputs([self.sequence, self.context.to_numpy()])


def flatten_inputs(inputs: list[np.ndarray]) -> np.ndarray:
    """Lay all inputs of a sample side by side."""
    return np.hstack([values.reshape(len(values), -1) for values in inputs]).astype(float)


def make_windows(
    data,
    *,
    drivers: Sequence[str] | None,
    history: int,
    step: int,
    horizons: int,
    context: bool = True,
) -> Windows:
    """Lay out all that is known at the end of each day.

    Drivers are averaged over steps of some hours, which end with the issue day; fluence is that
    of the day in which a step lies. Nothing later than the issue day enters an input.

    Parameters
    ----------
    data : Dataset or DataFrame
        A dataset, of which `daily` and `drivers` are used; or a frame with a row a day, whose
        column `e2` is the fluence, `series` (may be absent) the satellite, and the others are
        drivers.
    drivers : sequence of str or None
        Names of drivers; `Bs` (southward field) and `VBs` are made of Bz and V, `sector` of Bx
        and By: see :func:`sign_sector`. None: those of `DRIVERS` that the data has.
    history : int
        Days of the sequence.
    step : int
        Hours of a step; a divisor of 24.
    horizons : int
        Days ahead.
    context : bool
        Add season, satellite, the last fluence and its age where it is not the issue day's, and
        the fluence and drivers of one solar rotation before the target days.

    Raises
    ------
    FluxError
        If the data has no e2, a driver is not there, or a number is not usable.
    """
    if step not in (1, 2, 3, 4, 6, 8, 12, 24):
        raise FluxError(f"step is {step} h; expected a divisor of 24, such as 6.")
    for name, value in (("history", history), ("horizons", horizons)):
        if not (isinstance(value, int | np.integer) and value >= 1):
            raise FluxError(f"{name} is {value!r}; expected a whole number of days, 1 or more.")
    daily, hourly = split_data(data)
    hourly = choose_drivers(hourly, drivers)
    flux = log_channels(daily)
    blocks = _stack_days(_average_steps(hourly, daily.index, step), 24 // step)
    fluxes = np.repeat(flux.to_numpy()[:, None, :], 24 // step, axis=1)
    blocks = np.concatenate([fluxes, blocks], axis=2)
    if len(blocks) < history:
        raise FluxError(f"the data has {len(blocks)} days; expected at least history = {history}.")
    sequence = np.moveaxis(sliding_window_view(blocks, history, axis=0), -1, 1)
    sequence = sequence.reshape(len(sequence), -1, blocks.shape[2])
    known = slice(history - 1, None)
    extra = (
        _add_context(daily, flux, hourly, horizons) if context else pd.DataFrame(index=flux.index)
    )
    return Windows(
        days=daily.index[known],
        sequence=sequence.astype("float32"),
        channels=[*flux.columns, *hourly.columns],
        context=extra.iloc[known].astype("float32"),
        last=flux["e2"].ffill().to_numpy()[known],
        target=np.column_stack([flux["e2"].shift(-h) for h in range(1, horizons + 1)])[known],
    )


def split_data(data) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the daily frame (fluence, series) and the drivers of a dataset or of one frame."""
    if isinstance(data, pd.DataFrame):
        own = [name for name in data if name in ("e2", "series", *LOW_CHANNELS)]
        daily, hourly = data[own], data.drop(columns=own)
    else:
        daily, hourly = data.daily, data.drivers
    if "e2" not in daily or not daily["e2"].notna().any():
        raise FluxError("the data has no daily e2 (>2 MeV fluence), which is what is forecast.")
    days = pd.date_range(daily.index[0], daily.index[-1], freq="D", name="time")
    if not daily.index.equals(days):
        raise FluxError("the daily fluence is on no daily grid; reindex it, NaN where missing.")
    if "series" not in daily:
        daily = daily.assign(series="flux")
    return daily, hourly


def log_channels(daily: pd.DataFrame) -> pd.DataFrame:
    """Return log10 of the channels; the low one, whichever threshold it has, as `low`."""
    flux = pd.DataFrame({"e2": np.log10(daily["e2"])})
    low = [name for name in LOW_CHANNELS if name in daily]
    if low:
        # A day has one satellite, hence one of the two thresholds; the satellite is an input.
        flux["low"] = np.log10(daily[low].bfill(axis=1).iloc[:, 0])
    return flux


def derive_drivers(drivers: pd.DataFrame) -> pd.DataFrame:
    """Return the drivers, and those made of them: `Bs`, `VBs`, `sector`."""
    frame = drivers.copy()
    if "Bz" in frame:
        frame["Bs"] = (-frame["Bz"]).clip(lower=0)
        if "V" in frame:
            frame["VBs"] = frame["V"] * frame["Bs"] * 1e-3
    if "Bx" in frame and "By" in frame:
        frame["sector"] = sign_sector(frame["Bx"], frame["By"])
    return frame


def choose_drivers(drivers: pd.DataFrame, names: Sequence[str] | None) -> pd.DataFrame:
    """Return the named drivers, skewed ones as logarithms."""
    frame = derive_drivers(drivers)
    if names is None:
        names = [name for name in DRIVERS if name in frame]
    missing = [name for name in names if name not in frame]
    if missing:
        raise FluxError(
            f"drivers names {', '.join(missing)}, which the data does not have; it has "
            f"{', '.join(map(str, frame.columns))}."
        )
    frame = frame[list(names)]
    skewed = [name for name in names if name in SKEWED]
    return frame.assign(**{name: np.log10(1 + frame[name].abs()) for name in skewed})


def sign_sector(Bx: pd.Series, By: pd.Series) -> pd.Series:
    """Return the Sun's magnetic sector, signed as the season has it act.

    The dipole's lean turns a field towards the Sun southward in spring, and one away from it in
    autumn (Russell & McPherron 1973, doi 10.1029/JA078i001p00092).

    Parameters
    ----------
    Bx, By : Series
        Field, nT, GSE; the index is the time.

    Returns
    -------
    Series
        -1 to 1; above zero where the sector acts southward.
    """
    autumn = np.cos(2 * np.pi * (By.index.day_of_year - 278) / 365.25)
    return np.tanh((By - Bx) / (np.sqrt(2) * SPREAD)) * autumn


def _average_steps(drivers: pd.DataFrame, days: pd.DatetimeIndex, step: int) -> pd.DataFrame:
    """Average over steps that start at midnight, on exactly these days."""
    grid = pd.date_range(days[0], days[-1] + DAY, freq=f"{step}h", inclusive="left", name="time")
    if drivers.empty:
        return pd.DataFrame(index=grid)
    means = drivers.resample(f"{step}h").mean()
    return means.reindex(grid)


def _stack_days(steps: pd.DataFrame, per_day: int) -> np.ndarray:
    return steps.to_numpy(float).reshape(len(steps) // per_day, per_day, steps.shape[1])


def _add_context(
    daily: pd.DataFrame, flux: pd.DataFrame, drivers: pd.DataFrame, horizons: int
) -> pd.DataFrame:
    """Season, satellite, the last fluence if it is old, and one rotation before the target days."""
    days = daily.index
    phase = 2 * np.pi * (days.day_of_year - 1) / 365.25
    columns = {
        "season_sin": np.sin(phase),
        "season_cos": np.cos(phase),
        "half_sin": np.sin(2 * phase),
        "half_cos": np.cos(2 * phase),
    }
    series = daily["series"].ffill()
    columns |= {f"is_{name}": (series == name) for name in sorted(series.dropna().unique())}
    row = pd.Series(np.arange(len(days), dtype=float), days)
    columns["age"] = np.log1p(row - row.where(flux["e2"].notna()).ffill())
    columns["stale"] = flux["e2"].ffill().where(flux["e2"].isna())
    past = drivers[[name for name in RECURRENT if name in drivers]].resample("1D").mean()
    past = flux[["e2"]].join(past.reindex(days))
    for name in past:
        for h in range(1, horizons + 1):
            columns[f"{name}_rotation_{h}"] = past[name].shift(ROTATION - h)
    return pd.DataFrame(columns, index=days).astype(float)


SHARE = 0.05  # of days, that are hidden; chosen on other years than 2008-2010
LONGEST = 7  # days of a gap


def hide_newest(data, whole: Windows, make, *, random_state: int = 0) -> Windows:
    """Make windows whose newest fluence is hidden.

    Parameters
    ----------
    data : Dataset or DataFrame
        As :func:`fluxlib.prediction.windows.make_windows` takes.
    whole : Windows
        Of the data.
    make : callable
        Makes windows of data.
    random_state : int
        Seed of the gaps.

    Returns
    -------
    Windows
        Of issue days in drawn gaps, with the fluence that came as target.
    """
    daily, drivers = split_data(data)
    hidden = hide_days(daily, random_state)
    holed = make(SimpleNamespace(daily=hidden, drivers=drivers))
    gone = hidden["e2"].isna() & daily["e2"].notna()
    return replace(holed, target=whole.target).take(gone.reindex(whole.days).to_numpy())


def hide_days(daily: pd.DataFrame, random_state: int) -> pd.DataFrame:
    """Hide the >2 MeV fluence of some days in a row, here and there; of half the gaps all fluence.

    Where a satellite's hours are too few for a day of one channel, the other may be whole.
    """
    rng = np.random.default_rng(random_state)
    count = round(SHARE * len(daily) / ((1 + LONGEST) / 2))
    hours = 24 * rng.integers(1, LONGEST + 1, count)
    hidden, channels = daily.copy(), daily.columns.drop("series")
    for gap in draw_lengths(daily["e2"], hours, random_state=random_state):
        hidden.loc[gap, channels if rng.random() < 0.5 else "e2"] = np.nan
    return hidden
