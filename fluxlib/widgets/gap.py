"""Controls of notebook 04: a gap chosen on a timeline, and what fills it."""

from collections.abc import Sequence
from functools import cache

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator
from matplotlib.figure import Figure

from fluxlib.imputation.hidden_gaps import fill_gap, find_gap, list_starts, pick_methods
from fluxlib.imputation.holdout import Trial
from fluxlib.imputation.imputer import SatelliteImputer
from fluxlib.plotting.imputation import plot_gap
from fluxlib.plotting.style import GREY
from fluxlib.widgets.answers import Answer
from fluxlib.widgets.panel import Panel, choose, choose_along, choose_several


def explore_gap(
    trial: Trial,
    imputer: SatelliteImputer,
    predictions: pd.DataFrame,
    *,
    gap: pd.DatetimeIndex,
    gap_hours: Sequence[float],
    gap_length: float,
    methods: Sequence[str],
) -> Panel:
    """Show what methods put into a stretch of the test months that is hidden from them.

    Parameters
    ----------
    trial, imputer, predictions
        See `gapview.fill_gap`.
    gap : DatetimeIndex
        The stretch shown at first, and the one that "" in a parameter file means.
    gap_hours : sequence of float
        Lengths to choose from.
    gap_length, methods
        Where the controls begin: hours, and names of methods.
    """
    begin = f"{gap[0]:%Y-%m-%d %H:%M}"

    def list_options(hours: float) -> list[str]:
        return sorted({*list_starts(trial, hours)} | ({begin} if hours == gap_length else set()))

    @cache
    def fill(start: str, hours: float):
        times = find_gap(trial, start, hours)
        return times, *fill_gap(trial, imputer, predictions, times)

    def answer(gap_start: str, gap_length: float, methods: Sequence[str]) -> Answer:
        return show_gap(trial, *fill(gap_start, gap_length), list(methods))

    names = fill(begin, gap_length)[2].index
    lengths = [hours for hours in sorted({*gap_hours, gap_length}) if list_starts(trial, hours)]
    named = {
        "gap_length": choose("gap_length", lengths, gap_length),
        "gap_start": choose_along("gap_start", list_options(gap_length), begin),
        "methods": choose_several("methods", names, methods),
    }

    def follow_length(change):
        slider = named["gap_start"]
        options = list_options(change["new"])
        after = [start for start in options if start >= slider.value]
        slider.options, slider.value = options, (after or options[-1:])[0]

    named["gap_length"].observe(follow_length, "value")  # before the panel looks
    readings = {"gap_start": lambda start: start or begin}
    return Panel(answer, named, step="04_imputation", readings=readings)


def show_gap(
    trial: Trial,
    gap: pd.DatetimeIndex,
    filled: pd.DataFrame,
    rmse: pd.Series,
    methods: list[str],
) -> Answer:
    """Return the timeline of the test months with the gap, and what fills it."""
    errors = ", ".join(f"{name} {rmse[name]:.3f}" for name in methods)
    note = f"{len(gap)} samples from {gap[0]:%Y-%m-%d %H:%M} on; RMSE in decades: {errors}."
    figure = Figure(figsize=(11, 5))
    line, view = figure.subplots(2, 1, height_ratios=(1, 4))
    _plot_timeline(trial, gap, line)
    plot_gap(trial.truth, pick_methods(filled, methods), gap, interval=filled, ax=view)
    return Answer(note, figure, alt=f"Flux around a hidden stretch, and what fills it. {note}")


def _plot_timeline(trial: Trial, gap: pd.DatetimeIndex, ax: Axes) -> None:
    daily = trial.truth[trial.test].resample("1D").median()
    ax.plot(daily, color=GREY, linewidth=1)
    ax.axvspan(gap[0], gap[-1], color="C3")
    ax.set_yticks([])
    ax.xaxis.set_major_locator(AutoDateLocator(maxticks=6))
    ax.spines["left"].set_visible(False)
