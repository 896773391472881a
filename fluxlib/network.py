"""The Keras side of the forecast: an LSTM with two heads, its loss, and quick training.

TensorFlow takes seconds to import, so nothing here imports it before it is needed.
"""

import random
from functools import lru_cache, partial

import numpy as np

from fluxlib.paths import atomic_path

BATCHES_AT_ONCE = 16  # steps_per_execution: batches in one call of the graph


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
    recurrent = layers.LSTM(
        units,
        unroll=True,
        kernel_initializer=initializers.GlorotUniform(draw()),
        recurrent_initializer=initializers.Orthogonal(seed=draw()),
        seed=draw(),
    )
    state = recurrent(layers.GaussianNoise(noise, seed=draw())(sequence))
    extra = layers.GaussianNoise(noise, seed=draw())(context)
    joined = layers.Dropout(dropout, seed=draw())(layers.Concatenate()([state, extra]))
    drop = layers.Dropout(dropout, seed=draw())
    hidden = layers.Dense(
        units, activation="relu", kernel_initializer=initializers.GlorotUniform(draw())
    )
    last = layers.Dense(2 * horizons, kernel_initializer=initializers.GlorotUniform(draw()))
    return keras.Model([sequence, context], last(drop(hidden(joined))))


@lru_cache(maxsize=2)
def compile_network(*config):
    """Build and compile a network once for all members and all test years that are alike."""
    import keras
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(0)
    model = build_network(*config)
    model.compile(
        optimizer=keras.optimizers.Adam(clipnorm=1.0),
        loss=mix_losses,
        # Keras has no XLA with op determinism, and compiling for XLA takes 10 s.
        jit_compile=False,
        steps_per_execution=BATCHES_AT_ONCE,
    )
    return model


def mix_losses(y_true, y_pred):
    """Squared error for the value, likelihood for the spread around it.

    The spread does not act on the value, which therefore stays the mean that PE rewards.

    Parameters
    ----------
    y_true : tensor
        (n, 2 * horizons): targets, and 1 where they were observed.
    y_pred : tensor
        (n, 2 * horizons): values, and log standard deviations.
    """
    from keras import ops

    h = y_pred.shape[-1] // 2
    error = y_true[:, :h] - y_pred[:, :h]
    log_sigma = ops.clip(y_pred[:, h:], -4.0, 3.0)
    z = ops.stop_gradient(error) * ops.exp(-log_sigma)
    return ops.sum(y_true[:, h:] * (error**2 + 0.5 * z**2 + log_sigma), axis=-1)


def train_network(
    config: tuple,
    inputs: list[np.ndarray],
    target: np.ndarray,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> list[np.ndarray]:
    """Train from new weights; the learning rate falls as a cosine.

    Returns
    -------
    list of array
        The trained weights, one member's for `run_networks`.
    """
    import keras

    model = compile_network(*config)
    keras.utils.set_random_seed(seed)
    for old, new in zip(model.variables, build_network(*config, seed=seed).variables, strict=True):
        old.assign(new)
    for variable in model.optimizer.variables:
        variable.assign(np.zeros(variable.shape, variable.dtype))
    rows = fill_batches(len(target), batch_size, seed)
    schedule = keras.callbacks.LearningRateScheduler(
        lambda epoch: 0.5 * learning_rate * (1 + np.cos(np.pi * epoch / epochs))
    )
    model.fit(
        [values[rows] for values in inputs],
        target[rows],
        batch_size=batch_size,
        epochs=epochs,
        callbacks=[schedule],
        verbose=0,
    )
    # get_weights() makes NumPy 2 warn.
    return [variable.value.numpy() for variable in model.trainable_variables]


def fill_batches(n: int, batch_size: int, seed: int) -> np.ndarray:
    """Return all rows and as many drawn again as fill the last batch.

    A batch of another size would be compiled anew.
    """
    rng = np.random.default_rng(seed)
    return np.r_[np.arange(n), rng.integers(0, n, -n % batch_size)]


@lru_cache(maxsize=4)
def _trace_ensemble(*config):
    """Return a graph that runs one network with the weights of many at once."""
    import tensorflow as tf

    model = build_network(*config)
    fixed = [variable.value for variable in model.non_trainable_variables]

    signature = [
        [tf.TensorSpec((None, *variable.shape)) for variable in model.trainable_variables],
        [tf.TensorSpec(tensor.shape) for tensor in model.inputs],
    ]

    @tf.function(input_signature=signature)
    def run(weights, inputs):
        return tf.vectorized_map(
            lambda member: model.stateless_call(member, fixed, inputs, training=False)[0], weights
        )

    return run


def run_networks(config: tuple, weights: list[np.ndarray], inputs: list[np.ndarray]) -> np.ndarray:
    """Run several networks of one architecture.

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

    tensors = [tf.constant(values) for values in inputs]
    return _trace_ensemble(*config)([tf.constant(w) for w in weights], tensors).numpy()


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
