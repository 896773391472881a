"""The tasks: which days or hours are asked for, and what the truth is.

Published scores cannot be compared, as satellites, years, averages and folds differ. A task says
all of them, and the checksum of its truth says whether two scores had the same.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fluxlib.datasets.dataset import Dataset
from fluxlib.datasets.series import choose_pair
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.observations.gaps import find_gaps
from fluxlib.utils.time_grid import DAY, HOUR

FEWEST = 100  # days or hours that a score rests on
MONTH_STEP = 5  # of the months, one in so many is hidden
SEED = 20_250_101  # of the hidden gaps, frozen with the tasks
GAP_SHARE = 0.2  # of the known hours, that gaps hide
ASKED = pd.Timedelta(hours=6)  # between the times of which rolling fluence is asked for
LEAST_HOURS = 20  # of a day of 24 hours, with which it counts


@dataclass(frozen=True)
class Task:
    """A test that can be repeated.

    Attributes
    ----------
    name, title : str
    kind : {"forecast", "rolling", "filling"}
        Of daily fluence, of the fluence of the 24 hours that end at a time, or of hourly flux.
    source : str
        How its data are fetched.
    series : str or None
        The series asked for; None: the dataset's daily series, or in filling its western satellite.
    first, last : str or None
        Days of the test; None: all that there are.
    mask : {"months", "gaps"} or None
        Of filling: what is hidden.
    horizons : tuple of int
        Of a forecast: how far ahead, in days, or in hours if it is rolling.
    published : str
        What papers printed for something alike, and where it differs.
    """

    name: str
    title: str
    kind: str
    source: str
    series: str | None = None
    first: str | None = None
    last: str | None = None
    mask: str | None = None
    horizons: tuple[int, ...] = ()
    published: str = ""

    @property
    def unit(self) -> str:
        """What horizons count."""
        return "h" if self.kind == "rolling" else "d"

    @property
    def spacing(self) -> pd.Timedelta:
        """Time from one value of a forecast that is asked for to the next."""
        return ASKED if self.kind == "rolling" else DAY

    def lead(self, horizon: int) -> pd.Timedelta:
        """Return how long before its time a value is forecast."""
        return horizon * (HOUR if self.kind == "rolling" else DAY)


_DAYS = (1, 2, 3)
_DAILY = "./run_all.sh fetch --recipe params/fetch-goes-real.yaml"
_GOES15 = "./run_all.sh fetch --satellites goes13 goes15 --start 2016-01 --end 2019-12"
# SHA-256 of the truth of the sample, and of NOAA's series where they hold all that is asked for.
_SAMPLE, _OBSERVED = "the sample", "NOAA's series of 1998 to 2016"
_FROZEN = {
    "daily-2008-2010": {
        _SAMPLE: "10c3320b7e2222564cee38bd5306ba8db05bdcd34cacb8abc795324c42a02bf5",
        _OBSERVED: "a0c1312e3a4fc9d9e6b0991d961647a0b2511d8a0a9fcec154aabb651df939c5",
    },
    "goes13-daily": {
        _SAMPLE: "6b36a70a2fed8641b322f8a5a7728f650a24a6e88b17716f0a77a74f99104876",
        _OBSERVED: "789c6ece823b53ffe6d62221f8b566ed73af9081168896c0d85db1d4fca4778c",
    },
    "goes15-2016-2018": {
        _SAMPLE: "dc7a98d3eb460df466fcbd62515226b9381617e69e1b00ed78e40c505a6ba08c",
    },
    "rolling-24h": {
        _SAMPLE: "b063bebe17033e158bd73d234d3fc88bfdb68eda983f545acf096a62d63b6772",
        _OBSERVED: "6ab2b41dbc987216c65f0992a95d71d8934fa16f5d518437006362ac0e60fee9",
    },
    "fill-months": {
        _SAMPLE: "4f7080449fa17eb010d4aaa48ae8cb059885e7ce54fa9bf1255463fc59633b83",
        _OBSERVED: "5df311aab695a288d9ec7efbfb8468a17d58b39704020170f67a655667f62a38",
    },
    "fill-gaps": {
        _SAMPLE: "2d1bcac86474aebc3d2f9f799df3c086b851f40cdd82ca28a4c3fb682af84436",
        _OBSERVED: "c22279e97b90a6866d9a8deeed139d6c0783b7c40d5ca26417e20f91d0fbb413",
    },
}
TASKS = {
    task.name: task
    for task in (
        Task(
            "daily-2008-2010",
            "Daily fluence one to three days ahead, 2008 to 2010",
            "forecast",
            _DAILY,
            horizons=_DAYS,
            first="2008-01-01",
            last="2010-12-31",
            published="Wei et al. 2018: PE .833 (2008), .896 (2009), .911 (2010) one day ahead, "
            "quoted from memory; GOES-12 and 11 on GOES-11's scale.",
        ),
        Task(
            "goes13-daily",
            "Daily fluence of GOES-13 one to three days ahead, each year held out",
            "forecast",
            _DAILY,
            horizons=_DAYS,
            series="goes13",
            published="Zhang et al. 2020 used daily means of log10 flux of GOES-13.",
        ),
        Task(
            "goes15-2016-2018",
            "Daily fluence of GOES-15 one to three days ahead, 2016 to 2018",
            "forecast",
            _GOES15,
            horizons=_DAYS,
            series="goes15",
            first="2016-01-01",
            last="2018-12-31",
        ),
        Task(
            "goes15-2018-2019",
            "Daily fluence of GOES-15 one to three days ahead, 2018 and 2019",
            "forecast",
            _GOES15,
            horizons=_DAYS,
            series="goes15",
            first="2018-01-01",
            last="2019-12-31",
        ),
        Task(
            "rolling-24h",
            "Fluence of the 24 hours that end 6 to 72 hours ahead, every 6 hours, GOES-15",
            "rolling",
            _DAILY,
            series="goes15",
            horizons=(6, 12, 24, 48, 72),
        ),
        Task(
            "fill-months",
            "Hourly flux of the western satellite, one month in five hidden",
            "filling",
            _DAILY,
            mask="months",
            published="Sci. Rep. 2025, GA-RF: RMSE .39 to .42 in folds, .40 to .41 in new periods, "
            "5-minute flux of GOES-12 and others.",
        ),
        Task(
            "fill-gaps",
            "Hourly flux of the western satellite, gaps as long as its own hidden",
            "filling",
            _DAILY,
            mask="gaps",
        ),
    )
}


@dataclass(frozen=True)
class Truth:
    """What a task asks for in a dataset.

    Attributes
    ----------
    log_values : Series
        log10 of what was observed: fluence by day or by the end of 24 hours, or flux by hour, at
        the times asked for.
    known : Series
        log10 of all that may be known: of a forecast the whole series, of which only earlier times
        count; in filling the series without what is hidden.
    series : str
        Which one.
    checksum : str
        SHA-256 of times and values to six digits.
    frozen : str or None
        The data on which the task was frozen with this checksum; None: scores on these data compare
        only with those that have the same checksum.
    """

    log_values: pd.Series
    known: pd.Series
    series: str
    checksum: str
    frozen: str | None


def find_task(name: str) -> Task:
    """Return a task by its name.

    Raises
    ------
    FluxError
        If there is none.
    """
    if name not in TASKS:
        raise FluxError(f"task is {name!r}; expected one of {', '.join(TASKS)}.")
    return TASKS[name]


def make_truth(task: Task, dataset: Dataset) -> Truth:
    """Return what a task asks for in a dataset.

    Raises
    ------
    NotApplicable
        If the dataset has too little of it.
    """
    make = {"forecast": _make_days, "rolling": _make_rolling, "filling": _make_hours}
    asked, known, series = make[task.kind](task, dataset)
    if len(asked) < FEWEST:
        raise NotApplicable(
            f"dataset {dataset.name!r} has {len(asked)} of the values that {task.name} asks for; "
            f"{FEWEST} or more are needed. Its data: {task.source}"
        )
    rows = [f"{time:%Y-%m-%dT%H} {value:.6f}" for time, value in asked.items()]
    checksum = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    names = [name for name, one in _FROZEN.get(task.name, {}).items() if one == checksum]
    return Truth(asked, known, series, checksum, names[0] if names else None)


def _make_days(task: Task, dataset: Dataset) -> tuple[pd.Series, pd.Series, str]:
    if task.series is None:
        fluence, series = dataset.daily["e2"], "the daily series"
    elif task.series in dataset.fluence:
        fluence, series = dataset.fluence[task.series]["e2"], task.series
    else:
        fluence, series = pd.Series(dtype=float, index=pd.DatetimeIndex([])), task.series
    known = np.log10(fluence.astype(float))
    return known[slice(task.first, task.last)].dropna(), known, series


def _make_rolling(task: Task, dataset: Dataset) -> tuple[pd.Series, pd.Series, str]:
    if task.series not in dataset.flux or dataset.cadence > HOUR:
        return pd.Series(dtype=float), pd.Series(dtype=float), str(task.series)
    flux = dataset.flux[task.series]["e2"].resample("1h").mean()
    known = np.log10(flux.rolling(24, min_periods=LEAST_HOURS).mean() * DAY.total_seconds())
    known.index += HOUR  # an hour is named by its start, and the 24 hours by their end
    asked = known[slice(task.first, task.last)].dropna()
    return asked[asked.index == asked.index.floor(ASKED)], known, str(task.series)


def _make_hours(task: Task, dataset: Dataset) -> tuple[pd.Series, pd.Series, str]:
    pair = choose_pair(dataset)
    if pair is None:
        return pd.Series(dtype=float), pd.Series(dtype=float), "none"
    flux = np.log10(dataset.flux[pair[0]]["e2"].resample("1h").mean())
    hidden = _hide_months(flux) if task.mask == "months" else _hide_gaps(flux)
    return flux[hidden].dropna(), flux.mask(hidden), pair[0]


def _hide_months(flux: pd.Series) -> np.ndarray:
    months = flux.index.year * 12 + flux.index.month
    return np.asarray(months % MONTH_STEP == MONTH_STEP // 2)


def _hide_gaps(flux: pd.Series) -> np.ndarray:
    """Hide gaps whose lengths are drawn from the series' own, a day or more apart."""
    lengths = (find_gaps(flux)["hours"]).round().astype(int).to_numpy()
    rng = np.random.default_rng(SEED)
    hidden = np.zeros(len(flux), bool)
    if len(lengths) == 0:
        lengths = np.array([1, 6, 24, 72])
    day, position, wanted = round(DAY / HOUR), 0, GAP_SHARE * len(flux)
    while hidden.sum() < wanted:
        length = int(rng.choice(lengths))
        position = int(rng.integers(0, max(1, len(flux) - length)))
        around = slice(max(0, position - day), position + length + day)
        if not hidden[around].any():
            hidden[position : position + length] = True
        wanted -= 1e-3 * len(flux)  # where gaps no longer fit, fewer do
    return hidden
