"""The figure of the forecast of today."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from fluxlib.plotting.style import FLUENCE_LABEL, OBSERVED, break_label, label_dates, legend_beside


def plot_forecast_fan(
    observed: pd.Series, table: pd.DataFrame, *, alert: float, ax: Axes | None = None
) -> Axes:
    """Draw what was measured of late and what is forecast, with its intervals and the alert level.

    Parameters
    ----------
    observed : Series
        Fluence of days, or of the 24 hours that end at each time, e/(cm2 day sr).
    table : DataFrame
        `value`, `lower`, `upper`, `lower_50`, `upper_50`, `persistence` and, if known, `refm`, by
        time.
    alert : float
        Fluence of an alert.
    """
    ax = plt.gca() if ax is None else ax
    size = 5 if len(observed) < 50 else 0
    ax.plot(observed.index, observed, "o-", color=OBSERVED, markersize=size, label="measured")
    days = table.index
    half = 0.375 * (days[1:] - days[:-1]).min()
    for lower, upper, alpha, label in (
        ("lower", "upper", 0.2, "90 %"),
        ("lower_50", "upper_50", 0.4, "50 %"),
    ):
        for number, day in enumerate(days):
            ends = table.loc[day, [lower, upper]].to_numpy(float)
            ax.fill_between(
                [day - half, day + half],
                *ends,
                color="C0",
                alpha=alpha,
                linewidth=0,
                label=label if number == 0 else None,
            )
    ax.plot(days, table["value"], "o-", color="C0", markersize=8, label="forecast")
    ax.plot(days, table["persistence"], "_", color="C1", markersize=16, mew=3, label="persistence")
    if "refm" in table and table["refm"].notna().any():
        ax.plot(days, table["refm"], "x", color="C3", markersize=9, mew=2, label="NOAA's REFM")
    ax.axhline(alert, color="0.4", linewidth=1, linestyle="--", label="alert level")
    ax.set_yscale("log")
    ax.set_ylabel(break_label(FLUENCE_LABEL))
    label_dates(ax)
    legend_beside(ax)
    return ax
