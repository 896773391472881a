"""Controls of notebook 03: which drivers precede the flux, and by how many hours."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from threading import Thread

import pandas as pd
from matplotlib.figure import Figure

from fluxlib.errors import FluxError
from fluxlib.offsets.features import find_peaks, list_hours, select_features
from fluxlib.offsets.spearman import CachedOffsetCorrelation
from fluxlib.plotting.offsets import plot_offsets
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
