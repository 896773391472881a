"""What a forecast gains from imputation: the same series, its gaps filled in several ways."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from fluxlib.datasets.series import daily_fluence
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.imputation.garf import GARFImputer
from fluxlib.imputation.imputer import interpolate
from fluxlib.observations.gaps import draw_lengths, find_gaps
from fluxlib.prediction.contract import DailyForecaster
from fluxlib.prediction.cross_validation import (
    issue_days,
    score_forecasts,
    tabulate_scores,
    training_days,
)
from fluxlib.prediction.windows import DailyData
from fluxlib.utils.time_grid import HOUR, find_cadence

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

# From flux with gaps, and the times that may be learned from, to flux with fewer gaps.
Filler = Callable[[pd.Series, pd.DatetimeIndex], pd.Series]
YEARS = 3  # of a satellite; the last one is the test


def make_fillers(dataset: "Dataset", series: str, other: str, **options: Any) -> dict[str, Filler]:
    """Return the methods that are compared: GA-RF, linear interpolation, cubic splines.

    Parameters
    ----------
    dataset : Dataset
    series, other : str
        The series with gaps, and the one that GA-RF fills it from. GA-RF has the published
        inputs, none of which is later than the sample that is filled.
    **options
        Of `GARFImputer`.
    """

    def fill_by_forest(flux: pd.Series, train: pd.DatetimeIndex) -> pd.Series:
        imputer = GARFImputer.for_satellite(dataset, series, other=other, inputs="paper", **options)
        return imputer.fit(flux[flux.index.isin(train)]).impute(flux)["value"]

    def fill_between(kind: str) -> Filler:
        return lambda flux, train: 10 ** interpolate(np.log10(flux), kind)

    return {
        "GA-RF": fill_by_forest,
        "linear": fill_between("linear"),
        "cubic": fill_between("cubic"),
    }


def hide_gaps(
    flux: pd.Series, hours: Sequence[float], share: float, *, random_state: int = 0
) -> pd.Series:
    """Hide parts of a series whose lengths are drawn from those of real gaps.

    Parameters
    ----------
    flux : Series
        On a regular grid.
    hours : sequence of float
        Lengths to draw from, such as the `hours` of `gaps.find_gaps`.
    share : float
        Of the samples that are hidden, about; fewer where there is no room.
    random_state : int
        Seed.

    Raises
    ------
    FluxError
        If the share is not between 0 and 1, or there is no length.
    """
    if not 0 < share < 1 or not len(hours):
        raise FluxError(
            f"share is {share} and hours has {len(hours)} lengths; expected a share between 0 and "
            "1, and at least one length."
        )
    rng = np.random.default_rng(random_state)
    total = share * len(flux) * (find_cadence(flux.index, "flux") / HOUR)
    drawn = rng.choice(hours, size=int(total / np.mean(hours)) * 4 + 20)
    drawn = drawn[: np.searchsorted(drawn.cumsum(), total) + 1]
    masked = flux.copy()
    for times in draw_lengths(flux, drawn, random_state=random_state):
        masked[times] = np.nan
    return masked


def study_imputation(
    truth: pd.Series,
    drivers: pd.DataFrame,
    fillers: Mapping[str, Filler],
    model: DailyForecaster,
    years: Sequence[int],
    *,
    hours: Sequence[float],
    share: float = 0.3,
    repeats: int = 1,
    random_state: int = 0,
    progress: Callable[[int, str], None] | None = None,
) -> pd.DataFrame:
    """Hide parts of a series, fill them, learn to forecast from the result, and score on truth.

    Each test year is held out from the forecaster and from the imputation. `inputs` states what the
    forecast was made from: "truth" shows what imputation does to training alone; with "filled" the
    forecast starts from the filled series too, on the days at whose end no gap is open: an open gap
    cannot be interpolated at the time of the forecast.

    Parameters
    ----------
    truth : Series
        Flux, e/(cm2 s sr), on a regular grid finer than a day.
    drivers : DataFrame
        As a dataset has them.
    fillers : dict
        By name; see `make_fillers`. "truth" and "gaps left" are added.
    model : DailyForecaster
        Cloned for each fit.
    years : sequence of int
        Test years.
    hours, share
        As :func:`hide_gaps` takes.
    repeats : int
        Draws of gaps.
    random_state : int
        Seed.
    progress : callable
        Called with year and name after each fit.

    Returns
    -------
    DataFrame
        Forecasts of all test days as `predict` gives them, with `fill`, `inputs`, `draw`, `year`
        and `observed`, the true fluence.
    """
    observed = _make_daily(truth, drivers).fluence["e2"]
    tables = []
    for draw in range(repeats):
        masked = hide_gaps(truth, hours, share, random_state=random_state + draw)
        ends = masked.notna().resample("1D").last()
        for year in years:
            days = training_days(observed.index, year)
            train = truth.index[truth.index.normalize().isin(days)]
            series = {name: fill(masked, train) for name, fill in fillers.items()}
            series = {"truth": truth, **series, "gaps left": masked}
            issued = issue_days(year, model.horizons)
            for name, flux in series.items():
                filled = _make_daily(flux, drivers)
                fitted = clone(model).fit(filled, days)
                whole = fitted.predict(_make_daily(truth, drivers), issued)
                own = fitted.predict(filled, issued[issued.isin(ends.index[ends])])
                both = [whole.assign(inputs="truth"), own.assign(inputs="filled")]
                tables.append(pd.concat(both).assign(fill=name, draw=draw, year=year))
                if progress is not None:
                    progress(year, name)
    result = pd.concat(tables)
    result = result[result.index.year == result["year"]]
    return result.assign(observed=observed.reindex(result.index).to_numpy())


def study_satellite(
    dataset: "Dataset",
    series: str,
    other: str,
    model: DailyForecaster,
    *,
    share: float = 0.3,
    random_state: int = 0,
    **options: Any,
) -> pd.DataFrame:
    """Run :func:`study_imputation` on a satellite's last years, the last one held out.

    The gaps are as long as the other satellite's.

    Parameters
    ----------
    dataset : Dataset
    series, other : str
        The series to hide parts of, and the one to fill it from.
    **options
        Of `GARFImputer`.

    Raises
    ------
    NotApplicable
        If the dataset lacks a series, a driver, or a second year.
    """
    missing = [name for name in (series, other) if "e2" not in dataset.flux.get(name, ())]
    if missing:
        raise NotApplicable(f"it lacks >2 MeV flux of {', '.join(missing)}.")
    flux = dataset.flux[series]["e2"]
    years = sorted(set(flux.dropna().index.year))[-YEARS:]
    if len(years) < 2:
        raise NotApplicable(f"years with flux of {series}: {len(years)}; two are needed.")
    span = slice(str(years[0]), str(years[-1]))
    return study_imputation(
        flux[span],
        dataset.drivers[span],
        make_fillers(dataset, series, other, **options),
        model,
        years[-1:],
        hours=find_gaps(dataset.flux[other]["e2"])["hours"],
        share=share,
        random_state=random_state,
    )


def score_imputation(table: pd.DataFrame) -> pd.DataFrame:
    """Return PE of log10 fluence, pooled over years and draws: (inputs, fill) by horizon."""
    pe = score_forecasts(table, by=("inputs", "fill", "horizon"))
    return tabulate_scores(pe, "horizon")


def _make_daily(flux: pd.Series, drivers: pd.DataFrame) -> DailyData:
    fluence = daily_fluence(flux.rename("e2").to_frame()).rename_axis("time")
    return DailyData(fluence, drivers)
