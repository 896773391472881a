import json

import numpy as np
import pandas as pd
import pytest

from fluxlib.calibration.model import NAMES, Calibration


def make_calibration(*values, **other):
    table = pd.DataFrame({"value": values}, index=NAMES[: len(values)])
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
