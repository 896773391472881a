import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from fluxlib.errors import FluxError
from fluxlib.imputation.lstm import SequenceNetwork, read_steps

COLUMNS = ["V-0h", "V-24h", "goes13-from-2010 e2--6h", "goes13-from-2010 e2-0h", "UT sine"]


def make_rows(n=600, seed=0):
    index = pd.date_range("2014", periods=n, freq="h")
    values = np.random.default_rng(seed).normal(size=(n, len(COLUMNS)))
    X = pd.DataFrame(values, index, columns=COLUMNS)
    return X, X["V-24h"] - X["goes13-from-2010 e2--6h"] + 4


def test_steps_go_from_the_longest_offset_to_the_latest_hour():
    steps = read_steps(make_rows()[0])
    # Offsets 24, 0, -6; quantities V, the satellite, the clock.
    assert steps.tolist() == [[1, -1, 4], [0, 3, 4], [-1, 2, 4]]


def test_each_step_holds_values_and_whether_they_are_there():
    X, _ = make_rows(40)
    X.iloc[0, 0] = np.nan
    network = SequenceNetwork()
    network.steps_ = read_steps(X)
    network.scale_ = np.zeros(5), np.ones(5)
    laid = network._lay_out(X)
    assert laid.shape == (40, 3, 6)
    assert laid[0, 1].tolist() == pytest.approx([0, X.iloc[0, 3], X.iloc[0, 4], 0, 1, 1])
    assert laid[1, 0].tolist() == pytest.approx([X.iloc[1, 1], 0, X.iloc[1, 4], 1, 0, 1])


@pytest.mark.slow
def test_the_network_learns_repeats_itself_and_takes_missing_inputs():
    X, y = make_rows()
    X = X.mask(np.random.default_rng(1).random(X.shape) < 0.02)
    with pytest.raises(NotFittedError):
        SequenceNetwork().predict(X)
    network = SequenceNetwork(units=16, epochs=40, learning_rate=1e-2, dropout=0.0).fit(X, y)
    predicted = network.predict(X)
    assert np.sqrt(np.mean((predicted - y) ** 2)) < 0.5 * y.std()
    same = SequenceNetwork(units=16, epochs=40, learning_rate=1e-2, dropout=0.0).fit(X, y)
    np.testing.assert_allclose(same.predict(X), predicted, rtol=1e-4, atol=1e-4)


def test_inputs_without_offsets_are_refused():
    X, _ = make_rows()
    with pytest.raises(FluxError, match="an LSTM needs a DataFrame"):
        read_steps(X.to_numpy())
    with pytest.raises(FluxError, match="no column of X has an offset, such as V-24h"):
        read_steps(X[["UT sine"]])
