import numpy as np
import pandas as pd

from fluxlib.plots_search import plot_landscape


def test_the_path_ends_at_the_last_generations_best(ax):
    plane = pd.DataFrame(
        np.linspace(1, 0.2, 32).reshape(8, 4),
        index=pd.RangeIndex(1, 9, name="trees"),
        columns=pd.RangeIndex(1, 5, name="depth"),
    )
    path = pd.DataFrame({"trees": [2, 5, 8], "depth": [1, 3, 4], "leaf": [1, 2, 1]})
    plot_landscape(plane, path, ax=ax)
    assert ax.lines[1].get_xydata().tolist() == [[1, 2], [3, 5], [4, 8]]
    assert ax.lines[2].get_xydata().tolist() == [[4, 8]]
    assert ax.get_xlabel() == "Depth"
    assert ax.collections[0].get_array().shape == (8, 4)
