"""Figures of notebook 03: by how many hours each driver precedes the flux."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fluxlib.plotting.style import label_dates, panel_grid
from fluxlib.utils.time_grid import find_runs

MOST_POINTS = 4000  # of a scatter that follows a slider
OFFSET_LABEL = "Offset (hours by which the driver precedes the flux)"


def plot_offsets(
    correlations: pd.DataFrame,
    *,
    threshold: float = 0.3,
    label: str = "Spearman correlation",
    ax: Axes | None = None,
) -> Axes:
    """Draw correlations by offset and driver, outlined beyond a threshold, with each peak marked.

    Parameters
    ----------
    correlations : DataFrame
        By offset (rows, hours) and driver: see `fluxlib.spearman_offsets`.
    threshold : float
        Of the absolute correlation.
    label : str
        Which correlation it is.
    """
    ax = plt.gca() if ax is None else ax
    hours = correlations.index.to_numpy(float)
    values = correlations.to_numpy().T
    rows = np.arange(len(values))
    image = ax.pcolormesh(hours, rows, values, cmap="RdBu_r", vmin=-0.7, vmax=0.7, shading="auto")
    half = (hours[1] - hours[0]) / 2 if len(hours) > 1 else np.inf
    for row in rows if len(hours) > 1 else []:
        # Each row has outlines of its own: the order of the drivers has no meaning.
        for first, end in find_runs(np.abs(values[row]) >= threshold):
            left, right = hours[first] - half, hours[end - 1] + half
            corners = [(left, -0.5), (right, -0.5), (right, 0.5), (left, 0.5), (left, -0.5)]
            x, y = np.transpose(corners)
            ax.plot(x, row + y, "k-", linewidth=1)
    known = rows[np.isfinite(values).any(axis=1)]
    peak = np.nanargmax(np.abs(values[known]), axis=1)
    ax.plot(hours[peak], known, "k|", markersize=14, markeredgewidth=2)
    ax.set_yticks(rows, correlations.columns)
    ax.invert_yaxis()
    ax.set_xlabel(f"{OFFSET_LABEL}\nOutlined: beyond $\\pm${threshold:g}; bar: strongest")
    ax.set_xticks([hour for hour in np.arange(0, hours[-1] + 1, 24) if hour >= hours[0]])
    ax.figure.colorbar(image, ax=ax, label=label, extend="both")
    return ax


def plot_groups_at_peaks(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw correlations by group (year or satellite, from the top) and driver, as numbers too.

    Parameters
    ----------
    table : DataFrame
        Spearman's correlations: see `fluxlib.offsets.correlate_at_peaks`.
    """
    if ax is None:
        ax = plt.gca()
        ax.get_figure(root=True).set_figheight(2 + 0.34 * len(table))
    label = {"label": "Spearman correlation", "extend": "both"}
    sns.heatmap(
        table, ax=ax, cmap="RdBu_r", vmin=-0.7, vmax=0.7, annot=True, fmt=".2f", cbar_kws=label
    )
    ax.tick_params(left=False, bottom=False)
    ax.tick_params(axis="y", labelrotation=0)
    ax.set(xlabel="Driver, at its strongest offset", ylabel="")
    return ax


def plot_offset_pair(correlations: Mapping[str, pd.DataFrame], *, threshold: float = 0.3) -> Figure:
    """Draw the `plot_offsets` of several satellites side by side."""
    n = len(correlations)
    figure, axes = panel_grid(n, columns=n, size=(6, 4.5))
    for ax, (name, table) in zip(axes, correlations.items(), strict=True):
        plot_offsets(table, threshold=threshold, ax=ax)
        ax.set_title(name)
    return figure


def plot_offset_curves(intervals: pd.DataFrame) -> Figure:
    """Draw each driver's correlation by offset with its 95 % band and its peak.

    Parameters
    ----------
    intervals : DataFrame
        `value`, `lower` and `upper` of each driver: see
        `fluxlib.offsets.spearman.spearman_intervals`.
    """
    drivers = list(dict.fromkeys(intervals.columns.get_level_values(0)))
    figure, axes = panel_grid(len(drivers), columns=4, size=(2.75, 2.4), sharex=True, sharey=True)
    for ax, name in zip(axes, drivers, strict=True):
        curve = intervals[name]
        ax.fill_between(curve.index, curve["lower"], curve["upper"], alpha=0.25, linewidth=0)
        ax.plot(curve["value"], linewidth=2)
        ax.axhline(0, color="black", linewidth=1)
        if curve["value"].notna().any():
            peak = curve["value"].abs().idxmax()
            ax.plot(peak, curve.loc[peak, "value"], "o", color="C1")
            ax.set_title(f"{name}: {curve.loc[peak, 'value']:+.2f} at {peak:.0f} h", fontsize=12)
    axes[0].set_xticks(np.arange(0, intervals.index.max() + 1, 48))
    figure.supxlabel(OFFSET_LABEL)
    figure.supylabel("Spearman correlation")
    return figure


def plot_lag(
    driver: pd.Series,
    log_flux: pd.Series,
    curve: pd.Series,
    *,
    offset: float,
    shown: slice | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw a driver at one offset beside the flux: both in time, one against the other, the curve.

    Parameters
    ----------
    driver : Series
        As it was `offset` hours before, on the grid of the flux.
    log_flux : Series
        log10 flux.
    curve : Series
        Spearman's correlation by offset.
    offset : float
        Hours.
    shown : slice, optional
        Of time, for the series; by default the last 90 days with flux.
    """
    figure = plt.figure(figsize=(9, 6)) if figure is None else figure
    places = figure.add_gridspec(2, 2, height_ratios=(1, 1.1), hspace=0.35)
    top = figure.add_subplot(places[0, :])
    if shown is None:
        last = log_flux.last_valid_index()
        shown = slice(last - pd.Timedelta("90D"), last)
    top.plot(log_flux[shown], color="black", linewidth=1)
    top.set_ylabel("log$_{10}$ flux")
    label_dates(top)
    beside = top.twinx()
    beside.plot(driver[shown], color="C1", linewidth=1)
    beside.set_ylabel(f"{driver.name}, {offset:g} h before", color="C1")
    beside.spines["right"].set_visible(True)
    left = figure.add_subplot(places[1, 0])
    known = pd.DataFrame({"x": driver, "y": log_flux}).dropna()
    known = known.iloc[:: max(1, len(known) // MOST_POINTS)]
    left.plot(known["x"], known["y"], ".", color="C0", markersize=2, alpha=0.3)
    left.set(xlabel=f"{driver.name}, {offset:g} h before", ylabel="log$_{10}$ flux")
    right = figure.add_subplot(places[1, 1])
    right.plot(curve.index, curve, color="C0")
    right.axhline(0, color="black", linewidth=1)
    if len(curve):
        near = np.abs(curve.index.to_numpy(float) - offset).argmin()
        right.plot(curve.index[near], curve.iloc[near], "o", color="C1", markersize=9)
    right.set(xlabel="Offset (h)", ylabel="Spearman correlation")
    return figure
