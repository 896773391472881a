"""Networks side by side: each is the plain Keras network with its weights."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow
CONFIG = ((5, 3), 2, 3, 4, 0.0, 0.0)
MEMBERS = 3


@pytest.fixture(scope="module")
def lstm():
    """Import TensorFlow only when a test needs it."""
    from fluxlib.prediction import lstm

    return lstm


@pytest.fixture
def networks(lstm):
    return [lstm.build_network(*CONFIG, random_state=seed) for seed in range(MEMBERS)]


def make_inputs(n=40, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, *shape)).astype("float32") for shape in ((5, 3), (2,))]


def test_each_network_answers_as_keras_does(lstm, networks):
    inputs = make_inputs()
    outputs = lstm.run_networks(CONFIG, lstm.stack_weights(networks), inputs)
    assert outputs.shape == (MEMBERS, 40, 6)
    for own, model in zip(outputs, networks, strict=True):
        np.testing.assert_allclose(own, model(inputs).numpy(), atol=1e-6)


def test_a_long_forecast_is_that_of_its_parts(lstm, networks):
    weights, inputs = lstm.stack_weights(networks), make_inputs(n=1100)
    whole = lstm.run_networks(CONFIG, weights, inputs)
    part = lstm.run_networks(CONFIG, weights, [values[700:800] for values in inputs])
    np.testing.assert_allclose(whole[:, 700:800], part, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_training_side_by_side_is_training_one_by_one(lstm, networks, compiled):
    """Without dropout, noise and random order, a network's neighbours change nothing."""
    import keras

    def sum_over_networks(y_true, y_pred):
        """Each network has the gradient that it has alone."""
        loss = lstm.mix_losses(y_true, y_pred)
        return loss if loss.ndim == 1 else keras.ops.sum(loss, axis=-1)

    inputs = make_inputs(n=32)
    target = lstm.mask_target(np.hstack([inputs[1], inputs[1][:, :1]]))
    ensemble = lstm.build_ensemble(MEMBERS, *CONFIG, looped=compiled)
    weights = lstm.stack_weights(networks)
    for variable, values in zip(ensemble.trainable_variables, weights, strict=True):
        variable.assign(values)
    wide = [np.repeat(values[:, None], MEMBERS, axis=1) for values in (*inputs, target)]
    for model, x, y in [(ensemble, wide[:2], wide[2]), *((m, inputs, target) for m in networks)]:
        jit = compiled and model is ensemble
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss=sum_over_networks, jit_compile=jit)
        model.fit(x, y, batch_size=16, epochs=1, shuffle=False, verbose=0)
    weights = lstm.stack_weights(networks)
    for variable, values in zip(ensemble.trainable_variables, weights, strict=True):
        np.testing.assert_allclose(variable.value.numpy(), values, atol=1e-5)


def test_targets_that_were_not_observed_have_no_loss(lstm):
    target = np.array([[1.0, np.nan], [1.0, 2.0]])
    masked = lstm.mask_target(target)
    assert masked.tolist() == [[1, 0, 1, 0], [1, 2, 1, 1]]
    output = np.array([[3.0, 9.0, 0.0, 0.0], [1.0, 2.0, 0.0, np.log(2)]], "float32")
    # Squared error, half of it again in units of the spread, and the logarithm of the spread.
    expected = [4 + 2, np.log(2)]
    np.testing.assert_allclose(lstm.mix_losses(masked, output), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["noise", "dropout"])
def test_noise_is_for_training_alone_and_another_in_each_batch(lstm, kind):
    layer = lstm.TrainingNoise(kind, 0.25)
    values = np.ones((500, 2, 40), "float32")
    np.testing.assert_array_equal(layer(values), values)
    first, second = (layer(values, training=True).numpy() for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first[:, 0], first[:, 1])  # all networks share it
    assert first.mean() == pytest.approx(1, abs=0.02)
    if kind == "noise":
        assert first.std() == pytest.approx(0.25, abs=0.01)
    else:
        assert (first == 0).mean() == pytest.approx(0.25, abs=0.02)


def test_rows_fill_whole_batches_with_each_networks_own(lstm):
    rows = lstm.fill_batches([np.arange(10), np.arange(50, 57)], 8, random_state=0)
    assert rows.shape == (16, 2)
    assert set(rows[:, 0]) == set(range(10))
    assert set(rows[:, 1]) == set(range(50, 57))
    assert len(set(rows[:10, 0])) == 10


def test_the_learning_rate_falls_as_a_cosine(lstm):
    schedule = lstm.make_schedule(0.2, 4).schedule
    assert [schedule(epoch) for epoch in (0, 2)] == pytest.approx([0.2, 0.1])
    assert schedule(3) < 0.05


def test_a_stopped_training_has_the_weights_of_the_least_loss(lstm, monkeypatch):
    copies, losses = [], []

    def copy(model):
        copies.append(len(losses))
        return copies[-1]

    monkeypatch.setattr(lstm, "_copy_weights", copy)
    inputs = make_inputs()
    kept = lstm.train_networks(
        CONFIG,
        inputs,
        np.random.default_rng(0).normal(size=(40, 3)),
        [np.arange(40)] * MEMBERS,
        epochs=30,
        batch_size=20,
        learning_rate=1.0,  # too high: the loss rises again
        random_state=0,
        progress=losses.append,
        should_stop=lambda: len(losses) == 8,
    )
    assert len(losses) == 8
    assert kept == np.argmin(losses) + 1
    assert kept < 8
