import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.garf import fill_below, find_fills

SMALL = {"population": 6, "generations": 3, "bits": (3, 3, 3), "max_features": 1.0}
NOISE = 0.3


def make_rows(seed, n=1500):
    """Draw exchangeable rows: y is twice the first input and noise."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=list("abc"))
    return X, 2 * X["a"] + NOISE * pd.Series(rng.normal(size=n))


@pytest.fixture(scope="module")
def fitted():
    return fluxlib.GARFImputer(**SMALL).fit(*make_rows(0))


def test_fit_keeps_the_scikit_learn_contract(fitted):
    X, y = make_rows(0)
    before = X.copy(), y.copy()
    imputer = fluxlib.GARFImputer(**SMALL)
    assert imputer.get_params() == clone(fitted).get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        imputer.predict(X)
    with pytest.raises(NotFittedError):
        imputer.refit(X, y)
    assert imputer.fit(X, y) is imputer
    pd.testing.assert_frame_equal(X, before[0])
    pd.testing.assert_series_equal(y, before[1])
    assert imputer.n_features_in_ == 3
    assert not hasattr(clone(imputer), "best_")


def test_same_seed_gives_the_same_forest_and_another_seed_another(fitted):
    X, y = make_rows(0)
    again = fluxlib.GARFImputer(**SMALL).fit(X, y)
    other = fluxlib.GARFImputer(**SMALL, random_state=1).fit(X, y)
    pd.testing.assert_frame_equal(again.history_, fitted.history_)
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert not np.array_equal(other.predict(X), fitted.predict(X))


def test_a_forest_learns_what_inputs_tell(fitted):
    X, y = make_rows(1)
    # The noise is what no model can tell; y itself varies by 2.
    assert NOISE < fluxlib.scores(y, fitted.predict(X))["RMSE"] < 2 * NOISE


def test_interval_covers_nine_tenths_of_unseen_rows(fitted):
    X, y = make_rows(2, 4000)
    covered = np.mean(np.abs(y - fitted.predict(X)) <= fitted.half_width_)
    # 300 held-out rows set the width: the coverage's standard error is 0.017.
    assert covered == pytest.approx(0.9, abs=0.04)


def test_published_fitness_rewards_memory_and_validation_does_not():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(600, 4)), rng.normal(size=600)
    chosen = {
        fitness: fluxlib.GARFImputer(
            generations=8, bits=(4, 4, 5), max_features=1.0, fitness=fitness
        ).fit(X, y)
        for fitness in ("train", "validation")
    }
    assert chosen["train"].best_.leaf < 4 < chosen["validation"].best_.leaf
    # The noise has a deviation of one: an error far below it is memory.
    assert chosen["train"].best_.rmse < 0.6
    assert chosen["validation"].best_.rmse > 0.9


def test_what_is_missing_may_be_the_message():
    X, y = make_rows(3)
    X["c"] = X["c"].mask(y < 0)
    X["a"] = 0.0
    predicted = fluxlib.GARFImputer(**SMALL).fit(X, y).predict(X)
    assert predicted[y < 0].max() < 0 < predicted[y >= 0].min()


def test_missing_inputs_become_a_value_below_all_that_training_has():
    X = np.array([[3.0, -5.0, np.nan], [np.nan, 2.0, np.nan]])
    fills = find_fills(X)
    assert fills.tolist() == [-1, -6, -1]
    filled = fill_below(X, fills)
    assert filled.tolist() == [[3, -5, -1], [-1, 2, -1]]
    assert np.isnan(X).sum() == 3


def test_refit_grows_the_chosen_forest_on_other_rows():
    X, y = make_rows(0)
    imputer = fluxlib.GARFImputer(**SMALL).fit(X, y)
    best, width = imputer.best_, imputer.half_width_
    assert imputer.refit(X, y + 5) is imputer
    assert imputer.predict(X).mean() == pytest.approx(y.mean() + 5, abs=0.1)
    assert (imputer.best_, imputer.half_width_) == (best, width)


def test_fit_refuses_what_it_cannot_learn_from():
    X, y = make_rows(0, 100)
    with pytest.raises(FluxError, match="fitness is 'test'; expected 'validation' or 'train'"):
        fluxlib.GARFImputer(fitness="test").fit(X, y)
    with pytest.raises(FluxError, match="X has 100 rows, y 90"):
        fluxlib.GARFImputer(**SMALL).fit(X, y[:90])
    with pytest.raises(FluxError, match="NaN or infinite"):
        fluxlib.GARFImputer(**SMALL).fit(X, y.where(y.index > 0))
    hours = pd.date_range("2014", periods=100, freq="h")
    with pytest.raises(FluxError, match=r"purge of 5 days .* leaves no sample"):
        fluxlib.GARFImputer(**SMALL).fit(X.set_axis(hours), y.set_axis(hours))
