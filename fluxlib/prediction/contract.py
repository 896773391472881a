"""What every daily forecaster shares: data to windows, numbers to a frame."""

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from fluxlib.errors import FluxError
from fluxlib.prediction.windows import Windows, hide_newest, make_windows
from fluxlib.utils.time_grid import DAY


class DailyForecaster(BaseEstimator, ABC):
    """Forecast the daily >2 MeV fluence some days ahead; subclasses say how.

    The forecast is made at the end of an issue day, from that day and earlier ones.
    """

    drivers = None
    history = 4
    step = 6
    horizons = 3
    context = True
    lookback = 0  # earlier issue days that a forecast looks at, beside its own window

    @abstractmethod
    def _fit(self, windows: Windows, stale: Windows) -> None:
        """Learn from windows, and from those whose newest fluence is hidden (may be none)."""

    @abstractmethod
    def _predict(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return log10 `value` (n, horizons), and `lower`, `upper`, `alert` if known.

        Windows of `lookback` days before those asked for are among them, where there are any.
        """

    def fit(self, data, days: pd.DatetimeIndex | None = None) -> "DailyForecaster":
        """Learn from the days of a dataset.

        Parameters
        ----------
        data : Dataset or DataFrame
            As :func:`fluxlib.prediction.windows.make_windows` takes.
        days : DatetimeIndex
            Issue days to learn from; default all. Their targets are up to `horizons` days later.
        """
        whole = self._make_windows(data)
        windows = select_days(whole, days).take_known()
        if len(windows.days) == 0:
            raise FluxError("no day to learn from: none has fluence before and after it.")
        # Only the context tells how old the newest fluence is.
        stale = hide_newest(data, whole, self._make_windows) if self.context else windows.take([])
        self._fit(windows, select_days(stale, days).take_known())
        return self

    def predict(self, data, days: pd.DatetimeIndex | None = None) -> pd.DataFrame:
        """Forecast from the ends of days.

        Parameters
        ----------
        data : Dataset or DataFrame
            As for `fit`.
        days : DatetimeIndex
            Issue days; default all that have enough history.

        Returns
        -------
        DataFrame
            A row an issue day and horizon. Index `time`, the day that is forecast; `issued`, the
            day at whose end; `horizon`, days between; `value`, fluence, e/(cm2 day sr), and,
            where the model knows them, `lower`, `upper` and `alert`, the probability of an alert.
        """
        windows = self._make_windows(data)
        asked = np.full(len(windows.days), True) if days is None else windows.days.isin(days)
        return self._tabulate(windows, asked)

    def predict_newest(self, data) -> pd.DataFrame:
        """Forecast from the newest day that has fluence; a row a horizon.

        Raises
        ------
        FluxError
            If no day with enough history has fluence.
        """
        windows = self._make_windows(data)
        known = np.isfinite(windows.sequence[:, -1, windows.channels.index("e2")])
        if not known.any():
            raise FluxError("no day has both fluence and the history that a forecast needs.")
        return self._tabulate(windows, windows.days == windows.days[known][-1])

    def _tabulate(self, windows: Windows, asked: np.ndarray) -> pd.DataFrame:
        """Forecast from some of the windows, which are of all days in a row."""
        until = np.r_[np.cumsum(asked), np.full(self.lookback, asked.sum())]
        needed = until[self.lookback :] - until[: len(asked)] + asked > 0
        result = self._predict(windows.take(needed))
        kept = {name: values[asked[needed]] for name, values in result.items()}
        return tabulate(windows.days[asked], kept)

    def _make_windows(self, data) -> Windows:
        return make_windows(
            data,
            drivers=self.drivers,
            history=self.history,
            step=self.step,
            horizons=self.horizons,
            context=self.context,
        )


def select_days(windows: Windows, days: pd.DatetimeIndex | None) -> Windows:
    """Return the windows of some issue days; those without enough history are left out."""
    return windows if days is None else windows.take(windows.days.isin(days))


def tabulate(days: pd.DatetimeIndex, result: dict[str, np.ndarray]) -> pd.DataFrame:
    """Lay out (n, horizons) arrays of log10 values as rows."""
    n, horizons = result["value"].shape
    horizon = np.tile(np.arange(1, horizons + 1), n)
    issued = days.repeat(horizons)
    frame = pd.DataFrame(
        {"issued": issued, "horizon": horizon},
        index=pd.DatetimeIndex(issued + horizon * DAY, name="time"),
    )
    for name, values in result.items():
        frame[name] = values.ravel() if name == "alert" else 10 ** values.ravel()
    return frame
