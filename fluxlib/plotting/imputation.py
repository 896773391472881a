"""Figures of notebook 04: the search for a forest, its errors, and gaps that are filled."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator

from fluxlib.plotting.style import (
    GREY,
    LOG_FLUX_LABEL,
    MARKERS,
    OBSERVED,
    break_label,
    label_dates,
    legend_beside,
    plot_scores,
)


def plot_convergence(
    history: pd.DataFrame, *, errors: np.ndarray | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the search's RMSE by generation: of the best forest, and of the mean fitness.

    Parameters
    ----------
    history : DataFrame
        `best` and `mean` fitness, 1/RMSE, by generation: see `fluxlib.GeneticSearch`.
    errors : array, optional
        RMSE of all forests: the median of random search with as many forests is drawn too.
    """
    ax = plt.gca() if ax is None else ax
    ax.plot(history.index, 1 / history["best"].cummax(), color="C0", label="best so far")
    ax.plot(history.index, 1 / history["best"], ":", color="C0", label="best of the generation")
    ax.plot(history.index, 1 / history["mean"], color=GREY, label="mean of the population")
    if errors is not None:
        # The least of n forests drawn at random is below this with probability one half.
        median = 1 - 0.5 ** (1 / history["evaluations"])
        line = np.quantile(np.ravel(errors), median)
        ax.plot(history.index, line, "--", color="C1", label="random search, median")
    ax.set(xlabel="Generation", ylabel="RMSE (decades)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend()
    return ax


def plot_searches(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how far searches end above the least error of all forests, a point a seed.

    Parameters
    ----------
    table : DataFrame
        Of `fluxlib.imputation.compare_searches`.
    """
    ax = plt.gca() if ax is None else ax
    names = list(table["search"].unique())
    rng = np.random.default_rng(0)
    for row, name in enumerate(names):
        above = table.loc[table["search"] == name, "above"]
        at = row + rng.uniform(-0.22, 0.22, len(above))
        ax.plot(above, at, "o", color=f"C{row}", markersize=4, alpha=0.6)
        ax.plot([above.median()] * 2, [row - 0.35, row + 0.35], color="black", linewidth=2)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlim(left=-0.05)
    ax.set_xlabel("Above the least RMSE of all forests (%); the bar is the median")
    return ax


def plot_density(observed: pd.Series, predicted: pd.Series, *, ax: Axes | None = None) -> Axes:
    """Draw the density of predicted against observed log10 flux, with 1:1 and +-1 decade lines."""
    ax = plt.gca() if ax is None else ax
    limits = np.percentile(np.r_[observed, predicted], [0, 100]) + np.array([-0.2, 0.2])
    image = ax.hexbin(
        observed, predicted, gridsize=60, norm=LogNorm(), cmap="viridis", extent=(*limits, *limits)
    )
    for shift, style in ((0, "-"), (-1, "--"), (1, "--")):
        ax.plot(limits, limits + shift, color="black", linestyle=style, linewidth=1)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set_xlabel(f"Observed {break_label(LOG_FLUX_LABEL)}")
    ax.set_ylabel(f"Predicted {break_label(LOG_FLUX_LABEL)}")
    ax.figure.colorbar(image, ax=ax, label="Samples")
    return ax


def plot_timeline(observed: pd.Series, gap: pd.DatetimeIndex, *, ax: Axes | None = None) -> Axes:
    """Draw the daily medians of the log10 flux as a small overview, with a gap marked."""
    ax = plt.gca() if ax is None else ax
    ax.plot(observed.resample("1D").median(), color=GREY, linewidth=1)
    ax.axvspan(gap[0], gap[-1], color="C3")
    ax.set_yticks([])
    label_dates(ax)
    ax.spines["left"].set_visible(False)
    return ax


def plot_gap(
    observed: pd.Series,
    filled: Mapping[str, pd.Series],
    gap: pd.DatetimeIndex,
    *,
    interval: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a hidden gap: what was observed, and what each method puts there.

    Parameters
    ----------
    observed : Series
        log10 flux around and in the gap.
    filled : mapping of str to Series
        log10 flux by method.
    gap : DatetimeIndex
        The hidden times.
    interval : DataFrame, optional
        `lower` and `upper`, log10 flux: the 90 % interval of the full model.
    """
    ax = plt.gca() if ax is None else ax
    margin = max((gap[-1] - gap[0]) / 2, pd.Timedelta("12h"))
    around = slice(gap[0] - margin, gap[-1] + margin)
    ax.axvspan(gap[0], gap[-1], color="0.93", zorder=0)
    ax.plot(observed[around], color=OBSERVED, linewidth=2, label="observed (hidden in the gap)")
    if interval is not None:
        within = interval.loc[gap[0] : gap[-1]]
        # In a colour of its own, as the full model need not be among the methods drawn.
        band: dict[str, Any] = {"color": GREY, "alpha": 0.35, "linewidth": 0}
        band["label"] = "90 % interval\n(full model)"
        ax.fill_between(within.index, within["lower"], within["upper"], **band)
    styles = ["-", "--", "-.", ":"]
    for i, (name, series) in enumerate(filled.items()):
        style = styles[i % len(styles)]
        inside = series[gap[0] : gap[-1]]
        ax.plot(inside, color=f"C{i}", linestyle=style, linewidth=2, label=name)
    ax.set_ylabel(break_label(LOG_FLUX_LABEL))
    label_dates(ax)
    legend_beside(ax)
    return ax


def plot_gap_scores(rmse: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw RMSE by length of gap (rows, hours), a line for each method (columns)."""
    ax = plt.gca() if ax is None else ax
    for i, name in enumerate(rmse):
        marker = MARKERS[i % len(MARKERS)]
        ax.plot(rmse.index, rmse[name], marker=marker, linewidth=2, label=name)
    ax.set_xscale("log")
    ax.set_xticks(rmse.index, [f"{hours:g}" for hours in rmse.index])
    # A spline through a long gap errs by whole decades; the others must stay apart.
    ax.set_yscale("log")
    ticks = [t for t in (0.05, 0.1, 0.2, 0.5, 1, 2, 5) if t < 1.5 * np.nanmax(rmse.to_numpy())]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set(xlabel="Length of the gap (hours)", ylabel="RMSE (decades)")
    legend_beside(ax)
    return ax


def plot_landscape(
    landscape: pd.DataFrame, path: pd.DataFrame, least: pd.Series, *, ax: Axes | None = None
) -> Axes:
    """Draw the error of every forest, and the path of a search through them.

    Parameters
    ----------
    landscape : DataFrame
        RMSE, decades, by trees (rows) and depth: see
        `fluxlib.ForestSurface.landscape`.
    path : DataFrame
        `trees` and `depth` of the best of each generation: a search's history.
    least : Series
        `trees` and `depth` of the least RMSE.
    """
    ax = plt.gca() if ax is None else ax
    values = landscape.to_numpy()
    # Small and shallow forests are far worse: they get one colour, so that the others differ.
    image = ax.pcolormesh(
        landscape.index,
        landscape.columns,
        values.T,
        cmap="viridis_r",
        vmin=values.min(),
        vmax=np.quantile(values, 0.8),
        rasterized=True,
    )
    trees, depth = path["trees"], path["depth"]
    ax.plot(trees, depth, "-", color="white", linewidth=1, alpha=0.7)
    ax.scatter(trees, depth, c="white", s=28, edgecolors="black", label="best, by generation")
    star: dict[str, Any] = {"color": "C3", "markersize": 18, "markeredgecolor": "white"}
    ax.plot(least["trees"], least["depth"], "*", label="least RMSE", **star)
    ax.set(xlabel="Trees", ylabel="Depth")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    ax.figure.colorbar(image, ax=ax, label="RMSE (decades), best leaf size", extend="max")
    ax.legend(loc="lower right", frameon=True)
    return ax


def plot_groups(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw RMSE, decades, by group of times (rows) and method; `n` is the number of samples."""
    labels = [f"{name}\n({n} samples)" for name, n in table["n"].items()]
    drawn = table.drop(columns="n").set_axis(labels)
    return plot_scores(drawn, label="RMSE (decades)", ax=ax)
