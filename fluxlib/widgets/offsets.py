"""Controls of notebook 03: which drivers precede the flux, and by how many hours."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fluxlib.errors import FluxError
from fluxlib.offsets.features import find_peaks, list_hours, select_features
from fluxlib.offsets.spearman import (
    CachedOffsetCorrelation,
    spearman_intervals,
    spearman_offsets,
)
from fluxlib.plotting.interactive import draw_offsets, mark_offset
from fluxlib.plotting.offsets import plot_lag, plot_offsets
from fluxlib.widgets.controls import dropdown, multiple_choice, slider
from fluxlib.widgets.panel import ControlPanel, View

LONGEST_OFFSET = 240  # hours, the end of the slider
_STEPS = (1, 2, 3, 4, 6, 8, 12, 24)  # hours


def explore_offsets(
    drivers: pd.DataFrame,
    targets: Mapping[str, pd.Series],
    *,
    satellite: str,
    max_offset: float = 120,
    offset_step: float = 1,
    threshold: float = 0.3,
) -> ControlPanel:
    """Return controls that show the heatmap of offsets and the features chosen from it.

    Parameters
    ----------
    drivers : DataFrame
        On the time grid of the targets; all are shown at first.
    targets : mapping of str to Series
        log10 flux by satellite.
    satellite, max_offset, offset_step, threshold
        First values of the controls; offsets in hours. The satellite is also what "auto" in a
        parameter file means.
    """
    curves = {
        name: CachedOffsetCorrelation(drivers, target, LONGEST_OFFSET)
        for name, target in targets.items()
    }

    # A driver's curve does not depend on the other drivers: most moves compute little anew.
    @lru_cache(maxsize=512)
    def correlate(name: str, satellite: str, max_offset: float, offset_step: float) -> pd.Series:
        return curves[satellite].correlate(name, list_hours(max_offset, offset_step))

    def make_view(
        drivers: Sequence[str],
        threshold: float,
        satellite: str,
        max_offset: float,
        offset_step: float,
    ) -> View:
        if not drivers:
            raise FluxError("drivers is empty; choose at least one.")
        correlations = {
            name: correlate(name, satellite, max_offset, offset_step) for name in drivers
        }
        return _offsets_view(pd.DataFrame(correlations), satellite=satellite, threshold=threshold)

    controls = {
        "satellite": dropdown("satellite", targets, satellite),
        "threshold": slider("threshold", float(threshold), 0.0, 0.8, 0.05),
        "offset_step": dropdown("offset_step", sorted({*_STEPS, offset_step}), offset_step),
        "max_offset": slider("max_offset", max_offset, 24, LONGEST_OFFSET, 12),
        "drivers": multiple_choice("drivers", drivers, drivers),
    }
    panel = ControlPanel(
        make_view,
        controls,
        notebook="03_offsets",
        parsers={"satellite": lambda name: satellite if name == "auto" else name},
    )

    # The first curve of a satellite takes longest: compute it before somebody asks for it.
    def warm_all() -> None:
        for one in curves.values():
            one.warm()

    panel.warm_up = Thread(target=warm_all, daemon=True)
    panel.warm_up.start()
    return panel


def explore_lag(
    drivers: pd.DataFrame,
    targets: Mapping[str, pd.Series],
    *,
    satellite: str,
    driver: str,
    offset: float,
) -> ControlPanel:
    """Return controls that shift one driver against the flux: both series, the scatter, the curve.

    A click in the heatmap of all drivers and offsets chooses one of each. The picture follows the
    slider while it is dragged.

    Parameters
    ----------
    drivers, targets, satellite
        As `explore_offsets` takes.
    driver, offset
        First values: the strongest driver and its offset, in hours.
    """
    hours = list_hours(LONGEST_OFFSET, 3)
    years = sorted({int(year) for one in targets.values() for year in one.dropna().index.year})

    def select_years(satellite: str, year: int | None) -> tuple[pd.DataFrame, pd.Series]:
        target = targets[satellite]
        if year is None:
            return drivers, target
        part = target[target.index.year == year]
        before = part.index[:1] - pd.Timedelta(hours=LONGEST_OFFSET)
        known = drivers.loc[before.min() : part.index.max()]
        return known, part.reindex(known.index)

    # All offsets of a driver at once: what follows the slider is drawing alone.
    @lru_cache(maxsize=256)
    def correlate(satellite: str, name: str, year: int | None) -> pd.DataFrame:
        known, part = select_years(satellite, year)
        return spearman_intervals(known[[name]], part, hours)[name]

    @lru_cache(maxsize=64)
    def correlate_all(satellite: str, year: int | None) -> pd.DataFrame:
        return spearman_offsets(*select_years(satellite, year), hours)

    heatmap = draw_offsets(correlate_all(satellite, None))

    def make_view(satellite: str, lag_driver: str, lag_offset: int, lag_year: int | None) -> View:
        target = targets[satellite]
        shifted = drivers[lag_driver].shift(freq=pd.Timedelta(hours=lag_offset))
        shifted = shifted.reindex(target.index)
        inside = slice(None) if lag_year is None else slice(str(lag_year), str(lag_year))
        if not target[inside].notna().any():
            raise FluxError(f"{satellite} has no flux in {lag_year}.")
        curve = correlate(satellite, lag_driver, lag_year)
        mark_offset(
            heatmap, correlate_all(satellite, lag_year), driver=lag_driver, offset=lag_offset
        )
        found = {name: np.interp(lag_offset, curve.index, curve[name]) for name in curve}
        span = "all years" if lag_year is None else str(lag_year)
        note = (
            f"{lag_driver} {lag_offset} h before {satellite}, {span}: rho {found['value']:+.2f} "
            f"({found['lower']:+.2f} to {found['upper']:+.2f}), {found['n']:.0f} pairs, as good as "
            f"{found['n_effective']:.0f} independent ones."
        )
        figure = Figure(figsize=(9, 6))
        plot_lag(
            shifted[inside],
            target[inside],
            curve["value"],
            offset=lag_offset,
            figure=figure,
        )
        alt = f"Both series in time, one against the other, and the correlation by offset. {note}"
        return View(note, figure, alt=alt)

    choices = [("all years", None), *[(str(year), year) for year in years]]
    shown = {
        "lag_driver": dropdown("drivers", drivers, driver),
        "lag_offset": slider("max_offset", int(offset), 0, LONGEST_OFFSET, 1),
        "lag_year": dropdown("year", choices, None),
    }
    shown["lag_driver"].description = "Driver"
    shown["lag_offset"].description = "Hours before"
    shown["lag_offset"].continuous_update = True  # the browser sends no more than is drawn
    panel = ControlPanel(
        make_view,
        {"satellite": dropdown("satellite", targets, satellite)},
        notebook="03_offsets",
        display_controls=shown,
        picker=heatmap,
        parsers={"satellite": lambda name: satellite if name == "auto" else name},
    )

    def show_point(_trace: object, points: Any, _state: object) -> None:
        if points.xs:
            panel.display(lag_driver=points.ys[0], lag_offset=int(points.xs[0]))

    heatmap.data[0].on_click(show_point)
    return panel


def _offsets_view(correlations: pd.DataFrame, *, satellite: str, threshold: float) -> View:
    """Return the heatmap, the strongest driver, and the features beyond the threshold."""
    peaks = find_peaks(correlations)
    if peaks.empty:
        raise FluxError(f"none of the chosen drivers has samples in common with {satellite}.")
    peak = peaks.iloc[0]
    chosen = select_features(correlations, threshold)
    note = (
        f"{satellite} follows {peak['driver']} {peak['offset']:.0f} h later, at "
        f"{peak['rho']:+.2f}; {len(chosen)} driver-hours are beyond {threshold:g}."
    )
    height = max(2.8, 1.6 + 0.27 * len(correlations.columns))  # the colour bar's label needs 2.8
    figure = Figure(figsize=(9, height))
    plot_offsets(correlations, threshold=threshold, ax=figure.subplots())
    return View(
        note,
        figure,
        alt=f"Heatmap of Spearman's correlation, drivers by offset. {note}",
        table=chosen.groupby("driver", sort=False)["offset"]
        .agg(["min", "max", "count"])
        .rename(columns={"min": "from (h)", "max": "to (h)", "count": "offsets"})
        .convert_dtypes(),
    )
