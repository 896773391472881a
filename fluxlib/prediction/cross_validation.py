"""How forecasts are tested: a year held out, or only the past known; and runs of one network."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from sklearn.base import clone

from fluxlib.errors import FluxError
from fluxlib.evaluation.metrics import scores
from fluxlib.prediction.baselines import Persistence
from fluxlib.prediction.contract import DailyForecaster
from fluxlib.prediction.forecaster import FluxForecaster
from fluxlib.prediction.windows import ROTATION_DAYS, DailyData
from fluxlib.utils.parallel import map_tasks
from fluxlib.utils.time_grid import DAY

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

    Data: TypeAlias = Dataset | DailyData | pd.DataFrame

PURGE = ROTATION_DAYS + 3  # days: inputs reach back one rotation, and targets three days ahead
LEAST_DAYS = 180  # a year with fewer observed days is not a test
LEAST_YEARS = 3  # that a walk forward learns from before the first test


def leave_one_year_out(
    data: "Data | Mapping[int, Data]",
    models: Mapping[str, DailyForecaster],
    years: Sequence[int] | None = None,
    *,
    purge: int = PURGE,
    progress: Callable[[int, str], None] | None = None,
) -> pd.DataFrame:
    """Forecast each year by models that learned from the other years.

    Years and models are tasks for the workers of the scheduler that FLUX_SCHEDULER names, where
    it is set; the result is the same.

    Parameters
    ----------
    data : Dataset, DailyData, DataFrame, or dict of these by year
        As :func:`fluxlib.prediction.make_windows` takes. A dict has own data for each test year:
        such as :func:`fluxlib.calibration.hold_out_years` calibrates without it.
    models : dict
        Forecasters by name; each is cloned for each year.
    years : sequence of int
        Test years; default all with enough observed days, or all of the dict.
    purge : int
        Days before and after the test year that no model learns from.
    progress : callable
        Called with year and name after each fit.

    Returns
    -------
    DataFrame
        As `predict` gives, for every target day of the test years, with `model`, `year` and
        `observed`, the fluence that was observed.

    Raises
    ------
    FluxError
        If a year is not in the data, or nothing is left to learn from.
    """
    return _test_years(data, models, years, purge, progress, past_only=False)


def walk_forward(
    data: "Data | Mapping[int, Data]",
    models: Mapping[str, DailyForecaster],
    years: Sequence[int] | None = None,
    *,
    purge: int = PURGE,
    progress: Callable[[int, str], None] | None = None,
) -> pd.DataFrame:
    """Forecast each year by models that learned from the years before it.

    Parameters and result are those of :func:`leave_one_year_out`; by default the first three
    years are not tested, so that there is something to learn from.
    """
    if years is None and not isinstance(data, Mapping):
        years = observed_years(DailyData.of(data).fluence["e2"])[LEAST_YEARS:]
    return _test_years(data, models, years, purge, progress, past_only=True)


def _test_years(data, models, years, purge, progress, *, past_only) -> pd.DataFrame:
    if isinstance(data, Mapping):
        years = list(data) if years is None else years
        if absent := [year for year in years if year not in data]:
            raise FluxError(f"years has {absent[0]}; the data has a part for each of {list(data)}.")
        by_year = {year: DailyData.of(data[year]) for year in years}
    else:
        data = DailyData.of(data)
        years = observed_years(data.fluence["e2"]) if years is None else years
        by_year = dict.fromkeys(years, data)
    for year, own in by_year.items():
        known = observed_years(own.fluence["e2"], least=1)
        if year not in known:
            raise FluxError(
                f"years has {year}, but the data has no fluence in that year; it has {known}."
            )
    tasks = [(year, name, purge, past_only) for year in by_year for name in models]
    tables = []
    for task, table in zip(tasks, map_tasks(_test_year, tasks, by_year, models), strict=True):
        tables.append(table)
        if progress is not None:
            progress(*task[:2])
    return pd.concat(tables)


def _test_year(year, name, purge, past_only, by_year, models) -> pd.DataFrame:
    model = clone(models[name])
    table = forecast_year(model, by_year[year], year, purge=purge, past_only=past_only)
    return table.assign(model=name, year=year)


def forecast_year(
    model: DailyForecaster,
    data: "Dataset | DailyData | pd.DataFrame",
    year: int,
    *,
    purge: int = PURGE,
    past_only: bool = False,
    **options: Any,
) -> pd.DataFrame:
    """Fit a forecaster on other years, or on those before, and forecast every day of a year.

    Parameters
    ----------
    model : DailyForecaster
        Is fitted.
    data, purge
        As :func:`leave_one_year_out` takes.
    year : int
        Test year.
    past_only : bool
        Whether to learn from the years before it alone.
    **options
        Of the model's `fit`.

    Returns
    -------
    DataFrame
        As `predict` gives, with `observed`.
    """
    data = DailyData.of(data)
    days = training_days(data.fluence.index, year, purge, past_only=past_only)
    model.fit(data, days, **options)
    table = model.predict(data, issue_days(year, model.horizons))
    table = table[table.index.year == year]
    return table.assign(observed=data.fluence["e2"].reindex(table.index).to_numpy())


def issue_days(year: int, horizons: int) -> pd.DatetimeIndex:
    """Return the days at whose end a day of the year can be forecast."""
    return pd.date_range(pd.Timestamp(f"{year}-01-01") - horizons * DAY, f"{year}-12-30")


def training_days(
    days: pd.DatetimeIndex, year: int, purge: int = PURGE, *, past_only: bool = False
) -> pd.DatetimeIndex:
    """Return the days, of all or of those before a test year, that are far enough from it."""
    before = days < pd.Timestamp(f"{year}-01-01") - purge * DAY
    after = days > pd.Timestamp(f"{year}-12-31") + purge * DAY
    return days[before] if past_only else days[before | after]


def observed_years(observed: pd.Series, least: int = LEAST_DAYS) -> list[int]:
    """Return the years with at least so many observed days."""
    count = observed.notna().groupby(observed.index.year).sum()
    return count.index[count >= least].tolist()


def select_horizon(table: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Return the forecasts so many days ahead.

    Raises
    ------
    FluxError
        If there is none.
    """
    ahead = sorted(table["horizon"].unique())
    if horizon not in ahead:
        raise FluxError(f"horizon is {horizon!r}; expected one of {', '.join(map(str, ahead))}.")
    return table[table["horizon"] == horizon]


def score_forecasts(
    table: pd.DataFrame, by: Sequence[str] = ("model", "horizon", "year")
) -> pd.DataFrame:
    """Score forecasts on log10 fluence, group by group.

    Parameters
    ----------
    table : DataFrame
        As :func:`leave_one_year_out` gives.
    by : sequence of str
        Columns that define the groups. Without `year` the scores are pooled over all years, which
        differs from the mean of the years' scores.

    Returns
    -------
    DataFrame
        LC, PE, MAE, RMSE, n; one row per group.
    """
    logs = table[["observed", "value"]].apply(np.log10)
    groups = logs.groupby([table[name].to_numpy() for name in by])
    rows = {key: scores(part["observed"], part["value"]) for key, part in groups}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index=list(by))


def tabulate_scores(table: pd.DataFrame, across: str, score: str = "PE") -> pd.DataFrame:
    """Return a score of :func:`score_forecasts` with an index level as columns."""
    rows = [name for name in table.index.names if name != across]
    return table.reset_index().pivot_table(index=rows, columns=across, values=score, sort=False)


@dataclass(frozen=True)
class TrainingRun:
    """The result of a training.

    Attributes
    ----------
    forecasts : DataFrame
        As :func:`forecast_year` gives.
    losses : list of float
        One per epoch; empty if not recorded.
    is_whole : bool
        Whether it was not stopped.
    """

    forecasts: pd.DataFrame
    losses: list[float]
    is_whole: bool

    def score(self, horizon: int) -> dict[str, float]:
        """Return the scores of log10 fluence some days ahead: see `metrics.scores`."""
        part = select_horizon(self.forecasts, horizon)
        return scores(np.log10(part["observed"]), np.log10(part["value"]))


class TrainingRuns:
    """Trainings of the published network that can be watched and stopped, and are kept.

    Parameters
    ----------
    data : Dataset, DailyData or DataFrame
        As `FluxForecaster.fit` takes.
    tested : dict, optional
        Own data of some test years, as :func:`leave_one_year_out` takes.
    random_state : int
        Seed.
    """

    def __init__(
        self,
        data: "Data",
        *,
        tested: "Mapping[int, Data] | None" = None,
        random_state: int = 0,
    ):
        self._data, self._random_state = data, random_state
        self._tested = {} if tested is None else tested
        self._runs: dict[tuple, TrainingRun] = {}
        self._persistence: dict[int, TrainingRun] = {}

    def find(
        self, *, inputs: Sequence[str], time_step: int, year: int, epochs: int
    ) -> TrainingRun | None:
        """Return a training that was done, or as much of it as was; None if there is none."""
        return self._runs.get((tuple(inputs), time_step, year, epochs))

    def train(
        self,
        *,
        inputs: Sequence[str],
        time_step: int,
        year: int,
        epochs: int,
        progress: Callable[[list[float]], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> TrainingRun:
        """Train on all years but one, and forecast that; stopped, the best so far forecasts.

        Parameters
        ----------
        inputs : sequence of str
            Drivers.
        time_step : int
            Days of a window.
        year, epochs : int
            Test year; passes through the training days.
        progress : callable
            Called with the losses so far after each epoch.
        should_stop : callable
            Asked after each epoch.
        """
        losses: list[float] = []

        def end_epoch(loss: float) -> None:
            losses.append(loss)
            if progress is not None:
                progress(losses)

        model = FluxForecaster.as_published(
            tuple(inputs), time_step, epochs=epochs, random_state=self._random_state
        )
        data = self._tested.get(year, self._data)
        table = forecast_year(model, data, year, progress=end_epoch, should_stop=should_stop)
        run = TrainingRun(table, losses, len(losses) == epochs)
        self._runs[tuple(inputs), time_step, year, epochs] = run
        return run

    def persistence(self, year: int) -> TrainingRun:
        """Return the forecasts of a year by persistence."""
        if year not in self._persistence:
            table = forecast_year(Persistence(), self._tested.get(year, self._data), year)
            self._persistence[year] = TrainingRun(table, [], True)
        return self._persistence[year]
