"""What a genetic search walked over: the error of every forest that it could have chosen."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fluxlib.forest import ForestSurface


def find_landscape(
    surface: ForestSurface, bits: Sequence[int], *, kind: str = "validation"
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the least RMSE over leaf sizes, by trees and depth, and the least of all.

    Forests that the search never asked for are grown now.

    Parameters
    ----------
    surface : ForestSurface
        Of a search.
    bits : (int, int, int)
        Of trees, depth and leaf.
    kind : {"validation", "train"}
        Which error.

    Returns
    -------
    landscape : DataFrame
        Decades; rows trees, columns depths.
    least : Series
        `trees`, `depth`, `leaf` and `rmse` of the least. Some of it is luck: small forests
        scatter, and the least of many is the luckiest.
    """
    trees, depths, leaves = (2**one for one in bits)
    planes = [
        surface.plane(leaf, trees, kind=kind).loc[:, :depths] for leaf in range(1, leaves + 1)
    ]
    least_of_all = np.min([plane.to_numpy() for plane in planes], axis=0)
    landscape = pd.DataFrame(least_of_all, planes[0].index, planes[0].columns)
    row, column = np.unravel_index(int(np.argmin(least_of_all)), landscape.shape)
    leaf = 1 + int(np.argmin([plane.iloc[row, column] for plane in planes]))
    least = {"trees": row + 1, "depth": column + 1, "leaf": leaf}
    return landscape, pd.Series(least | {"rmse": landscape.iloc[row, column]}, dtype=object)
