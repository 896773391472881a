"""Controls of notebook 04: the genetic search, generation by generation."""

from collections.abc import Sequence
from functools import partial

from matplotlib.figure import Figure

from fluxlib.imputation.error_surface import KINDS, ForestSurface, find_landscape
from fluxlib.imputation.replay import Rehearsal, Replay
from fluxlib.plotting.imputation import plot_convergence, plot_landscape
from fluxlib.reports.formatting import format_seconds
from fluxlib.widgets.answers import Answer, Work
from fluxlib.widgets.panel import Numbers, Panel, Player, check, choose, count, slide


def explore_search(
    surface: ForestSurface,
    *,
    population: int = 20,
    generations: int = 100,
    crossover: float = 0.7,
    mutation: float = 0.01,
    elitism: bool = False,
    bits: Sequence[int] = (9, 5, 5),
    fitness: str = "validation",
    random_state: int = 0,
) -> Panel:
    """Replay the genetic algorithm, and grow forests that it lacks behind a button.

    Parameters
    ----------
    surface : ForestSurface
        Such as `GARFImputer.surface_`.
    population, generations, crossover, mutation, elitism, bits, fitness, random_state
        Where the controls begin: see `fluxlib.GARFImputer`.
    """
    rehearsal = Rehearsal(surface)

    def answer(generation: int, random_state: int, **options) -> Answer:
        options["seed"] = random_state
        return show_replay(rehearsal, generation, options)

    named = {
        "population": slide("population", population, 4, 60, 2),
        "generations": slide("generations", generations, 1, 100, 1),
        "crossover": slide("crossover", float(crossover), 0.0, 1.0, 0.05),
        "mutation": slide("mutation", float(mutation), 0.0, 0.2, 0.01),
        "bits": Numbers("bits", bits, 1, 9),
        "random_state": count("random_state", random_state, 0, 9999),
        "fitness": choose("fitness", KINDS, fitness),
        "elitism": check("elitism", elitism),
    }
    player = Player("Generation", generations)
    named["generations"].observe(lambda change: player.set_end(change["new"]), "value")
    return Panel(answer, named, step="04_imputation", views={"generation": player})


def show_replay(rehearsal: Rehearsal, generation: int, options: dict) -> Answer:
    """Return a search up to a generation, and what is to be grown for the rest."""
    found = rehearsal.replay(**options)
    work = None if found.is_whole else _offer_growth(rehearsal, found, options)
    if found.best is None:
        return Answer("Forests of the first generation are not grown yet.", work=work)
    history = found.history.loc[:generation]
    best = history.loc[history["best"].idxmax()]
    genes = {name: int(best[name]) for name in ("trees", "depth", "leaf")}
    note = (
        f"Generation {history.index[-1]} of {options['generations']}: best so far "
        f"{genes['trees']} trees, depth {genes['depth']}, leaf {genes['leaf']}, RMSE "
        f"{1 / best['best']:.4f} decades; {int(history['evaluations'].iloc[-1])} forests tried."
    )
    figure = Figure(figsize=(11, 4))
    left, right = figure.subplots(1, 2)
    plot_convergence(history, ax=left)
    left.set_xlim(0, options["generations"])
    if found.missing:
        right.set_axis_off()  # a landscape with holes would mislead
    else:
        errors, least = find_landscape(found.surface, options["bits"], kind=options["fitness"])
        plot_landscape(errors, history, least, ax=right)
    alt = f"RMSE by generation, and its path over numbers of trees and depths. {note}"
    return Answer(note, figure, alt=alt, work=work)


def _offer_growth(rehearsal: Rehearsal, found: Replay, options: dict) -> Work:
    reached = len(found.history)
    pace = found.surface.pace or rehearsal.pace  # of its own kind of errors, if it has grown
    long = f", about {format_seconds(found.missing * pace)}" if pace else ""
    return Work(
        "Grow the forests",
        partial(rehearsal.grow, **options),
        f"From generation {reached} on, forests are not grown yet. All that these bits allow: "
        f"{found.missing} trees{long}.",
    )
