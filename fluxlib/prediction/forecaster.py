"""Forecast the daily >2 MeV fluence one to three days ahead, with an ensemble of LSTMs."""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.datasets.series import ALERT
from fluxlib.errors import FluxError
from fluxlib.evaluation.folds import blocked_folds
from fluxlib.prediction import lstm as network
from fluxlib.prediction import postprocessing as drift
from fluxlib.prediction import postprocessing as stacking
from fluxlib.prediction.contract import DailyForecaster
from fluxlib.prediction.windows import ROTATION, Windows
from fluxlib.utils.files import write_text
from fluxlib.utils.parallel import map_tasks
from fluxlib.utils.scaling import apply_scale, measure_scale
from fluxlib.utils.time_grid import DAY

NAME = "forecaster.json"
VERSION = 3
ARRAYS = ("mean_", "change_scale_", "errors_", "shares_", "bias_shares_")
PAIRS = ("sequence_scale_", "context_scale_")
PLAIN = ("shape_", "channels_", "context_names_")


def save_forecaster(forecaster, folder: str | Path) -> Path:
    """Write a fitted forecaster; the JSON, written last, names the files that count."""
    folder = Path(folder)
    token = uuid.uuid4().hex[:8]
    names = [f"member-{token}-{i}.keras" for i in range(forecaster.members)]
    content = {
        "version": VERSION,
        "parameters": forecaster.get_params(),
        "members": names,
        **{name: getattr(forecaster, name) for name in PLAIN},
        **{name: getattr(forecaster, name).tolist() for name in ARRAYS},
        **{name: [part.tolist() for part in getattr(forecaster, name)] for name in PAIRS},
        "plain_": [[part.tolist() for part in own] for own in forecaster.plain_],
        "held_out_": {
            "days": forecaster.held_out_.index.astype(str).tolist(),
            "errors": forecaster.held_out_.astype(object).replace(np.nan, None).to_numpy().tolist(),
        },
    }
    text = json.dumps(content, allow_nan=False)
    paths = [folder / name for name in names]
    network.write_networks(forecaster.get_config(), forecaster.weights_, paths)
    write_text(folder / NAME, text)
    for old in folder.glob("member-*.keras"):
        if old.name not in names:
            old.unlink()
    return folder


def load_forecaster(kind: type, folder: str | Path):
    """Read a forecaster of a class."""
    path = Path(folder) / NAME
    if not path.exists():
        raise FluxError(
            f"{path} does not exist; expected the folder that a forecaster's save wrote."
        )
    content = json.loads(path.read_text(encoding="utf-8"))
    if content.get("version") != VERSION:
        raise FluxError(
            f"{path}: version is {content.get('version')!r}; this fluxlib reads {VERSION}. Fit and "
            "save again."
        )
    forecaster = kind(**content["parameters"])
    for name in PLAIN:
        setattr(forecaster, name, content[name])
    for name in ARRAYS:
        setattr(forecaster, name, np.array(content[name]))
    for name in PAIRS:
        setattr(forecaster, name, tuple(np.array(part) for part in content[name]))
    forecaster.plain_ = [[np.array(part) for part in own] for own in content["plain_"]]
    kept = content["held_out_"]
    forecaster.held_out_ = pd.DataFrame(kept["errors"], pd.DatetimeIndex(kept["days"]), dtype=float)
    forecaster.shape_ = tuple(forecaster.shape_)
    forecaster.weights_ = network.read_networks([path.parent / n for n in content["members"]])
    return forecaster


BLOCKS_A_SET = 4  # far apart, so that a set sees all of the solar cycle
SIDE_BY_SIDE = 8  # networks that train in one graph
PROBABILITIES = np.linspace(0, 1, 501)  # at which the errors' quantiles are kept


class FluxForecaster(DailyForecaster):
    """An ensemble of LSTMs with intervals that were calibrated on days held out.

    Each member learns from all but one set of blocks of the training days, so with as many members
    as sets each training day has one that never saw it; with fewer, some days have none. The
    errors on days not seen, in units of the spread that the members expect there, give the
    intervals and the probability of an alert.

    Parameters
    ----------
    drivers, history, step, horizons, context
        As :func:`fluxlib.prediction.windows.make_windows` takes. With context, days whose newest
        fluence
        is hidden are learned from as well: see :mod:`fluxlib.prediction.windows`.
    residual : bool
        Learn the change from the last known fluence, rather than the fluence itself.
    mixed : bool
        Mix the LSTMs with plain networks on the same inputs, for each horizon in the share that
        suits the held-out days best.
    debiased : bool
        Take from each forecast what the newest ones have been wrong by on average: see
        :mod:`fluxlib.prediction.postprocessing`. For each horizon in the share that suits the
        held-out days best.
    members : int
        Networks of the ensemble.
    blocks : int
        Sets of blocks to hold out in turn.
    units, dropout, noise, epochs, batch_size, learning_rate
        Of each network.
    interval : float
        Probability that `lower` to `upper` holds the truth.
    alert : float
        Fluence of an alert, e/(cm2 day sr).
    random_state : int
        Seed.

    Attributes
    ----------
    on_epoch : callable or None
        Set it to watch the training: see `network.train_networks`.
    """

    on_epoch = None

    def __init__(
        self,
        *,
        drivers=None,
        history: int = 4,
        step: int = 6,
        horizons: int = 3,
        context: bool = True,
        residual: bool = True,
        mixed: bool = True,
        debiased: bool = True,
        members: int = 8,
        blocks: int = 8,
        units: int = 32,
        dropout: float = 0.1,
        noise: float = 0.1,
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
        self.mixed = mixed
        self.debiased = debiased
        self.members = members
        self.blocks = blocks
        self.units = units
        self.dropout = dropout
        self.noise = noise
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
        plain |= {"mixed": False, "debiased": False}
        return cls(drivers=drivers, history=time_step, **plain | options)

    @property
    def lookback(self) -> int:
        """Days whose forecasts tell how wrong the newest are."""
        return drift.LOOKBACK if self.debiased else 0

    def save(self, folder: str | Path) -> Path:
        """Write the fitted forecaster: one `.keras` file a member, and JSON; no pickle.

        A reader finds the old forecaster or the new one, whenever the writing is cut short.
        """
        return save_forecaster(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> "FluxForecaster":
        """Read a forecaster that :meth:`save` wrote.

        Raises
        ------
        FluxError
            If the folder holds none.
        """
        return load_forecaster(cls, folder)

    def _fit(self, windows: Windows, stale: Windows) -> None:
        n, both = len(windows.days), windows.join(stale)
        self._learn_scales(both)
        inputs, target = self._scale_inputs(both), self._scale_target(both)
        reach = max(self.history, ROTATION if self.context else 0)
        purge = (reach + self.horizons) * DAY
        folds = [
            (np.flatnonzero(both.days.isin(windows.days[train])), test)
            for train, test in blocked_folds(
                windows.days, BLOCKS_A_SET * self.blocks, BLOCKS_A_SET, purge=purge
            )
        ]
        training = {name: getattr(self, name) for name in ("epochs", "batch_size", "learning_rate")}
        if self.on_epoch:
            training["on_epoch"] = self.on_epoch
        own = [folds[member % self.blocks] for member in range(self.members)]
        tasks = [
            (
                self.get_config(),
                own[first : first + SIDE_BY_SIDE],
                training | {"seed": self.random_state * 1000 + first},
            )
            for first in range(0, self.members, SIDE_BY_SIDE)
        ]
        trained = map_tasks(_train_members, tasks, inputs, target)
        weights, outputs = zip(*trained, strict=True)
        self.weights_ = [np.concatenate(same) for same in zip(*weights, strict=True)]
        held_out = np.concatenate(outputs)
        plain = self._fit_plain(inputs, target, folds)
        self._calibrate(windows.days, held_out[:, :n], plain[:n], target[:n])

    def _fit_plain(self, inputs, target, folds) -> np.ndarray:
        """Fit a plain network a fold; return what each says of the days held out of it."""
        self.plain_ = []
        held_out = np.full((len(target), self.horizons), np.nan)
        for fold, (train, test) in enumerate(folds if self.mixed else ()):
            weights = stacking.fit_plain(
                [values[train] for values in inputs],
                target[train],
                units=self.units,
                seed=self.random_state * 1000 + fold,
            )
            held_out[test] = stacking.run_plain(weights, [values[test] for values in inputs])
            self.plain_.append(weights)
        return held_out

    def _calibrate(
        self, days: pd.DatetimeIndex, held_out: np.ndarray, plain: np.ndarray, target: np.ndarray
    ) -> None:
        """Learn from held-out days the shares of corrections, and the errors' quantiles.

        The quantiles are in units of the spread that the networks expect on their day. A day has
        one network of a kind, or a few, that did not see it, so the shares are fair to both kinds.
        """
        seen = np.isfinite(held_out).any(axis=(0, 2))
        value, sigma = self._join_members(held_out[:, seen])
        known = target[seen, self.horizons :] > 0
        observed = np.where(known, target[seen, : self.horizons], np.nan)
        self.shares_ = np.zeros(self.horizons)
        if self.mixed:
            self.shares_ = stacking.find_shares(observed, value, plain[seen])
            value = value + self.shares_ * (plain[seen] - value)
        self.held_out_ = pd.DataFrame(value - observed, days[seen])
        self.bias_shares_ = np.zeros(self.horizons)
        if self.debiased:
            bias = drift.average_errors(days[seen], value - observed)
            self.bias_shares_ = stacking.find_shares(observed, value, value - bias)
            value = value - self.bias_shares_ * bias
        self.errors_ = np.nanquantile((observed - value) / sigma, PROBABILITIES, axis=0).T

    def _predict(self, windows: Windows) -> dict[str, np.ndarray]:
        self._check_channels(windows)
        inputs = self._scale_inputs(windows)
        value, sigma = self._join_members(
            network.run_networks(self.get_config(), self.weights_, inputs)
        )
        if self.mixed:
            plain = np.mean([stacking.run_plain(own, inputs) for own in self.plain_], axis=0)
            value = value + self.shares_ * (plain - value)
        if self.debiased:
            value = value - self.bias_shares_ * self._find_bias(windows, value)
        return self._spell_out(windows, value, sigma)

    def _find_bias(self, windows: Windows, value: np.ndarray) -> np.ndarray:
        """Return what the newest forecasts before each have been wrong by."""
        truth = (windows.target - self._base(windows)) / self.change_scale_
        errors = pd.DataFrame(value - truth, windows.days)
        # Of days that the networks learned from, the errors of those that had not seen them.
        errors.update(self.held_out_)
        return drift.average_errors(windows.days, errors.to_numpy())

    def _spell_out(
        self, windows: Windows, value: np.ndarray, sigma: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return log10 fluence, interval, and alert probability of standardised values."""
        value = value * self.change_scale_ + self._base(windows)
        sigma = sigma * self.change_scale_
        tail = (1 - self.interval) / 2
        low, high = (
            [np.interp(p, PROBABILITIES, errors) for errors in self.errors_]
            for p in (tail, 1 - tail)
        )
        over = (np.log10(self.alert) - value) / sigma
        below = [
            np.interp(column, errors, PROBABILITIES)
            for column, errors in zip(over.T, self.errors_, strict=True)
        ]
        return {
            "value": value,
            "lower": value + low * sigma,
            "upper": value + high * sigma,
            "alert": 1 - np.transpose(below),
        }

    def _join_members(self, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Average the members that have an output: values, and spreads."""
        mean = np.nanmean(outputs, axis=0)
        h = self.horizons
        return mean[:, :h], np.exp(np.clip(mean[:, h:], -4, 3))

    def get_config(self) -> tuple:
        """Return what `network.build_network` takes."""
        return (
            self.shape_,
            len(self.context_names_),
            self.horizons,
            self.units,
            self.dropout,
            self.noise,
        )

    def _check_channels(self, windows: Windows) -> None:
        if windows.channels != self.channels_:
            raise FluxError(
                f"the data gives the channels {', '.join(windows.channels)}; the forecaster "
                f"learned from {', '.join(self.channels_)}."
            )

    def _learn_scales(self, windows: Windows) -> None:
        """Learn from the training days alone how inputs and targets are scaled."""
        self.shape_ = windows.sequence.shape[1:]
        self.channels_ = windows.channels
        self.context_names_ = list(windows.context)
        self.sequence_scale_ = measure_scale(windows.sequence, axis=(0, 1))
        self.context_scale_ = measure_scale(windows.context.to_numpy())
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


def _train_members(config, folds, training, inputs, target):
    """Train a network for each fold; return weights, and outputs on the days held out of each."""
    rows = [train for train, _ in folds]
    weights = network.train_networks(config, inputs, target, rows, **training)
    outputs = network.run_networks(config, weights, inputs)
    for own, (_, test) in zip(outputs, folds, strict=True):
        own[np.setdiff1d(np.arange(len(target)), test)] = np.nan
    return weights, outputs
