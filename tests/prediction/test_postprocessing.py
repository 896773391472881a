"""The running bias and the perceptron, against sums and laws known beforehand."""

import numpy as np
import pandas as pd
import pytest

from fluxlib.prediction.postprocessing import (
    HALF_LIFE,
    LOOKBACK,
    PRIOR,
    fit_mlp,
    run_mlp,
    running_bias,
)

DAYS = pd.date_range("2010-01-01", periods=400)


def test_an_error_is_known_when_its_day_is_over_and_fades():
    errors = np.full((400, 2), np.nan)
    errors[5] = 1.0
    mean = running_bias(DAYS, errors)
    assert (mean[:6] == 0).all()
    weight = np.where(np.arange(400) < LOOKBACK, 0.5 ** (np.arange(400) / HALF_LIFE), 0)
    expected = weight / (weight + PRIOR)
    np.testing.assert_allclose(mean[6:, 0], expected[:394])
    np.testing.assert_allclose(mean[7:, 1], expected[:393])
    assert mean[6, 1] == 0


def test_many_errors_weigh_more_than_what_is_there_beforehand():
    assert running_bias(DAYS, np.full((400, 1), 0.5))[-1] == pytest.approx(0.43, abs=0.01)


def test_days_that_are_not_there_have_no_error():
    errors = np.random.default_rng(0).normal(size=(400, 3))
    there = np.arange(400) % 3 > 0
    holes = np.where(there[:, None], errors, np.nan)
    np.testing.assert_allclose(
        running_bias(DAYS[there], errors[there]), running_bias(DAYS, holes)[there], atol=1e-12
    )


def test_no_day_has_no_error():
    assert running_bias(DAYS[:0], np.empty((0, 3))).shape == (0, 3)


def test_a_perceptron_finds_a_law_and_leaves_out_days_without_target():
    rng = np.random.default_rng(1)
    sequence, context = rng.normal(size=(3000, 3, 2)), rng.normal(size=(3000, 1))
    value = sequence[:, 1, 0] - 0.5 * context[:, 0] + 0.5
    target = value[:, None].copy()
    target[::3] = np.nan
    weights = fit_mlp([sequence, context], target, units=16, random_state=0)
    error = run_mlp(weights, [sequence, context])[:, 0] - value
    assert np.std(error) < 0.15
    assert abs(np.mean(error)) < 0.05
