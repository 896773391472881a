import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import RandomizedSearchCV

from fluxlib.errors import FluxError
from fluxlib.imputation.baselines import (
    SPACES,
    ChainedEquations,
    OtherSatellite,
    RandomNodes,
    make_competitor,
    tune,
)

SLOW = "LSTM"
NAMES = [name for name in SPACES if name != SLOW]


def make_rows(seed=0, n=1200):
    """Draw inputs with holes; y is their sum, a curve and little noise."""
    rng = np.random.default_rng(seed)
    index = pd.date_range("2014-01-01", periods=n, freq="h", name="time")
    X = pd.DataFrame(rng.normal(size=(n, 4)), index, columns=["V-0h", "V-24h", "N-0h", "N-24h"])
    y = X["V-0h"] - X["N-0h"] + 0.3 * X["V-24h"] ** 2 + 0.1 * rng.normal(size=n)
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


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_that_is_drawn_is_one_that_the_competitor_has(name):
    X, y = make_rows(n=900)
    search = tune(name, X, evaluations=3, random_state=1)
    assert isinstance(search, RandomizedSearchCV)
    search.fit(X, y)
    assert len(search.cv_results_["params"]) == 3
    assert score(search.best_estimator_, X, y) < y.std()


def test_settings_are_judged_by_blocks_that_are_apart_from_the_training_rows():
    X, _ = make_rows()
    (train, test), *others = tune("ridge", X, evaluations=2).cv
    assert not others
    apart = np.abs(X.index[train].to_numpy()[:, None] - X.index[test].to_numpy()[None]).min()
    assert apart > pd.Timedelta("5D")


def test_one_evaluation_is_the_default_settings():
    X, _ = make_rows()
    model = tune("ELM", X, evaluations=1, random_state=3)
    assert str(model.get_params()) == str(make_competitor("ELM", random_state=3).get_params())


def test_unknown_competitors_are_named():
    with pytest.raises(FluxError, match="competitors name 'SVM'; expected some of ridge, RF"):
        make_competitor("SVM")


def test_the_other_satellite_is_put_on_the_scale_of_training_samples():
    x = np.linspace(0, 4, 100)
    X = pd.DataFrame({"goes13 e2-0h": np.where(np.arange(100) < 20, np.nan, x)})
    y = 2 * x - 1
    fitted = OtherSatellite("goes13 e2-0h").fit(X, y)
    expected = np.where(np.arange(100) < 20, y[:20].mean(), y)
    np.testing.assert_allclose(fitted.predict(X), expected)


def test_another_satellite_that_is_silent_throughout_is_an_error():
    X = pd.DataFrame({"goes13 e2-0h": [np.nan] * 9 + [1.0]})
    with pytest.raises(FluxError, match="goes13 e2-0h is known at 1 of the training times"):
        OtherSatellite("goes13 e2-0h").fit(X, np.ones(10))


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
