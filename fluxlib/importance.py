"""What drives a forecast: how much worse it gets when an input is shuffled."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fluxlib.forecaster import DailyForecaster, select_days
from fluxlib.metrics import scores
from fluxlib.windows import Windows

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
