"""Controls of notebook 05: the published network with other inputs, trained by a button."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fluxlib.errors import FluxError
from fluxlib.plotting.prediction import plot_forecast, plot_losses
from fluxlib.prediction.cross_validation import TrainingRun, TrainingRuns
from fluxlib.prediction.windows import derive_drivers, select_drivers
from fluxlib.widgets.controls import dropdown, multiple_choice, slider
from fluxlib.widgets.jobs import PendingWork
from fluxlib.widgets.panel import ControlPanel, View


def explore_training(
    dataset,
    years: Sequence[int],
    *,
    tested: Mapping[int, Any] | None = None,
    network_drivers: Sequence[str],
    time_step: int,
    horizon: int,
    year: int,
    epochs: int,
    random_state: int = 0,
) -> ControlPanel:
    """Return controls that train the published network for a year and show its forecasts.

    Parameters
    ----------
    dataset : Dataset
        Daily fluence and drivers.
    years : sequence of int
        Years that can be forecast.
    tested : dict, optional
        Own data of some of them: see `fluxlib.calibration.hold_out_years`.
    network_drivers, time_step, horizon, year, epochs
        First values of the controls: drivers, days of a window, days ahead, the year held out.
    random_state : int
        Seed.
    """
    runs = TrainingRuns(dataset, tested=tested, random_state=random_state)

    def make_view(network_drivers: Sequence[str], horizon: int, **options: Any) -> View:
        if not network_drivers:
            raise FluxError("network_drivers is empty; choose at least one driver.")
        options["inputs"] = tuple(network_drivers)
        epochs, year = options["epochs"], options["year"]
        run, persistence = runs.find(**options), runs.persistence(year)
        train = partial(_train, runs, options)
        if run is None:
            note = (
                f"{epochs} epochs of {options['time_step']}-day windows of "
                f"{', '.join(network_drivers)}, on all years but {year}."
            )
            return View(
                f"Not trained with these settings yet. {_days(horizon)} ahead, persistence has a "
                f"prediction efficiency of {persistence.score(horizon)['PE']:.3f}.",
                work=PendingWork("Train", train, note),
            )
        work = None if run.is_whole else PendingWork("Train again", train, "It was stopped.")
        return _forecasts_view(run, persistence, horizon, epochs, work)

    select_drivers(dataset.drivers, network_drivers)  # raises for an unknown name
    controls = {
        "time_step": slider("time_step", time_step, 1, 10, 1),
        "epochs": slider("epochs", epochs, 1, 60, 1),
        "year": dropdown("year", years, year),
        "horizon": dropdown("horizon", (1, 2, 3), horizon),
        "network_drivers": multiple_choice(
            "network_drivers", derive_drivers(dataset.drivers), network_drivers
        ),
    }
    return ControlPanel(
        make_view,
        controls,
        notebook="05_prediction",
        parsers={"time_step": lambda days: days or time_step, "year": lambda one: one or year},
    )


def _train(
    runs: TrainingRuns,
    options: dict[str, Any],
    *,
    progress: Callable[..., None],
    should_stop: Callable[[], bool],
) -> None:
    epochs = options["epochs"]

    def show(losses: Sequence[float]) -> None:
        progress(len(losses), epochs, _losses_view(losses, epochs))

    runs.train(**options, progress=show, should_stop=should_stop)


def _losses_view(losses: Sequence[float], epochs: int) -> View:
    """Return the loss by epoch, during a training."""
    figure = Figure(figsize=(9, 4))
    plot_losses(losses, epochs, ax=figure.subplots())
    note = f"Epoch {len(losses)} of {epochs}: loss {losses[-1]:.3f}, least {min(losses):.3f}."
    return View(note, figure, alt=f"Loss by epoch. {note}")


def _forecasts_view(
    run: TrainingRun, persistence: TrainingRun, horizon: int, epochs: int, work: PendingWork | None
) -> View:
    """Return a year's forecasts some days ahead, and their prediction efficiency."""
    stopped = "" if run.is_whole else f" (stopped after {len(run.losses)} of {epochs} epochs)"
    note = (
        f"{_days(horizon)} ahead: prediction efficiency {run.score(horizon)['PE']:.3f}{stopped}, "
        f"persistence {persistence.score(horizon)['PE']:.3f}."
    )
    table = run.forecasts[run.forecasts["horizon"] == horizon]
    logs = table.assign(**np.log10(table[["value", "lower", "upper", "observed"]]))
    figure = Figure(figsize=(11, 5.5))
    above, below = figure.subplots(2, 1, height_ratios=(3, 2))
    plot_forecast(logs["observed"], {"network": logs["value"]}, interval=logs, ax=above)
    plot_losses(run.losses, epochs, ax=below)
    alt = f"Observed and forecast daily fluence of the year, and the loss by epoch. {note}"
    return View(note, figure, alt=alt, work=work)


def _days(horizon: int) -> str:
    return f"{horizon} day{'s' if horizon > 1 else ''}"
