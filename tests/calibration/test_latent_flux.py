import numpy as np
import pytest

from fluxlib.calibration.latent_flux import (
    BREAK_STEP,
    LatentFluxModel,
    LogPairs,
    bend_scores,
    breakpoint_range,
    fit_latent,
)
from fluxlib.calibration.model import differentiate, fit_deming


def draw_pairs(seed=0, n=3000, bend=0.0, noise=0.15):
    """Skewed latent flux, so that no normal distribution would do."""
    rng = np.random.default_rng(seed)
    truth = rng.gamma(2.0, 0.5, size=n) - 1
    y = 0.3 + 0.9 * truth + bend * np.maximum(truth - 0.2, 0)
    nowhere = np.zeros(n, dtype=bool)
    x, y = truth + noise * rng.normal(size=n), y + noise * rng.normal(size=n)
    return LogPairs(x, y, nowhere, nowhere)


def hide(pairs, floor_x=-np.inf, floor_y=-np.inf):
    low_x, low_y = pairs.x < floor_x, pairs.y < floor_y
    x, y = np.maximum(pairs.x, floor_x), np.maximum(pairs.y, floor_y)
    return LogPairs(x, y, low_x, low_y)


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


def test_outliers_do_not_move_the_line():
    pairs = draw_pairs()
    y = pairs.y.copy()
    y[::20] += 4
    clean, _ = fit_latent(pairs, bend=False)
    line, _ = fit_latent(LogPairs(pairs.x, y, pairs.low_x, pairs.low_y), bend=False)
    np.testing.assert_allclose(line, clean, atol=0.02)


@pytest.mark.slow
def test_score_of_a_bend_is_zero_on_average_without_one():
    strongest = []
    for seed in range(25):
        pull = bend_scores(draw_pairs(seed, n=600))
        strongest.append(np.abs(pull.sum(axis=0) / np.sqrt((pull**2).sum(axis=0))).max())
    # the largest of a few nearly independent normal deviates
    assert 1.0 < np.median(strongest) < 2.2
    pull = bend_scores(draw_pairs(bend=0.6))
    assert np.abs(pull.sum(axis=0) / np.sqrt((pull**2).sum(axis=0))).max() > 8


def draw_two_humps(censored, n=600, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.where(rng.random(n) < 0.5, rng.normal(-0.6, 0.4, n), rng.normal(0.8, 0.5, n))
    x = truth + rng.normal(0, 0.1, n)
    y = 0.3 + 0.8 * truth + 0.4 * np.maximum(truth - 0.2, 0) + rng.normal(0, 0.1, n)
    low_x, low_y = (x < -0.9, y < 0.0) if censored else np.zeros((2, n), dtype=bool)
    return LogPairs(np.where(low_x, -0.9, x), np.where(low_y, 0.0, y), low_x, low_y)


@pytest.mark.parametrize("censored", [False, True])
@pytest.mark.parametrize("bend", [False, True])
def test_scores_are_the_derivative_of_the_likelihood(censored, bend):
    model = LatentFluxModel(draw_two_humps(censored), bend, 1.5)
    at = model._starts()[0] + 0.05 * np.random.default_rng(1).normal(size=len(model._starts()[0]))
    numeric = differentiate(lambda p: model.scores(p)[0], at, 1e-6).T
    exact = model.scores(at)[1]
    np.testing.assert_allclose(exact, numeric, atol=1e-6 * np.abs(exact).max())


def test_a_breakpoint_is_as_uncertain_as_the_likelihood_leaves_it():
    model = LatentFluxModel(draw_pairs(bend=0.4), True, 1.0)
    at = model.maximise()
    slope = differentiate(lambda p: model.scores(p)[1].sum(axis=0), at, BREAK_STEP)[3, 3]
    # The prior, which keeps it in range, has no part in it.
    prior = 2 * np.exp(-at[3]) / (1 + np.exp(-at[3])) ** 2
    assert model.information(at)[3, 3] == pytest.approx(-slope, abs=0.1 * prior)


def test_likelihood_of_values_and_floors_adds_up_to_one():
    model = LatentFluxModel(draw_two_humps(True), True, 1.0)
    at = model._starts()[4]
    at[-1] = -40.0  # no outliers: theirs is a density on the data's own rectangle
    x, y = np.linspace(-0.9, 4, 200), np.linspace(0.0, 5, 200)
    area = (x[1] - x[0]) * (y[1] - y[0])

    def add_up(x, y, low_x, low_y):
        grids = np.meshgrid(x, y, indexing="ij")
        flags = [np.full(grids[0].size, low) for low in (low_x, low_y)]
        model.pairs = LogPairs(grids[0].ravel(), grids[1].ravel(), *flags)
        weight = np.ones(grids[0].shape)
        for axis, low in ((0, low_x), (1, low_y)):  # trapezoids
            if not low:
                edge = np.moveaxis(weight, axis, 0)
                edge[0] /= 2
                edge[-1] /= 2
        return np.exp(model.scores(at)[0]) @ weight.ravel()

    total = add_up(x, y, False, False) * area
    total += add_up(x, [0.0], False, True) * (x[1] - x[0])
    total += add_up([-0.9], y, True, False) * (y[1] - y[0])
    total += add_up([-0.9], [0.0], True, True)
    assert total == pytest.approx(1, abs=1e-3)


def test_hinge_is_its_average_over_a_cell():
    model = LatentFluxModel(draw_two_humps(False), True, 1.0)
    cells = np.linspace(-0.5, 0.5, 20_001) * model.step
    for distance in np.array([-2.0, -0.4, 0.0, 0.3, 2.0]) * model.step:
        average = np.maximum(distance + cells, 0).mean()
        assert model.hinge(distance) == pytest.approx(average, abs=1e-6)


def test_breakpoints_are_sought_where_both_sides_have_data():
    np.testing.assert_allclose(breakpoint_range(np.arange(101.0)), [2, 98])
