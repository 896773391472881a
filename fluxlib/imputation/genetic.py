"""The genetic algorithm that chooses a forest's parameters, as the GA-RF paper has it.

Sci. Rep. 2025, s41598-025-87082-9: binary chromosome (trees, depth, leaf), population 20, 100
generations, roulette on fitness, two-point crossover 0.7, bit flip 0.01, no elitism. The paper
does not give the ranges; the bits below are ours.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import pandas as pd
from deap import algorithms, base, tools

from fluxlib.errors import FluxError
from fluxlib.utils.files import write_text

_LENT = Lock()
GENES = ("trees", "depth", "leaf")


@dataclass(frozen=True)
class Best:
    """The fittest forest that a search has met, and how the search ended."""

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
        Chance that a pair is crossed at two points.
    mutation : float
        Chance that a bit flips.
    bits : (int, int, int)
        Bits for trees, depth and leaf. A gene's value is its integer + 1, so (9, 5, 5) searches
        1..512 trees, depths 1..32 and leaves of 1..32.
    elitism : bool
        Put the best chromosome of a generation back in place of the worst of the next. Off as
        published: the best can be lost, though `best` remembers it.
    seed : int
        Two runs with the same seed and fitness are the same to the last bit.
    patience : int, optional
        Stop when this many generations brought nothing better.
    max_seconds : float, optional
        Stop after this much time in `run`.
    checkpoint : path, optional
        A JSON file written after each generation. If it is there, `run` goes on from it, and
        ends as if it had never stopped.
    on_generation : callable, optional
        Called with the newest row of the history (a dict) after each generation.

    Attributes
    ----------
    history_ : DataFrame
        See `run`.
    best_ : Best
    evaluations_ : DataFrame
        A row for each forest that was asked for, in order: `trees`, `depth`, `leaf`, `fitness`
        and `visits`, the times that a generation held it.

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
        bits: tuple[int, int, int] = (9, 5, 5),
        elitism: bool = False,
        seed: int = 0,
        patience: int | None = None,
        max_seconds: float | None = None,
        checkpoint: str | Path | None = None,
        on_generation: Callable[[dict], None] | None = None,
    ):
        if population < 2 or generations < 0 or len(bits) != 3 or min(bits) < 1:
            raise FluxError(
                f"population is {population}, generations {generations}, bits {bits}; expected "
                "at least 2, at least 0, and three numbers of at least 1"
            )
        self.population, self.generations = population, generations
        self.crossover, self.mutation = crossover, mutation
        self.bits, self.elitism, self.seed = tuple(bits), elitism, seed
        self.patience, self.max_seconds = patience, max_seconds
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        self.on_generation = on_generation

    def decode(self, chromosome: list[int]) -> tuple[int, int, int]:
        """Return (trees, depth, leaf) of a list of bits, most significant first."""
        ends = np.cumsum(self.bits)
        return tuple(
            int("".join(map(str, chromosome[end - bits : end])), 2) + 1
            for end, bits in zip(ends, self.bits, strict=True)
        )

    def run(
        self,
        fitness: Callable[[int, int, int], float],
        *,
        prepare: Callable[[list[tuple[int, int, int]]], None] | None = None,
    ) -> tuple[pd.DataFrame, Best]:
        """Search until a stop rule or an interrupt (Ctrl-C), which keeps the result so far.

        Parameters
        ----------
        fitness : callable
            ``fitness(trees, depth, leaf)``, positive, greater is better: 1/RMSE. Asked once for
            each forest.
        prepare : callable, optional
            Called before that with all (trees, depth, leaf) of a generation that are new, such as
            `fluxlib.ForestSurface.prepare`.

        Returns
        -------
        history : DataFrame
            A row for each generation, the random first one included: `best`, `mean` and `std`
            of its fitness, `evaluations` (different forests so far), and the genes `trees`,
            `depth`, `leaf` of its best.
        best : Best
            The fittest of all generations.
        """
        self._restore()
        started, stopped = time.monotonic(), "interrupted"
        try:
            while not (reason := self._find_stop(started)):
                self._advance(fitness, prepare)
            stopped = reason
        except KeyboardInterrupt:
            if not self._rows:
                raise
        self.history_ = pd.DataFrame(self._rows).set_index("generation")
        self.best_ = self._find_best(stopped)
        rows = [(*genes, value, self._visits[genes]) for genes, value in self._known.items()]
        self.evaluations_ = pd.DataFrame(rows, columns=[*GENES, "fitness", "visits"])
        return self.history_, self.best_

    def _advance(self, fitness, prepare):
        """Make one generation; nothing of it is kept unless it is complete."""
        toolbox = base.Toolbox()
        toolbox.register("mate", tools.cxTwoPoint)
        toolbox.register("mutate", tools.mutFlipBit, indpb=self.mutation)
        with _own_random(self._state) as own:
            if not self._rows:
                population = [
                    _Chromosome(random.getrandbits(1) for _ in range(sum(self.bits)))
                    for _ in range(self.population)
                ]
            else:
                parents = tools.selRoulette(self._population, self.population)
                # Every offspring meets the bit flip: its chance is counted by bit.
                population = algorithms.varAnd(parents, toolbox, self.crossover, 1.0)
        if prepare is not None:
            prepare([g for g in map(self.decode, population) if g not in self._known])
        self._evaluate(population, fitness)
        if self.elitism and self._rows:
            worst = min(range(self.population), key=lambda i: population[i].fitness)
            population[worst] = max(self._population, key=lambda one: one.fitness)
        self._visits.update(map(self.decode, population))
        self._population, self._state = population, own["state"]
        self._rows.append(self._describe(population))
        self._save()
        if self.on_generation:
            self.on_generation(self._rows[-1])

    def _evaluate(self, population, fitness):
        for chromosome in population:
            genes = self.decode(chromosome)
            if genes not in self._known:
                value = float(fitness(*genes))
                if not 0 < value < float("inf"):
                    raise FluxError(
                        f"fitness of (trees, depth, leaf) = {genes} is {value}; roulette needs "
                        "it positive and finite, such as 1/RMSE"
                    )
                self._known[genes] = value
            chromosome.fitness.values = (self._known[genes],)

    def _describe(self, population):
        values = np.array([one.fitness.values[0] for one in population])
        return {
            "generation": len(self._rows),
            "best": float(values.max()),
            "mean": float(values.mean()),
            "std": float(values.std()),
            "evaluations": len(self._known),
            **dict(zip(GENES, self.decode(population[int(values.argmax())]), strict=True)),
        }

    def _find_best(self, stopped):
        row = max(self._rows, key=lambda row: row["best"])
        genes = {name: row[name] for name in GENES}
        value = row["best"]
        return Best(
            **genes, fitness=value, rmse=1 / value, generation=row["generation"], stopped=stopped
        )

    def _find_stop(self, started):
        if len(self._rows) > self.generations:
            return "generations"
        if self._rows and self.max_seconds and time.monotonic() - started >= self.max_seconds:
            return "max_seconds"
        if self._rows and self.patience:
            idle = self._rows[-1]["generation"] - self._find_best("").generation
            return "patience" if idle >= self.patience else ""
        return ""

    def _settings(self):
        names = ("population", "crossover", "mutation", "bits", "elitism", "seed")
        return json.loads(json.dumps({name: getattr(self, name) for name in names}))

    def _save(self):
        if self.checkpoint is None:
            return
        version, words, gauss = self._state
        state = {
            "settings": self._settings(),
            "random": [version, list(words), gauss],
            "population": self._population,
            "evaluations": [
                [*genes, value, self._visits[genes]] for genes, value in self._known.items()
            ],
            "rows": self._rows,
        }
        write_text(self.checkpoint, json.dumps(state))

    def _restore(self):
        self._rows, self._population, self._known, self._visits = [], [], {}, Counter()
        self._state = random.Random(self.seed).getstate()
        if self.checkpoint is None or not self.checkpoint.exists():
            return
        stored = json.loads(self.checkpoint.read_text(encoding="utf-8"))
        if stored["settings"] != self._settings():
            raise FluxError(
                f"{self.checkpoint} is of a search with {stored['settings']}, this one has "
                f"{self._settings()}; delete the file or take the same settings"
            )
        version, words, gauss = stored["random"]
        self._state, self._rows = (version, tuple(words), gauss), stored["rows"]
        for *genes, value, visits in stored["evaluations"]:
            self._known[tuple(genes)], self._visits[tuple(genes)] = value, visits
        self._population = [_Chromosome(bits) for bits in stored["population"]]
        self._evaluate(self._population, None)


@contextmanager
def _own_random(state):
    """Lend the global generator, which DEAP draws from, to this search; then give it back.

    To one search at a time: in a notebook one may grow forests while another is replayed.
    """
    with _LENT:
        outer, own = random.getstate(), {}
        random.setstate(state)
        try:
            yield own
            own["state"] = random.getstate()
        finally:
            random.setstate(outer)
