"""Figures of forecasts."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from fluxlib.plots import ALERT, FLUENCE_LABEL, GREY, TRUTH


def plot_forecast(
    observed: pd.Series,
    predicted: Mapping[str, pd.Series],
    *,
    interval: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw daily log10 fluence and forecasts of it, with the first one's interval."""
    ax = plt.gca() if ax is None else ax
    if interval is not None:
        ax.fill_between(
            interval.index, interval["lower"], interval["upper"], color="C0", alpha=0.2, linewidth=0
        )
    ax.plot(observed, color=TRUTH, linewidth=1.5, label="observed")
    for i, (name, series) in enumerate(predicted.items()):
        ax.plot(series, color=f"C{i}", linewidth=1.5, label=name)
    ax.axhline(np.log10(ALERT), color=GREY, linestyle="--", linewidth=1)
    ax.set_ylabel("log$_{10}$ " + FLUENCE_LABEL.replace(" (", "\n("))
    ax.tick_params(axis="x", rotation=20)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax
