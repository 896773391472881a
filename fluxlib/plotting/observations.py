"""Figures of notebook 01: what was observed, what is missing, and for how long."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fluxlib.datasets.series import ALERT
from fluxlib.plotting.interactive import reduce_series
from fluxlib.plotting.style import (
    FLUENCE_LABEL,
    GREY,
    break_label,
    label_dates,
    legend_beside,
    panel_grid,
)

MOST_SAMPLES = 4000  # of a panel: two for each of its pixels


def plot_coverage(missing: pd.DataFrame, large: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how much of each month is missing, a row for each series; dots: large-scale months.

    Parameters
    ----------
    missing : DataFrame
        Missing fraction, 0..1, by month (PeriodIndex) and series; NaN out of service. See
        `fluxlib.observations.gaps.missing_fraction`.
    large : DataFrame
        `series` and `month` of the large-scale gaps: see
        `fluxlib.observations.gaps.list_large_months`.
    """
    ax = plt.gca() if ax is None else ax
    months = pd.period_range(missing.index.min(), missing.index.max(), freq="M")
    table = missing.reindex(months).T
    image = ax.pcolormesh(
        np.arange(len(months) + 1),
        np.arange(len(table) + 1),
        100 * np.ma.masked_invalid(table.to_numpy(float)),
        cmap="viridis_r",
        vmin=0,
        vmax=100,
        rasterized=True,
    )
    columns = months.get_indexer(pd.PeriodIndex(large["month"], freq="M"))
    ax.plot(columns + 0.5, table.index.get_indexer(large["series"]) + 0.5, ".w", markersize=3)
    ax.set_yticks(np.arange(len(table)) + 0.5, table.index)
    ax.invert_yaxis()
    januaries = np.flatnonzero(months.month == 1)
    step = max(1, len(januaries) // 9)
    ax.set_xticks(januaries[::step], [str(year) for year in months.year[januaries[::step]]])
    ax.set_xlabel("White dots: large-scale gaps")
    ax.figure.colorbar(image, ax=ax, label="Missing (% of the month)")
    return ax


def plot_gap_lengths(gaps: Mapping[str, pd.DataFrame], *, ax: Axes | None = None) -> Axes:
    """Draw how many gaps have at least a length, a line for each series that has gaps.

    Parameters
    ----------
    gaps : mapping of str to DataFrame
        Gaps by series, with their `hours`: see `fluxlib.find_gaps`.
    """
    ax = plt.gca() if ax is None else ax
    for name, table in gaps.items():
        if len(table):
            hours = np.sort(table["hours"])[::-1]
            ax.step(hours, np.arange(1, len(hours) + 1), where="post", label=name)
    ax.set(
        xscale="log", yscale="log", xlabel="Length (hours)", ylabel="Gaps of at least this length"
    )
    if ax.lines:
        ax.legend()
    return ax


def plot_series(columns: Mapping[str, pd.Series]) -> Figure:
    """Draw each series in time in a panel of its own, with its gaps.

    Parameters
    ----------
    columns : mapping of str to Series
        Positive, each on a regular grid, by name: see
        `fluxlib.observations.gaps.list_channels`.
    """
    figure, axes = panel_grid(len(columns), columns=1, size=(9, 1.5), sharex=True)
    for i, (ax, (name, series)) in enumerate(zip(axes, columns.items(), strict=True)):
        shown = reduce_series(series.where(series > 0), MOST_SAMPLES)
        ax.plot(shown, color=f"C{i}", linewidth=0.8)
        ax.set_yscale("log")
        ax.set_title(name, fontsize=12)
    label_dates(axes[-1])
    figure.supylabel(">2 MeV flux or fluence")
    return figure


def plot_daily(daily: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the daily >2 MeV fluence, a colour for each source, and the alert level.

    Parameters
    ----------
    daily : DataFrame
        `e2`, e/(cm2 day sr), and the `series` that it comes from, by day.
    """
    ax = plt.gca() if ax is None else ax
    for name, part in daily.groupby("series", sort=False):
        ax.plot(part.index, part["e2"], ".", markersize=2, label=name)
    ax.axhline(ALERT, color=GREY, linestyle="--", linewidth=1)
    ax.annotate("alert level", (0.01, ALERT), xycoords=("axes fraction", "data"), va="bottom")
    ax.set(yscale="log", ylabel=break_label(FLUENCE_LABEL))
    label_dates(ax)
    if daily["series"].notna().any():
        legend_beside(ax, markerscale=6)
    return ax
