"""The genetic search over forests that are grown already, and what it would have to grow."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fluxlib.imputation.error_surface import ForestSurface
from fluxlib.imputation.genetic import Best, GeneticSearch


@dataclass(frozen=True)
class Replay:
    """How a search went, as far as forests were grown.

    Attributes
    ----------
    surface : ForestSurface
        That it looked at.
    history : DataFrame
        See `GeneticSearch.run`; empty if the first generation lacks forests.
    best : Best or None
    evaluations : DataFrame
        See `GeneticSearch`.
    is_whole : bool
        Whether no forest was missing.
    missing : int
        Trees to grow, at most, until every forest of these bits is known.
    """

    surface: ForestSurface
    history: pd.DataFrame
    best: Best | None
    evaluations: pd.DataFrame
    is_whole: bool
    missing: int


class Rehearsal:
    """Searches of one dataset: their forests stay grown from one to the next.

    Parameters
    ----------
    surface : ForestSurface
        Such as `GARFImputer.surface_`.
    """

    def __init__(self, surface: ForestSurface):
        self._surface = surface
        self._surfaces = {(surface.kinds[0], surface.max_depth): surface}

    @property
    def pace(self) -> float | None:
        """Seconds a tree took to grow, for errors of any kind; None if none was grown here."""
        paces = [surface.pace for surface in self._surfaces.values() if surface.pace]
        return max(paces, default=None)

    def find_surface(self, fitness: str, bits: Sequence[int]) -> ForestSurface:
        """Return the surface of a search: errors of its kind, down to the depth of its bits."""
        key = fitness, 2 ** bits[1]
        if key not in self._surfaces:
            self._surfaces[key] = self._surface.vary(kind=fitness, max_depth=key[1])
        return self._surfaces[key]

    def replay(self, *, bits: Sequence[int], fitness: str, **options: Any) -> Replay:
        """Run the search up to the first forest that is not grown.

        Parameters
        ----------
        bits, fitness
            As `fluxlib.GARFImputer` takes.
        **options
            Of `GeneticSearch`: population, generations, crossover, mutation, elitism, seed.
        """
        surface = self.find_surface(fitness, bits)
        grown = surface.grown.to_dict()

        def look_up(trees: int, depth: int, leaf: int) -> float:
            if grown.get(leaf, 0) < trees:
                raise KeyboardInterrupt  # at which a search keeps the generations it has
            return surface.fitness(trees, depth, leaf, kind=fitness)

        search = GeneticSearch(bits=tuple(bits), **options)
        missing = _count_missing(grown, bits)
        try:
            history, best = search.run(look_up)
        except KeyboardInterrupt:
            return Replay(surface, pd.DataFrame(), None, pd.DataFrame(), False, missing)
        is_whole = best.stopped != "interrupted"
        return Replay(surface, history, best, search.evaluations_, is_whole, missing)

    def grow(
        self, tell: Callable[..., None], *, bits: Sequence[int], fitness: str, **options: Any
    ) -> None:
        """Grow the forests that a search asks for, then all others of its bits.

        Once all are grown, any setting of these bits replays at once. At an interrupt, what is
        grown stays.

        Parameters
        ----------
        tell : callable
            ``tell(done, total)`` after each block of trees, in trees.
        """
        surface = self.find_surface(fitness, bits)
        total = _count_missing(surface.grown, bits)

        def look_up(trees: int, depth: int, leaf: int) -> float:
            while (known := surface.grown.get(leaf, 0)) < trees:
                surface.plane(leaf, known + 1, kind=fitness)  # a block
                tell(total - _count_missing(surface.grown, bits), total)
            return surface.fitness(trees, depth, leaf, kind=fitness)

        # In a job's thread scikit-learn-intelex warns that it takes all threads, as it should.
        warnings.filterwarnings("ignore", message="'Threading' parallel backend")
        search = GeneticSearch(bits=tuple(bits), **options)
        if search.run(look_up)[1].stopped != "interrupted":
            for leaf in range(1, 2 ** bits[2] + 1):
                look_up(2 ** bits[0], 1, leaf)


def _count_missing(grown: Mapping[int, int], bits: Sequence[int]) -> int:
    most = 2 ** bits[0]
    return sum(max(0, most - grown.get(leaf, 0)) for leaf in range(1, 2 ** bits[2] + 1))
