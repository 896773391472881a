"""Controls of notebook 01: how much is missing, by satellite, period and threshold."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from fluxlib.observations.gaps import ALL, complete_period, list_months, measure_coverage
from fluxlib.plotting.observations import plot_coverage
from fluxlib.widgets.controls import dropdown, range_slider, slider
from fluxlib.widgets.panel import ControlPanel, View


def explore_coverage(
    columns: Mapping[str, pd.Series],
    *,
    satellite: str = ALL,
    period: Sequence[str] = ("", ""),
    large_scale_days: float = 10.0,
) -> ControlPanel:
    """Return controls that show how much of each month is missing.

    Parameters
    ----------
    columns : mapping of str to Series
        Flux by series: see `fluxlib.observations.gaps.list_channels`.
    satellite, period, large_scale_days
        First values of the controls: see `fluxlib.observations.gaps.measure_coverage`.
    """
    parse_period = partial(complete_period, columns)
    controls = {
        "satellite": dropdown("satellite", [ALL, *columns], satellite),
        "period": range_slider("period", list_months(columns), parse_period(period)),
        "large_scale_days": slider("large_scale_days", float(large_scale_days), 0.5, 30.0, 0.5),
    }
    return ControlPanel(
        partial(_coverage_view, columns),
        controls,
        notebook="01_observations",
        parsers={"period": parse_period},
    )


def _coverage_view(columns: Mapping[str, pd.Series], **options: Any) -> View:
    """Return the figure of missing data, with the number and a list of large-scale months."""
    coverage = measure_coverage(columns, **options)
    days = options["large_scale_days"]
    note = (
        f"{len(coverage.large)} of {coverage.months} satellite-months miss more than {days:g} days."
    )
    figure = Figure(figsize=(9, 2.9 + 0.25 * len(coverage.series)))
    plot_coverage(coverage.missing, coverage.large, ax=figure.subplots())
    worst = coverage.large.sort_values("days", ascending=False).head(5)
    return View(
        note,
        figure,
        alt=f"Months by satellite, coloured by the part that is missing. {note}",
        table=worst.set_index("series").round({"days": 1}) if len(worst) else None,
    )
