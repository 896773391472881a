"""Networks side by side: each is the plain Keras network with its weights."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow
OURS = ((5, 3), 2, 3, 4, 0.0, 0.0)
PLAIN = ((5, 3), 0, 3, 4, 0.0, 0.0, True)
MEMBERS = 3


@pytest.fixture(scope="module")
def lstm():
    """Import TensorFlow only when a test needs it."""
    from fluxlib.prediction import lstm

    return lstm


@pytest.fixture(params=[OURS, PLAIN], ids=["ours", "plain"])
def config(request):
    return request.param


@pytest.fixture
def networks(lstm, config):
    return [lstm.build_network(*config, random_state=seed) for seed in range(MEMBERS)]


def make_inputs(config, n=40, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, *shape)).astype("float32") for shape in (config[0], config[1:2])]


def test_each_network_answers_as_keras_does(lstm, config, networks):
    inputs = make_inputs(config)
    outputs = lstm.run_networks(config, lstm.stack_weights(networks), inputs)
    assert outputs.shape == (MEMBERS, 40, 6)
    for own, model in zip(outputs, networks, strict=True):
        np.testing.assert_allclose(own, model(inputs).numpy(), atol=1e-6)


def test_a_long_forecast_is_that_of_its_parts(lstm, config, networks):
    weights, inputs = lstm.stack_weights(networks), make_inputs(config, n=1100)
    whole = lstm.run_networks(config, weights, inputs)
    part = lstm.run_networks(config, weights, [values[700:800] for values in inputs])
    np.testing.assert_allclose(whole[:, 700:800], part, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_training_side_by_side_is_training_one_by_one(lstm, config, networks, compiled):
    """Without dropout, noise and random order, a network's neighbours change nothing."""
    import keras

    def sum_over_networks(y_true, y_pred):
        """Each network has the gradient that it has alone."""
        loss = lstm.mix_losses(y_true, y_pred)
        return loss if loss.ndim == 1 else keras.ops.sum(loss, axis=-1)

    inputs = make_inputs(config, n=32)
    target = lstm.mask_target(inputs[0][:, 0])
    ensemble = lstm.build_ensemble(MEMBERS, *config, looped=compiled)
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


def test_a_plain_network_is_an_lstm_and_a_linear_layer_trained_on_the_squared_error(lstm):
    import keras

    network = lstm.build_network(*PLAIN)
    inputs = make_inputs(PLAIN, n=32)
    target = inputs[0][:, 0]
    notes = keras.Sequential([keras.layers.LSTM(4), keras.layers.Dense(3)])
    notes.build((None, *PLAIN[0]))
    assert len(notes.trainable_variables) == len(network.trainable_variables)
    for own, other in zip(notes.trainable_variables, network.trainable_variables, strict=True):
        own.assign(other)
    # Our loss is the sum over the horizons, and half of it again in units of a spread of 1, which
    # has no gradient.
    sum_of_squares = lambda y_true, y_pred: keras.ops.sum((y_true - y_pred) ** 2, axis=-1)  # noqa: E731
    for model, y, loss in (
        (notes, target, sum_of_squares),
        (network, lstm.mask_target(target), lstm.mix_losses),
    ):
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss, jit_compile=False)
        x = inputs if model is network else inputs[0]
        model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    output = network(inputs).numpy()
    np.testing.assert_allclose(output[:, :3], notes(inputs[0]).numpy(), atol=1e-6)
    assert (output[:, 3:] == 0).all()


def test_plain_networks_are_read_as_they_were_written(lstm, tmp_path):
    networks = [lstm.build_network(*PLAIN, random_state=seed) for seed in range(2)]
    weights, paths = lstm.stack_weights(networks), [tmp_path / "0.keras", tmp_path / "1.keras"]
    lstm.write_networks(PLAIN, weights, paths)
    for read, own in zip(lstm.read_networks(paths), weights, strict=True):
        np.testing.assert_array_equal(read, own)


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
    inputs = make_inputs(OURS)
    kept = lstm.train_networks(
        OURS,
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
