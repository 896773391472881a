"""Keras layers that hold the weights of several networks, which so train side by side.

One network of this size keeps no processor busy, so several share one graph.
Importing this module imports Keras, which takes seconds: `network` does so when it must.
"""

import keras
import numpy as np
from keras import layers, ops

POOL = 8192  # draws; a power of two, half of which a batch may start at
MULTIPLIER = 1021  # 4 k + 1: the places make one cycle (Hull and Dobell 1962)


class StackedDense(layers.Layer):
    """A dense layer for each network: (batch, members, inputs) to (batch, members, units)."""

    def __init__(self, units: int, activation: str | None = None):
        super().__init__()
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, shape):
        """Make the weights."""
        _, members, inputs = shape
        self.kernel = self.add_weight((members, inputs, self.units), name="kernel")
        self.bias = self.add_weight((members, self.units), name="bias")

    def call(self, values):
        """Return each network's answer to its own inputs."""
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
        """Make the weights."""
        _, members, _, channels = shape
        self.kernel = self.add_weight((members, channels, 4 * self.units), name="kernel")
        self.recurrent = self.add_weight((members, self.units, 4 * self.units), name="recurrent")
        self.bias = self.add_weight((members, 4 * self.units), name="bias")

    def call(self, values):
        """Return each network's last state."""
        values = ops.transpose(values, (2, 1, 0, 3))
        # One product a step, of inputs and state, rather than two: fewer operations to start.
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


class Perturb(layers.Layer):
    """Noise or dropout for training: (batch, members, ...) to the same.

    All networks share a draw, since their samples differ anyway, and draws are taken from a pool
    at another place each batch: drawing anew is slow under XLA.
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
        self.pool = self.add_weight(size, _fill(pool), trainable=False, name="pool")
        self.place = self.add_weight((), "zeros", dtype="int32", trainable=False, name="place")

    def call(self, values, training=False):
        """Return the values, in training with noise, or with some left out."""
        if not training or self.amount == 0:
            return values
        # A linear congruential generator: each start once before any comes back.
        place = ops.mod(self.place * MULTIPLIER + 1, POOL // 2)
        self.place.assign(place)
        # A slice from a place that changes would have XLA compile each batch anew.
        draw = ops.take(self.pool, place + ops.arange(ops.shape(values)[0]), axis=0)[:, None]
        return values + draw if self.kind == "noise" else values * draw


def _fill(values: np.ndarray):
    return lambda shape, dtype: ops.cast(values, dtype)
