"""Controls of notebook 05: the published network with other inputs, trained behind a button."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from fluxlib.errors import FluxError
from fluxlib.plotting.prediction import plot_forecast, plot_losses
from fluxlib.prediction.training_runs import Lesson, School
from fluxlib.prediction.windows import choose_drivers, derive_drivers
from fluxlib.widgets.answers import Answer, Work
from fluxlib.widgets.panel import Panel, choose, choose_several, slide


def explore_training(
    dataset,
    years: Sequence[int],
    *,
    network_drivers: Sequence[str],
    time_step: int,
    horizon: int,
    year: int,
    epochs: int,
    random_state: int = 0,
) -> Panel:
    """Train the published network for a year, and show its forecasts.

    Parameters
    ----------
    dataset : Dataset
    years : sequence of int
        That can be forecast.
    network_drivers, time_step, horizon, year, epochs
        Where the controls begin: drivers, days of a window, days ahead, the year held out.
    random_state : int
        Seed.
    """
    school = School(dataset, random_state=random_state)

    def answer(network_drivers: Sequence[str], horizon: int, **settings) -> Answer:
        if not network_drivers:
            raise FluxError("network_drivers is empty; choose one driver or more.")
        settings["inputs"] = tuple(network_drivers)
        found = school.find(**settings)
        run = partial(school.train, show=partial(show_losses, settings["epochs"]), **settings)
        persistence = school.persist(settings["year"])
        if found is None:
            pe = persistence.score(horizon)["PE"]
            note = (
                f"{settings['epochs']} epochs of {settings['time_step']}-day windows of "
                f"{', '.join(network_drivers)}, on all years but {settings['year']}."
            )
            return Answer(
                f"Not trained with these settings yet. {_name_days(horizon)} ahead, persistence "
                f"has a prediction efficiency of {pe:.3f}.",
                work=Work("Train", run, note),
            )
        work = None if found.is_whole else Work("Train again", run, "It was stopped.")
        return show_forecasts(found, persistence, horizon, settings["epochs"], work)

    known = list(derive_drivers(dataset.drivers))
    choose_drivers(dataset.drivers, network_drivers)  # a wrong name is told at once
    named = {
        "time_step": slide("time_step", time_step, 1, 10, 1),
        "epochs": slide("epochs", epochs, 1, 60, 1),
        "year": choose("year", years, year),
        "horizon": choose("horizon", (1, 2, 3), horizon),
        "network_drivers": choose_several("network_drivers", known, network_drivers),
    }
    readings = {
        "time_step": lambda days: days or time_step,
        "year": lambda one: one or year,
    }
    return Panel(answer, named, step="05_prediction", readings=readings)


def show_losses(epochs: int, losses: Sequence[float]) -> Answer:
    """Return the loss by epoch, while it trains."""
    figure = Figure(figsize=(9, 4))
    plot_losses(losses, epochs, ax=figure.subplots())
    note = f"Epoch {len(losses)} of {epochs}: loss {losses[-1]:.3f}, least {min(losses):.3f}."
    return Answer(note, figure, alt=f"Loss by epoch. {note}")


def show_forecasts(
    found: Lesson, persistence: Lesson, horizon: int, epochs: int, work: Work | None
) -> Answer:
    """Return a year's forecasts some days ahead, and how good they are."""
    pe = {name: one.score(horizon)["PE"] for name, one in (("", found), ("p", persistence))}
    trained = "" if found.is_whole else f" (stopped after {len(found.losses)} of {epochs} epochs)"
    note = (
        f"{_name_days(horizon)} ahead: prediction efficiency {pe['']:.3f}"
        f"{trained}, persistence {pe['p']:.3f}."
    )
    table = found.forecasts[found.forecasts["horizon"] == horizon]
    logs = table.assign(**np.log10(table[["value", "lower", "upper", "observed"]]))
    figure = Figure(figsize=(11, 5.5))
    above, below = figure.subplots(2, 1, height_ratios=(3, 2))
    plot_forecast(logs["observed"], {"network": logs["value"]}, interval=logs, ax=above)
    plot_losses(found.losses, epochs, ax=below)
    alt = f"Observed and forecast daily fluence of the year, and the loss by epoch. {note}"
    return Answer(note, figure, alt=alt, work=work)


def _name_days(horizon: int) -> str:
    return f"{horizon} day{'s' if horizon > 1 else ''}"
