import json

import numpy as np
import pandas as pd
import pytest

from fluxlib.calibration.model import PARAMETERS, Calibration, fit_deming


def make_calibration(*values, **other):
    table = pd.DataFrame({"value": values}, index=PARAMETERS[: len(values)])
    table["lower"], table["upper"] = table["value"] - 0.1, table["value"] + 0.1
    kind = "linear" if len(values) == 2 else "piecewise"
    quality = {"r": 0.9, "n": 100, "n_low": 0, "residual_sd": 0.1, "error": 0.01, "options": {}}
    return Calibration(kind=kind, coefficients=table, **(quality | other))


LINE = make_calibration(1.0, 2.0)
PIECES = make_calibration(1.0, 2.0, 0.5, 3.0)
SERIES = pd.Series(
    [0.0, 3.0, np.nan, 5.0], pd.date_range("2010", periods=4, name="time"), name="e2"
)


def test_line_and_pieces_are_evaluated():
    pd.testing.assert_series_equal(LINE.apply(SERIES), 1 + 2 * SERIES)
    expected = pd.Series([1.0, 7.0, np.nan, 8.0], SERIES.index, name="e2")
    pd.testing.assert_series_equal(PIECES.apply(SERIES), expected)


@pytest.mark.parametrize("calibration", [LINE, PIECES])
def test_inverse_undoes_apply(calibration):
    pd.testing.assert_series_equal(calibration.invert(calibration.apply(SERIES)), SERIES)


@pytest.mark.parametrize("calibration", [LINE, PIECES])
def test_json_keeps_it_all(calibration):
    text = json.dumps(calibration.to_dict())
    again = Calibration.from_dict(json.loads(text))
    pd.testing.assert_frame_equal(again.coefficients, calibration.coefficients)
    assert again.to_dict() == calibration.to_dict()


def test_only_pieces_have_a_breakpoint():
    assert LINE.breakpoint is None
    assert PIECES.breakpoint == 3.0


def test_rises_only_if_every_slope_is_positive():
    assert LINE.rises
    assert PIECES.rises
    assert not make_calibration(1.0, 2.0, -0.5, 3.0).rises


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


def test_errors_in_x_do_not_flatten_the_line():
    x, y = draw_line()
    assert fit_deming(x, y)[0][1] == pytest.approx(1.2, abs=0.03)
    # Least squares is attenuated by var(truth) / (var(truth) + var(error)).
    assert np.polyfit(x, y, 1)[0] == pytest.approx(1.2 / 1.09, abs=0.03)


def test_error_ratio_is_y_over_x():
    x, y = draw_line(noise=(0.2, 0.4))
    assert fit_deming(x, y, error_ratio=4.0)[0][1] == pytest.approx(1.2, abs=0.03)
    assert fit_deming(x, y, error_ratio=1.0)[0][1] > 1.23


def test_exchange_of_satellites_gives_the_inverse_line():
    x, y = draw_line()
    (a, b), (c, d) = fit_deming(x, y)[0], fit_deming(y, x)[0]
    assert d == pytest.approx(1 / b, abs=1e-8)
    assert c == pytest.approx(-a / b, abs=1e-8)


def test_outliers_do_not_move_the_line():
    x, y = draw_line()
    clean = fit_deming(x, y)[0]
    spoilt = y.copy()
    spoilt[::10] += 6
    np.testing.assert_allclose(fit_deming(x, spoilt)[0], clean, atol=0.02)


def test_influence_gives_the_standard_error():
    lines = np.array([fit_deming(*draw_line(seed, n=300))[0] for seed in range(60)])
    _, influence = fit_deming(*draw_line(0, n=20_000))
    expected = np.sqrt((influence**2).sum(axis=0) * 20_000 / 300)
    np.testing.assert_allclose(lines.std(axis=0), expected, rtol=0.25)
