"""Forecast the daily >2 MeV fluence one to three days ahead with an ensemble of LSTMs.

The ensemble's mean is averaged with that of multilayer perceptrons, and corrected by its recent
bias: see :mod:`fluxlib.prediction.postprocessing`.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from fluxlib.datasets.series import ALERT
from fluxlib.errors import FluxError
from fluxlib.evaluation.folds import blocked_folds
from fluxlib.prediction.contract import BOUNDS, SATELLITE, DailyForecaster, Days, find_absent
from fluxlib.prediction.postprocessing import LOOKBACK, fit_mlp, run_mlp, running_bias
from fluxlib.prediction.windows import ROTATION_DAYS, DailyData, Windows
from fluxlib.utils.files import write_text
from fluxlib.utils.lazy import hide_library_log
from fluxlib.utils.parallel import map_tasks
from fluxlib.utils.scaling import apply_scale, measure_scale, shrinkage
from fluxlib.utils.time_grid import DAY

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

FILE = "forecaster.json"
VERSION = 6
LEAST_SPREAD = 0.3  # of a satellite's flag, by which it is scaled; that of 10 % of the days
MOST_SPREADS = 8  # of an input: a level far from all that was learned from counts as this far
BLOCKS_PER_SET = 4  # far apart, so that a set samples the whole solar cycle
ABSENCE_THINNING = 5  # one held-out day in so many shows what an absence costs
SIDE_BY_SIDE = 8  # networks that are trained in one graph
PROBABILITIES = np.linspace(0, 1, 501)  # at which the errors' quantiles are kept

_ARRAYS = (
    "mean_",
    "change_scale_",
    "error_quantiles_",
    "mixing_weights_",
    "bias_weights_",
)
_LISTS_OF_ARRAYS = ("sequence_scale_", "context_scale_")


class FluxForecaster(DailyForecaster):
    """An ensemble of LSTMs with intervals that were calibrated on days held out.

    Each member learns from all but one set of blocks of the training days. With as many members as
    sets, each training day has a member that has not seen it; with fewer, some days have none. The
    errors on days not seen, in units of the spread that the members expect there, give the
    intervals and the probability of an alert.

    Parameters
    ----------
    drivers, history, step, horizons, context
        As :func:`fluxlib.prediction.make_windows` takes. With context, days whose newest fluence
        is hidden are learned from as well: see :mod:`fluxlib.prediction.windows`.
    residual : bool
        Learn the change from the last known fluence, rather than the fluence itself.
    mixed : bool
        Average the LSTMs with multilayer perceptrons on the same inputs, for each horizon with the
        weight that suits the held-out days best.
    debiased : bool
        Subtract the recent bias: see :func:`running_bias`. For each horizon, the share of it that
        suits the held-out days best.
    members : int
        Networks of the ensemble.
    blocks : int
        Sets of blocks that are held out in turn.
    units, dropout, noise, epochs, batch_size, learning_rate
        Of each network.
    plain : bool
        The LSTM's last state and one linear layer, nothing else, trained on the squared error. The
        spread that a network expects is then the same on all days.
    alert : float
        Fluence of an alert, e/(cm2 day sr).
    random_state : int
        Seed.

    Examples
    --------
    >>> forecaster = FluxForecaster(members=2).fit(dataset)  # doctest: +SKIP
    >>> forecaster.predict_newest(dataset)  # doctest: +SKIP
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
        plain: bool = False,
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
        self.plain = plain
        self.alert = alert
        self.random_state = random_state

    @classmethod
    def as_published(
        cls, drivers: Sequence[str] = ("V", "Dst", "Kp"), time_step: int = 3, **options: Any
    ) -> Self:
        """Return the forecaster of Wei et al. 2018 (doi 10.1029/2018SW001829).

        Daily means, a window of some days, the fluence itself as target, one network of an LSTM
        and a linear layer.

        Parameters
        ----------
        drivers : sequence of str
            Inputs besides the flux.
        time_step : int
            Days of a window.
        **options
            Of the class.
        """
        plain = {"step": 24, "context": False, "residual": False, "members": 1}
        plain |= {"mixed": False, "debiased": False, "plain": True, "dropout": 0, "noise": 0}
        return cls(drivers=drivers, history=time_step, **plain | options)

    @property
    def lookback(self) -> int:
        """Days whose forecasts show the recent bias: an error is known when its day is over."""
        return LOOKBACK + self.horizons if self.debiased else 0

    def fit(
        self,
        data: "Dataset | DailyData | pd.DataFrame",
        days: Days | None = None,
        *,
        progress: Callable[[float], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Self:
        """Learn from the days of a dataset: see :meth:`DailyForecaster.fit`.

        Members are trained by the workers of the scheduler that FLUX_SCHEDULER names, where it is
        set, unless `progress` or `should_stop` is given; the result is the same.

        Parameters
        ----------
        data, days
            As the base class takes.
        progress : callable
            Called with the training loss after each epoch.
        should_stop : callable
            Asked after each epoch. If true, the networks keep the weights of the least loss so far.
        """
        return super().fit(data, days, progress=progress, should_stop=should_stop)

    def fit_windows(self, windows: Windows, gap_windows: Windows, **watch: Any) -> None:
        """Learn from windows, and from those whose newest fluence is hidden."""
        both = windows.join(gap_windows)
        self._learn_scales(both)
        inputs, target = self.scale_inputs(both), self.scale_target(both)
        # A day's inputs reach back in time, and its targets ahead.
        reach = max(self.history, ROTATION_DAYS if self.context else 0)
        folds = [
            (np.flatnonzero(both.days.isin(windows.days[train])), test)
            for train, test in blocked_folds(
                windows.days,
                BLOCKS_PER_SET * self.blocks,
                BLOCKS_PER_SET,
                purge=(reach + self.horizons) * DAY,
            )
        ]
        training = {name: getattr(self, name) for name in ("epochs", "batch_size", "learning_rate")}
        own = [folds[member % self.blocks] for member in range(self.members)]
        tasks = [
            (
                self.network_config,
                own[first : first + SIDE_BY_SIDE],
                training | {"random_state": self.random_state * 1000 + first},
            )
            for first in range(0, self.members, SIDE_BY_SIDE)
        ]
        if any(watch.values()):  # callables that cannot be called from another machine
            trained = [
                _train_members(config, folds, options | watch, inputs, target)
                for config, folds, options in tasks
            ]
        else:
            trained = list(map_tasks(_train_members, tasks, inputs, target))
        weights, outputs = zip(*trained, strict=True)
        self.weights_ = [np.concatenate(same) for same in zip(*weights, strict=True)]
        n, held_out = len(windows.days), np.concatenate(outputs)
        mlp_held_out = self._fit_mlps(inputs, target, folds)
        self._calibrate(windows.days, held_out[:, :n], mlp_held_out[:n], target[:n])
        self._measure_absences([values[:n] for values in inputs], held_out[:, :n], target[:n])

    def _fit_mlps(self, inputs, target, folds) -> np.ndarray:
        """Fit a perceptron to each fold; return their outputs for the days held out of it."""
        self.mlps_ = []
        held_out = np.full(target.shape, np.nan)
        for fold, (train, test) in enumerate(folds if self.mixed else ()):
            weights = fit_mlp(
                [values[train] for values in inputs],
                target[train],
                units=self.units,
                random_state=self.random_state * 1000 + fold,
            )
            held_out[test] = run_mlp(weights, [values[test] for values in inputs])
            self.mlps_.append(weights)
        return held_out

    def _calibrate(
        self, days: pd.DatetimeIndex, held_out: np.ndarray, mlp: np.ndarray, target: np.ndarray
    ) -> None:
        """Learn the weights of corrections and the errors' quantiles from held-out days.

        The quantiles are in units of the spread that the networks expect on their day. A day has
        one network of a kind, or a few, that did not see it, so the weights are fair to both kinds.
        """
        seen = np.isfinite(held_out).any(axis=(0, 2))
        value, sigma = self._join_members(held_out[:, seen])
        observed, mlp = target[seen], mlp[seen]
        self.mixing_weights_ = self.bias_weights_ = np.zeros(self.horizons)
        if self.mixed:
            self.mixing_weights_ = shrinkage(observed - value, mlp - value)
            value = value + self.mixing_weights_ * (mlp - value)
        self.held_out_errors_ = pd.DataFrame(value - observed, days[seen])
        if self.debiased:
            bias = running_bias(days[seen], value - observed)
            self.bias_weights_ = shrinkage(value - observed, bias)
            value = value - self.bias_weights_ * bias
        self.error_quantiles_ = np.nanquantile((observed - value) / sigma, PROBABILITIES, axis=0).T

    def _measure_absences(
        self, inputs: list[np.ndarray], held_out: np.ndarray, target: np.ndarray
    ) -> None:
        """Measure by how much each absence widens the errors, on some of the days held out.

        `absence_factors_` has a row for each driver, and one for the satellite's flags: by horizon,
        the factor by which the networks' error grows where that is not known.
        """
        rows = np.flatnonzero(np.isfinite(held_out).any(axis=(0, 2)))[::ABSENCE_THINNING]
        seen = np.isfinite(held_out[:, rows])
        part = [values[rows] for values in inputs]
        names = [name for name in self.channels_ if name not in ("e2", "low")]
        variants = {name: self._hide(part, name) for name in [*names, SATELLITE]}
        both = [np.concatenate(same) for same in zip(part, *variants.values(), strict=True)]
        outputs = _import_lstm().run_networks(self.network_config, self.weights_, both)
        outputs = np.stack(np.split(outputs, 1 + len(variants), axis=1))
        outputs[:, ~seen.any(axis=2)] = np.nan
        values = [self._join_members(one)[0] for one in outputs]
        first, *others = (np.nanmean((value - target[rows]) ** 2, axis=0) for value in values)
        factors = [np.maximum(1, np.sqrt(error / first)) for error in others]
        self.absence_factors_ = pd.DataFrame(factors, list(variants))

    def _hide(self, inputs: list[np.ndarray], name: str) -> list[np.ndarray]:
        """Return scaled inputs without a driver, or with a satellite that is none of those known.

        What is not known is 0, the mean.
        """
        sequence, context = (values.copy() for values in inputs)
        if name == SATELLITE:
            mean, spread = self.context_scale_
            for column, (quantity, _) in enumerate(self.known_context_):
                if quantity == SATELLITE:
                    context[:, column] = -mean[column] / spread[column]
            return [sequence, context]
        sequence[:, :, self.channels_.index(name)] = 0
        for column, (quantity, _) in enumerate(self.known_context_):
            if quantity.startswith(f"{name} "):
                context[:, column] = 0
        return [sequence, context]

    def _widen(self, windows: Windows) -> np.ndarray:
        """Return the factors (n, horizons) of what each day's forecast has to do without."""
        factors = np.ones((len(windows.days), self.horizons))
        for name, own in self.absence_factors_.iterrows():
            factors[find_absent(windows, str(name))] *= own.to_numpy()
        return factors

    def predict_windows(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return log10 `value`, its intervals, and the probability `alert`: (n, horizons).

        Intervals are wider by a measured factor where a driver is missing, or the satellite is not
        one that was learned from.
        """
        if windows.channels != self.channels_:
            raise FluxError(
                f"the data gives the channels {', '.join(windows.channels)}; the forecaster "
                f"learned from {', '.join(self.channels_)}."
            )
        inputs = self.scale_inputs(windows)
        outputs = _import_lstm().run_networks(self.network_config, self.weights_, inputs)
        value, sigma = self._join_members(outputs)
        if self.mixed:
            mlp = np.mean([run_mlp(own, inputs) for own in self.mlps_], axis=0)
            value = value + self.mixing_weights_ * (mlp - value)
        if self.debiased:
            value = value - self.bias_weights_ * self._recent_bias(windows, value)
        return self._to_log_fluence(windows, value, sigma * self._widen(windows))

    def _recent_bias(self, windows: Windows, value: np.ndarray) -> np.ndarray:
        """Return the mean error of the newest forecasts before each issue day."""
        errors = pd.DataFrame(value - self.scale_target(windows).astype(float), windows.days)
        # For days that were learned from, the errors of the networks that had not seen them.
        errors.update(self.held_out_errors_)
        return running_bias(windows.days, errors.to_numpy())

    def _to_log_fluence(
        self, windows: Windows, value: np.ndarray, sigma: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return log10 fluence, its interval, and the probability of an alert."""
        value = value * self.change_scale_ + self._base(windows)
        sigma = sigma * self.change_scale_
        errors = {
            name: [np.interp(p, PROBABILITIES, own) for own in self.error_quantiles_]
            for name, p in BOUNDS.items()
        }
        over = (np.log10(self.alert) - value) / sigma
        below = [
            np.interp(column, own, PROBABILITIES)
            for column, own in zip(over.T, self.error_quantiles_, strict=True)
        ]
        return {
            "value": value,
            **{name: value + own * sigma for name, own in errors.items()},
            "alert": 1 - np.transpose(below),
        }

    def _join_members(self, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Average the members that have an output: values, and spreads."""
        mean = np.nanmean(outputs, axis=0)
        h = self.horizons
        return mean[:, :h], np.exp(np.clip(mean[:, h:], -4, 3))

    @property
    def network_config(self) -> tuple:
        """The arguments of `lstm.build_network`."""
        return (
            tuple(self.shape_),
            len(self.known_context_),
            self.horizons,
            self.units,
            self.dropout,
            self.noise,
            self.plain,
        )

    def _learn_scales(self, windows: Windows) -> None:
        """Learn from the training days alone how inputs and targets are scaled."""
        self.shape_ = windows.sequence.shape[1:]
        self.known_context_ = list(windows.context)
        self.channels_ = windows.channels
        self.sequence_scale_ = measure_scale(windows.sequence, axis=(0, 1))
        mean, spread = measure_scale(windows.context.to_numpy())
        # A flag that hardly varies would have a huge value on the few days on which it differs.
        flags = windows.context.columns.get_level_values(0) == SATELLITE
        self.context_scale_ = mean, np.where(flags, np.maximum(spread, LEAST_SPREAD), spread)
        self.mean_ = np.nanmean(windows.target, axis=0)
        self.change_scale_ = np.nanstd(windows.target - self._base(windows), axis=0)

    def _base(self, windows: Windows) -> np.ndarray:
        """Return the (n, horizons) to which the networks' output is added."""
        if self.residual:
            return np.repeat(windows.last[:, None], self.horizons, axis=1)
        return np.repeat(self.mean_[None], len(windows.days), axis=0)

    def scale_inputs(self, windows: Windows) -> list[np.ndarray]:
        """Return the standardised (n, steps, channels) and (n, k) that the networks read."""
        inputs = [
            apply_scale(windows.sequence, self.sequence_scale_),
            apply_scale(windows.context.to_numpy(), self.context_scale_),
        ]
        return [np.clip(values, -MOST_SPREADS, MOST_SPREADS) for values in inputs]

    def scale_target(self, windows: Windows) -> np.ndarray:
        """Return the standardised (n, horizons) that the networks learn, NaN if not observed."""
        target = (windows.target - self._base(windows)) / self.change_scale_
        return target.astype("float32")

    def save(self, folder: str | Path) -> Path:
        """Write the fitted forecaster: one `.keras` file per member, and JSON; no pickle.

        A reader finds the old forecaster or the new one, whenever the writing is interrupted: the
        JSON, written last, names the files that belong to it.
        """
        folder, token = Path(folder), uuid.uuid4().hex[:8]
        names = [f"member-{token}-{i}.keras" for i in range(self.members)]
        errors = self.held_out_errors_
        content = {
            "version": VERSION,
            "parameters": self.get_params(),
            "members": names,
            "shape_": self.shape_,
            "channels_": self.channels_,
            "known_context_": self.known_context_,
            **{name: getattr(self, name) for name in (*_ARRAYS, *_LISTS_OF_ARRAYS)},
            "mlps_": self.mlps_,
            "absence_factors_": self.absence_factors_.T.to_dict("list"),
            "held_out_errors_": {
                "days": errors.index.astype(str).tolist(),
                "errors": errors.astype(object).replace(np.nan, None).to_numpy().tolist(),
            },
        }
        text = json.dumps(content, allow_nan=False, default=np.ndarray.tolist)
        paths = [folder / name for name in names]
        _import_lstm().write_networks(self.network_config, self.weights_, paths)
        write_text(folder / FILE, text)
        for old in folder.glob("member-*.keras"):
            if old.name not in names:
                old.unlink()
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a forecaster that :meth:`save` wrote.

        Raises
        ------
        FluxError
            If the folder holds none, one of another version, or a damaged one.
        """
        path = Path(folder) / FILE
        if not path.exists():
            raise FluxError(
                f"{path} does not exist; expected the folder that a forecaster's save wrote."
            )
        try:
            return cls._read(path)
        except FluxError:
            raise
        except Exception as error:  # whatever a damaged byte makes JSON, NumPy or Keras trip over
            raise FluxError(
                f"{path}: not a forecaster that save wrote, or it or a file beside it is damaged "
                f"({type(error).__name__}); fit and save again."
            ) from None

    @classmethod
    def _read(cls, path: Path) -> Self:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("version") != VERSION:
            raise FluxError(
                f"{path}: version is {content.get('version')!r}; this fluxlib reads {VERSION}. Fit "
                "and save again."
            )
        self = cls(**content["parameters"])
        self.shape_, self.channels_ = tuple(content["shape_"]), content["channels_"]
        self.known_context_ = [tuple(name) for name in content["known_context_"]]
        for name in _ARRAYS:
            setattr(self, name, np.array(content[name]))
        for name in _LISTS_OF_ARRAYS:
            setattr(self, name, [np.array(part) for part in content[name]])
        self.mlps_ = [[np.array(part) for part in own] for own in content["mlps_"]]
        self.absence_factors_ = pd.DataFrame(content["absence_factors_"]).T
        kept = content["held_out_errors_"]
        days = pd.DatetimeIndex(kept["days"])
        self.held_out_errors_ = pd.DataFrame(kept["errors"], days, dtype=float)
        paths = [path.parent / name for name in content["members"]]
        self.weights_ = _import_lstm().read_networks(paths)
        return self


def _import_lstm() -> ModuleType:
    """Import TensorFlow when networks are needed: it takes seconds, and may not be installed."""
    try:
        with hide_library_log():
            from fluxlib.prediction import lstm
    except ModuleNotFoundError as error:
        if str(error.name).split(".")[0] not in ("keras", "tensorflow"):
            raise
        raise FluxError(
            f"FluxForecaster needs {error.name}, which is not installed; install it with "
            "pip install 'fluxlib-goes[forecast]'. The other forecasters do without."
        ) from error
    return lstm


def _train_members(config, folds, training, inputs, target):
    """Train a network for each fold; return weights, and outputs for the days held out of each."""
    lstm = _import_lstm()
    weights = lstm.train_networks(config, inputs, target, [train for train, _ in folds], **training)
    outputs = lstm.run_networks(config, weights, inputs)
    for own, (_, test) in zip(outputs, folds, strict=True):
        own[np.setdiff1d(np.arange(len(target)), test)] = np.nan
    return weights, outputs
