"""Figures of notebook 02: pairs of satellites, their calibrations, and what these leave."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fluxlib.calibration.model import Calibration
from fluxlib.plotting.style import GREY, LOG_FLUENCE_LABEL, break_label, panel_grid


def plot_calibration(
    reference: pd.Series,
    other: pd.Series,
    lines: Mapping[str, Calibration],
    *,
    label: str = LOG_FLUENCE_LABEL,
    ax: Axes | None = None,
) -> Axes:
    """Draw the common samples of two satellites, the 1:1 line and fitted calibrations.

    Parameters
    ----------
    reference, other : Series
        log10 fluence or flux; their names label the axes.
    lines : mapping of str to Calibration
        By the name in the legend.
    label : str
        The quantity and its unit.
    """
    ax = plt.gca() if ax is None else ax
    pairs = pd.concat([other, reference], axis=1, join="inner").dropna()
    ax.plot(pairs.iloc[:, 0], pairs.iloc[:, 1], ".", color=GREY, markersize=4, label="pairs")
    x = pd.Series(np.linspace(pairs.iloc[:, 0].min(), pairs.iloc[:, 0].max(), 200))
    ax.plot(x, x, color="black", linewidth=1, linestyle=":", label="1:1")
    for i, (name, calibration) in enumerate(lines.items()):
        ax.plot(x, calibration.apply(x), color=f"C{i}", linewidth=2, label=name)
        if calibration.breakpoint is not None:
            ax.axvline(calibration.breakpoint, color=f"C{i}", linewidth=1, linestyle="--")
    label = break_label(label)
    ax.set(xlabel=f"{other.name}, {label}", ylabel=f"{reference.name}, {label}")
    ax.legend()
    return ax


def plot_calibration_grid(
    pairs: Sequence[tuple[pd.Series, pd.Series, Mapping[str, Calibration]]],
) -> Figure:
    """Draw the `plot_calibration` of several pairs: (reference, other, lines) of daily fluence."""
    figure, axes = panel_grid(len(pairs), columns=3, size=(4.2, 3.8))
    for ax, (reference, other, lines) in zip(axes, pairs, strict=True):
        plot_calibration(reference, other, lines, ax=ax)
        ax.set(xlabel=other.name, ylabel=reference.name)
    figure.supxlabel(LOG_FLUENCE_LABEL)
    figure.supylabel(LOG_FLUENCE_LABEL)
    return figure


def plot_residuals(before: pd.Series, after: pd.Series, *, ax: Axes | None = None) -> Axes:
    """Draw the distributions of daily log10 differences before and after calibration."""
    ax = plt.gca() if ax is None else ax
    least, most = np.nanpercentile(pd.concat([before, after]), [0.5, 99.5])
    bins = np.linspace(least, most, 60)
    for label, values in {"before": before, "after": after}.items():
        sns.histplot(values, bins=bins, element="step", stat="count", label=label, ax=ax)
    ax.axvline(0, color="black", linewidth=1)
    ax.set(xlabel="Difference from the reference (decades)", ylabel="Days")
    ax.legend()
    return ax


def plot_residual_panels(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the median and quartiles of residuals, a panel for each quantity that they depend on.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        `lower`, `median` and `upper`, decades, by the quantity's label: see
        `fluxlib.calibration.diagnostics.describe_residuals`.
    """
    n = len(tables)
    figure, axes = panel_grid(n, columns=n, size=(11 / n, 4), sharey=True)
    for ax, (label, table) in zip(axes, tables.items(), strict=True):
        ax.fill_between(table.index, table["lower"], table["upper"], alpha=0.25, linewidth=0)
        ax.plot(table.index, table["median"], marker="o", markersize=4)
        ax.axhline(0, color="black", linewidth=1)
        ax.set_xlabel(label)
    axes[0].set_ylabel("Left after calibration (decades)")
    return figure
