import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.evaluation.folds import split_blocks
from fluxlib.imputation.forest import LinearTrend, below_minimum, fill_missing

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


@pytest.mark.slow
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


def test_fit_refuses_what_it_cannot_learn_from():
    X, y = make_rows(0, 100)
    with pytest.raises(FluxError, match="fitness is 'test'; expected 'validation' or 'train'"):
        fluxlib.GARFImputer(fitness="test").fit(X, y)
    with pytest.raises(FluxError, match="X has 100 rows, y 90"):
        fluxlib.GARFImputer(**SMALL).fit(X, y[:90])
    with pytest.raises(FluxError, match="y has NaN or infinite"):
        fluxlib.GARFImputer(**SMALL).fit(X, y.where(y.index > 0))
    with pytest.raises(FluxError, match=r"bits \(5,\)"):
        fluxlib.GARFImputer(bits=(5,)).fit(X, y)
    hours = pd.date_range("2014", periods=100, freq="h")
    with pytest.raises(FluxError, match=r"purge of 5 days .* leaves no sample"):
        fluxlib.GARFImputer(**SMALL).fit(X.set_axis(hours), y.set_axis(hours))


def test_the_best_forest_is_the_one_that_predicts_and_grows_anew_elsewhere(fitted):
    X, y = make_rows(0)
    best = fitted.best_estimator_
    assert (best.trees, best.depth, best.leaf) == (
        fitted.best_.trees,
        fitted.best_.depth,
        fitted.best_.leaf,
    )
    np.testing.assert_array_equal(best.predict(X), fitted.predict(X))
    grown_on_all = clone(best).fit(X, y)
    np.testing.assert_array_equal(grown_on_all.predict(X), fitted.predict(X))
    assert clone(best).fit(X, y + 5).predict(X).mean() == pytest.approx(y.mean() + 5, abs=0.1)


def test_a_forest_may_have_more_trees_than_the_search_chose(fitted):
    larger = fluxlib.GARFImputer(**SMALL, min_trees=99).fit(*make_rows(0))
    assert larger.best_ == fitted.best_
    assert (larger.best_estimator_.trees, larger.best_estimator_.leaf) == (99, fitted.best_.leaf)
    fewer = fluxlib.GARFImputer(**SMALL, min_trees=1).fit(*make_rows(0))
    assert fewer.best_estimator_.trees == fitted.best_.trees


@pytest.mark.slow
def test_with_a_trend_the_search_is_of_what_the_trend_leaves():
    X, y = make_rows(0)
    led = fluxlib.GARFImputer(**SMALL, trend=["a"]).fit(X, y)
    plain = fluxlib.GARFImputer(**SMALL).fit(X, y)
    # Only noise is left beside the line.
    assert led.best_.rmse == pytest.approx(NOISE, rel=0.1)
    assert led.best_.rmse < plain.best_.rmse
    far = pd.DataFrame({"a": [9.0], "b": 0.0, "c": 0.0})
    assert led.predict(far)[0] == pytest.approx(18, abs=0.5)


@pytest.mark.slow
def test_on_workers_the_search_ends_at_the_same_forest_to_the_last_digit(fitted, workers):
    grown = fluxlib.GARFImputer(**SMALL).fit(*make_rows(0))
    pd.testing.assert_frame_equal(grown.history_, fitted.history_, check_exact=True)
    assert grown.best_ == fitted.best_


def make_two_halves():
    """Draw rows of time whose held-out blocks differ from the training rows in level and fills."""
    X, y = make_rows(0, 2400)
    X.index = y.index = pd.date_range("2014", periods=2400, freq="h", name="time")
    train, held_out = split_blocks(X)
    X.iloc[held_out, 0] += 3
    y.iloc[held_out] -= 5
    X.iloc[held_out[::7], 1] = -50.0
    X.iloc[train[::5], 1] = np.nan
    return X, y, train, held_out


def test_trend_and_fills_of_the_search_know_nothing_of_the_blocks_held_out():
    X, y, train, held_out = make_two_halves()
    model = fluxlib.GARFImputer(**SMALL, trend=["a"]).fit(X, y)
    trend = LinearTrend(["a"]).fit(X.iloc[train], y.iloc[train])
    residual = (y - trend.predict(X)).to_numpy()
    fills = below_minimum(X.to_numpy()[train])
    assert fills[1] > -50  # a fill of all rows would lie below what only held-out rows have
    filled = fill_missing(X.to_numpy(), fills)
    for name, rows in (("train", train), ("validation", held_out)):
        inputs, target = model.surface_._rows[name]
        np.testing.assert_array_equal(inputs, filled[rows].astype(np.float32))
        np.testing.assert_array_equal(target, residual[rows])
    direct = fluxlib.ForestSurface(
        filled[train], residual[train], filled[held_out], residual[held_out], max_depth=8
    )
    best = model.best_
    assert best.rmse == direct.rmse(best.trees, best.depth, best.leaf)


def test_held_out_blocks_are_apart_from_the_rows_that_the_search_trains_on():
    X, y, train, held_out = make_two_halves()
    surface = fluxlib.GARFImputer(**SMALL).fit(X, y).surface_
    assert len(surface._rows["train"][1]) == len(train)
    times = X.index
    apart = np.abs(times[train].to_numpy()[:, None] - times[held_out].to_numpy()[None]).min()
    assert apart > pd.Timedelta("5D")
    assert len(surface._rows["validation"][1]) == len(held_out)
