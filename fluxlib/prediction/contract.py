"""What all daily forecasters share: windows of the data go in, a table of forecasts comes out."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from fluxlib.errors import FluxError
from fluxlib.prediction.windows import DailyData, Windows, make_gap_windows, make_windows
from fluxlib.utils.time_grid import DAY

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset


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
        """Return log10 `value` (n, horizons), and `lower`, `upper` and `alert` if known.

        The windows include those of `lookback` days before the ones asked for, where there are any.
        """

    def fit(
        self,
        data: "Dataset | DailyData | pd.DataFrame",
        days: pd.DatetimeIndex | None = None,
        **options: Any,
    ) -> Self:
        """Learn from the days of a dataset.

        Parameters
        ----------
        data : Dataset, DailyData or DataFrame
            As :func:`fluxlib.prediction.make_windows` takes.
        days : DatetimeIndex
            Issue days to learn from; default all. Their targets are up to `horizons` days later.
        **options
            Of the kind of forecaster.

        Raises
        ------
        FluxError
            If no day has fluence before and after it.
        """
        data = DailyData.of(data)
        whole = self.make_windows(data)
        windows = whole.on_days(days).take_known()
        if len(windows.days) == 0:
            raise FluxError("no day to learn from: none has fluence before and after it.")
        # Only the context tells how old the newest fluence is.
        gaps = make_gap_windows(data, whole, self.make_windows) if self.context else whole.take([])
        self.fit_windows(windows, gaps.on_days(days).take_known(), **options)
        return self

    def predict(
        self, data: "Dataset | DailyData | pd.DataFrame", days: pd.DatetimeIndex | None = None
    ) -> pd.DataFrame:
        """Forecast from the ends of days.

        Parameters
        ----------
        data : Dataset, DailyData or DataFrame
            As for `fit`.
        days : DatetimeIndex
            Issue days; default all that have enough history.

        Returns
        -------
        DataFrame
            One row per issue day and horizon. Index `time`, the day that is forecast; `issued`, the
            day at whose end; `horizon`, days between; `value`, fluence, e/(cm2 day sr), and,
            where the model knows them, `lower`, `upper` and `alert`, the probability of an alert.
        """
        windows = self.make_windows(data)
        asked = np.full(len(windows.days), True) if days is None else windows.days.isin(days)
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
        """Return the windows of the data that this forecaster reads."""
        return make_windows(
            data,
            drivers=self.drivers,
            history=self.history,
            step=self.step,
            horizons=self.horizons,
            context=self.context,
        )

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
        return frame
