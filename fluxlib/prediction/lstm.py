"""The LSTM of the forecast: its layers, loss and training, on Keras.

One network of this size keeps no processor busy, so several are trained side by side in one graph:
their weights are stacked in layers of our own. Importing this module imports TensorFlow, which
takes seconds; the forecaster does so when it is fitted or loaded.
"""

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import initializers, layers, ops

from fluxlib.utils.files import atomic_path

BATCHES_AT_ONCE = 16  # steps_per_execution: batches in one call of the graph
WORTH_COMPILING = 30_000  # batches x steps x networks: below it, XLA's compilation costs more
ROWS_AT_ONCE = 512  # of a forecast, which bounds its memory
POOL = 8192  # random numbers; a power of two, half of which a batch may start at
MULTIPLIER = 1021  # 4 k + 1: the positions make one cycle (Hull and Dobell 1962)

tf.config.list_physical_devices()  # what it logs of them is logged now, not in the middle of a run


class StackedDense(layers.Layer):
    """A dense layer for each network: (batch, members, inputs) to (batch, members, units)."""

    def __init__(self, units: int, activation: str | None = None):
        super().__init__()
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, shape):
        """Create the weights."""
        _, members, inputs = shape
        self.kernel = self.add_weight((members, inputs, self.units), name="kernel")
        self.bias = self.add_weight((members, self.units), name="bias")

    def call(self, values):
        """Return each network's output for its own inputs."""
        return self.activation(ops.einsum("bmi,mio->bmo", values, self.kernel) + self.bias)


class StackedLSTM(layers.Layer):
    """An LSTM for each network: (batch, members, steps, channels) to (batch, members, units).

    Hochreiter and Schmidhuber 1997, as `keras.layers.LSTM` has it, gates in its order.

    Parameters
    ----------
    units : int
        Size of the state.
    looped : bool
        Whether the steps are a loop, which XLA compiles in half the time, or unrolled.
    """

    def __init__(self, units: int, *, looped: bool):
        super().__init__()
        self.units = units
        self.looped = looped

    def build(self, shape):
        """Create the weights."""
        _, members, _, channels = shape
        self.kernel = self.add_weight((members, channels, 4 * self.units), name="kernel")
        self.recurrent = self.add_weight((members, self.units, 4 * self.units), name="recurrent")
        self.bias = self.add_weight((members, 4 * self.units), name="bias")

    def call(self, values):
        """Return each network's last state."""
        values = ops.transpose(values, (2, 1, 0, 3))
        # One product a step, of inputs and state together: fewer operations to start.
        weights = ops.concatenate([self.kernel, self.recurrent], axis=1)
        steps, members, batch, _ = ops.shape(values)
        state = cell = ops.zeros((members, batch, self.units))

        def advance(inputs, state, cell):
            gates = ops.matmul(ops.concatenate([inputs, state], axis=-1), weights)
            gates = gates + self.bias[:, None]
            let_in, keep, new, let_out = ops.split(gates, 4, axis=-1)
            cell = ops.sigmoid(keep) * cell + ops.sigmoid(let_in) * ops.tanh(new)
            return ops.sigmoid(let_out) * ops.tanh(cell), cell

        if self.looped:
            _, state, _ = ops.while_loop(
                lambda step, *_: step < steps,
                lambda step, *own: (step + 1, *advance(ops.take(values, step, axis=0), *own)),
                (0, state, cell),
                maximum_iterations=steps,  # the gradient needs the states of each
            )
        else:
            for inputs in ops.unstack(values, steps):
                state, cell = advance(inputs, state, cell)
        return ops.transpose(state, (1, 0, 2))


class TrainingNoise(layers.Layer):
    """Noise or dropout for training: (batch, members, ...) to the same.

    All networks share the random numbers, as their samples differ anyway, and each batch takes them
    from another position of a pool: under XLA, Keras's own random layers are slow.
    """

    def __init__(self, kind: str, amount: float):
        super().__init__()
        self.kind = kind
        self.amount = amount

    def build(self, shape):
        """Fill the pool: normal numbers for `noise`, zeros among ones for `dropout`."""
        rng, size = np.random.default_rng(0), (POOL, *shape[2:])
        if self.kind == "noise":
            pool = self.amount * rng.standard_normal(size, "float32")
        else:
            pool = (rng.random(size) >= self.amount) / (1 - self.amount)
        fill = lambda shape, dtype: ops.cast(pool, dtype)  # noqa: E731
        self.pool = self.add_weight(size, fill, trainable=False, name="pool")
        self.position = self.add_weight(
            (), "zeros", dtype="int32", trainable=False, name="position"
        )

    def call(self, values, training=False):
        """Return the values, in training with noise, or with some left out."""
        if not training or self.amount == 0:
            return values
        # A linear congruential generator: each start once before any is repeated.
        position = ops.mod(self.position * MULTIPLIER + 1, POOL // 2)
        self.position.assign(position)
        # XLA would compile a slice from a variable position anew for each batch.
        rows = position + ops.arange(ops.shape(values)[0])
        drawn = ops.take(self.pool, rows, axis=0)[:, None]
        return values + drawn if self.kind == "noise" else values * drawn


def build_network(
    shape: tuple[int, int],
    n_context: int,
    horizons: int,
    units: int,
    dropout: float,
    noise: float,
    plain: bool = False,
    *,
    random_state: int = 0,
) -> keras.Model:
    """Build one network.

    An LSTM reads the sequence; its last state and the context give, for each horizon, the
    expected value and the logarithm of the standard deviation around it.

    Parameters
    ----------
    shape : (int, int)
        Steps and channels of the sequence.
    n_context : int
        Inputs besides the sequence; may be 0.
    horizons, units : int
        Days ahead; size of the LSTM and of the layer after it.
    dropout : float
        Share of the state and of the layer after it that training leaves out.
    noise : float
        Standard deviation of noise that training adds to the standardised inputs.
    plain : bool
        One linear layer gives the values, without a layer before it; the logarithm of the standard
        deviation is 0 throughout, so that the loss is the squared error alone.
    random_state : int
        Seed of weights, dropout and noise.

    Returns
    -------
    keras.Model
        Inputs (n, steps, channels) and (n, n_context); output (n, 2 * horizons).
    """
    # Keras would draw from Python's global generator, which other threads use as well, such as
    # those of a Dask worker.
    draw = partial(random.Random(random_state).randint, 1, 10**9)
    lstm = layers.LSTM(
        units,
        kernel_initializer=initializers.GlorotUniform(draw()),
        recurrent_initializer=initializers.Orthogonal(seed=draw()),
        seed=draw(),
    )
    hidden, last = (
        layers.Dense(size, activation, kernel_initializer=initializers.GlorotUniform(draw()))
        for size, activation in ((units, "relu"), (horizons if plain else 2 * horizons, None))
    )
    noises = [layers.GaussianNoise(noise, seed=draw()) for _ in range(2)]
    dropouts = [layers.Dropout(dropout, seed=draw()) for _ in range(2)]
    return _connect(shape, (n_context,), noises, lstm, dropouts, None if plain else hidden, last)


def build_ensemble(
    members: int,
    shape,
    n_context,
    horizons,
    units,
    dropout,
    noise,
    plain=False,
    *,
    looped: bool = False,
) -> keras.Model:
    """Build several networks as one graph, each with inputs of its own.

    Parameters
    ----------
    members : int
        Number of networks.
    shape, n_context, horizons, units, dropout, noise, plain
        As :func:`build_network` takes.
    looped : bool
        As :class:`StackedLSTM` takes.

    Returns
    -------
    keras.Model
        Inputs (n, members, steps, channels) and (n, members, n_context); output (n, members,
        2 * horizons). Its weights are those of :func:`build_network`, stacked.
    """
    lstm = StackedLSTM(units, looped=looped)
    hidden = None if plain else StackedDense(units, activation="relu")
    last = StackedDense(horizons if plain else 2 * horizons)
    noises = TrainingNoise("noise", noise), TrainingNoise("noise", noise)
    dropouts = TrainingNoise("dropout", dropout), TrainingNoise("dropout", dropout)
    shape, n_context = (members, *shape), (members, n_context)
    return _connect(shape, n_context, noises, lstm, dropouts, hidden, last)


def _connect(shape, context_shape, noises, lstm, dropouts, hidden, last):
    sequence = keras.Input(shape, name="sequence")
    context = keras.Input(context_shape, name="context")
    joined = layers.Concatenate()([lstm(noises[0](sequence)), noises[1](context)])
    if hidden is None:
        value = last(dropouts[0](joined))
        output = ops.concatenate([value, ops.zeros_like(value)], axis=-1)
    else:
        output = last(dropouts[1](hidden(dropouts[0](joined))))
    return keras.Model([sequence, context], output)


@lru_cache(maxsize=2)
def _compile_ensemble(members: int, config: tuple, jit: bool):
    """Build and compile an ensemble once for all test years: XLA takes seconds to compile."""
    model = build_ensemble(members, *config, looped=jit)
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=mix_losses,
        jit_compile=jit,
        steps_per_execution=BATCHES_AT_ONCE,
    )
    return model


def mix_losses(y_true, y_pred):
    """Squared error for the value, likelihood for the spread around it.

    The spread has no effect on the value, which therefore remains the mean that PE rewards.

    Parameters
    ----------
    y_true : tensor
        (..., 2 * horizons): targets, and 1 where they were observed: see :func:`mask_target`.
    y_pred : tensor
        (..., 2 * horizons): values, and log standard deviations.
    """
    h = y_pred.shape[-1] // 2
    error = y_true[..., :h] - y_pred[..., :h]
    log_sigma = ops.clip(y_pred[..., h:], -4.0, 3.0)
    z = ops.stop_gradient(error) * ops.exp(-log_sigma)
    return ops.sum(y_true[..., h:] * (error**2 + 0.5 * z**2 + log_sigma), axis=-1)


def mask_target(target: np.ndarray) -> np.ndarray:
    """Return (n, 2 * horizons): targets, 0 where they are NaN; and 1 where they are not."""
    known = np.isfinite(target)
    return np.hstack([np.where(known, target, 0), known]).astype("float32")


def train_networks(
    config: tuple,
    inputs: list[np.ndarray],
    target: np.ndarray,
    rows: Sequence[np.ndarray],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    random_state: int,
    progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[np.ndarray]:
    """Train networks side by side from new weights; the learning rate falls as a cosine.

    Parameters
    ----------
    config : tuple
        As :func:`build_network` takes.
    inputs : list of array
        (n, steps, channels) and (n, n_context).
    target : array
        (n, horizons); NaN where it was not observed.
    rows : sequence of array
        For each network, the samples that it learns from.
    epochs, batch_size, learning_rate, random_state
        Of each network.
    progress : callable, optional
        Called with the loss after each epoch.
    should_stop : callable, optional
        Asked after each epoch. If true, training ends with the weights of the least loss so far.

    Returns
    -------
    list of array
        The trained weights, each (members, ...).
    """
    members, steps = len(rows), config[0][0]
    rows = fill_batches(rows, batch_size, random_state)
    work = len(rows) / batch_size * epochs * steps * members
    model = _compile_ensemble(members, config, work > WORTH_COMPILING)
    keras.utils.set_random_seed(random_state)
    starts = [build_network(*config, random_state=random_state + i) for i in range(members)]
    _start_anew(model, starts, random_state)
    best: dict[str, Any] = {}
    stopped = False

    def end_epoch(_, logs):
        nonlocal stopped
        if progress is not None:
            progress(logs["loss"])
        if should_stop is not None:
            if not best or logs["loss"] <= best["loss"]:
                best.update(loss=logs["loss"], weights=_copy_weights(model))
            stopped = model.stop_training = should_stop()

    with _no_retracing_warnings():
        model.fit(
            [values[rows] for values in inputs],
            mask_target(target)[rows],
            batch_size=batch_size,
            epochs=epochs,
            callbacks=[
                make_schedule(learning_rate, epochs),
                keras.callbacks.LambdaCallback(on_epoch_end=end_epoch),
            ],
            verbose=0,
        )
    return best["weights"] if stopped else _copy_weights(model)


@contextmanager
def _no_retracing_warnings() -> Iterator[None]:
    """Each architecture is traced once; for several in a row TensorFlow suspects a mistake."""

    def is_other(record):
        return "retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def _copy_weights(model) -> list[np.ndarray]:
    # get_weights() makes NumPy 2 warn.
    return [variable.value.numpy().copy() for variable in model.trainable_variables]


def make_schedule(learning_rate: float, epochs: int) -> keras.callbacks.Callback:
    """Return a callback that lets the learning rate fall as a cosine."""
    return keras.callbacks.LearningRateScheduler(
        lambda epoch: 0.5 * learning_rate * (1 + np.cos(np.pi * epoch / epochs))
    )


def stack_weights(networks: Sequence[keras.Model]) -> list[np.ndarray]:
    """Return the trainable weights of networks of one architecture, each (members, ...)."""
    variables = zip(*(network.trainable_variables for network in networks), strict=True)
    return [np.stack([variable.value.numpy() for variable in same]) for same in variables]


def _start_anew(model, networks: list, random_state: int) -> None:
    """Give an ensemble the weights of new networks, and forget its earlier training."""
    for variable, values in zip(model.trainable_variables, stack_weights(networks), strict=True):
        variable.assign(values)
    positions = [own for own in model.non_trainable_variables if own.name == "position"]
    for layer, position in enumerate(positions):
        position.assign((random_state * 977 + layer * 1499) % 4096)
    for variable in model.optimizer.variables:
        variable.assign(np.zeros(variable.shape, variable.dtype))


def fill_batches(rows: Sequence[np.ndarray], batch_size: int, random_state: int) -> np.ndarray:
    """Return (n, members): all rows of each network, shuffled, and some again to fill batches.

    A batch of another size would be compiled anew.
    """
    rng = np.random.default_rng(random_state)
    size = -(-max(map(len, rows)) // batch_size) * batch_size
    filled = [np.r_[rng.permutation(own), rng.choice(own, size - len(own))] for own in rows]
    return np.column_stack(filled)


@lru_cache(maxsize=4)
def _trace_ensemble(members: int, *config):
    """Return a graph that runs an ensemble with the weights that it is given."""
    model = build_ensemble(members, *config)
    fixed = [variable.value for variable in model.non_trainable_variables]
    signature = [
        [tf.TensorSpec(variable.shape) for variable in model.trainable_variables],
        [tf.TensorSpec(tensor.shape) for tensor in model.inputs],
    ]

    @tf.function(input_signature=signature)
    def run(weights, inputs):
        return model.stateless_call(weights, fixed, inputs, training=False)[0]

    return run


def run_networks(config: tuple, weights: list[np.ndarray], inputs: list[np.ndarray]) -> np.ndarray:
    """Run several networks of one architecture on the same inputs.

    Parameters
    ----------
    config : tuple
        As :func:`build_network` takes.
    weights : list of array
        Each (members, ...).
    inputs : list of array
        (n, steps, channels) and (n, n_context).

    Returns
    -------
    array
        (members, n, 2 * horizons).
    """
    members = len(weights[0])
    run = _trace_ensemble(members, *config)
    tensors = [tf.constant(values) for values in weights]
    parts = []
    with _no_retracing_warnings():
        for first in range(0, max(len(inputs[0]), 1), ROWS_AT_ONCE):
            chunk = [values[first : first + ROWS_AT_ONCE, None] for values in inputs]
            wide = [tf.constant(np.repeat(values, members, axis=1)) for values in chunk]
            parts.append(run(tensors, wide).numpy())
    return np.moveaxis(np.concatenate(parts), 1, 0)


def write_networks(config: tuple, weights: list[np.ndarray], paths: Sequence[Path]) -> None:
    """Write each network as a `.keras` file."""
    for member, path in enumerate(paths):
        model = build_network(*config)
        for variable, values in zip(model.trainable_variables, weights, strict=True):
            variable.assign(values[member])
        with atomic_path(path) as temporary:
            model.save(temporary)


def read_networks(paths: Sequence[Path]) -> list[np.ndarray]:
    """Return the weights that :func:`write_networks` wrote, read in Keras's safe mode."""
    return stack_weights(
        [keras.saving.load_model(path, compile=False, safe_mode=True) for path in paths]
    )
