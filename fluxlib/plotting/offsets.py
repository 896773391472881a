"""Figures of how late the flux follows its drivers."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from fluxlib.utils.time_grid import find_runs


def plot_offsets(
    correlations: pd.DataFrame, *, threshold: float = 0.3, ax: Axes | None = None
) -> Axes:
    """Draw Spearman's correlation, drivers by offset, with the contour of the threshold."""
    ax = plt.gca() if ax is None else ax
    hours = correlations.index.to_numpy(float)
    values = correlations.to_numpy().T
    rows = np.arange(values.shape[0])
    image = ax.pcolormesh(hours, rows, values, cmap="RdBu_r", vmin=-0.7, vmax=0.7, shading="auto")
    if len(hours) > 1:
        for row in rows:
            # A contour of each row by itself: neighbouring drivers have no order between them.
            strong = np.abs(values[row]) >= threshold
            for first, end in find_runs(strong):
                _outline(ax, hours, row, first, end)
    known = rows[np.isfinite(values).any(axis=1)]
    peak = np.nanargmax(np.abs(values[known]), axis=1)
    ax.plot(hours[peak], known, "k|", markersize=14, markeredgewidth=2)
    ax.set_yticks(rows, correlations.columns)
    ax.invert_yaxis()
    ax.set_xlabel("Offset: hours by which the driver precedes the flux")
    day = [hour for hour in np.arange(0, hours[-1] + 1, 24) if hour >= hours[0]]
    ax.set_xticks(day)
    ax.figure.colorbar(image, ax=ax, label="Spearman correlation")
    return ax


def _outline(ax: Axes, hours: np.ndarray, row: int, first: int, end: int) -> None:
    half = (hours[1] - hours[0]) / 2
    left, right = hours[first] - half, hours[end - 1] + half
    x = [left, right, right, left, left]
    ax.plot(x, [row - 0.5, row - 0.5, row + 0.5, row + 0.5, row - 0.5], "k-", linewidth=1)


def plot_offset_pair(
    correlations: Mapping[str, pd.DataFrame], *, threshold: float = 0.3
) -> plt.Figure:
    """Draw `plot_offsets` of several satellites side by side."""
    figure, axes = plt.subplots(1, len(correlations), figsize=(6 * len(correlations), 4.5))
    for ax, (name, table) in zip(np.atleast_1d(axes), correlations.items(), strict=True):
        plot_offsets(table, threshold=threshold, ax=ax)
        ax.set_title(name)
        ax.set_xlabel("Offset (hours before the flux)")
    return figure


def plot_offset_curves(intervals: pd.DataFrame) -> plt.Figure:
    """Draw each driver's correlation by offset with its 95 % band and its peak.

    Parameters
    ----------
    intervals : DataFrame
        Of `offsets.offset_intervals`.
    """
    drivers = list(dict.fromkeys(intervals.columns.get_level_values(0)))
    rows = -(-len(drivers) // 4)
    figure, axes = plt.subplots(
        rows, 4, figsize=(11, 2.3 * rows + 0.6), sharex=True, sharey=True, squeeze=False
    )
    for ax, name in zip(axes.flat, drivers, strict=False):
        curve = intervals[name]
        ax.fill_between(curve.index, curve["lower"], curve["upper"], alpha=0.25, linewidth=0)
        ax.plot(curve["value"], linewidth=2)
        ax.axhline(0, color="black", linewidth=1)
        if curve["value"].notna().any():
            peak = curve["value"].abs().idxmax()
            ax.plot(peak, curve.loc[peak, "value"], "o", color="C1")
            ax.set_title(f"{name}: {curve.loc[peak, 'value']:+.2f} at {peak:.0f} h", fontsize=12)
    for ax in axes.flat[len(drivers) :]:
        ax.set_axis_off()
    axes[0, 0].set_xticks(np.arange(0, intervals.index.max() + 1, 48))
    figure.supxlabel("Offset (hours before the flux)")
    figure.supylabel("Spearman correlation")
    return figure
