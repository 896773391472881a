import numpy as np
import pytest

from fluxlib.calibration.latent_flux import LatentModel, Pairs, differentiate, search_breaks


def draw_pairs(censored, n=600, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.where(rng.random(n) < 0.5, rng.normal(-0.6, 0.4, n), rng.normal(0.8, 0.5, n))
    x = truth + rng.normal(0, 0.1, n)
    y = 0.3 + 0.8 * truth + 0.4 * np.maximum(truth - 0.2, 0) + rng.normal(0, 0.1, n)
    low_x, low_y = (x < -0.9, y < 0.0) if censored else np.zeros((2, n), dtype=bool)
    return Pairs(np.where(low_x, -0.9, x), np.where(low_y, 0.0, y), low_x, low_y)


@pytest.mark.parametrize("censored", [False, True])
@pytest.mark.parametrize("bend", [False, True])
def test_scores_are_the_derivative_of_the_likelihood(censored, bend):
    model = LatentModel(draw_pairs(censored), bend, 1.5)
    at = model._starts()[0] + 0.05 * np.random.default_rng(1).normal(size=len(model._starts()[0]))
    numeric = differentiate(lambda p: model.scores(p)[0], at, 1e-6).T
    exact = model.scores(at)[1]
    np.testing.assert_allclose(exact, numeric, atol=1e-6 * np.abs(exact).max())


def test_likelihood_of_values_and_floors_adds_up_to_one():
    model = LatentModel(draw_pairs(True), True, 1.0)
    at = model._starts()[4]
    at[-1] = -40.0  # no outliers: theirs is a density on the data's own rectangle
    x, y = np.linspace(-0.9, 4, 200), np.linspace(0.0, 5, 200)
    area = (x[1] - x[0]) * (y[1] - y[0])

    def add_up(x, y, low_x, low_y):
        grids = np.meshgrid(x, y, indexing="ij")
        flags = [np.full(grids[0].size, low) for low in (low_x, low_y)]
        model.pairs = Pairs(grids[0].ravel(), grids[1].ravel(), *flags)
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
    model = LatentModel(draw_pairs(False), True, 1.0)
    cells = np.linspace(-0.5, 0.5, 20_001) * model.step
    for distance in np.array([-2.0, -0.4, 0.0, 0.3, 2.0]) * model.step:
        average = np.maximum(distance + cells, 0).mean()
        assert model.hinge(distance) == pytest.approx(average, abs=1e-6)


def test_breakpoints_are_sought_where_both_sides_have_data():
    np.testing.assert_allclose(search_breaks(np.arange(101.0)), [2, 98])
