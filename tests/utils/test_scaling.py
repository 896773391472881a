import numpy as np
import pytest
from sklearn.linear_model import Ridge

from fluxlib.utils.scaling import apply_scale, make_scaled, measure_scale, shrinkage


def test_a_scale_is_of_what_is_finite():
    values = np.array([[1.0, 5.0, np.nan], [3.0, 5.0, 2.0], [np.nan, 5.0, -np.inf]])
    mean, spread = measure_scale(values)
    assert mean.tolist() == [2, 5, 2]
    assert spread.tolist() == [1, 1, 1]  # what never changes is divided by one


def test_a_scale_of_sequences_is_taken_over_days_and_steps():
    values = np.random.default_rng(0).normal(3, 2, (50, 4, 2))
    mean, spread = measure_scale(values, axis=(0, 1))
    assert mean == pytest.approx(values.reshape(-1, 2).mean(axis=0))
    assert spread == pytest.approx(values.reshape(-1, 2).std(axis=0))


def test_what_is_not_finite_becomes_the_mean():
    scaled = apply_scale(np.array([[4.0], [np.nan], [np.inf]]), (np.array([2.0]), np.array([4.0])))
    assert scaled.dtype == np.float32
    assert scaled[:, 0].tolist() == [0.5, 0, 0]


def test_a_pipeline_tells_what_was_missing_and_keeps_what_training_never_had():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=200), np.full(200, np.nan)])
    X[::2, 0] = np.nan
    y = np.isnan(X[:, 0]).astype(float)
    model = make_scaled(("model", Ridge(alpha=1e-6))).fit(X, y)
    assert model.predict(np.array([[np.nan, 7.0], [0.0, np.nan]])) == pytest.approx([1, 0], abs=0.1)


def test_a_share_of_a_correction_is_the_one_of_least_squared_error_within_0_and_1():
    rng = np.random.default_rng(0)
    correction = rng.normal(size=(200, 4))
    error = correction * [0.3, 2.0, -1.0, 0.7] + 0.1 * rng.normal(size=(200, 4))
    error[::3, 0] = np.nan
    share = shrinkage(error, correction)
    assert share == pytest.approx([0.3, 1, 0, 0.7], abs=0.02)
    for step in (-0.01, 0.01):
        worse = np.nansum((error[:, [0, 3]] - (share[[0, 3]] + step) * correction[:, [0, 3]]) ** 2)
        assert worse > np.nansum((error[:, [0, 3]] - share[[0, 3]] * correction[:, [0, 3]]) ** 2)
    assert shrinkage(np.full(3, np.nan), np.ones(3)) == 0
