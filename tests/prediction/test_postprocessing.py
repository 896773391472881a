"""Stacking: shares and plain networks against sums known beforehand."""

import numpy as np
import pytest

from fluxlib.prediction.postprocessing import find_shares, fit_plain, run_plain


def test_share_is_that_by_which_the_target_was_mixed():
    rng = np.random.default_rng(0)
    networks, plain = rng.normal(size=(2, 500, 3))
    mix = np.array([0.0, 0.3, 1.0])
    target = (1 - mix) * networks + mix * plain
    assert find_shares(target, networks, plain) == pytest.approx(mix)


def test_share_stays_between_none_and_all():
    networks, plain = np.zeros((10, 2)), np.ones((10, 2))
    target = np.column_stack([np.full(10, -1.0), np.full(10, 2.0)])
    assert find_shares(target, networks, plain).tolist() == [0, 1]


def test_days_without_a_value_do_not_count():
    networks, plain = np.zeros((4, 1)), np.ones((4, 1))
    target = np.array([[0.5], [0.5], [np.nan], [np.nan]])
    assert find_shares(target, networks, plain) == pytest.approx([0.5])


def test_plain_network_finds_a_law_and_leaves_out_unobserved_days():
    rng = np.random.default_rng(1)
    sequence, context = rng.normal(size=(3000, 3, 2)), rng.normal(size=(3000, 1))
    value = sequence[:, 1, 0] - 0.5 * context[:, 0] + 0.5
    target = np.column_stack([value, np.ones(3000)])
    target[::3] = [99, 0]
    weights = fit_plain([sequence, context], target, units=16, seed=0)
    error = run_plain(weights, [sequence, context])[:, 0] - value
    assert np.std(error) < 0.15
    assert abs(np.mean(error)) < 0.05
