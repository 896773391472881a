"""Controls of notebook 01: what is missing, by satellite, period and threshold."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from fluxlib.observations.gaps import ALL, complete_period, list_months, measure_coverage
from fluxlib.plotting import observations as plots_observations
from fluxlib.widgets.answers import Answer
from fluxlib.widgets.panel import Panel, choose, choose_range, slide


def explore_coverage(
    columns: Mapping[str, pd.Series],
    *,
    satellite: str = ALL,
    period: Sequence[str] = ("", ""),
    large_scale_days: float = 10.0,
) -> Panel:
    """Show which months miss how much.

    Parameters
    ----------
    columns : mapping of str to Series
        See `gaps.list_channels`.
    satellite, period, large_scale_days
        Where the controls begin: see `coverage.measure_coverage`.
    """

    def answer(**values) -> Answer:
        return show_coverage(columns, **values)

    read_period = partial(complete_period, columns)
    named = {
        "satellite": choose("satellite", [ALL, *columns], satellite),
        "period": choose_range("period", list_months(columns), read_period(period)),
        "large_scale_days": slide("large_scale_days", float(large_scale_days), 0.5, 30.0, 0.5),
    }
    return Panel(answer, named, step="01_observations", readings={"period": read_period})


def show_coverage(columns: Mapping[str, pd.Series], **values) -> Answer:
    """Return the picture, the count and the list of large-scale months."""
    found = measure_coverage(columns, **values)
    days = values["large_scale_days"]
    note = f"{len(found.large)} of {found.months} satellite-months miss more than {days:g} days."
    height = 2.3 + 0.25 * len(found.series)
    figure = Figure(figsize=(9, height))
    plots_observations.plot_coverage(found.missing, found.large, ax=figure.subplots())
    worst = found.large.sort_values("days", ascending=False).head(5)
    return Answer(
        note,
        figure,
        alt=f"Months by satellite, coloured by the part that is missing. {note}",
        table=worst.set_index("series").round({"days": 1}) if len(worst) else None,
    )
