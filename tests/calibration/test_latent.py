import numpy as np
import pytest

from fluxlib.calibration.latent_flux import Pairs, bend_scores, fit_latent
from fluxlib.calibration.model import fit_deming


def draw_pairs(seed=0, n=3000, bend=0.0, noise=0.15):
    """Skewed latent flux, so that no normal distribution would do."""
    rng = np.random.default_rng(seed)
    truth = rng.gamma(2.0, 0.5, size=n) - 1
    y = 0.3 + 0.9 * truth + bend * np.maximum(truth - 0.2, 0)
    nowhere = np.zeros(n, dtype=bool)
    x, y = truth + noise * rng.normal(size=n), y + noise * rng.normal(size=n)
    return Pairs(x, y, nowhere, nowhere)


def hide(pairs, floor_x=-np.inf, floor_y=-np.inf):
    low_x, low_y = pairs.x < floor_x, pairs.y < floor_y
    x, y = np.maximum(pairs.x, floor_x), np.maximum(pairs.y, floor_y)
    return Pairs(x, y, low_x, low_y)


def test_without_floor_it_agrees_with_deming():
    pairs = draw_pairs()
    line, influence = fit_latent(pairs, bend=False)
    expected, other = fit_deming(pairs.x, pairs.y)
    np.testing.assert_allclose(line, expected, atol=0.01)
    error, other_error = np.sqrt((influence**2).sum(0)), np.sqrt((other**2).sum(0))
    np.testing.assert_allclose(error, other_error, rtol=0.2)


@pytest.mark.parametrize(
    "floors", [{"floor_y": 0.1}, {"floor_x": -0.3}, {"floor_x": -0.5, "floor_y": 0.3}]
)
def test_floor_bends_deming_but_not_the_likelihood(floors):
    pairs = hide(draw_pairs(), **floors)
    assert (pairs.low_x | pairs.low_y).mean() > 0.2
    line, influence = fit_latent(pairs, bend=False)
    error = np.sqrt((influence**2).sum(axis=0))
    assert (np.abs(line - [0.3, 0.9]) < 3 * error).all()
    naive, its = fit_deming(pairs.x, pairs.y)  # values at the floor taken as they stand
    assert abs(naive[1] - 0.9) > 5 * np.sqrt((its[:, 1] ** 2).sum())


def test_two_pieces_and_their_breakpoint_are_found():
    line, influence = fit_latent(draw_pairs(bend=0.6), bend=True)
    error = np.sqrt((influence**2).sum(axis=0))
    assert (np.abs(line - [0.3, 0.9, 1.5, 0.2]) < 3 * error).all()
    assert (error < [0.03, 0.05, 0.05, 0.1]).all()


def test_breakpoint_is_found_beside_floors():
    pairs = hide(draw_pairs(bend=0.6), floor_x=-0.5, floor_y=-0.15)
    line, influence = fit_latent(pairs, bend=True)
    error = np.sqrt((influence**2).sum(axis=0))
    assert (np.abs(line - [0.3, 0.9, 1.5, 0.2]) < 3 * error).all()


def test_outliers_have_no_say():
    pairs = draw_pairs()
    y = pairs.y.copy()
    y[::20] += 4
    clean, _ = fit_latent(pairs, bend=False)
    line, _ = fit_latent(Pairs(pairs.x, y, pairs.low_x, pairs.low_y), bend=False)
    np.testing.assert_allclose(line, clean, atol=0.02)


@pytest.mark.slow
def test_pull_towards_a_bend_is_none_on_average_without_one():
    strongest = []
    for seed in range(25):
        pull = bend_scores(draw_pairs(seed, n=600))
        strongest.append(np.abs(pull.sum(axis=0) / np.sqrt((pull**2).sum(axis=0))).max())
    # the largest of a few nearly independent normal deviates
    assert 1.0 < np.median(strongest) < 2.2
    pull = bend_scores(draw_pairs(bend=0.6))
    assert np.abs(pull.sum(axis=0) / np.sqrt((pull**2).sum(axis=0))).max() > 8
