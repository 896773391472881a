"""Controls of notebook 04: the genetic search by generation, and a hidden gap that is filled."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from fluxlib.imputation.error_surface import ERROR_ROWS, ForestSurface
from fluxlib.imputation.genetic import SELECTIONS, Replay, SearchReplayer
from fluxlib.imputation.hidden_gaps import fill_gap, gap_starts, locate_gap, select_methods
from fluxlib.imputation.holdout import Holdout
from fluxlib.imputation.imputer import SatelliteImputer
from fluxlib.plotting.imputation import plot_convergence, plot_gap, plot_landscape, plot_timeline
from fluxlib.utils.formatting import format_seconds
from fluxlib.widgets.controls import (
    IntegerList,
    Player,
    checkbox,
    dropdown,
    integer_field,
    multiple_choice,
    option_slider,
    slider,
)
from fluxlib.widgets.jobs import PendingWork
from fluxlib.widgets.panel import ControlPanel, View


def explore_search(
    surface: ForestSurface,
    *,
    population: int = 20,
    generations: int = 100,
    crossover: float = 0.7,
    mutation: float = 0.01,
    selection: str = "roulette",
    elitism: bool = False,
    bits: Sequence[int] = (9, 5, 5),
    fitness: str = "validation",
    random_state: int = 0,
) -> ControlPanel:
    """Return controls that replay the genetic search, and grow the forests it needs by a button.

    Parameters
    ----------
    surface : ForestSurface
        Such as `GARFImputer.surface_`.
    population, generations, crossover, mutation, selection, elitism, bits, fitness, random_state
        First values of the controls: see `fluxlib.GARFImputer`.
    """
    replayer = SearchReplayer(surface)

    def make_view(generation: int, **options: Any) -> View:
        return _search_view(replayer, generation, options)

    controls = {
        "population": slider("population", population, 4, 60, 2),
        "generations": slider("generations", generations, 1, 100, 1),
        "crossover": slider("crossover", float(crossover), 0.0, 1.0, 0.05),
        "mutation": slider("mutation", float(mutation), 0.0, 0.2, 0.01),
        "bits": IntegerList("bits", bits, 1, 9),
        "random_state": integer_field("random_state", random_state, 0, 9999),
        "fitness": dropdown("fitness", ERROR_ROWS, fitness),
        "selection": dropdown("selection", SELECTIONS, selection),
        "elitism": checkbox("elitism", elitism),
    }
    player = Player("Generation", generations)
    controls["generations"].observe(lambda change: player.set_end(change["new"]), "value")
    return ControlPanel(
        make_view, controls, notebook="04_imputation", display_controls={"generation": player}
    )


def _search_view(replayer: SearchReplayer, generation: int, options: dict[str, Any]) -> View:
    """Return a search up to a generation, and the forests that are to be grown for the rest."""
    replay = replayer.replay(**options)
    work = None if replay.is_complete else _offer_growth(replayer, replay, options)
    if replay.best is None:
        return View("The forests of the first generation have not been grown yet.", work=work)
    history = replay.history.loc[:generation]
    best = history.loc[history["best"].idxmax()]
    note = (
        f"Generation {history.index[-1]} of {options['generations']}: best so far "
        f"{best['trees']:.0f} trees, depth {best['depth']:.0f}, leaf {best['leaf']:.0f}, RMSE "
        f"{1 / best['best']:.4f} decades; {history['evaluations'].iloc[-1]:.0f} forests tried."
    )
    figure = Figure(figsize=(11, 4))
    left, right = figure.subplots(1, 2)
    plot_convergence(history, ax=left)
    left.set_xlim(0, options["generations"])
    if replay.missing_trees:
        right.set_axis_off()  # a landscape with holes would mislead
    else:
        errors, least = replay.surface.landscape(options["bits"])
        plot_landscape(errors, history, least, ax=right)
    alt = f"RMSE by generation, and the search's path over trees and depths. {note}"
    return View(note, figure, alt=alt, work=work)


def _offer_growth(replayer: SearchReplayer, replay: Replay, options: dict[str, Any]) -> PendingWork:
    # Of the same fitness, if its forests have grown.
    seconds = replay.surface.seconds_per_tree or replayer.seconds_per_tree
    duration = f", about {format_seconds(replay.missing_trees * seconds)}" if seconds else ""
    return PendingWork(
        "Grow the forests",
        partial(replayer.grow, **options),
        f"From generation {len(replay.history)} on, forests have not been grown yet. All forests "
        f"that these bits allow need {replay.missing_trees} more trees{duration}.",
    )


def explore_gap(
    holdout: Holdout,
    imputer: SatelliteImputer,
    predictions: pd.DataFrame,
    *,
    gap: pd.DatetimeIndex,
    gap_hours: Sequence[float],
    gap_length: float,
    methods: Sequence[str],
) -> ControlPanel:
    """Return controls that show how methods fill a gap that is hidden from them.

    Parameters
    ----------
    holdout, imputer, predictions
        See `fluxlib.imputation.hidden_gaps.fill_gap`.
    gap : DatetimeIndex
        The gap shown at first, and the one that "" in a parameter file means.
    gap_hours : sequence of float
        Lengths to choose from.
    gap_length, methods
        First values of the controls: hours, and names of methods.
    """
    first_start = f"{gap[0]:%Y-%m-%d %H:%M}"

    def list_options(hours: float) -> list[str]:
        given = {first_start} if hours == gap_length else set()
        return sorted({*gap_starts(holdout, hours)} | given)

    @cache
    def fill(start: str, hours: float) -> tuple[pd.DatetimeIndex, pd.DataFrame, pd.Series]:
        times = locate_gap(holdout, start, hours)
        return times, *fill_gap(holdout, imputer, predictions, times)

    def make_view(gap_start: str, gap_length: float, methods: Sequence[str]) -> View:
        return _gap_view(holdout, *fill(gap_start, gap_length), methods)

    names = fill(first_start, gap_length)[2].index
    lengths = [hours for hours in sorted({*gap_hours, gap_length}) if gap_starts(holdout, hours)]
    controls = {
        "gap_length": dropdown("gap_length", lengths, gap_length),
        "gap_start": option_slider("gap_start", list_options(gap_length), first_start),
        "methods": multiple_choice("methods", names, methods),
    }

    def follow_length(change):
        start = controls["gap_start"]
        options = list_options(change["new"])
        later = [option for option in options if option >= start.value]
        start.options, start.value = options, (later or options[-1:])[0]

    controls["gap_length"].observe(follow_length, "value")  # before the panel reads the start
    return ControlPanel(
        make_view,
        controls,
        notebook="04_imputation",
        parsers={"gap_start": lambda start: start or first_start},
    )


def _gap_view(
    holdout: Holdout,
    gap: pd.DatetimeIndex,
    filled: pd.DataFrame,
    rmse: pd.Series,
    methods: Sequence[str],
) -> View:
    """Return the timeline of the months held out with the gap marked, and what fills the gap."""
    shown = select_methods(filled, methods)
    errors = ", ".join(f"{name} {rmse[name]:.3f}" for name in shown)
    note = f"{len(gap)} samples from {gap[0]:%Y-%m-%d %H:%M} on; RMSE in decades: {errors}."
    figure = Figure(figsize=(11, 5))
    above, below = figure.subplots(2, 1, height_ratios=(1, 4))
    plot_timeline(holdout.log_flux[holdout.test], gap, ax=above)
    plot_gap(holdout.log_flux, shown, gap, interval=filled, ax=below)
    return View(note, figure, alt=f"Flux around a hidden gap, and what fills it. {note}")
