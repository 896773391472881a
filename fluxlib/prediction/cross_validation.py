"""How forecasts are tested: a year held out, or only the past known."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.base import clone

from fluxlib.errors import FluxError
from fluxlib.evaluation.metrics import scores
from fluxlib.prediction.windows import ROTATION, split_data
from fluxlib.utils.parallel import map_tasks
from fluxlib.utils.time_grid import DAY

PURGE = ROTATION + 3  # days: inputs reach back a solar rotation, and targets three days ahead
LEAST_DAYS = 180  # a year with fewer observed days is not a test


def leave_one_year_out(
    data,
    models: Mapping,
    years: Sequence[int] | None = None,
    *,
    purge: int = PURGE,
    report: Callable[[int, str], None] | None = None,
) -> pd.DataFrame:
    """Forecast each year by models that learned from the other years.

    Years and models are tasks for the workers of the scheduler that FLUX_SCHEDULER names, where
    it is set (see `fluxlib.utils.parallel`); the result is the same.

    Parameters
    ----------
    data : Dataset or DataFrame
        As :func:`fluxlib.prediction.windows.make_windows` takes.
    models : dict
        Forecasters by name; each is cloned for each year.
    years : sequence of int
        Test years; default all with enough observed days.
    purge : int
        Days before and after the test year that no model learns from.
    report : callable
        Called with year and name after each.

    Returns
    -------
    DataFrame
        As `predict` gives, for every target day of the test years, with `model`, `year` and
        `observed`, the fluence that came.

    Raises
    ------
    FluxError
        If a year is not in the data, or nothing is left to learn from.
    """
    return _test_years(data, models, years, purge, report, past_only=False)


def walk_forward(
    data,
    models: Mapping,
    years: Sequence[int] | None = None,
    *,
    purge: int = PURGE,
    report: Callable[[int, str], None] | None = None,
) -> pd.DataFrame:
    """Forecast each year by models that learned from the years before it.

    Parameters and result are those of :func:`leave_one_year_out`; by default the first three
    years are not tested, so that there is something to learn from.
    """
    if years is None:
        years = list_years(split_data(data)[0]["e2"])[3:]
    return _test_years(data, models, years, purge, report, past_only=True)


def _test_years(data, models, years, purge, report, *, past_only) -> pd.DataFrame:
    observed = split_data(data)[0]["e2"]
    known = list_years(observed, least=1)
    years = list_years(observed) if years is None else list(years)
    for year in years:
        if year not in known:
            raise FluxError(f"years has {year}, of which the data has no fluence; it has {known}.")
    tasks = [(year, name, purge, past_only) for year in years for name in models]
    tables = []
    for task, table in zip(tasks, map_tasks(_test_year, tasks, data, models), strict=True):
        tables.append(table)
        if report is not None:
            report(*task[:2])
    result = pd.concat(tables)
    return result.assign(observed=observed.reindex(result.index).to_numpy())


def _test_year(year, name, purge, past_only, data, models) -> pd.DataFrame:
    table = forecast_year(clone(models[name]), data, year, purge=purge, past_only=past_only)
    return table.assign(model=name, year=year)


def forecast_year(
    model, data, year: int, *, purge: int = PURGE, past_only: bool = False
) -> pd.DataFrame:
    """Fit a forecaster on other years, or on those before, and forecast every day of a year."""
    days = split_data(data)[0].index
    model.fit(data, choose_training(days, year, purge, past_only=past_only))
    table = model.predict(data, list_issue_days(year, model.horizons))
    return table[table.index.year == year]


def list_issue_days(year: int, horizons: int) -> pd.DatetimeIndex:
    """Return the days at whose end a day of the year can be forecast."""
    return pd.date_range(pd.Timestamp(f"{year}-01-01") - horizons * DAY, f"{year}-12-30")


def choose_training(
    days: pd.DatetimeIndex, year: int, purge: int, *, past_only: bool
) -> pd.DatetimeIndex:
    """Return the days, of all or of those before a test year, that are far enough from it."""
    before = days < pd.Timestamp(f"{year}-01-01") - purge * DAY
    after = days > pd.Timestamp(f"{year}-12-31") + purge * DAY
    return days[before] if past_only else days[before | after]


def list_years(observed: pd.Series, least: int = LEAST_DAYS) -> list[int]:
    """Return the years with at least so many observed days."""
    count = observed.notna().groupby(observed.index.year).sum()
    return count.index[count >= least].tolist()


def pick_horizon(table: pd.DataFrame, horizon: int) -> pd.DataFrame:
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
        Columns that make the groups. Without `year` the scores are pooled over all years, which
        differs from the mean of the years' scores.

    Returns
    -------
    DataFrame
        LC, PE, MAE, RMSE, n; a row a group.
    """
    logs = table[["observed", "value"]].apply(np.log10)
    groups = logs.groupby([table[name].to_numpy() for name in by])
    rows = {key: scores(part["observed"], part["value"]) for key, part in groups}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index=list(by))


def tabulate_scores(table: pd.DataFrame, across: str) -> pd.DataFrame:
    """Lay the PE of :func:`score_forecasts` out with an index level as columns."""
    rows = [name for name in table.index.names if name != across]
    return table.reset_index().pivot_table(index=rows, columns=across, values="PE", sort=False)
