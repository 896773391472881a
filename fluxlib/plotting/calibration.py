"""Figures of two satellites on one scale."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from fluxlib.plotting.style import FLUENCE_LABEL, GREY


def plot_calibration(
    reference: pd.Series,
    other: pd.Series,
    lines: Mapping[str, "object"],
    *,
    unit: str = FLUENCE_LABEL,
    ax: Axes | None = None,
) -> Axes:
    """Draw pairs of two satellites, the 1:1 line and fitted calibrations.

    Parameters
    ----------
    reference, other : Series
        log10 fluence or flux; the names label the axes.
    lines : mapping of str to Calibration
        By the name in the legend.
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
    ax.set(xlabel=f"{other.name}, log$_{{10}}$ {unit}", ylabel=f"{reference.name}, the same")
    ax.legend()
    return ax


def plot_calibration_grid(pairs: list[tuple]) -> plt.Figure:
    """Draw one `plot_calibration` for each (reference, other, lines)."""
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    size = (4 * columns + 0.5, 3.8 * rows)
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=size)
    for ax, (reference, other, lines) in zip(axes.flat, pairs, strict=False):
        plot_calibration(reference, other, lines, unit="fluence", ax=ax)
    for ax in axes.flat[len(pairs) :]:
        ax.set_axis_off()
    return figure


def plot_residuals(before: pd.Series, after: pd.Series, *, ax: Axes | None = None) -> Axes:
    """Draw the distribution of log10 differences before and after calibration."""
    ax = plt.gca() if ax is None else ax
    bins = np.linspace(*np.nanpercentile(pd.concat([before, after]), [0.5, 99.5]), 60)
    for label, values in {"before": before, "after": after}.items():
        sns.histplot(values, bins=bins, element="step", stat="count", label=label, ax=ax)
    ax.axvline(0, color="black", linewidth=1)
    ax.set(xlabel="Difference from the reference (decades)", ylabel="Days")
    ax.legend()
    return ax


def plot_residual_panels(tables: Mapping[str, pd.DataFrame]) -> plt.Figure:
    """Draw median and quartiles of residuals, a panel a quantity: see `checks`."""
    figure, axes = plt.subplots(1, len(tables), figsize=(11, 4), sharey=True)
    for ax, (label, table) in zip(np.atleast_1d(axes), tables.items(), strict=True):
        ax.fill_between(table.index, table["lower"], table["upper"], alpha=0.25, linewidth=0)
        ax.plot(table.index, table["median"], marker="o", markersize=4)
        ax.axhline(0, color="black", linewidth=1)
        ax.set_xlabel(label)
    figure.axes[0].set_ylabel("Left after calibration (decades)")
    return figure
