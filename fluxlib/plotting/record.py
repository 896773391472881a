"""Figures of the record: the fleet's daily series, and who measured when."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from fluxlib.plotting.style import FLUENCE_LABEL, break_label, label_dates, legend_beside

FILLED = "C3"


def plot_record_days(days: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw daily fluence with its intervals; filled days stand out.

    Parameters
    ----------
    days : DataFrame
        `value`, `lower`, `upper` and `imputed`: a daily table of a record.
    """
    ax = plt.gca() if ax is None else ax
    filled = days[days["imputed"]]
    ax.plot(days.index, days["value"], ".", color="0.4", markersize=2, label="measured")
    errors = [filled["value"] - filled["lower"], filled["upper"] - filled["value"]]
    ax.errorbar(
        filled.index,
        filled["value"],
        yerr=np.clip(errors, 0, None),
        fmt=".",
        color=FILLED,
        markersize=5,
        elinewidth=0.8,
        label="filled, 90 %",
    )
    ax.set_yscale("log")
    ax.set_ylabel(break_label(FLUENCE_LABEL))
    label_dates(ax)
    legend_beside(ax, markerscale=2)
    return ax


def plot_record_sources(tables: dict[str, pd.DataFrame], *, ax: Axes | None = None) -> Axes:
    """Draw which satellite each place's days come from, and which of them are filled.

    Parameters
    ----------
    tables : dict of DataFrame
        By place, daily: `source`, `imputed` and `value`.
    """
    ax = plt.gca() if ax is None else ax
    names = sorted({str(n) for table in tables.values() for n in table["source"].dropna()})
    colors = {name: f"C{i}" for i, name in enumerate(n for n in names)}
    for row, table in enumerate(tables.values()):
        source = table["source"].astype(object)
        for name in names:
            days = table.index[(source == name) & ~table["imputed"]]
            ax.vlines(days, row - 0.36, row + 0.36, color=colors[name], linewidth=0.6)
        days = table.index[table["imputed"]]
        ax.vlines(days, row - 0.48, row - 0.38, color="black", linewidth=1)
    for name in names:
        ax.plot([], [], "s", color=colors[name], markersize=9, label=name)
    ax.plot([], [], "|", color="black", markersize=9, markeredgewidth=2, label="filled")
    ax.set_yticks(range(len(tables)), list(tables))
    ax.set_ylim(len(tables) - 0.4, -0.6)
    label_dates(ax)
    legend_beside(ax)
    return ax
