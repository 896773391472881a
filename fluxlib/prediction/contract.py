"""What all daily forecasters share: windows of the data go in, a table of forecasts comes out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from fluxlib.errors import FluxError
from fluxlib.prediction.windows import DailyData, Windows, make_gap_windows, make_windows
from fluxlib.utils.time_grid import DAY

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

Days = str | slice | pd.Timestamp | Sequence | pd.DatetimeIndex  # anything that pandas takes
SATELLITE = "satellite"  # the context's flags of satellites
# The ends of the 90 % and of the 50 % interval, by the probability that the truth lies below.
BOUNDS = {"lower": 0.05, "upper": 0.95, "lower_50": 0.25, "upper_50": 0.75}
MIN_SATELLITE_DAYS = 100  # below, a flag is not learned: the satellite counts as unknown


class DailyForecaster(BaseEstimator, ABC):
    """Forecast the daily >2 MeV fluence some days ahead; subclasses say how.

    A forecast is made at the end of an issue day, from that day and earlier ones.
    """

    drivers: Any = None
    history: int = 4
    step: int = 6
    horizons: int = 3
    context: bool = True
    lookback: int = 0  # earlier issue days that a forecast depends on, besides its own window

    @abstractmethod
    def fit_windows(self, windows: Windows, gap_windows: Windows, **options: Any) -> None:
        """Learn from windows, and from those whose newest fluence is hidden (may be none)."""

    @abstractmethod
    def predict_windows(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return log10 `value` (n, horizons), and those of `BOUNDS` and `alert` if known.

        The windows include those of `lookback` days before the ones asked for, where there are any.
        """

    def fit(
        self,
        data: "Dataset | DailyData | pd.DataFrame",
        days: Days | None = None,
        **options: Any,
    ) -> Self:
        """Learn from the days of a dataset.

        Parameters
        ----------
        data : Dataset, DailyData or DataFrame
            As :func:`fluxlib.prediction.make_windows` takes.
        days : str, date or sequence of dates, optional
            Issue days to learn from: "2014", "2014-03", a slice of two of these, or dates; default
            all. Their targets are up to `horizons` days later.
        **options
            Of the kind of forecaster.

        Raises
        ------
        FluxError
            If the data has none of the days, or no day has fluence before and after it.
        """
        data = DailyData.of(data)
        self.known_context_ = None  # all that there is, until it is known what can be learned from
        whole = self.make_windows(data)
        days = None if days is None else select_days(days, whole.days)
        windows = whole.on_days(days).take_known()
        if len(windows.days) == 0:
            raise FluxError("no day to learn from: none has fluence before and after it.")
        self.known_context_ = _list_learnable(windows.context)
        whole, windows = (align_context(one, self.known_context_) for one in (whole, windows))
        # Only the context tells how old the newest fluence is.
        gaps = make_gap_windows(data, whole, self.make_windows) if self.context else whole.take([])
        self.fit_windows(windows, gaps.on_days(days).take_known(), **options)
        return self

    def predict(
        self, data: "Dataset | DailyData | pd.DataFrame", days: Days | None = None
    ) -> pd.DataFrame:
        """Forecast from the ends of days.

        Parameters
        ----------
        data : Dataset, DailyData or DataFrame
            As for `fit`.
        days : str, date or sequence of dates, optional
            Issue days, as for `fit`; default all that have enough history.

        Returns
        -------
        DataFrame
            One row per issue day and horizon. Index `time`, the day that is forecast; `issued`, the
            day at whose end; `horizon`, days between; `value`, fluence, e/(cm2 day sr), and,
            where the model knows them, `lower` and `upper` (90 %), `lower_50` and `upper_50`, and
            `alert`, the probability of an alert; `observed`, the fluence of that day where it is
            known; `note`, what the forecast went without: a satellite that was learned from,
            drivers, the newest fluence.

        Raises
        ------
        FluxError
            If the data has none of the days.
        """
        windows = self.make_windows(data)
        asked = np.full(len(windows.days), True)
        if days is not None:
            asked = windows.days.isin(select_days(days, windows.days))
        return self._tabulate(windows, asked)

    def predict_newest(self, data: "Dataset | DailyData | pd.DataFrame") -> pd.DataFrame:
        """Forecast from the newest day that has fluence; one row per horizon.

        Raises
        ------
        FluxError
            If no day with enough history has fluence.
        """
        windows = self.make_windows(data)
        known = np.isfinite(windows.sequence[:, -1, windows.channels.index("e2")])
        if not known.any():
            raise FluxError("no day has both fluence and the history that a forecast needs.")
        return self._tabulate(windows, windows.days == windows.days[known][-1])

    def make_windows(self, data: "Dataset | DailyData | pd.DataFrame") -> Windows:
        """Return the windows of the data that this forecaster reads.

        Once fitted, with the context that it learned from: a satellite that it does not know is
        as none.
        """
        windows = make_windows(
            data,
            drivers=self.drivers,
            history=self.history,
            step=self.step,
            horizons=self.horizons,
            context=self.context,
        )
        known = getattr(self, "known_context_", None)
        return windows if known is None else align_context(windows, known)

    def _tabulate(self, windows: Windows, asked: np.ndarray) -> pd.DataFrame:
        """Forecast from some of the windows, which are of consecutive days."""
        until = np.r_[np.cumsum(asked), np.full(self.lookback, asked.sum())]
        needed = until[self.lookback :] - until[: len(asked)] + asked > 0
        result = self.predict_windows(windows.take(needed))
        result = {name: values[asked[needed]] for name, values in result.items()}
        n, horizons = result["value"].shape
        horizon = np.tile(np.arange(1, horizons + 1), n)
        issued = windows.days[asked].repeat(horizons)
        frame = pd.DataFrame(
            {"issued": issued, "horizon": horizon},
            index=pd.DatetimeIndex(issued + horizon * DAY, name="time"),
        )
        for name, values in result.items():
            frame[name] = values.ravel() if name == "alert" else 10 ** values.ravel()
        chosen = windows.take(asked)
        frame["observed"] = 10 ** chosen.target.ravel()
        frame["note"] = np.repeat(describe_lacks(chosen), horizons)
        return frame


def select_days(days: Days, known: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the days that are asked for, of those that there are.

    Raises
    ------
    FluxError
        If `days` are not dates, or none of them is there.
    """
    calendar = pd.Series(range(len(known)), known)
    try:
        if isinstance(days, str | slice):
            chosen = calendar.loc[days]
            chosen = known[np.atleast_1d(chosen)]
        else:
            asked = pd.DatetimeIndex(np.atleast_1d(np.asarray(days, "datetime64[ns]")))
            chosen = known[known.isin(asked.normalize())]
            if len(asked) == 0:
                return chosen
    except (KeyError, TypeError, ValueError):
        chosen = known[:0]
    if len(chosen) == 0:
        span = f"{known[0]:%Y-%m-%d} to {known[-1]:%Y-%m-%d}" if len(known) else "none"
        raise FluxError(
            f"days is {str(days)[:80]}; expected some of the days that have the history which a "
            f'forecast needs, {span}: "2014", "2014-03-01", or dates.'
        )
    return chosen


def _list_learnable(context: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the columns of a context; of satellites those with enough days to learn from."""
    return [
        name
        for name in context
        if name[0] != SATELLITE or context[name].sum() >= MIN_SATELLITE_DAYS
    ]


def align_context(windows: Windows, names: list[tuple[str, str]]) -> Windows:
    """Return the windows with these columns of context: no satellite is 0, all else NaN."""
    columns = pd.MultiIndex.from_tuples(names, names=windows.context.columns.names)
    context = windows.context.reindex(columns=columns)
    flags = columns.get_level_values(0) == SATELLITE
    context = context.where(context.notna() | ~flags, 0.0)
    return replace(windows, context=context)


def describe_lacks(windows: Windows) -> np.ndarray:
    """Return what each day's forecast has to do without, as a sentence; "" where it has all."""
    lacks = pd.Series([""] * len(windows.days))
    lacks[find_absent(windows, SATELLITE)] += "a satellite that was hardly learned from; "
    newest = windows.sequence[:, -1, windows.channels.index("e2")]
    lacks[~np.isfinite(newest)] += "the issue day's fluence is missing; "
    for name in windows.channels:
        if name not in ("e2", "low"):
            lacks[find_absent(windows, name)] += f"{name} is missing; "
    return lacks.str.removesuffix("; ").to_numpy()


def find_absent(windows: Windows, name: str) -> np.ndarray:
    """Return on which days a driver is missing throughout, or the satellite is none of those known.

    Parameters
    ----------
    windows : Windows
    name : str
        A channel, or "satellite".

    Returns
    -------
    array of bool, shape (n,)
    """
    if name == SATELLITE:
        flags = [column for column in windows.context if column[0] == SATELLITE]
        return (windows.context[flags].to_numpy() == 0).all(axis=1) & (len(flags) > 0)
    channel = windows.sequence[:, :, windows.channels.index(name)]
    return ~np.isfinite(channel).any(axis=1)
