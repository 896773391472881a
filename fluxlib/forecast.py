"""Forecast the daily >2 MeV fluence one to three days ahead, with an ensemble of LSTMs."""

from collections.abc import Sequence

import numpy as np

from fluxlib import network
from fluxlib.folds import blocked_folds
from fluxlib.forecaster import DailyForecaster
from fluxlib.windows import DAY, Windows

ALERT = 1e8  # e/(cm2 day sr): SWPC's alert level for >2 MeV fluence


class FluxForecaster(DailyForecaster):
    """An ensemble of LSTMs with intervals that were calibrated on days held out.

    Each member learns from all but one set of blocks of the training days, so each training day
    has members that never saw it. Their errors there, in units of the spread that they expect,
    give the intervals and the probability of an alert.

    Parameters
    ----------
    drivers, history, step, horizons, context
        As :func:`fluxlib.windows.make_windows` takes.
    residual : bool
        Learn the change from the last known fluence, rather than the fluence itself.
    members : int
        Networks of the ensemble.
    blocks : int
        Sets of blocks to hold out in turn.
    units, dropout, epochs, batch_size, learning_rate
        Of each network.
    interval : float
        Probability that `lower` to `upper` holds the truth.
    alert : float
        Fluence of an alert, e/(cm2 day sr).
    random_state : int
        Seed.
    """

    def __init__(
        self,
        *,
        drivers=None,
        history: int = 4,
        step: int = 6,
        horizons: int = 3,
        context: bool = True,
        residual: bool = True,
        members: int = 4,
        blocks: int = 4,
        units: int = 32,
        dropout: float = 0.2,
        epochs: int = 25,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        interval: float = 0.9,
        alert: float = ALERT,
        random_state: int = 0,
    ):
        self.drivers = drivers
        self.history = history
        self.step = step
        self.horizons = horizons
        self.context = context
        self.residual = residual
        self.members = members
        self.blocks = blocks
        self.units = units
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.interval = interval
        self.alert = alert
        self.random_state = random_state

    @classmethod
    def as_published(
        cls, drivers: Sequence[str] = ("V", "Dst", "Kp"), time_step: int = 3, **options
    ) -> "FluxForecaster":
        """Make the forecaster of Wei et al. 2018 (doi 10.1029/2018SW001829).

        Daily means, a window of some days, the fluence itself as target, one network.

        Parameters
        ----------
        drivers : sequence of str
            The input set, beside the flux.
        time_step : int
            Days of a window.
        **options
            Of the class.
        """
        plain = {"step": 24, "context": False, "residual": False, "members": 1}
        return cls(drivers=drivers, history=time_step, **plain | options)

    def _fit(self, windows: Windows) -> None:
        self._learn_scales(windows)
        inputs, target = self._scale_inputs(windows), self._scale_target(windows)
        purge = (self.history + self.horizons) * DAY
        folds = blocked_folds(windows.days, 4 * self.blocks, 4, purge=purge)
        self.weights_ = []
        held_out = np.full((self.members, *target.shape), np.nan)
        for member in range(self.members):
            train, test = folds[member % self.blocks]
            weights = network.train_network(
                self._config(),
                [values[train] for values in inputs],
                target[train],
                epochs=self.epochs,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                seed=self.random_state * 1000 + member,
            )
            self.weights_.append(weights)
            part = [values[test] for values in inputs]
            held_out[member, test] = network.run_network(self._config(), weights, part)
        self._calibrate(held_out, target)

    def _calibrate(self, held_out: np.ndarray, target: np.ndarray) -> None:
        """Keep the errors on held-out days, each in units of the spread expected there."""
        seen = np.isfinite(held_out).any(axis=(0, 2))
        value, sigma = self._join_members(held_out[:, seen])
        error = np.where(
            target[seen, self.horizons :] > 0, target[seen, : self.horizons] - value, np.nan
        )
        self.errors_ = [np.sort(e[np.isfinite(e)]) for e in (error / sigma).T]

    def _predict(self, windows: Windows) -> dict[str, np.ndarray]:
        inputs = self._scale_inputs(windows)
        value, sigma = self._join_members(
            np.stack([network.run_network(self._config(), w, inputs) for w in self.weights_])
        )
        value = value * self.change_scale_ + self._base(windows)
        sigma = sigma * self.change_scale_
        tail = (1 - self.interval) / 2
        low, high = np.array([np.quantile(e, [tail, 1 - tail]) for e in self.errors_]).T
        over = (np.log10(self.alert) - value) / sigma
        chance = [
            1 - np.searchsorted(errors, level) / len(errors)
            for errors, level in zip(self.errors_, over.T, strict=True)
        ]
        return {
            "value": value,
            "lower": value + low * sigma,
            "upper": value + high * sigma,
            "alert": np.where(np.isfinite(value), np.transpose(chance), np.nan),
        }

    def _join_members(self, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Average the members that have an output: values, and spreads."""
        mean = np.nanmean(outputs, axis=0)
        h = self.horizons
        return mean[:, :h], np.exp(np.clip(mean[:, h:], -4, 3))

    def _config(self) -> tuple:
        return (
            self.shape_,
            len(self.context_names_),
            self.horizons,
            self.units,
            self.dropout,
        )

    def _learn_scales(self, windows: Windows) -> None:
        """Learn from the training days alone how inputs and targets are scaled."""
        self.shape_ = windows.sequence.shape[1:]
        self.context_names_ = list(windows.context)
        self.sequence_scale_ = measure_scale(windows.sequence, axis=(0, 1))
        self.context_scale_ = measure_scale(windows.context.to_numpy(), axis=0)
        self.mean_ = np.nanmean(windows.target, axis=0)
        self.change_scale_ = np.nanstd(windows.target - self._base(windows), axis=0)

    def _base(self, windows: Windows) -> np.ndarray:
        """Return what the network's output is added to: (n, horizons)."""
        if self.residual:
            return np.repeat(windows.last[:, None], self.horizons, axis=1)
        return np.repeat(self.mean_[None], len(windows.days), axis=0)

    def _scale_inputs(self, windows: Windows) -> list[np.ndarray]:
        context = windows.context.reindex(columns=self.context_names_, fill_value=0)
        return [
            apply_scale(windows.sequence, self.sequence_scale_),
            apply_scale(context.to_numpy(), self.context_scale_),
        ]

    def _scale_target(self, windows: Windows) -> np.ndarray:
        target = (windows.target - self._base(windows)) / self.change_scale_
        there = np.isfinite(target)
        return np.hstack([np.where(there, target, 0), there]).astype("float32")


def measure_scale(values: np.ndarray, axis) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each column, of what is not missing."""
    mean = np.nan_to_num(np.nanmean(values, axis=axis))
    spread = np.nan_to_num(np.nanstd(values, axis=axis))
    return mean, np.where(spread > 0, spread, 1)


def apply_scale(values: np.ndarray, scale: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Standardise; what is missing becomes the mean."""
    return np.nan_to_num((values - scale[0]) / scale[1]).astype("float32")
