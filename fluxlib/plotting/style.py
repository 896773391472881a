"""Style and words that all figures share, and the figure of scores.

The figures themselves are in `plots_observations` and its kin, one module a notebook. Each function
draws on one Axes, or returns a Figure of several, and neither shows nor saves.
"""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

FLUX_LABEL = ">2 MeV flux (e cm$^{-2}$ s$^{-1}$ sr$^{-1}$)"
LOG_FLUX = "log$_{10}$ " + FLUX_LABEL
FLUENCE_LABEL = ">2 MeV fluence (e cm$^{-2}$ day$^{-1}$ sr$^{-1}$)"
TRUTH = "black"
GREY = "0.55"


def use_style() -> None:
    """Set fonts that stay readable at half size and colours that the colour-blind can tell."""
    sns.set_theme(
        style="ticks",
        palette="colorblind",
        rc={
            "figure.figsize": (9, 4.5),
            "figure.dpi": 96,
            "figure.constrained_layout.use": True,
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


def plot_scores(table: pd.DataFrame, *, label: str, ax: Axes | None = None) -> Axes:
    """Draw a score by row (year, protocol ...), a marker a column (model), higher to the right.

    Parameters
    ----------
    table : DataFrame
        Rows become groups on the vertical axis, columns models.
    label : str
        The score and its unit.
    """
    ax = plt.gca() if ax is None else ax
    rows = np.arange(len(table))
    markers = "os^Dv*"
    for i, name in enumerate(table):
        ax.plot(
            table[name], rows, markers[i % 6], color=f"C{i}", markersize=10, label=name, alpha=0.9
        )
    ax.set_yticks(rows, [str(row) for row in table.index])
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.grid(axis="y", color="0.9")
    ax.set_xlabel(label)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax
