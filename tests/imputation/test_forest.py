import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from fluxlib.errors import FluxError
from fluxlib.imputation.forest import ForestWithMissing, LinearTrend, below_minimum, fill_missing


def make_rows(seed=0, n=1500):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=list("abc"))
    return X, 2 * X["a"] + 0.1 * pd.Series(rng.normal(size=n))


def test_fit_keeps_the_scikit_learn_contract():
    X, y = make_rows()
    before = X.copy(), y.copy()
    forest = ForestWithMissing(trees=5, trend=["a"])
    with pytest.raises(NotFittedError):
        forest.predict(X)
    assert forest.fit(X, y) is forest
    pd.testing.assert_frame_equal(X, before[0])
    pd.testing.assert_series_equal(y, before[1])
    assert clone(forest).get_params() == forest.get_params()
    np.testing.assert_array_equal(clone(forest).fit(X, y).predict(X), forest.predict(X))


def test_missing_inputs_become_a_value_below_all_that_training_has():
    X = np.array([[3.0, -5.0, np.nan], [np.nan, 2.0, np.nan]])
    fills = below_minimum(X)
    assert fills.tolist() == [-1, -6, -1]
    assert fill_missing(X, fills).tolist() == [[3, -5, -1], [-1, 2, -1]]
    assert np.isnan(X).sum() == 3


def test_a_missing_input_can_be_what_tells():
    X, y = make_rows()
    X["c"] = X["c"].mask(y < 0)
    predicted = ForestWithMissing(max_features=1.0, leaf=5).fit(X[["c"]], y).predict(X[["c"]])
    assert predicted[y < 0].max() < 0 < predicted[y >= 0].min()


def test_a_trend_extrapolates_and_a_forest_does_not():
    X, y = make_rows()
    far = pd.DataFrame({"a": [10.0], "b": 0.0, "c": 0.0})
    assert ForestWithMissing().fit(X, y).predict(far)[0] < 10
    assert ForestWithMissing(trend=["a"]).fit(X, y).predict(far)[0] == pytest.approx(20, abs=0.5)


def test_a_trend_knows_what_was_missing_and_takes_inputs_that_training_never_had():
    X, y = make_rows()
    X["c"] = np.nan
    X["b"] = X["b"].mask(y > 0)
    trend = LinearTrend(["b", "c"]).fit(X, y)
    gone = pd.DataFrame({"b": [np.nan, 0.0], "c": [1.0, np.nan]})
    expected = [y[y > 0].mean(), y[y <= 0].mean()]
    assert trend.predict(gone) == pytest.approx(expected, abs=0.2)


def test_a_trend_of_nothing_is_zero():
    assert LinearTrend().fit(np.ones((4, 2)), np.ones(4)).predict(np.ones((3, 2))).tolist() == [
        0,
        0,
        0,
    ]


def test_a_trend_on_columns_that_are_not_there_is_refused():
    X, y = make_rows()
    with pytest.raises(FluxError, match="trend names z, which X does not have"):
        ForestWithMissing(trend=["a", "z"]).fit(X, y)
    with pytest.raises(FluxError, match="trend names a, which X does not have"):
        ForestWithMissing(trend=["a"]).fit(X.to_numpy(), y)


def test_rows_that_do_not_fit_together_are_refused():
    X, y = make_rows()
    with pytest.raises(FluxError, match="X has 1500 rows, y 90"):
        ForestWithMissing().fit(X, y[:90])
    with pytest.raises(FluxError, match="y has NaN or infinite values"):
        ForestWithMissing().fit(X, y.where(y.index > 0))


def test_splits_choose_from_the_share_of_inputs_that_is_asked_for():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6))
    y = X[:, 0] + 0.1 * rng.normal(size=400)
    root_inputs = []
    for share in (1.0, 1 / 6):
        model = ForestWithMissing(trees=60, depth=1, max_features=share).fit(X, y)
        roots = [tree.tree_.feature[0] for tree in model.forest_.estimators_]
        root_inputs.append(np.mean(np.array(roots) == 0))
    # The first input is the best of all; of one that is drawn it is the sixth part.
    assert root_inputs[0] == 1
    assert root_inputs[1] < 0.5
