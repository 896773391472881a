"""Trainings of the published network that can be watched, stopped, and looked at again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fluxlib.evaluation.metrics import scores
from fluxlib.prediction.baselines import Persistence
from fluxlib.prediction.cross_validation import forecast_year
from fluxlib.prediction.forecaster import FluxForecaster
from fluxlib.prediction.windows import split_data


@dataclass(frozen=True)
class Lesson:
    """What a training came to.

    Attributes
    ----------
    forecasts : DataFrame
        As `FluxForecaster.predict` gives, of every day of the year, with `observed`.
    losses : list of float
        An epoch each; empty if not watched.
    is_whole : bool
        Whether it was not stopped.
    """

    forecasts: pd.DataFrame
    losses: list[float]
    is_whole: bool

    def score(self, horizon: int) -> dict[str, float]:
        """Return the scores of log10 fluence some days ahead: see `metrics.scores`."""
        part = self.forecasts[self.forecasts["horizon"] == horizon]
        return scores(np.log10(part["observed"]), np.log10(part["value"]))


class School:
    """The published network, trained for one year with these inputs or those.

    Parameters
    ----------
    dataset : Dataset or DataFrame
        As `FluxForecaster.fit` takes.
    random_state : int
        Seed.
    """

    def __init__(self, dataset, *, random_state: int = 0):
        self._dataset, self._random_state = dataset, random_state
        self._observed = split_data(dataset)[0]["e2"]
        self._lessons: dict[tuple, Lesson] = {}
        self._persistence: dict[int, Lesson] = {}

    def find(self, inputs: Sequence[str], time_step: int, year: int, epochs: int) -> Lesson | None:
        """Return a training that was done, or as much of it as was."""
        return self._lessons.get((tuple(inputs), time_step, year, epochs))

    def train(
        self,
        tell: Callable[..., None],
        *,
        inputs: Sequence[str],
        time_step: int,
        year: int,
        epochs: int,
        show: Callable[[list[float]], object] = lambda losses: None,
    ) -> None:
        """Train on all years but one, and forecast that; stopped, the best so far forecasts.

        Parameters
        ----------
        tell : callable
            ``tell(done, total, partial)`` after each epoch.
        inputs : sequence of str
            Drivers.
        time_step : int
            Days of a window.
        year, epochs : int
        show : callable
            Makes `partial` of the losses so far.
        """
        losses: list[float] = []

        def on_epoch(loss: float) -> None:
            losses.append(loss)
            tell(len(losses), epochs, show(losses))

        model = FluxForecaster.as_published(
            drivers=tuple(inputs),
            time_step=time_step,
            epochs=epochs,
            random_state=self._random_state,
        )
        model.on_epoch = on_epoch
        table = self._forecast(model, year)
        is_whole = len(losses) == epochs
        key = tuple(inputs), time_step, year, epochs
        self._lessons[key] = Lesson(table, losses, is_whole)

    def persist(self, year: int) -> Lesson:
        """Return what persistence forecasts for a year."""
        if year not in self._persistence:
            self._persistence[year] = Lesson(self._forecast(Persistence(), year), [], True)
        return self._persistence[year]

    def _forecast(self, model, year: int) -> pd.DataFrame:
        table = forecast_year(model, self._dataset, year)
        return table.assign(observed=self._observed.reindex(table.index).to_numpy())
