"""Which inputs a forecast needs, and how many days of them.

Inputs of a fitted forecaster are shuffled; or one LSTM is trained for each set of drivers and time
step, as in Wei et al. 2018 (doi 10.1029/2018SW001829).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.evaluation.metrics import scores
from fluxlib.prediction.contract import DailyForecaster
from fluxlib.prediction.cross_validation import leave_one_year_out, score_forecasts
from fluxlib.prediction.forecaster import FluxForecaster
from fluxlib.prediction.windows import DailyData, Windows

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

DST_ERROR = 7  # nT, of real-time values
ALL_DAYS = "all"  # in place of a day, of an input that is shuffled as a whole


def permute_inputs(
    forecaster: DailyForecaster,
    data: "Dataset | DailyData | pd.DataFrame",
    days: pd.DatetimeIndex | None = None,
    *,
    repeats: int = 3,
    random_state: int = 0,
) -> pd.DataFrame:
    """Shuffle each driver on each day of the history among the issue days, and score again.

    Permutation importance (Breiman 2001, doi 10.1023/A:1010933404324). Neighbouring days are
    alike, so that the losses of a driver's days sum to less than that of the driver as a whole.

    Parameters
    ----------
    forecaster : DailyForecaster
        Fitted.
    data : Dataset, DailyData or DataFrame
        As for its `predict`.
    days : DatetimeIndex
        Issue days, preferably such that it has not learned from; default all.
    repeats : int
        Shuffles to average over.
    random_state : int
        Seed.

    Returns
    -------
    DataFrame
        One row per input, day and horizon: `input`; `day`, days before the issue day, or "all";
        `horizon`; `loss`, the PE that the forecast loses, and `sd`, its standard deviation over the
        shuffles.
    """
    windows = forecaster.make_windows(data).on_days(days).take_known()
    whole = _score(forecaster, windows)
    rng = np.random.default_rng(random_state)
    orders = [rng.permutation(len(windows.days)) for _ in range(repeats)]
    rows = []
    for name, day, shuffle in _list_shuffles(forecaster, windows):
        worse = np.array([_score(forecaster, shuffle(order)) for order in orders])
        losses, spreads = whole - worse.mean(axis=0), worse.std(axis=0, ddof=repeats > 1)
        rows += [
            {"input": name, "day": day, "horizon": h, "loss": loss, "sd": sd}
            for h, (loss, sd) in enumerate(zip(losses, spreads, strict=True), start=1)
        ]
    return pd.DataFrame(rows)


def tabulate_importance(table: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Return the losses of one horizon, inputs as rows, the most important first, by day."""
    part = table[table["horizon"] == horizon]
    by_day = part.pivot_table("loss", "input", "day", sort=False)
    return by_day.sort_values(ALL_DAYS, ascending=False)


def _list_shuffles(
    forecaster: DailyForecaster, windows: Windows
) -> Iterator[tuple[str, int | str, Callable[[np.ndarray], Windows]]]:
    """Yield input, day, and a function that returns the windows with these in another order."""
    steps = windows.sequence.shape[1]
    per_day = steps // forecaster.history
    for channel, name in enumerate(windows.channels):
        for day in range(forecaster.history):
            end = steps - day * per_day
            yield name, day, _shuffle_sequence(windows, range(end - per_day, end), channel)
        yield name, ALL_DAYS, _shuffle_sequence(windows, range(steps), channel)
    for quantity in windows.context.columns.unique("quantity"):
        yield quantity, ALL_DAYS, _shuffle_context(windows, quantity)


def _shuffle_sequence(windows: Windows, steps: Sequence[int], channel: int):
    def shuffle(order: np.ndarray) -> Windows:
        sequence = windows.sequence.copy()
        sequence[:, steps, channel] = sequence[order][:, steps, channel]
        # The newest fluence is also what a change is added to.
        newest = windows.channels[channel] == "e2" and steps[-1] == sequence.shape[1] - 1
        last = windows.last[order] if newest else windows.last
        return replace(windows, sequence=sequence, last=last)

    return shuffle


def _shuffle_context(windows: Windows, quantity: str):
    def shuffle(order: np.ndarray) -> Windows:
        context = windows.context.copy()
        context[quantity] = context[quantity].to_numpy()[order]
        return replace(windows, context=context)

    return shuffle


def _score(forecaster: DailyForecaster, windows: Windows) -> np.ndarray:
    """Return PE by horizon."""
    value = forecaster.predict_windows(windows)["value"]
    pairs = zip(windows.target.T, value.T, strict=True)
    return np.array([scores(observed, predicted)["PE"] for observed, predicted in pairs])


def study_quicklook(
    forecaster: DailyForecaster,
    data: "Dataset | DailyData | pd.DataFrame",
    days: pd.DatetimeIndex | None = None,
    *,
    random_state: int = 0,
) -> pd.DataFrame:
    """Forecast from indices as they are known on the day: provisional, or not at all.

    A forecaster learns from final indices. AE comes weeks later; Dst and Kp have quick-look values
    on the day. Hourly Dst is given an error of 7 nT (root mean square, the difference between two
    real-time Dst at http://www.spacenv.com/~vince/RDST) that lasts for a day, as one of a baseline
    would, and Kp is known to whole numbers, as SWPC's estimate is, one in three wrong by one:
    assumptions, not measurements.

    Parameters
    ----------
    forecaster, data, days
        As :func:`permute_inputs` takes.
    random_state : int
        Seed of the errors.

    Returns
    -------
    DataFrame
        A row for each kind of `indices` that the forecaster has: "final"; "without AE"; "quick-look
        Dst, Kp"; "quick-look, without AE". `PE` of log10 fluence, a column for each horizon.
    """
    data = DailyData.of(data)
    names = forecaster.make_windows(data).channels
    provisional = _degrade_indices(data.drivers, np.random.default_rng(random_state))
    altered = [name for name in provisional if name in names]
    changes: dict[str, dict[str, Any]] = {"final": {}}
    if "AE" in names:
        changes["without AE"] = {"AE": np.nan}
    if altered:
        changes[f"quick-look {', '.join(altered)}"] = provisional
    if "AE" in names and altered:
        changes["quick-look, without AE"] = provisional | {"AE": np.nan}
    rows = {}
    for name, change in changes.items():
        known = DailyData(data.fluence, data.drivers.assign(**change))
        windows = forecaster.make_windows(known).on_days(days).take_known()
        rows[name] = _score(forecaster, windows)
    horizons = range(1, forecaster.horizons + 1)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=horizons)
    return table.rename_axis(index="indices", columns="horizon")


def _degrade_indices(drivers: pd.DataFrame, rng: np.random.Generator) -> dict[str, pd.Series]:
    """Return Dst and Kp, those that there are, with the errors of values of the day."""
    found = {}
    if "Dst" in drivers:
        day = drivers.index.floor("D")
        error = pd.Series(rng.normal(scale=DST_ERROR, size=day.nunique()), day.unique())
        found["Dst"] = drivers["Dst"] + error.reindex(day).to_numpy()
    if "Kp" in drivers:
        block = drivers.index.floor("3h")  # Kp is of three hours
        draws = rng.choice([-1, 0, 1], p=[1 / 6, 2 / 3, 1 / 6], size=block.nunique())
        error = pd.Series(draws, block.unique()).reindex(block).to_numpy()
        found["Kp"] = (drivers["Kp"].round() + error).clip(0, 9)
    return found


# The flux itself is always an input.
INPUT_SETS = {
    "flux alone": (),
    "V": ("V",),
    "Dst": ("Dst",),
    "Kp": ("Kp",),
    "N": ("N",),
    "V, Dst": ("V", "Dst"),
    "V, Kp": ("V", "Kp"),
    "V, N": ("V", "N"),
    "V, Dst, Kp": ("V", "Dst", "Kp"),
    "V, N, Dst, Kp": ("V", "N", "Dst", "Kp"),
}


def select_input_sets(names: Sequence[str], drivers: Iterable[str]) -> dict[str, Sequence[str]]:
    """Return the sets of drivers with these names, without those of which a driver is missing.

    Raises
    ------
    FluxError
        If there is no set of a name.
    """
    unknown = [name for name in names if name not in INPUT_SETS]
    if unknown:
        raise FluxError(
            f"input_sets has {', '.join(map(repr, unknown))}; expected some of "
            f"{'; '.join(INPUT_SETS)}."
        )
    return {name: INPUT_SETS[name] for name in names if set(INPUT_SETS[name]) <= set(drivers)}


def study_inputs(
    data: "Dataset | DailyData | pd.DataFrame",
    years: Sequence[int],
    *,
    sets: Mapping[str, Sequence[str]] = INPUT_SETS,
    time_steps: Iterable[int] = (1, 2, 3, 4, 5, 6),
    progress: Callable[[str, int], None] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Forecast by the published network from each set of drivers over each number of days.

    Parameters
    ----------
    data : Dataset, DailyData or DataFrame
        As :func:`fluxlib.prediction.make_windows` takes.
    years : sequence of int
        Test years, each held out.
    sets : dict
        Drivers besides the flux, by name.
    time_steps : iterable of int
        Days of a window.
    progress : callable
        Called with set and time step after each.
    **options
        Of `FluxForecaster.as_published`.

    Returns
    -------
    DataFrame
        Scores pooled over the years; `inputs`, `time_step`, `horizon`.

    Raises
    ------
    FluxError
        If there is nothing to compare, or the data lacks a driver.
    """
    time_steps = list(time_steps)
    if not sets or not time_steps:
        raise FluxError("input_sets or time_steps is empty; name one of each that the data has.")
    parts = []
    for name, drivers in sets.items():
        for days in time_steps:
            model = FluxForecaster.as_published(drivers, days, **options)
            table = leave_one_year_out(data, {name: model}, years)
            pooled = score_forecasts(table, by=("model", "horizon")).reset_index()
            parts.append(pooled.rename(columns={"model": "inputs"}).assign(time_step=days))
            if progress is not None:
                progress(name, days)
    return pd.concat(parts, ignore_index=True)
