import numpy as np
import pytest

from fluxlib.calibration.model import fit_deming, fit_ols


def draw_line(seed=0, n=4000, noise=(0.3, 0.3)):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    x = truth + noise[0] * rng.normal(size=n)
    return x, 0.5 + 1.2 * truth + noise[1] * rng.normal(size=n)


def test_exact_line_is_recovered():
    x = np.linspace(-1, 1, 50)
    line, influence = fit_deming(x, 3 - 2 * x)
    np.testing.assert_allclose(line, [3, -2], atol=1e-12)
    assert not influence.any()


def test_errors_in_x_flatten_least_squares_but_not_deming():
    x, y = draw_line()
    assert fit_deming(x, y)[0][1] == pytest.approx(1.2, abs=0.03)
    # attenuated by var(truth) / (var(truth) + var(error))
    assert fit_ols(x, y)[0][1] == pytest.approx(1.2 / 1.09, abs=0.03)


def test_error_ratio_is_y_over_x():
    x, y = draw_line(noise=(0.2, 0.4))
    assert fit_deming(x, y, error_ratio=4.0)[0][1] == pytest.approx(1.2, abs=0.03)
    assert fit_deming(x, y, error_ratio=1.0)[0][1] > 1.23


def test_exchange_of_satellites_gives_the_inverse_line():
    x, y = draw_line()
    (a, b), (c, d) = fit_deming(x, y)[0], fit_deming(y, x)[0]
    assert d == pytest.approx(1 / b, abs=1e-8)
    assert c == pytest.approx(-a / b, abs=1e-8)


def test_outliers_have_no_say():
    x, y = draw_line()
    clean = fit_deming(x, y)[0]
    spoilt = y.copy()
    spoilt[::10] += 6
    np.testing.assert_allclose(fit_deming(x, spoilt)[0], clean, atol=0.02)


def test_least_squares_influence_foretells_leaving_a_sample_out():
    x, y = draw_line(n=1000)
    line, influence = fit_ols(x, y)
    leverage = 1 / len(x) + (x - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum()
    for i in (0, 10, 500):
        change = line - fit_ols(np.delete(x, i), np.delete(y, i))[0]
        np.testing.assert_allclose(change * (1 - leverage[i]), influence[i], atol=1e-12)


@pytest.mark.parametrize("fit", [fit_deming, fit_ols])
def test_influence_gives_the_standard_error(fit):
    lines = np.array([fit(*draw_line(seed, n=300))[0] for seed in range(300)])
    _, influence = fit(*draw_line(0, n=20_000))
    expected = np.sqrt((influence**2).sum(axis=0) * 20_000 / 300)
    np.testing.assert_allclose(lines.std(axis=0), expected, rtol=0.12)
