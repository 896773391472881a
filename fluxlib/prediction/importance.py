"""The paper's study: which inputs the forecast needs, and how many days of them.

Wei et al. 2018 (doi 10.1029/2018SW001829) train one LSTM for each set of drivers and time step.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.evaluation.metrics import scores
from fluxlib.prediction.contract import DailyForecaster, select_days
from fluxlib.prediction.cross_validation import leave_one_year_out, score_forecasts
from fluxlib.prediction.forecaster import FluxForecaster
from fluxlib.prediction.windows import Windows

WHOLE = "all"


def permute_inputs(
    forecaster: DailyForecaster,
    data,
    days: pd.DatetimeIndex | None = None,
    *,
    repeats: int = 3,
    random_state: int = 0,
) -> pd.DataFrame:
    """Shuffle each driver on each day of the history among the issue days, and score again.

    Permutation importance (Breiman 2001, doi 10.1023/A:1010933404324). Days beside each other are
    alike, so that a driver's days sum to less than the driver as a whole.

    Parameters
    ----------
    forecaster : DailyForecaster
        Fitted.
    data : Dataset or DataFrame
        As for its `predict`.
    days : DatetimeIndex
        Issue days, best such that it has not learned from; default all.
    repeats : int
        Shuffles, which are averaged.
    random_state : int
        Seed.

    Returns
    -------
    DataFrame
        A row an input, day and horizon: `input`; `day`, days before the target's first (0 is the
        issue day), or "all"; `horizon`; `loss`, the PE that the forecast loses.
    """
    windows = select_days(forecaster._make_windows(data), days).take_known()
    whole = _score(forecaster, windows)
    rng = np.random.default_rng(random_state)
    orders = [rng.permutation(len(windows.days)) for _ in range(repeats)]
    rows = []
    for name, day, shuffled in _list_shuffles(forecaster, windows):
        worse = np.mean([_score(forecaster, shuffled(order)) for order in orders], axis=0)
        rows += [
            {"input": name, "day": day, "horizon": h, "loss": loss}
            for h, loss in enumerate(whole - worse, start=1)
        ]
    return pd.DataFrame(rows)


def tabulate_importance(table: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Lay the losses of one horizon out, inputs as rows, the weightiest first, days as columns."""
    part = table[table["horizon"] == horizon]
    laid = part.pivot_table("loss", "input", "day", sort=False)
    return laid.sort_values(WHOLE, ascending=False)


def _list_shuffles(forecaster: DailyForecaster, windows: Windows):
    """Yield input, day, and a function that returns windows with these shuffled."""
    per_day = windows.sequence.shape[1] // forecaster.history
    for channel, name in enumerate(windows.channels):
        for day in range(forecaster.history):
            end = windows.sequence.shape[1] - day * per_day
            steps = range(end - per_day, end)
            yield name, day, _shuffle_sequence(windows, steps, channel)
        yield name, WHOLE, _shuffle_sequence(windows, range(windows.sequence.shape[1]), channel)
    for name, columns in _group_context(windows.context).items():
        yield name, WHOLE, _shuffle_context(windows, columns)


def _shuffle_sequence(windows: Windows, steps: Sequence[int], channel: int):
    def shuffle(order: np.ndarray) -> Windows:
        sequence = windows.sequence.copy()
        sequence[:, steps, channel] = sequence[order][:, steps, channel]
        # The newest fluence is also what a change is added to.
        newest = windows.channels[channel] == "e2" and steps[-1] == sequence.shape[1] - 1
        last = windows.last[order] if newest else windows.last
        return replace(windows, sequence=sequence, last=last)

    return shuffle


def _shuffle_context(windows: Windows, columns: list[str]):
    def shuffle(order: np.ndarray) -> Windows:
        context = windows.context.copy()
        context[columns] = context[columns].to_numpy()[order]
        return replace(windows, context=context)

    return shuffle


def _group_context(context: pd.DataFrame) -> dict[str, list[str]]:
    """Sort the context's columns into what the picture names."""
    groups: dict[str, list[str]] = {}
    for name in context:
        groups.setdefault(_name_group(name), []).append(name)
    return groups


def _name_group(column: str) -> str:
    if column.startswith(("season", "half")):
        return "season"
    if column.startswith("is_"):
        return "satellite"
    if column in ("age", "stale"):
        return "age"
    if "rotation" in column:
        return f"{column.split('_')[0]} 27 days before"
    return column


def _score(forecaster: DailyForecaster, windows: Windows) -> np.ndarray:
    """Return PE by horizon."""
    value = forecaster._predict(windows)["value"]
    pairs = zip(windows.target.T, value.T, strict=True)
    return np.array([scores(observed, guess)["PE"] for observed, guess in pairs])


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


def choose_sets(names: Sequence[str], drivers: Iterable[str]) -> dict[str, Sequence[str]]:
    """Return the sets of these names, without those of which a driver is not there.

    Raises
    ------
    FluxError
        If a name is that of no set.
    """
    unknown = [name for name in names if name not in INPUT_SETS]
    if unknown:
        raise FluxError(
            f"input_sets has {', '.join(map(repr, unknown))}; expected some of "
            f"{'; '.join(INPUT_SETS)}."
        )
    return {name: INPUT_SETS[name] for name in names if set(INPUT_SETS[name]) <= set(drivers)}


def study_inputs(
    data,
    years: Sequence[int],
    *,
    sets: Mapping[str, Sequence[str]] = INPUT_SETS,
    time_steps: Iterable[int] = (1, 2, 3, 4, 5, 6),
    report: Callable[[str, int], None] | None = None,
    **options,
) -> pd.DataFrame:
    """Forecast by the published network from each set of drivers over each number of days.

    Parameters
    ----------
    data : Dataset or DataFrame
        As `windows.make_windows` takes.
    years : sequence of int
        Test years, each held out.
    sets : dict
        Drivers beside the flux, by name; sets with a driver that the data lacks raise.
    time_steps : iterable of int
        Days of a window.
    report : callable
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
        If there is nothing to compare.
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
            if report is not None:
                report(name, days)
    return pd.concat(parts, ignore_index=True)
