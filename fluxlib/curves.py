"""Spearman's correlation of drivers with one target, for one range of offsets after another."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from fluxlib.grid import align_grids
from fluxlib.offsets import choose_knots
from fluxlib.ranks import Ranked, correlate_exact, correlate_fft


class OffsetCurves:
    """What :func:`fluxlib.spearman_offsets` gives by FFT, quicker when asked again.

    Ranks, and the exact values that put the FFT's right, serve every range that shares them.

    Parameters
    ----------
    drivers, target
        As `spearman_offsets` takes.
    reach : float
        The longest offset that will be asked for, hours.
    """

    def __init__(self, drivers: pd.DataFrame, target: pd.Series, reach: float):
        self._reach = reach
        *_, drivers, target = align_grids(drivers, target, [0])
        self._n = len(target)  # decides how many exact values there are
        known = target.dropna().index
        if len(known):  # what lies outside has no part in any pair
            view = slice(known[0] - pd.Timedelta(hours=reach), known[-1])
            drivers, target = drivers[view], target[view]
        self._drivers, self._target = drivers, target
        self._y = Ranked(target.to_numpy(float))
        self._x: dict[str, Ranked] = {}
        self._exact: dict[tuple[str, int], float] = {}

    def correlate(self, name: str, offsets: Iterable[float]) -> pd.Series:
        """Return a driver's correlation at offsets in hours, as a column of `spearman_offsets`."""
        hours, steps, *_ = align_grids(self._drivers[[name]], self._target, offsets)
        if name not in self._x:
            self._x[name] = Ranked(self._drivers[name].to_numpy(float))
        x = self._x[name]
        knots = choose_knots(hours, steps, self._n)
        exact = np.array([self._correlate_exact(name, step) for step in knots])
        rho = correlate_fft(x, self._y, steps, knots, exact)
        return pd.Series(rho, hours, name=name)

    def warm(self) -> None:
        """Compute what serves every range up to the reach, for all drivers."""
        for name in self._drivers:
            self.correlate(name, np.arange(0, self._reach + 1, 12))

    def _correlate_exact(self, name: str, step: int) -> float:
        key = name, int(step)
        if key not in self._exact:
            self._exact[key] = correlate_exact(self._x[name], self._y, [step])[0]
        return self._exact[key]
