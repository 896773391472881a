import numpy as np
import pandas as pd
import pytest

from fluxlib.calibration.manual import bend_at, choose_line, compare_lines, find_pair, name_pair
from fluxlib.errors import FluxError
from tests.helpers.figures import make_calibration

PAIRS = {("a", "b"): make_calibration(intercept=0.0, slope=1.0)}
PAIRS[("a", "c")] = make_calibration(intercept=0.5, slope=1.0)


def draw_bent(noise=0.0):
    """One satellite's slope is 0.8 below 7 and 1.3 above."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2014-01-01", periods=500, freq="D", name="time")
    x = pd.Series(rng.uniform(5, 9, len(days)), days, name="goes15")
    y = 1.4 + 0.8 * x + 0.5 * np.maximum(x - 7, 0)
    return (y + noise * rng.normal(size=len(x))).rename("goes13"), x


def test_lines_that_meet_where_they_should_are_found_exactly():
    line = bend_at(*draw_bent(), 7.0)
    expected = {"intercept": 1.4, "slope": 0.8, "slope_above": 1.3, "breakpoint": 7.0}
    assert line.coefficients["value"].to_dict() == pytest.approx(expected, abs=1e-6)
    assert line.kind == "piecewise"


def test_storms_that_one_satellite_missed_have_little_say():
    reference, other = draw_bent(noise=0.02)
    reference.iloc[::25] += 2
    values = bend_at(reference, other, 7.0).coefficients["value"]
    assert values["slope"] == pytest.approx(0.8, abs=0.02)
    assert values["slope_above"] == pytest.approx(1.3, abs=0.02)


def test_a_hand_far_from_the_bend_costs():
    reference, other = draw_bent(noise=0.02)
    best = bend_at(reference, other, 7.0)
    near = compare_lines(reference, other, best, 7.1).rmse
    far = compare_lines(reference, other, best, 6.0).rmse
    assert near["fitted"] < near["by hand"] < far["by hand"]
    assert near["fitted"] == far["fitted"] == pytest.approx(0.02, abs=0.002)


def test_without_a_hand_only_the_fitted_line_is_shown():
    reference, other = draw_bent()
    assert list(compare_lines(reference, other, bend_at(reference, other, 7.0)).lines) == ["fitted"]


def test_a_breakpoint_with_no_days_on_one_side_is_refused():
    with pytest.raises(FluxError, match=r"breakpoint is 12; expected 5\.\d+ to 8\.\d+"):
        bend_at(*draw_bent(), 12.0)


def test_the_kind_asked_for_is_given():
    reference, other = draw_bent(noise=0.02)
    known = make_calibration(intercept=1.0, slope=1.0)
    assert choose_line(reference, other, "auto", known) is known
    assert choose_line(reference, other, "linear", known) is known
    bent = choose_line(reference, other, "piecewise", known)
    assert bent.breakpoint == pytest.approx(7, abs=0.1)
    with pytest.raises(FluxError, match="kind is 'cubic'; expected one of auto, linear, piecewise"):
        choose_line(reference, other, "cubic", known)


def test_pairs_are_found_by_name():
    assert name_pair("a", "b") == "b onto a"
    assert find_pair("c onto a", PAIRS) == ("a", "c")
    assert find_pair("auto", PAIRS) == ("a", "b")
    with pytest.raises(FluxError, match="expected 'auto' or one of b onto a, c onto a"):
        find_pair("a onto b", PAIRS)
