"""Style, labels and colours that all figures share, and the figure of scores.

The other modules of this chapter hold the figures, one module for each notebook. Each function
draws on one Axes, or returns a Figure of several; none of them shows or saves.
"""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

FLUENCE_LABEL = ">2 MeV fluence (e cm$^{-2}$ day$^{-1}$ sr$^{-1}$)"
LOG_FLUENCE_LABEL = "log$_{10}$ " + FLUENCE_LABEL
LOG_FLUX_LABEL = "log$_{10}$ >2 MeV flux (e cm$^{-2}$ s$^{-1}$ sr$^{-1}$)"
OBSERVED = "black"
GREY = "0.55"
MARKERS = "os^Dv*"


def use_style() -> None:
    """Set fonts that stay readable at half size, and colours safe for colour-blind readers."""
    sns.set_theme(
        style="ticks",
        palette="colorblind",
        rc={
            "figure.figsize": (9, 4.5),
            "figure.dpi": 96,
            "figure.constrained_layout.use": True,
            "figure.labelsize": 13,
            "font.size": 13,
            "axes.labelsize": 13,
            "axes.titlesize": 14,
            "axes.titlelocation": "left",
            "axes.titlepad": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "legend.fontsize": 12,
            "xtick.labelsize": 12,
            "ytick.labelsize": 12,
        },
    )


def square_axes() -> Axes:
    """Return the Axes of a new square figure, for a plot with equal scales."""
    return plt.figure(figsize=(7, 6)).subplots()


def panel_grid(
    n: int, *, columns: int, size: tuple[float, float], **options: bool
) -> tuple[Figure, list[Axes]]:
    """Return a new figure with `n` panels, and their Axes row by row.

    Parameters
    ----------
    columns : int
        The most panels in a row.
    size : tuple of float
        Width and height of a panel in inches.
    **options : bool
        `sharex` and `sharey` of `matplotlib.pyplot.subplots`.
    """
    columns = min(columns, n)
    rows = -(-n // columns)
    width, height = size[0] * columns, size[1] * rows
    size = (width, height)
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=size, **options)  # type: ignore[call-overload]
    for ax in axes.flat[n:]:
        ax.set_axis_off()
    return figure, list(axes.flat[:n])


def break_label(label: str) -> str:
    """Return a label with its unit on a second line, for an axis too short for one line."""
    return label.replace(" (", "\n(")


def label_dates(ax: Axes) -> None:
    """Give the horizontal axis few dates, each part of them written once."""
    locator = AutoDateLocator(maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def legend_beside(ax: Axes, *, markerscale: float = 1) -> None:
    """Draw the legend to the right of the Axes, where it hides nothing."""
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), markerscale=markerscale)


def plot_scores(table: pd.DataFrame, *, label: str, ax: Axes | None = None) -> Axes:
    """Draw scores by group (vertical axis, from the top) and model (marker).

    Parameters
    ----------
    table : DataFrame
        A row for each group (year, protocol ...), a column for each model.
    label : str
        The score and its unit.
    """
    ax = plt.gca() if ax is None else ax
    rows = np.arange(len(table))
    for i, name in enumerate(table):
        marker = MARKERS[i % len(MARKERS)]
        ax.plot(table[name], rows, marker, color=f"C{i}", markersize=10, label=name, alpha=0.9)
    ax.set_yticks(rows, [str(row) for row in table.index])
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.grid(axis="y", color="0.9")
    ax.set_xlabel(label)
    legend_beside(ax)
    return ax
