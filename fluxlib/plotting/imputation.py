"""Figures of imputation: the search, its errors, gaps filled."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator

from fluxlib.plotting.style import GREY, LOG_FLUX, TRUTH, plot_scores


def plot_convergence(history: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the search's RMSE by generation: the best, and the mean of the population."""
    ax = plt.gca() if ax is None else ax
    ax.plot(history.index, 1 / history["best"], label="best of the generation")
    ax.plot(history.index, 1 / history["mean"], color=GREY, label="mean of the population")
    ax.set(xlabel="Generation", ylabel="RMSE (decades)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend()
    return ax


def plot_density(observed: pd.Series, predicted: pd.Series, *, ax: Axes | None = None) -> Axes:
    """Draw predicted against observed log10 flux as density, with the 1:1 and +-1 decade lines."""
    ax = plt.gca() if ax is None else ax
    limits = np.percentile(np.r_[observed, predicted], [0, 100]) + np.array([-0.2, 0.2])
    image = ax.hexbin(
        observed, predicted, gridsize=60, norm=LogNorm(), cmap="viridis", extent=(*limits, *limits)
    )
    for shift, style in ((0, "-"), (-1, "--"), (1, "--")):
        ax.plot(limits, limits + shift, color="black", linestyle=style, linewidth=1)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set(xlabel=f"Observed {LOG_FLUX}", ylabel=f"Predicted {LOG_FLUX}")
    ax.figure.colorbar(image, ax=ax, label="Samples")
    return ax


def plot_gap(
    observed: pd.Series,
    filled: Mapping[str, pd.Series],
    gap: pd.DatetimeIndex,
    *,
    interval: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a hidden stretch: the truth, and what each method put there.

    Parameters
    ----------
    observed : Series
        log10 flux around and in the gap.
    filled : mapping of str to Series
        log10 flux by method.
    gap : DatetimeIndex
        The hidden times.
    interval : DataFrame, optional
        `lower` and `upper`, log10 flux, of the first method.
    """
    ax = plt.gca() if ax is None else ax
    margin = max((gap[-1] - gap[0]) / 2, pd.Timedelta("12h"))
    view = slice(gap[0] - margin, gap[-1] + margin)
    ax.axvspan(gap[0], gap[-1], color="0.93", zorder=0)
    ax.plot(observed[view], color=TRUTH, linewidth=2, label="observed (hidden in the gap)")
    if interval is not None:
        within = interval.loc[gap[0] : gap[-1]]
        ax.fill_between(within.index, within["lower"], within["upper"], color="C0", alpha=0.2)
    styles = ["-", "--", "-.", ":"]
    for i, (name, series) in enumerate(filled.items()):
        ax.plot(
            series[gap[0] : gap[-1]],
            color=f"C{i}",
            linestyle=styles[i % 4],
            linewidth=2,
            label=name,
        )
    ax.set_ylabel(LOG_FLUX.replace(" (", "\n("))
    ax.tick_params(axis="x", rotation=20)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def plot_gap_scores(rmse: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw RMSE by length of gap (index, hours), a line a method (columns)."""
    ax = plt.gca() if ax is None else ax
    markers = "os^Dv"
    for i, name in enumerate(rmse):
        ax.plot(rmse.index, rmse[name], marker=markers[i % 5], linewidth=2, label=name)
    ax.set_xscale("log")
    ax.set_xticks(rmse.index, [f"{hours:g}" for hours in rmse.index])
    # A spline through a long gap errs by whole decades; the others must stay apart.
    ax.set_yscale("log")
    ticks = [t for t in (0.05, 0.1, 0.2, 0.5, 1, 2, 5) if t < 1.5 * np.nanmax(rmse.to_numpy())]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set(xlabel="Length of the gap (hours)", ylabel="RMSE (decades)")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def plot_landscape(
    landscape: pd.DataFrame,
    path: pd.DataFrame,
    least: pd.Series,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the error of every forest, and where a search went.

    Parameters
    ----------
    landscape : DataFrame
        RMSE, decades, by trees (rows) and depth: see `landscape.find_landscape`.
    path : DataFrame
        `trees` and `depth` of the best of each generation: a search's history.
    least : Series
        `trees` and `depth` of the least RMSE.
    """
    ax = plt.gca() if ax is None else ax
    values = landscape.to_numpy()
    # Small and shallow forests are far worse; the colours are for the others.
    image = ax.pcolormesh(
        landscape.index,
        landscape.columns,
        values.T,
        cmap="viridis_r",
        vmin=values.min(),
        vmax=np.quantile(values, 0.8),
        rasterized=True,
    )
    ax.plot(path["trees"], path["depth"], "-", color="white", linewidth=1, alpha=0.7)
    ax.scatter(
        path["trees"],
        path["depth"],
        c="white",
        s=28,
        edgecolors="black",
        label="best, by generation",
    )
    ax.plot(
        least["trees"],
        least["depth"],
        "*",
        color="C3",
        markersize=18,
        mec="white",
        label="least RMSE",
    )
    ax.set(xlabel="Trees", ylabel="Depth")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    ax.figure.colorbar(image, ax=ax, label="RMSE (decades), best leaf size", extend="max")
    ax.legend(loc="lower right", frameon=True)
    return ax


def plot_groups(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw RMSE by group of times (rows), a marker a method; `n` is the number of samples."""
    labels = [f"{name}\n({n} samples)" for name, n in table["n"].items()]
    drawn = table.drop(columns="n").set_axis(labels)
    return plot_scores(drawn, label="RMSE (decades)", ax=ax)
