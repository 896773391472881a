"""What is known at the end of each day, laid out for forecasters, and gaps to learn from.

A record has few gaps, but the next one may be in the days that a forecast starts from. So days
whose newest fluence is hidden are learned from as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from fluxlib.errors import FluxError
from fluxlib.observations.gaps import draw_lengths
from fluxlib.satellites import LOW_CHANNELS
from fluxlib.utils.time_grid import DAY

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

ROTATION_DAYS = 27  # in which the Sun, seen from Earth, turns once
DRIVERS = ("V", "N", "B", "Bz", "Bs", "AE", "Kp", "Dst", "sector")  # unless others are asked for
SKEWED = ("N", "P", "B", "AE", "AU", "AL", "T")  # drivers of which models see the logarithm
# Inputs whose value one rotation earlier is an input too; N, B, Bz and AE made the forecast one day
# ahead slightly worse. The choice of the sector was made on other years than 2008-2010.
RECURRENT = ("V", "sector")
SECTOR_FIELD = 3  # nT: a stronger field along the spiral surely belongs to one sector
GAP_SHARE = 0.05  # of days, that are hidden to learn from; chosen on other years than 2008-2010
LONGEST_GAP = 7  # days


@dataclass(frozen=True)
class DailyData:
    """All that a daily forecast is made from.

    Attributes
    ----------
    fluence : DataFrame
        One row per day without omissions: `e2` and, if known, `e0.6` or `e0.8`, e/(cm2 day sr), NaN
        where missing; `series`, the satellite (optional).
    drivers : DataFrame
        Drivers by time; hourly, say.

    Raises
    ------
    FluxError
        If there is no >2 MeV fluence, or a day is left out.
    """

    fluence: pd.DataFrame
    drivers: pd.DataFrame

    def __post_init__(self):
        fluence = self.fluence
        if "e2" not in fluence or not fluence["e2"].notna().any():
            raise FluxError("the data has no daily e2 (>2 MeV fluence), which is to be forecast.")
        days = pd.date_range(fluence.index[0], fluence.index[-1], freq="D", name="time")
        if not fluence.index.equals(days):
            raise FluxError(
                "the fluence is not on a daily grid; reindex it to every day, NaN where missing."
            )
        if "series" not in fluence:
            object.__setattr__(self, "fluence", fluence.assign(series="flux"))

    @classmethod
    def of(cls, data: "Dataset | DailyData | pd.DataFrame") -> Self:
        """Return the daily series and drivers of a dataset or of a single frame.

        Parameters
        ----------
        data : Dataset, DailyData or DataFrame
            A frame has one row per day; the columns that are not those of `fluence` are drivers.
        """
        if isinstance(data, DailyData):
            return data
        if isinstance(data, pd.DataFrame):
            own = [name for name in data if name in ("e2", "series", *LOW_CHANNELS)]
            return cls(data[own], data.drop(columns=own))
        return cls(data.daily, data.drivers)

    @property
    def log_fluence(self) -> pd.DataFrame:
        """log10 of the fluence: `e2`, and the low channel of either threshold as `low`."""
        frame = pd.DataFrame({"e2": np.log10(self.fluence["e2"])})
        low = [name for name in LOW_CHANNELS if name in self.fluence]
        if low:
            # A day has one satellite, hence one of the two thresholds; the satellite is an input.
            frame["low"] = np.log10(self.fluence[low].bfill(axis=1).iloc[:, 0])
        return frame


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
        Names of the channels.
    context : DataFrame
        (n, k): other inputs. The columns are (quantity, part): ("season", "sin"), say.
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

    def take(self, rows: np.ndarray | Sequence[int]) -> "Windows":
        """Return the windows of some rows, by position or by mask."""
        return Windows(
            self.days[rows],
            self.sequence[rows],
            self.channels,
            self.context.iloc[rows],
            self.last[rows],
            self.target[rows],
        )

    def on_days(self, days: pd.DatetimeIndex | None) -> "Windows":
        """Return the windows of some issue days, as far as there are any; of all if None."""
        return self if days is None else self.take(self.days.isin(days))

    def take_known(self) -> "Windows":
        """Return the windows that can be learned from, with fluence before and after."""
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
        """Return all inputs side by side: (n, steps * channels + k)."""
        return flatten_inputs([self.sequence, self.context.to_numpy()])


def flatten_inputs(inputs: list[np.ndarray]) -> np.ndarray:
    """Return all inputs of each sample side by side, as (n, inputs)."""
    return np.hstack([values.reshape(len(values), -1) for values in inputs]).astype(float)


def make_windows(
    data: "Dataset | DailyData | pd.DataFrame",
    *,
    drivers: Sequence[str] | None,
    history: int,
    step: int,
    horizons: int,
    context: bool = True,
) -> Windows:
    """Lay out all that is known at the end of each day.

    Drivers are averaged over steps of some hours, the last of which ends with the issue day;
    fluence is that of the day in which a step lies. No input is later than the issue day.

    Parameters
    ----------
    data : Dataset, DailyData or DataFrame
        A dataset, of which `daily` and `drivers` are used; or a frame as :meth:`DailyData.of`
        takes.
    drivers : sequence of str or None
        Names of drivers; `Bs` (southward field) and `VBs` are computed from Bz and V, `sector`
        from Bx and By: see :func:`sector_polarity`. None: those of `DRIVERS` that the data has.
    history : int
        Days that the sequence spans.
    step : int
        Hours of a step; a divisor of 24.
    horizons : int
        Days ahead.
    context : bool
        Add season, satellite, the last fluence and its age where it is not the issue day's, and
        the fluence and drivers one solar rotation before the target days.

    Raises
    ------
    FluxError
        If the data has no e2, a driver is missing, or a number cannot be used.
    """
    if step not in (1, 2, 3, 4, 6, 8, 12, 24):
        raise FluxError(f"step is {step} h; expected a divisor of 24, such as 6.")
    for name, value in (("history", history), ("horizons", horizons)):
        if not (isinstance(value, int | np.integer) and value >= 1):
            raise FluxError(f"{name} is {value!r}; expected a whole number of days, at least 1.")
    data = DailyData.of(data)
    log_fluence, drivers = data.log_fluence, select_drivers(data.drivers, drivers)
    days, per_day = log_fluence.index, 24 // step
    if len(days) < history:
        raise FluxError(f"the data has {len(days)} days; expected at least history = {history}.")
    by_step = _average_steps(drivers, days, step).to_numpy(float)
    by_step = by_step.reshape(len(days), per_day, drivers.shape[1])
    repeated = np.repeat(log_fluence.to_numpy()[:, None, :], per_day, axis=1)
    blocks = np.concatenate([repeated, by_step], axis=2)
    sequence = np.moveaxis(sliding_window_view(blocks, history, axis=0), -1, 1)
    sequence = sequence.reshape(len(sequence), -1, blocks.shape[2])
    extra = pd.DataFrame(index=days, columns=pd.MultiIndex.from_tuples([], names=CONTEXT_LEVELS))
    if context:
        extra = _make_context(data.fluence["series"], log_fluence["e2"], drivers, horizons)
    e2, enough = log_fluence["e2"], slice(history - 1, None)
    return Windows(
        days=days[enough],
        sequence=sequence.astype("float32"),
        channels=[*log_fluence.columns, *drivers.columns],
        context=extra.iloc[enough].astype("float32"),
        last=e2.ffill().to_numpy()[enough],
        target=np.column_stack([e2.shift(-h) for h in range(1, horizons + 1)])[enough],
    )


def derive_drivers(drivers: pd.DataFrame) -> pd.DataFrame:
    """Return the drivers with those computed from them: `Bs`, `VBs` (mV/m), `sector`."""
    frame = drivers.copy()
    if "Bz" in frame:
        frame["Bs"] = (-frame["Bz"]).clip(lower=0)
        if "V" in frame:
            frame["VBs"] = frame["V"] * frame["Bs"] * 1e-3
    if "Bx" in frame and "By" in frame:
        frame["sector"] = sector_polarity(frame["Bx"], frame["By"])
    return frame


def select_drivers(drivers: pd.DataFrame, names: Sequence[str] | None) -> pd.DataFrame:
    """Return the named drivers, skewed ones as log10 of one plus their size.

    Raises
    ------
    FluxError
        If a driver is missing.
    """
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


def sector_polarity(Bx: pd.Series, By: pd.Series) -> pd.Series:
    """Return the polarity of the Sun's magnetic sector, signed by its effect in the season.

    The tilt of the dipole turns a field towards the Sun southward in spring, and one away from it
    in autumn (Russell & McPherron 1973, doi 10.1029/JA078i001p00092).

    Parameters
    ----------
    Bx, By : Series
        Field, nT, GSE; the index is the time.

    Returns
    -------
    Series
        -1 to 1; positive where the sector's field turns southward.
    """
    autumn = np.cos(2 * np.pi * (By.index.day_of_year - 278) / 365.25)
    return np.tanh((By - Bx) / (np.sqrt(2) * SECTOR_FIELD)) * autumn


def _average_steps(drivers: pd.DataFrame, days: pd.DatetimeIndex, step: int) -> pd.DataFrame:
    """Average over steps that start at midnight, on exactly these days."""
    grid = pd.date_range(days[0], days[-1] + DAY, freq=f"{step}h", inclusive="left", name="time")
    if drivers.empty:
        return pd.DataFrame(index=grid)
    means = drivers.resample(f"{step}h").mean()
    return means.reindex(grid)


CONTEXT_LEVELS = ("quantity", "part")


def _make_context(
    series: pd.Series, log_e2: pd.Series, drivers: pd.DataFrame, horizons: int
) -> pd.DataFrame:
    """Season, satellite, the last fluence if it is old, and one rotation before the target days."""
    days = log_e2.index
    phase = 2 * np.pi * (days.day_of_year - 1) / 365.25
    columns = {
        ("season", "sin"): np.sin(phase),
        ("season", "cos"): np.cos(phase),
        ("season", "half-year sin"): np.sin(2 * phase),
        ("season", "half-year cos"): np.cos(2 * phase),
    }
    series = series.ffill()
    for name in sorted(series.dropna().unique()):
        columns["satellite", name] = series == name
    number = pd.Series(np.arange(len(days), dtype=float), days)
    columns["age", "log days"] = np.log1p(number - number.where(log_e2.notna()).ffill())
    columns["age", "last fluence"] = log_e2.ffill().where(log_e2.isna())
    daily = drivers[[name for name in RECURRENT if name in drivers]].resample("1D").mean()
    for name, values in {"e2": log_e2, **daily.reindex(days)}.items():
        for h in range(1, horizons + 1):
            columns[f"{name} 27 days before", f"day {h}"] = values.shift(ROTATION_DAYS - h)
    return pd.DataFrame(columns, index=days).rename_axis(columns=CONTEXT_LEVELS).astype(float)


def make_gap_windows(
    data: DailyData,
    whole: Windows,
    make: Callable[[DailyData], Windows],
    *,
    random_state: int = 0,
) -> Windows:
    """Return windows whose newest fluence is hidden.

    Parameters
    ----------
    data : DailyData
    whole : Windows
        Of the data.
    make : callable
        Makes windows of data.
    random_state : int
        Seed of the gaps.

    Returns
    -------
    Windows
        Of issue days in drawn gaps, with the fluence that was observed later as target.
    """
    hidden = hide_fluence(data.fluence, random_state=random_state)
    with_gaps = make(replace(data, fluence=hidden))
    gone = hidden["e2"].isna() & data.fluence["e2"].notna()
    return replace(with_gaps, target=whole.target).take(gone.reindex(whole.days).to_numpy())


def hide_fluence(fluence: pd.DataFrame, *, random_state: int) -> pd.DataFrame:
    """Hide the >2 MeV fluence of up to a week here and there; in half the gaps, of all channels.

    Where a satellite's samples are too few for a day of one channel, the other may be complete.
    """
    rng = np.random.default_rng(random_state)
    count = round(GAP_SHARE * len(fluence) / ((1 + LONGEST_GAP) / 2))
    hours = 24 * rng.integers(1, LONGEST_GAP + 1, count)
    hidden, channels = fluence.copy(), fluence.columns.drop("series")
    for gap in draw_lengths(fluence["e2"], hours, random_state=random_state):
        hidden.loc[gap, channels if rng.random() < 0.5 else "e2"] = np.nan
    return hidden
