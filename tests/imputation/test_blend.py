import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import RandomizedSearchCV

from fluxlib.imputation.imputer import Blend, find_best

X = np.random.default_rng(0).normal(size=(60, 2))
Y = X[:, 0]


def make_blend():
    search = RandomizedSearchCV(Ridge(), {"alpha": [1e-6, 1e6]}, n_iter=2, cv=2)
    return Blend({"constant": DummyRegressor(strategy="constant", constant=3.0), "ridge": search})


def test_a_blend_predicts_the_mean_of_its_models():
    blend = make_blend()
    with pytest.raises(NotFittedError):
        blend.predict(X)
    assert blend.fit(X, Y) is blend
    np.testing.assert_allclose(blend.predict(X), (3 + Y) / 2, atol=1e-4)
    assert not hasattr(blend.models["ridge"], "best_estimator_")


def test_what_searches_found_can_be_grown_anew_without_searching():
    blend = make_blend().fit(X, Y)
    best = blend.best_estimator_
    np.testing.assert_array_equal(best.predict(X), blend.predict(X))
    assert isinstance(best.models["ridge"], Ridge)
    again = clone(best).fit(X, Y + 2)
    assert again.models["ridge"].alpha == 1e-6
    np.testing.assert_allclose(again.predict(X), (3 + Y + 2) / 2, atol=1e-4)


def test_a_model_without_a_search_is_its_own_best():
    model = Ridge().fit(X, Y)
    assert find_best(model) is model
