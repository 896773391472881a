import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import RandomizedSearchCV

from fluxlib.errors import FluxError
from fluxlib.imputation.baselines import (
    SPACES,
    ChainedEquations,
    OffsetLSTM,
    OtherSatellite,
    RandomNodes,
    arrange_steps,
    make_competitor,
    make_tuned_competitor,
)

SLOW = "LSTM"
COLUMNS = pd.MultiIndex.from_product([["V", "N"], [0, 24]], names=["quantity", "offset"])
NAMES = [name for name in SPACES if name != SLOW]


def make_rows(seed=0, n=1200):
    """Draw inputs with holes; y is their sum, a curve and little noise."""
    rng = np.random.default_rng(seed)
    index = pd.date_range("2014-01-01", periods=n, freq="h", name="time")
    X = pd.DataFrame(rng.normal(size=(n, 4)), index, columns=COLUMNS)
    y = X["V", 0] - X["N", 0] + 0.3 * X["V", 24] ** 2 + 0.1 * rng.normal(size=n)
    return X.mask(rng.random(X.shape) < 0.03), y


def score(model, X, y):
    return float(np.sqrt(np.mean((model.predict(X) - y) ** 2)))


@pytest.mark.parametrize("name", [*NAMES, pytest.param(SLOW, marks=pytest.mark.slow)])
def test_every_competitor_learns_and_takes_missing_inputs(name):
    model = make_competitor(name)
    X, y = make_rows()
    before = X.copy()
    assert model.fit(X, y) is model
    pd.testing.assert_frame_equal(X, before)
    far, truth = make_rows(1, 400)
    # The best that a constant can do is the spread; a straight line leaves the curve's 0.42.
    assert score(model, far, truth) < 0.5 * truth.std()
    again = clone(model).fit(X, y)
    np.testing.assert_allclose(again.predict(far), model.predict(far), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_setting_that_is_drawn_is_one_that_the_competitor_has(name):
    X, y = make_rows(n=900)
    search = make_tuned_competitor(name, X, evaluations=3, random_state=1)
    assert isinstance(search, RandomizedSearchCV)
    search.fit(X, y)
    assert len(search.cv_results_["params"]) == 3
    assert score(search.best_estimator_, X, y) < y.std()


def test_settings_are_judged_by_blocks_that_are_apart_from_the_training_rows():
    X, _ = make_rows()
    (train, test), *others = make_tuned_competitor("ridge", X, evaluations=2).cv
    assert not others
    apart = np.abs(X.index[train].to_numpy()[:, None] - X.index[test].to_numpy()[None]).min()
    assert apart > pd.Timedelta("5D")


def test_one_evaluation_is_the_default_settings():
    X, _ = make_rows()
    model = make_tuned_competitor("ELM", X, evaluations=1, random_state=3)
    assert str(model.get_params()) == str(make_competitor("ELM", random_state=3).get_params())


def test_unknown_competitors_are_named():
    with pytest.raises(FluxError, match="competitors name 'SVM'; expected some of ridge, RF"):
        make_competitor("SVM")


def test_the_other_satellite_is_put_on_the_scale_of_training_samples():
    x = np.linspace(0, 4, 100)
    X = pd.DataFrame({("goes13 e2", 0): np.where(np.arange(100) < 20, np.nan, x)})
    y = 2 * x - 1
    fitted = OtherSatellite("goes13").fit(X, y)
    expected = np.where(np.arange(100) < 20, y[:20].mean(), y)
    np.testing.assert_allclose(fitted.predict(X), expected)


def test_another_satellite_that_is_silent_throughout_is_an_error():
    X = pd.DataFrame({("goes13 e2", 0): [np.nan] * 9 + [1.0]})
    with pytest.raises(FluxError, match="goes13 has >2 MeV flux at 1 of the training times"):
        OtherSatellite("goes13").fit(X, np.ones(10))


def test_random_nodes_stay_as_they_were_drawn():
    X = np.random.default_rng(0).normal(size=(50, 3))
    nodes = RandomNodes(nodes=7.4, spread=0.5).fit(X)
    table = nodes.transform(X)
    assert table.shape == (50, 3 + 7)
    np.testing.assert_array_equal(table[:, :3], X)
    assert np.abs(table[:, 3:]).max() <= 1
    np.testing.assert_array_equal(clone(nodes).fit(X).transform(X), table)


def test_chained_equations_are_exact_where_columns_are_sums_of_others():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = X @ [1.0, -2.0, 0.5] + 3
    predicted = ChainedEquations(nearest=3).fit(X, y).predict(X)
    np.testing.assert_allclose(predicted, y, atol=1e-2)


SEQUENCE = pd.MultiIndex.from_tuples(
    [("V", 0), ("V", 24), ("goes13 e2", -6), ("goes13 e2", 0), ("UT sine", np.nan)],
    names=["quantity", "offset"],
)


def make_sequence(n=600, seed=0):
    index = pd.date_range("2014", periods=n, freq="h")
    values = np.random.default_rng(seed).normal(size=(n, len(SEQUENCE)))
    X = pd.DataFrame(values, index, columns=SEQUENCE)
    return X, X["V", 24] - X["goes13 e2", -6] + 4


def test_steps_go_from_the_longest_offset_to_the_latest_hour():
    steps = arrange_steps(make_sequence()[0])
    # Offsets 24, 0, -6; quantities V, the satellite, the clock.
    assert steps.tolist() == [[1, -1, 4], [0, 3, 4], [-1, 2, 4]]


def test_each_step_holds_values_and_whether_they_are_there():
    X, _ = make_sequence(40)
    X.iloc[0, 0] = np.nan
    network = OffsetLSTM()
    network.steps_ = arrange_steps(X)
    network.scale_ = np.zeros(5), np.ones(5)
    laid = network._lay_out(X)
    assert laid.shape == (40, 3, 6)
    assert laid[0, 1].tolist() == pytest.approx([0, X.iloc[0, 3], X.iloc[0, 4], 0, 1, 1])
    assert laid[1, 0].tolist() == pytest.approx([X.iloc[1, 1], 0, X.iloc[1, 4], 1, 0, 1])


@pytest.mark.slow
def test_the_network_learns_from_several_steps_and_takes_missing_inputs():
    X, y = make_sequence()
    X = X.mask(np.random.default_rng(1).random(X.shape) < 0.02)
    with pytest.raises(NotFittedError):
        OffsetLSTM().predict(X)
    network = OffsetLSTM(units=16, epochs=40, learning_rate=1e-2, dropout=0.0).fit(X, y)
    predicted = network.predict(X)
    assert np.sqrt(np.mean((predicted - y) ** 2)) < 0.5 * y.std()


def test_inputs_without_offsets_are_refused():
    X, _ = make_sequence()
    for wrong in (X.to_numpy(), X.set_axis(range(5), axis=1)):
        with pytest.raises(FluxError, match="an LSTM needs a DataFrame"):
            arrange_steps(wrong)
    with pytest.raises(FluxError, match="no column of X has an offset"):
        arrange_steps(X[["UT sine"]])
