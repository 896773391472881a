"""Controls for the notebooks: sliders bound to a computation and a figure of the package.

Each is a shell around functions that are tested by themselves; nothing is computed here.
"""

from collections.abc import Callable, Mapping

import ipywidgets as controls
import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from fluxlib import plots_imputation, plots_offsets
from fluxlib.errors import FluxError
from fluxlib.features import find_peaks
from fluxlib.forest import ForestSurface
from fluxlib.genetic import GeneticSearch
from fluxlib.offsets import spearman_offsets


def explore_offsets(
    drivers: pd.DataFrame, targets: Mapping[str, pd.Series], *, threshold: float = 0.3
) -> controls.Widget:
    """Show the heatmap of offsets for a satellite, a range of offsets and a threshold.

    Parameters
    ----------
    drivers : DataFrame
        On the grid of the targets.
    targets : mapping of str to Series
        log10 flux by satellite.
    threshold : float
        Where the slider begins.
    """

    def draw(satellite: str, max_offset: int, threshold: float) -> Figure:
        hours = np.arange(0, max_offset + 1)
        correlations = spearman_offsets(drivers, targets[satellite], hours)
        figure, ax = plt.subplots()
        plots_offsets.plot_offsets(correlations, threshold=threshold, ax=ax)
        peak = find_peaks(correlations).iloc[0]
        ax.set_title(f"{satellite}: {peak['driver']} {peak['offset']:.0f} h, {peak['rho']:+.2f}")
        return figure

    return _bind(
        draw,
        satellite=controls.Dropdown(options=list(targets), description="Satellite"),
        max_offset=_slide(controls.IntSlider, 120, 24, 240, 12, "Max. offset (h)"),
        threshold=_slide(controls.FloatSlider, threshold, 0.0, 0.8, 0.05, "Threshold"),
    )


def explore_search(surface: ForestSurface, *, bits: tuple[int, int, int]) -> controls.Widget:
    """Replay the genetic algorithm over a surface whose forests are grown already.

    Parameters
    ----------
    surface : ForestSurface
        Such as `GARFImputer.surface_`; forests that it lacks are grown when asked for.
    bits : (int, int, int)
        Of trees, depth and leaf.
    """

    def draw(**options) -> Figure:
        kind = surface.kinds[0]
        search = GeneticSearch(bits=bits, **options)
        history, best = search.run(lambda *genes: surface.fitness(*genes, kind=kind))
        figure, ax = plt.subplots()
        plots_imputation.plot_convergence(history, ax=ax)
        ax.set_title(
            f"{best.trees} trees, depth {best.depth}, leaf {best.leaf}: RMSE {best.rmse:.4f}, "
            f"generation {best.generation}"
        )
        return figure

    return _bind(
        draw,
        population=_slide(controls.IntSlider, 20, 4, 60, 2, "Population"),
        generations=_slide(controls.IntSlider, 20, 1, 100, 1, "Generations"),
        crossover=_slide(controls.FloatSlider, 0.7, 0.0, 1.0, 0.05, "Crossover"),
        mutation=_slide(controls.FloatSlider, 0.01, 0.0, 0.2, 0.01, "Mutation"),
        elitism=controls.Checkbox(value=False, description="Elitism"),
        seed=controls.BoundedIntText(value=0, min=0, max=9999, description="Seed"),
    )


def _slide(kind: type, value, low, high, step, name: str) -> controls.Widget:
    return kind(
        value=value,
        min=low,
        max=high,
        step=step,
        description=name,
        continuous_update=False,
        style={"description_width": "8em"},
        layout={"width": "30em"},
    )


def _bind(draw: Callable[..., Figure], **named: controls.Widget) -> controls.Widget:
    """Return the controls above the figure that `draw` makes of their values."""

    def show(**values):
        try:
            figure = draw(**values)
        except FluxError as error:
            print(f"These settings do not go together: {error}")
            return
        display(figure)
        # A figure that stays open is shown twice, and kept in memory.
        plt.close(figure)

    output = controls.interactive_output(show, named)
    return controls.VBox([*named.values(), output])
