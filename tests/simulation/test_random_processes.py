"""Random processes: numbers that do not depend on the period, and an exact recursion."""

import numpy as np
import pandas as pd
import pytest

from fluxlib.simulation.random_processes import (
    EPOCH,
    SPIN_UP,
    SimulationSpan,
    linear_recurrence,
    past_mean,
)


@pytest.fixture(scope="module")
def span():
    return SimulationSpan.cover(EPOCH, EPOCH + pd.Timedelta(days=400), seed=3)


def test_a_span_starts_early_by_the_spin_up_and_holds_the_end():
    span = SimulationSpan.cover(EPOCH, EPOCH + pd.Timedelta(days=27), seed=0)
    assert span.index[0] == EPOCH - SPIN_UP * pd.Timedelta(days=27)
    assert span.index[-1] >= EPOCH + pd.Timedelta(days=27)
    assert len(span.index) == len(span.days) == span.size


def test_white_noise_of_a_part_is_a_part_of_white_noise(span):
    part = SimulationSpan(span.seed, span.first + 2, span.last - 1)
    np.testing.assert_array_equal(part.white_noise("x"), span.white_noise("x")[part.within(span)])


def test_processes_and_seeds_are_independent(span):
    other = SimulationSpan(span.seed + 1, span.first, span.last)
    for another in (span.white_noise("y"), other.white_noise("x")):
        assert abs(np.corrcoef(span.white_noise("x"), another)[0, 1]) < 0.01


def test_wander_has_unit_variance_and_the_stated_correlation_time(span):
    values = span.ornstein_uhlenbeck("x", 2.0)
    assert values.std() == pytest.approx(1, abs=0.03)
    lag = 24  # two hours
    assert np.corrcoef(values[lag:], values[:-lag])[0, 1] == pytest.approx(np.exp(-1), abs=0.04)


def test_wander_forgets_its_start_within_the_spin_up(span):
    later = SimulationSpan(span.seed, span.first + 5, span.last)
    settled = SPIN_UP * 27 * 288
    np.testing.assert_allclose(
        later.ornstein_uhlenbeck("x", 60)[settled:],
        span.ornstein_uhlenbeck("x", 60)[later.within(span)][settled:],
        atol=1e-12,
    )


def test_drift_is_the_same_curve_in_any_span_and_straight_within_a_block(span):
    part = SimulationSpan(span.seed, span.first + 3, span.last)
    np.testing.assert_allclose(part.slow_curve("x"), span.slow_curve("x")[part.within(span)])
    block = span.slow_curve("x")[: 27 * 288]
    np.testing.assert_allclose(np.diff(block), block[1] - block[0], atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 50, 997])
def test_recur_equals_the_loop(size):
    rng = np.random.default_rng(0)
    decay, gain = rng.uniform(0, 1, size), rng.normal(size=size)
    expected, value = [], 0.0
    for keep, add in zip(decay, gain, strict=True):
        value = keep * value + add
        expected.append(value)
    np.testing.assert_allclose(linear_recurrence(decay, gain), expected, rtol=1e-12, atol=1e-12)


def test_smooth_answers_a_step_by_an_exponential():
    answer = past_mean(np.ones(240), 4.0)
    assert answer[47] == pytest.approx(1 - np.exp(-1), abs=1e-12)
