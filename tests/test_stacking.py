"""Stacking: shares and filters against sums known beforehand."""

import numpy as np
import pytest

from fluxlib.stacking import find_shares, fit_linear, run_linear


def test_share_is_that_by_which_the_target_was_mixed():
    rng = np.random.default_rng(0)
    networks, linear = rng.normal(size=(2, 500, 3))
    mix = np.array([0.0, 0.3, 1.0])
    target = (1 - mix) * networks + mix * linear
    assert find_shares(target, networks, linear) == pytest.approx(mix)


def test_share_stays_between_none_and_all():
    networks, linear = np.zeros((10, 2)), np.ones((10, 2))
    target = np.column_stack([np.full(10, -1.0), np.full(10, 2.0)])
    assert find_shares(target, networks, linear).tolist() == [0, 1]


def test_days_without_a_value_do_not_count():
    networks, linear = np.zeros((4, 1)), np.ones((4, 1))
    target = np.array([[0.5], [0.5], [np.nan], [np.nan]])
    assert find_shares(target, networks, linear) == pytest.approx([0.5])


def test_filter_finds_a_linear_law_and_leaves_out_unobserved_days():
    rng = np.random.default_rng(1)
    sequence, context = rng.normal(size=(900, 3, 2)), rng.normal(size=(900, 1))
    value = 2 * sequence[:, 1, 0] - context[:, 0] + 0.5
    target = np.column_stack([value, np.ones(900)])
    target[::3] = [99, 0]
    linear = fit_linear([sequence, context], target)
    np.testing.assert_allclose(run_linear(linear, [sequence, context])[:, 0], value, atol=0.03)
