"""Figures of the genetic search: its path over the errors of all forests."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from fluxlib.plots import GREY


def plot_landscape(plane: pd.DataFrame, path: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the RMSE of forests by trees and depth, and each generation's best on it.

    Parameters
    ----------
    plane : DataFrame
        Of `ForestSurface.plane`.
    path : DataFrame
        `trees` and `depth` of the best, a row a generation: see `GeneticSearch.run`. Of any leaf
        size, though the plane is of one.
    """
    ax = plt.gca() if ax is None else ax
    # Stumps are so much worse that they would take all colours.
    top = np.quantile(plane.to_numpy(), 0.8)
    image = ax.pcolormesh(
        plane.columns, plane.index, plane, cmap="viridis_r", vmax=top, shading="nearest"
    )
    ax.plot(path["depth"], path["trees"], color="white", linewidth=3)
    ax.plot(path["depth"], path["trees"], ".-", color=GREY, linewidth=1, markersize=5)
    ax.plot(path["depth"].iloc[-1:], path["trees"].iloc[-1:], "*", color="C3", markersize=15)
    ax.set(xlabel="Depth", ylabel="Trees")
    ax.figure.colorbar(image, ax=ax, label="RMSE (decades)")
    return ax
