"""The genetic algorithm that chooses a forest's parameters, as the GA-RF paper has it.

Sci. Rep. 2025, s41598-025-87082-9: binary chromosome (trees, depth, leaf), population 20, 100
generations, roulette on fitness, two-point crossover 0.7, bit flip 0.01, no elitism. The paper
does not give the ranges; the bits below are ours. So are other selections: 1/RMSE differs so little
between forests that roulette on it hardly selects.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
from deap import algorithms, base, tools

from fluxlib.errors import FluxError
from fluxlib.imputation.error_surface import ForestSurface

GENES = ("trees", "depth", "leaf")
SELECTIONS = ("roulette", "rank", "tournament", "sigma")
TOURNAMENT = 3  # chromosomes that meet, of which the fittest is a parent
LEAST_WEIGHT = 0.1  # of a chromosome far below the mean, in sigma scaling
_GLOBAL_RANDOM = Lock()


@dataclass(frozen=True)
class Best:
    """The fittest forest that a search has met, and why the search ended.

    `stopped` is "generations" when all were made, "patience", or "incomplete" when the search was
    asked to stop or the fitness of a forest was not known.
    """

    trees: int
    depth: int
    leaf: int
    fitness: float
    rmse: float
    generation: int
    stopped: str


class _Fitness(base.Fitness):
    weights = (1.0,)


class _Chromosome(list):
    def __init__(self, bits):
        super().__init__(bits)
        self.fitness = _Fitness()


class GeneticSearch:
    """Search (trees, depth, leaf) for the greatest fitness.

    Parameters
    ----------
    population, generations : int
        As published: 20 and 100.
    crossover : float
        Probability that a pair is crossed at two points.
    mutation : float
        Probability that a bit flips.
    bits : (int, int, int)
        Bits for trees, depth and leaf. A gene's value is its integer + 1, so (9, 5, 5) searches
        1..512 trees, depths 1..32 and leaves of 1..32.
    selection : {"roulette", "rank", "tournament", "sigma"}
        How parents are drawn. "roulette", as published: by their fitness. "rank": by their rank.
        "tournament": the fittest of three. "sigma": by how many standard deviations their fitness
        is above the mean (Mitchell 1996, An Introduction to Genetic Algorithms, sec. 5.4).
    elitism : bool
        Put the best chromosome of a generation in place of the worst of the next. Off as
        published: the population can lose the best, though `best` remembers it.
    random_state : int
        Two searches with the same seed and fitness are the same to the last bit.
    patience : int, optional
        Stop when this many generations brought nothing better.

    Attributes
    ----------
    history_ : DataFrame
        See `run`.
    best_ : Best or None
    evaluations_ : DataFrame
        A row for each forest that was asked for, in order: `trees`, `depth`, `leaf`, `fitness`
        and `visits`, the number of chromosomes of all generations that stood for it.

    Raises
    ------
    FluxError
        If the population, the generations or the bits are too few.

    Examples
    --------
    >>> history, best = GeneticSearch(generations=5).run(lambda trees, depth, leaf: 1 / leaf)
    >>> len(history)
    6
    """

    def __init__(
        self,
        *,
        population: int = 20,
        generations: int = 100,
        crossover: float = 0.7,
        mutation: float = 0.01,
        bits: Sequence[int] = (9, 5, 5),
        selection: str = "roulette",
        elitism: bool = False,
        random_state: int = 0,
        patience: int | None = None,
    ):
        if selection not in SELECTIONS:
            raise FluxError(f"selection is {selection!r}; expected one of {', '.join(SELECTIONS)}")
        if population < 2 or generations < 0 or len(bits) != 3 or min(bits) < 1:
            raise FluxError(
                f"population is {population}, generations {generations}, bits {tuple(bits)}; "
                "expected at least 2, at least 0, and three numbers of at least 1"
            )
        self.population, self.generations = population, generations
        self.crossover, self.mutation = crossover, mutation
        self.bits, self.selection, self.elitism = tuple(bits), selection, elitism
        self.random_state, self.patience = random_state, patience

    def decode(self, chromosome: Sequence[int]) -> tuple[int, ...]:
        """Return (trees, depth, leaf) of a sequence of bits, most significant first."""
        ends = np.cumsum(self.bits)
        return tuple(
            int("".join(map(str, chromosome[end - bits : end])), 2) + 1
            for end, bits in zip(ends, self.bits, strict=True)
        )

    def run(
        self,
        fitness: Callable[[int, int, int], float | None],
        *,
        prepare: Callable[[list[tuple[int, int, int]]], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> tuple[pd.DataFrame, Best | None]:
        """Search until all generations are made, or until there is a reason to stop.

        Parameters
        ----------
        fitness : callable
            ``fitness(trees, depth, leaf)``, positive, greater is better: 1/RMSE. Called once for
            each forest. None, where it is not known, ends the search.
        prepare : callable, optional
            Called before that with all (trees, depth, leaf) of a generation that are new, such as
            `fluxlib.ForestSurface.grow`.
        progress : callable, optional
            ``progress(done, total)`` after each generation.
        should_stop : callable, optional
            Asked before each generation; the search ends when it returns True.

        Returns
        -------
        history : DataFrame
            A row for each complete generation, the random first one included: `best`, `mean` and
            `std` of its fitness, `evaluations` (different forests so far), and the genes `trees`,
            `depth`, `leaf` of its best. Empty if the first generation is not complete.
        best : Best or None
            The fittest of all complete generations; None if there is none.

        Raises
        ------
        FluxError
            If a fitness is not positive and finite.
        """
        state = random.Random(self.random_state).getstate()
        population: list[_Chromosome] = []
        known: dict[tuple, float] = {}
        visits: Counter = Counter()
        rows: list[dict] = []
        stopped = "generations"
        while len(rows) <= self.generations:
            if self.patience and rows and len(rows) - 1 - _find_best(rows) >= self.patience:
                stopped = "patience"
                break
            offspring, state = self._breed(population, state)
            new = dict.fromkeys(
                genes for genes in map(self.decode, offspring) if genes not in known
            )
            if (should_stop and should_stop()) or not _evaluate(new, fitness, prepare, known):
                stopped = "incomplete"
                break
            for chromosome in offspring:
                chromosome.fitness.values = (known[self.decode(chromosome)],)
            if self.elitism and rows:
                worst = min(range(self.population), key=lambda i: offspring[i].fitness)
                offspring[worst] = max(population, key=lambda one: one.fitness)
            population = offspring
            visits.update(map(self.decode, population))
            rows.append(self._describe(population) | {"evaluations": len(known)})
            if progress is not None:
                progress(len(rows), self.generations + 1)
        columns = ["best", "mean", "std", "evaluations", *GENES]
        index = pd.RangeIndex(len(rows), name="generation")
        self.history_ = pd.DataFrame(rows, index, columns)
        self.best_ = None
        if rows:
            generation = _find_best(rows)
            row = rows[generation]
            genes, value = {name: row[name] for name in GENES}, row["best"]
            self.best_ = Best(
                **genes, fitness=value, rmse=1 / value, generation=generation, stopped=stopped
            )
        self.evaluations_ = pd.DataFrame(
            [(*genes, value, visits[genes]) for genes, value in known.items()],
            columns=[*GENES, "fitness", "visits"],
        )
        return self.history_, self.best_

    def _breed(self, population, state):
        """Return the next generation, and the random generator's state after it."""
        toolbox = base.Toolbox()
        toolbox.register("mate", tools.cxTwoPoint)
        toolbox.register("mutate", tools.mutFlipBit, indpb=self.mutation)
        with _global_random(state) as after:
            if not population:
                offspring = [
                    _Chromosome(random.getrandbits(1) for _ in range(sum(self.bits)))
                    for _ in range(self.population)
                ]
            else:
                parents = self._select(population)
                # Every offspring is mutated: the probability holds for each bit.
                offspring = algorithms.varAnd(parents, toolbox, self.crossover, 1.0)
        return offspring, after["state"]

    def _select(self, population):
        """Return parents, drawn from the global generator."""
        if self.selection == "roulette":
            return tools.selRoulette(population, self.population)
        if self.selection == "tournament":
            return tools.selTournament(population, self.population, TOURNAMENT)
        values = np.array([one.fitness.values[0] for one in population])
        if self.selection == "rank":
            weights = values.argsort(kind="stable").argsort(kind="stable") + 1.0
        else:
            spread = values.std() or 1.0
            weights = np.maximum(1 + (values - values.mean()) / (2 * spread), LEAST_WEIGHT)
        return random.choices(population, weights.tolist(), k=self.population)

    def _describe(self, population):
        values = np.array([one.fitness.values[0] for one in population])
        return {
            "best": float(values.max()),
            "mean": float(values.mean()),
            "std": float(values.std()),
            **dict(zip(GENES, self.decode(population[int(values.argmax())]), strict=True)),
        }


def _evaluate(new, fitness, prepare, known) -> bool:
    """Add the fitness of new forests to those known; return whether each has one."""
    if prepare is not None:
        prepare(list(new))
    for genes in new:
        if (value := fitness(*genes)) is None:
            return False
        if not 0 < value < float("inf"):
            raise FluxError(
                f"fitness of (trees, depth, leaf) = {genes} is {value}; roulette needs it positive "
                "and finite, such as 1/RMSE"
            )
        known[genes] = float(value)
    return True


def _find_best(rows) -> int:
    """Return the first generation with the best fitness of all."""
    return int(np.argmax([row["best"] for row in rows]))


@contextmanager
def _global_random(state: tuple) -> Iterator[dict]:
    """Lend the global generator, which DEAP draws from, to a search; then restore it.

    To one search at a time: in a notebook one may grow forests while another is replayed.
    """
    with _GLOBAL_RANDOM:
        outer = random.getstate()
        after: dict = {}
        random.setstate(state)
        try:
            yield after
            after["state"] = random.getstate()
        finally:
            random.setstate(outer)


@dataclass(frozen=True)
class Replay:
    """How a search went, as far as its forests have been grown.

    Attributes
    ----------
    surface : ForestSurface
        That the search looked at.
    history : DataFrame
        See `GeneticSearch.run`; empty if the first generation lacks forests.
    best : Best or None
    is_complete : bool
        Whether no forest was missing.
    missing_trees : int
        Trees to grow, at most, until every forest of these bits is known.
    """

    surface: ForestSurface
    history: pd.DataFrame
    best: Best | None
    is_complete: bool
    missing_trees: int


class SearchReplayer:
    """Repeat searches over the forests that have been grown, and grow those that they lack.

    Parameters
    ----------
    surface : ForestSurface
        Such as `GARFImputer.surface_`. What is grown for one search serves the next.
    """

    def __init__(self, surface: ForestSurface):
        self._surface = surface
        self._surfaces = {(surface.error_on, surface.max_depth): surface}

    @property
    def seconds_per_tree(self) -> float | None:
        """The slowest of what trees took to grow, for errors of any kind; None before the first."""
        paces = [surface.seconds_per_tree for surface in self._surfaces.values()]
        return max((pace for pace in paces if pace), default=None)

    def get_surface(self, fitness: str, bits: Sequence[int]) -> ForestSurface:
        """Return the surface of a search: its kind of error, down to the depth of its bits."""
        key = fitness, 2 ** bits[1]
        if key not in self._surfaces:
            self._surfaces[key] = self._surface.with_options(error_on=fitness, max_depth=key[1])
        return self._surfaces[key]

    def replay(self, *, bits: Sequence[int], fitness: str, **options: Any) -> Replay:
        """Run a search up to the first forest that has not been grown.

        Parameters
        ----------
        bits, fitness
            As `fluxlib.GARFImputer` takes.
        **options
            Of `GeneticSearch`.
        """
        surface = self.get_surface(fitness, bits)
        grown = surface.trees_grown.to_dict()

        def look_up(trees: int, depth: int, leaf: int) -> float | None:
            return surface.fitness(trees, depth, leaf) if trees <= grown.get(leaf, 0) else None

        history, best = GeneticSearch(bits=bits, **options).run(look_up)
        is_complete = best is not None and best.stopped != "incomplete"
        return Replay(surface, history, best, is_complete, _count_missing(grown, bits))

    def grow(
        self,
        *,
        bits: Sequence[int],
        fitness: str,
        progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        **options: Any,
    ) -> None:
        """Grow the forests that a search asks for, then all others of its bits.

        Once all are grown, any search with these bits can be replayed at once. What is grown when
        the search is stopped stays.

        Parameters
        ----------
        bits, fitness, **options
            As `replay` takes.
        progress : callable, optional
            ``progress(done, total)`` after each block of trees, in trees.
        should_stop : callable, optional
            Asked before each block of trees.
        """
        surface = self.get_surface(fitness, bits)
        total = _count_missing(surface.trees_grown, bits)

        def look_up(trees: int, depth: int, leaf: int) -> float | None:
            while (grown := surface.trees_grown.get(leaf, 0)) < trees:
                if should_stop is not None and should_stop():
                    return None
                surface.grow([(grown + 1, depth, leaf)])  # one block
                if progress is not None:
                    progress(total - _count_missing(surface.trees_grown, bits), total)
            return surface.fitness(trees, depth, leaf)

        GeneticSearch(bits=bits, **options).run(look_up)
        for leaf in range(1, 2 ** bits[2] + 1):
            if look_up(2 ** bits[0], 1, leaf) is None:
                return


def _count_missing(grown: Mapping[int, int], bits: Sequence[int]) -> int:
    most = 2 ** bits[0]
    return sum(max(0, most - grown.get(leaf, 0)) for leaf in range(1, 2 ** bits[2] + 1))
