"""The Keras side of the forecast: an LSTM with two heads, its loss, and quick training.

TensorFlow takes seconds to import, so nothing here imports it before it is needed.
"""

import logging
import random
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from fluxlib.utils.files import atomic_path

BATCHES_AT_ONCE = 16  # steps_per_execution: batches in one call of the graph
WORTH_COMPILING = 30_000  # batches x steps x networks: to compile for XLA takes time, lost on less
ROWS_AT_ONCE = 512  # of a forecast, which bounds its memory

# Each architecture has a graph of its own, which is traced once; several in a row TensorFlow takes
# for a mistake, and warns in the middle of a notebook's page.
logging.getLogger("tensorflow").addFilter(lambda record: "retracing" not in record.getMessage())


def build_network(
    shape: tuple[int, int],
    n_context: int,
    horizons: int,
    units: int,
    dropout: float,
    noise: float,
    *,
    seed: int = 0,
):
    """Build the network.

    An LSTM reads the sequence; its last state and the context give, for each horizon, the
    expected value and the logarithm of the standard deviation around it.

    Parameters
    ----------
    shape : (int, int)
        Steps and channels of the sequence.
    n_context : int
        Inputs that are no sequence; may be 0.
    horizons, units : int
        Days ahead; size of the LSTM and of the layer after it.
    dropout : float
        Share of the state and of the layer after it that training leaves out.
    noise : float
        Standard deviation of noise that training adds to the standardised inputs.
    seed : int
        Of weights, dropout and noise.

    Returns
    -------
    keras.Model
        Inputs (n, steps, channels) and (n, n_context); output (n, 2 * horizons).
    """
    import keras
    from keras import initializers, layers

    # Keras would draw from Python's global generator, of which other threads take as well, such
    # as those of a Dask worker.
    seeds = random.Random(seed)
    draw = partial(seeds.randint, 1, 10**9)

    sequence = keras.Input(shape, name="sequence")
    context = keras.Input((n_context,), name="context")
    lstm = layers.LSTM(
        units,
        kernel_initializer=initializers.GlorotUniform(draw()),
        recurrent_initializer=initializers.Orthogonal(seed=draw()),
        seed=draw(),
    )
    hidden, last = (
        layers.Dense(size, activation, kernel_initializer=initializers.GlorotUniform(draw()))
        for size, activation in ((units, "relu"), (2 * horizons, None))
    )
    noises = [layers.GaussianNoise(noise, seed=draw()) for _ in range(2)]
    dropouts = [layers.Dropout(dropout, seed=draw()) for _ in range(2)]
    output = _connect(sequence, context, noises, lstm, dropouts, hidden, last)
    return keras.Model([sequence, context], output)


def build_ensemble(
    members: int, shape, n_context, horizons, units, dropout, noise, *, looped: bool = False
):
    """Build several networks as one graph, each with inputs of its own.

    Parameters
    ----------
    members : int
        Networks.
    shape, n_context, horizons, units, dropout, noise
        As :func:`build_network` takes.
    looped : bool
        As `stacked.StackedLSTM` takes.

    Returns
    -------
    keras.Model
        Inputs (n, members, steps, channels) and (n, members, n_context); output (n, members,
        2 * horizons). Its weights are those of :func:`build_network`, stacked.
    """
    import keras

    from fluxlib.prediction.layers import Perturb, StackedDense, StackedLSTM

    sequence = keras.Input((members, *shape), name="sequence")
    context = keras.Input((members, n_context), name="context")
    lstm, hidden, last = (
        StackedLSTM(units, looped=looped),
        StackedDense(units, activation="relu"),
        StackedDense(2 * horizons),
    )
    noises = Perturb("noise", noise), Perturb("noise", noise)
    dropouts = Perturb("dropout", dropout), Perturb("dropout", dropout)
    output = _connect(sequence, context, noises, lstm, dropouts, hidden, last)
    return keras.Model([sequence, context], output)


def _connect(sequence, context, noises, lstm, dropouts, hidden, last):
    from keras import layers

    joined = layers.Concatenate()([lstm(noises[0](sequence)), noises[1](context)])
    return last(dropouts[1](hidden(dropouts[0](joined))))


@lru_cache(maxsize=2)
def compile_ensemble(members: int, config: tuple, jit: bool):
    """Build and compile an ensemble once for all test years: XLA takes seconds to compile."""
    import keras

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

    The spread does not act on the value, which therefore stays the mean that PE rewards.

    Parameters
    ----------
    y_true : tensor
        (..., 2 * horizons): targets, and 1 where they were observed.
    y_pred : tensor
        (..., 2 * horizons): values, and log standard deviations.
    """
    from keras import ops

    h = y_pred.shape[-1] // 2
    error = y_true[..., :h] - y_pred[..., :h]
    log_sigma = ops.clip(y_pred[..., h:], -4.0, 3.0)
    z = ops.stop_gradient(error) * ops.exp(-log_sigma)
    return ops.sum(y_true[..., h:] * (error**2 + 0.5 * z**2 + log_sigma), axis=-1)


def train_networks(
    config: tuple,
    inputs: list[np.ndarray],
    target: np.ndarray,
    rows: list[np.ndarray],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    on_epoch: Callable[[float], None] | None = None,
) -> list[np.ndarray]:
    """Train networks side by side from new weights; the learning rate falls as a cosine.

    Parameters
    ----------
    config : tuple
        As :func:`build_network` takes.
    inputs : list of array
        (n, steps, channels) and (n, n_context).
    target : array
        (n, 2 * horizons): targets, and 1 where they were observed.
    rows : list of array
        For each network, the samples that it learns from.
    epochs, batch_size, learning_rate, seed
        Of each network.
    on_epoch : callable, optional
        Called with the loss after each epoch. A KeyboardInterrupt there ends the training, with
        the weights of the least loss so far.

    Returns
    -------
    list of array
        The trained weights, each (members, ...).
    """
    import keras

    members, steps = len(rows), config[0][0]
    rows = fill_batches(rows, batch_size, seed)
    work = len(rows) / batch_size * epochs * steps * members
    model = compile_ensemble(members, config, work > WORTH_COMPILING)
    keras.utils.set_random_seed(seed)
    _start_anew(model, [build_network(*config, seed=seed + i) for i in range(members)], seed)
    best = {}

    def watch(_, logs):
        if logs["loss"] <= best.get("loss", logs["loss"]):
            best.update(loss=logs["loss"], weights=_copy_weights(model))
        on_epoch(logs["loss"])

    watcher = [keras.callbacks.LambdaCallback(on_epoch_end=watch)] if on_epoch else []
    try:
        model.fit(
            [values[rows] for values in inputs],
            target[rows],
            batch_size=batch_size,
            epochs=epochs,
            callbacks=[make_schedule(learning_rate, epochs), *watcher],
            verbose=0,
        )
    except KeyboardInterrupt:
        if not best:
            raise
        return best["weights"]
    return _copy_weights(model)


def _copy_weights(model) -> list[np.ndarray]:
    # get_weights() makes NumPy 2 warn.
    return [variable.value.numpy().copy() for variable in model.trainable_variables]


def make_schedule(learning_rate: float, epochs: int):
    """Return a callback that lets the learning rate fall as a cosine."""
    import keras

    return keras.callbacks.LearningRateScheduler(
        lambda epoch: 0.5 * learning_rate * (1 + np.cos(np.pi * epoch / epochs))
    )


def _start_anew(model, networks: list, seed: int) -> None:
    """Give an ensemble the weights of new networks, and forget what it was trained with."""
    own = zip(*(network.trainable_variables for network in networks), strict=True)
    for variable, parts in zip(model.trainable_variables, own, strict=True):
        variable.assign(np.stack([part.value.numpy() for part in parts]))
    places = [own for own in model.non_trainable_variables if own.name == "place"]
    for layer, place in enumerate(places):
        place.assign((seed * 977 + layer * 1499) % 4096)
    for variable in model.optimizer.variables:
        variable.assign(np.zeros(variable.shape, variable.dtype))


def fill_batches(rows: list[np.ndarray], batch_size: int, seed: int) -> np.ndarray:
    """Return (n, members): all rows of each, shuffled, and as many drawn again as fill batches.

    A batch of another size would be compiled anew.
    """
    rng = np.random.default_rng(seed)
    size = -(-max(map(len, rows)) // batch_size) * batch_size
    filled = [np.r_[rng.permutation(own), rng.choice(own, size - len(own))] for own in rows]
    return np.column_stack(filled)


@lru_cache(maxsize=4)
def _trace_ensemble(members: int, *config):
    """Return a graph that runs an ensemble with weights that it is given."""
    import tensorflow as tf

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
    import tensorflow as tf

    members = len(weights[0])
    run = _trace_ensemble(members, *config)
    tensors = [tf.constant(values) for values in weights]
    parts = []
    for first in range(0, max(len(inputs[0]), 1), ROWS_AT_ONCE):
        chunk = [values[first : first + ROWS_AT_ONCE, None] for values in inputs]
        wide = [tf.constant(np.repeat(values, members, axis=1)) for values in chunk]
        parts.append(run(tensors, wide).numpy())
    return np.moveaxis(np.concatenate(parts), 1, 0)


def write_networks(config: tuple, weights: list[np.ndarray], paths: list) -> None:
    """Write each network as a `.keras` file."""
    for member, path in enumerate(paths):
        model = build_network(*config)
        for variable, values in zip(model.trainable_variables, weights, strict=True):
            variable.assign(values[member])
        with atomic_path(path) as temporary:
            model.save(temporary)


def read_networks(paths: list) -> list[np.ndarray]:
    """Read what `write_networks` wrote, in Keras's safe mode; returns the weights."""
    import keras

    members = [keras.saving.load_model(path, compile=False, safe_mode=True) for path in paths]
    variables = zip(*(model.trainable_variables for model in members), strict=True)
    return [np.stack([variable.value.numpy() for variable in same]) for same in variables]
