"""The paper's study: which inputs the forecast needs, and how many days of them.

Wei et al. 2018 (doi 10.1029/2018SW001829) train one LSTM for each set of drivers and time step.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.forecast import FluxForecaster
from fluxlib.protocols import leave_one_year_out, score_forecasts

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
