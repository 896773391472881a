"""Controls of notebook 03: which drivers the flux follows, how many hours later."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from threading import Thread

import pandas as pd
from matplotlib.figure import Figure

from fluxlib.errors import FluxError
from fluxlib.offsets.features import choose_features, find_peaks, list_hours
from fluxlib.offsets.spearman import OffsetCurves
from fluxlib.plotting import offsets as plots_offsets
from fluxlib.widgets.answers import Answer
from fluxlib.widgets.panel import Panel, choose, choose_several, slide

REACH = 240  # hours, the longest offset that can be looked at
_STEPS = (1, 2, 3, 4, 6, 8, 12, 24)  # hours


def explore_offsets(
    drivers: pd.DataFrame,
    targets: Mapping[str, pd.Series],
    *,
    satellite: str,
    max_offset: float = 120,
    offset_step: float = 1,
    threshold: float = 0.3,
) -> Panel:
    """Show the heatmap of offsets, and the features that are chosen from it.

    Parameters
    ----------
    drivers : DataFrame
        On the grid of the targets; all are shown at first.
    targets : mapping of str to Series
        log10 flux by satellite.
    satellite, max_offset, offset_step, threshold
        Where the controls begin; offsets in hours. The satellite is also what "auto" in a
        parameter file means.
    """
    curves = {name: OffsetCurves(drivers, target, REACH) for name, target in targets.items()}

    # A driver's curve needs no other driver, so moving one control computes little anew.
    @lru_cache(maxsize=512)
    def correlate(name: str, satellite: str, max_offset: float, offset_step: float) -> pd.Series:
        return curves[satellite].correlate(name, list_hours(max_offset, offset_step))

    def answer(drivers: Sequence[str], threshold: float, **where) -> Answer:
        if not drivers:
            raise FluxError("drivers is empty; choose one or more.")
        return show_offsets(
            pd.DataFrame({name: correlate(name, **where) for name in drivers}),
            satellite=where["satellite"],
            threshold=threshold,
        )

    steps = sorted({*_STEPS, offset_step})
    named = {
        "satellite": choose("satellite", targets, satellite),
        "threshold": slide("threshold", float(threshold), 0.0, 0.8, 0.05),
        "offset_step": choose("offset_step", steps, offset_step),
        "max_offset": slide("max_offset", max_offset, 24, REACH, 12),
        "drivers": choose_several("drivers", drivers, drivers),
    }
    readings = {"satellite": lambda name: satellite if name == "auto" else name}
    panel = Panel(answer, named, step="03_offsets", readings=readings)
    # The first look at each satellite takes longest: take it before it is asked for.
    panel.warming = Thread(target=lambda: [one.warm() for one in curves.values()], daemon=True)
    panel.warming.start()
    return panel


def show_offsets(correlations: pd.DataFrame, *, satellite: str, threshold: float) -> Answer:
    """Return the heatmap, the strongest driver, and the features beyond the threshold."""
    peaks = find_peaks(correlations)
    if peaks.empty:
        raise FluxError(f"no driver that is chosen shares samples with {satellite}.")
    peak = peaks.iloc[0]
    chosen = choose_features(correlations, threshold)
    note = (
        f"{satellite} follows {peak['driver']} {peak['offset']:.0f} h later, at "
        f"{peak['rho']:+.2f}; {len(chosen)} driver-hours are beyond {threshold:g}."
    )
    height = max(2.8, 1.6 + 0.27 * len(correlations.columns))  # the colours' label wants as much
    figure = Figure(figsize=(9, height))
    plots_offsets.plot_offsets(correlations, threshold=threshold, ax=figure.subplots())
    return Answer(
        note,
        figure,
        alt=f"Heatmap of Spearman's correlation, drivers by offset. {note}",
        table=chosen.groupby("driver", sort=False)["offset"]
        .agg(["min", "max", "count"])
        .rename(columns={"min": "from (h)", "max": "to (h)", "count": "offsets"})
        .convert_dtypes(),
    )
