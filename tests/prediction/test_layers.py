"""Networks side by side: each is the plain Keras network of its weights."""

import numpy as np
import pytest

from fluxlib.prediction import lstm as network

CONFIG = ((5, 3), 2, 3, 4, 0.0, 0.0)
MEMBERS = 3


def make_inputs(n=40, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, *shape)).astype("float32") for shape in ((5, 3), (2,))]


def make_networks():
    import keras

    keras.utils.set_random_seed(1)
    return [network.build_network(*CONFIG) for _ in range(MEMBERS)]


def stack_weights(networks):
    own = zip(*(model.trainable_variables for model in networks), strict=True)
    return [np.stack([variable.value.numpy() for variable in same]) for same in own]


def test_each_network_answers_as_keras_does():
    networks, inputs = make_networks(), make_inputs()
    outputs = network.run_networks(CONFIG, stack_weights(networks), inputs)
    assert outputs.shape == (MEMBERS, 40, 6)
    for own, model in zip(outputs, networks, strict=True):
        np.testing.assert_allclose(own, model(inputs).numpy(), atol=1e-6)


def test_a_long_forecast_is_that_of_its_parts():
    weights, inputs = stack_weights(make_networks()), make_inputs(n=1100)
    whole = network.run_networks(CONFIG, weights, inputs)
    part = network.run_networks(CONFIG, weights, [values[700:800] for values in inputs])
    np.testing.assert_allclose(whole[:, 700:800], part, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_training_side_by_side_is_training_one_by_one(compiled):
    """Without dropout, noise and shuffling by chance, a network's neighbours change nothing."""
    import keras

    inputs = make_inputs(n=64)
    target = np.hstack([inputs[1], inputs[1][:, :1], np.ones((64, 3))]).astype("float32")
    networks = make_networks()
    ensemble = network.build_ensemble(MEMBERS, *CONFIG, looped=compiled)
    for variable, values in zip(ensemble.trainable_variables, stack_weights(networks), strict=True):
        variable.assign(values)
    wide = [np.repeat(values[:, None], MEMBERS, axis=1) for values in (*inputs, target)]
    for model, x, y in [(ensemble, wide[:2], wide[2]), *((m, inputs, target) for m in networks)]:
        jit = compiled and model is ensemble
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss_of_one, jit_compile=jit)
        model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    for variable, values in zip(ensemble.trainable_variables, stack_weights(networks), strict=True):
        np.testing.assert_allclose(variable.value.numpy(), values, atol=1e-5)


def loss_of_one(y_true, y_pred):
    """Sum over the networks, so that each has the gradient that it has alone."""
    from keras import ops

    loss = network.mix_losses(y_true, y_pred)
    return loss if loss.ndim == 1 else ops.sum(loss, axis=-1)


def test_rows_fill_whole_batches_with_each_networks_own():
    rows = network.fill_batches([np.arange(10), np.arange(50, 57)], 8, seed=0)
    assert rows.shape == (16, 2)
    assert set(rows[:, 0]) == set(range(10))
    assert set(rows[:, 1]) == set(range(50, 57))
    assert len(set(rows[:10, 0])) == 10
