import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.calibration.diagnostics import (
    calibration_of_kind,
    compare_lines,
    count_censored,
    describe_residuals,
    fit_floor,
    fit_with_breakpoint,
    match_local_time,
    pair_hours,
    score_held_out,
)
from fluxlib.datasets.series import Pair
from fluxlib.errors import FluxError
from tests.helpers.daily_series import make_bent_pair
from tests.helpers.datasets import make_dataset
from tests.helpers.figures import make_calibration


def draw_hours(n=24 * 400, noise=0.1, seed=0):
    """Hourly flux of two satellites, the other lower by 0.2."""
    rng = np.random.default_rng(seed)
    hours = pd.date_range("2014-01-01", periods=n, freq="h", name="time")
    truth = pd.Series(rng.normal(3, 1, n), hours)
    reference, other = truth + noise * rng.normal(size=n), truth - 0.2 + noise * rng.normal(size=n)
    return pd.DataFrame({"reference": reference, "other": other, "Kp": rng.integers(0, 4, n)})


def test_a_pair_is_fitted_on_two_thirds_of_its_days_and_scored_on_the_rest(series):
    late = series["b"].copy()
    late.iloc[267:] += 0.3  # of 400 days; the fit on the first 267 does not know
    table = score_held_out(
        {"a": series["a"], "b": late}, {Pair("a", "b"): make_calibration(intercept=0.0, slope=1.0)}
    )
    (row,) = table.itertuples(index=False)
    assert (row.reference, row.other, row.days) == ("a", "b", 133)
    assert table["RMSE before"].iloc[0] == pytest.approx(0.8, abs=0.01)
    assert table["RMSE after"].iloc[0] == pytest.approx(0.3, abs=0.02)
    assert table["PE after"].iloc[0] > table["PE before"].iloc[0]


def test_the_days_that_score_a_fit_have_no_part_in_it(series):
    rng = np.random.default_rng(0)
    a, other = series["a"], series["b"] + 0.1 * rng.normal(size=400)
    other.iloc[267:] += 0.1
    pairs = {Pair("a", "b"): make_calibration(intercept=0.0, slope=1.0)}
    table = score_held_out({"a": a, "b": other}, pairs)
    line = fluxlib.fit_calibration(a[:267], other[:267], n_boot=2)
    expected = fluxlib.scores(a[267:], line.apply(other[267:]))
    for score in ("RMSE", "PE"):
        assert table[f"{score} after"].iloc[0] == pytest.approx(expected[score])


def test_pairs_with_too_few_days_to_score_are_left_out(series):
    pairs = {Pair("a", "b"): make_calibration(intercept=0.0, slope=1.0)}
    enough, few = ({"a": series["a"][:n], "b": series["b"]} for n in (90, 88))
    assert score_held_out(enough, pairs)["days"].tolist() == [30]
    assert score_held_out(few, pairs).empty


def test_daily_cycle_between_satellites_is_taken_out_and_nothing_else():
    rng = np.random.default_rng(0)
    hours = pd.date_range("2014-01-01", periods=24 * 200, freq="h", name="time")
    flux = pd.Series(rng.normal(size=len(hours)), hours).rolling(48, min_periods=1).mean()
    ut = 2 * np.pi * hours.hour / 24
    east, west = flux + 0.4 * np.cos(ut - 2), flux + 0.4 * np.cos(ut - 3) + 0.3
    matched, cycle = match_local_time(east, west.where(rng.random(len(hours)) > 0.2))
    np.testing.assert_allclose((east - matched).dropna(), -0.3, atol=1e-3)
    np.testing.assert_allclose(cycle, 0.4 * (np.cos(ut[:24] - 2) - np.cos(ut[:24] - 3)), atol=1e-3)
    with pytest.raises(FluxError, match="share 1 hours of the day"):
        match_local_time(flux[::24], flux[::24])


def test_hours_of_a_pair_are_log10_flux_with_the_other_at_the_references_local_time():
    dataset = make_dataset(days=40, cadence="1h")
    hours = pair_hours(dataset, Pair("goes13", "goes15"))
    flux = {name: np.log10(dataset.flux[name]["e2"]) for name in ("goes13", "goes15")}
    matched, _ = match_local_time(flux["goes13"], flux["goes15"])
    pd.testing.assert_series_equal(
        hours["reference"], flux["goes13"].dropna(), check_names=False, check_freq=False
    )
    pd.testing.assert_series_equal(
        hours["other"], matched.dropna(), check_names=False, check_freq=False
    )
    assert hours["Kp"].equals(dataset.drivers["Kp"].reindex(hours.index))


def test_censored_hours_are_counted_by_the_others_level():
    hours = pd.DataFrame(
        {"other": [1.0, 1.4, 1.6, 2.0, np.nan], "reference": [np.nan, 1.0, np.nan, 2.0, 1.0]}
    )
    table = count_censored(hours)
    assert table["hours"].to_dict() == {1.0: 2, 1.5: 1, 2.0: 1}
    assert table["missing"].to_dict() == {1.0: 0.5, 1.5: 1, 2.0: 0}


def test_the_likelihood_with_a_floor_finds_the_slope_that_censoring_flattens():
    hours = draw_hours(n=24 * 120, noise=0.3)
    hours["reference"] = hours["reference"].where(hours["reference"] > 3.3)
    lines = fit_floor(hours, 10**3.3)
    slope = {name: line.coefficients.loc["slope"] for name, line in lines.items()}
    assert slope["ignoring the floor"]["upper"] < 1
    assert slope["with the floor"]["lower"] < 1 < slope["with the floor"]["upper"]
    low = hours["reference"].isna() & (hours["other"] < 3.3)
    assert lines["with the floor"].n_low == low.iloc[::6].sum()
    with pytest.raises(FluxError, match="floor is 0; expected a flux above 0"):
        fit_floor(hours, 0)


def test_residuals_are_described_by_hour_kp_and_level():
    hours = draw_hours()
    hours.loc[hours.index.hour == 5, "reference"] += 1
    hours.iloc[:29, 2] = 9.0
    tables = describe_residuals(hours, make_calibration(intercept=0.2, slope=1.0))
    by_hour, by_kp, by_level = tables.values()
    assert by_hour["median"].idxmax() == 5
    assert by_hour.loc[5, "median"] == pytest.approx(1, abs=0.05)
    assert by_hour.loc[4, "median"] == pytest.approx(0, abs=0.05)
    spread = 0.1 * np.sqrt(2) * 0.6745
    assert by_hour.loc[4, "upper"] == pytest.approx(spread, abs=0.03)
    assert by_hour.loc[4, "lower"] == pytest.approx(-spread, abs=0.03)
    assert by_kp.index.tolist() == [0, 1, 2, 3]  # 29 hours of Kp 9 are too few
    assert (by_level.index % 0.25 == 0.125).all()


def test_lines_that_meet_where_they_should_are_found_exactly():
    line = fit_with_breakpoint(*make_bent_pair(), 7.0)
    expected = {"intercept": 1.4, "slope": 0.8, "slope_above": 1.3, "breakpoint": 7.0}
    assert line.coefficients["value"].to_dict() == pytest.approx(expected, abs=1e-6)
    assert line.kind == "piecewise"


def test_storms_that_one_satellite_missed_hardly_change_the_lines():
    reference, other = make_bent_pair(noise=0.02)
    reference.iloc[::25] += 2
    values = fit_with_breakpoint(reference, other, 7.0).coefficients["value"]
    assert values["slope"] == pytest.approx(0.8, abs=0.02)
    assert values["slope_above"] == pytest.approx(1.3, abs=0.02)


def test_a_breakpoint_far_from_the_bend_raises_the_error():
    reference, other = make_bent_pair(noise=0.02)
    best = fit_with_breakpoint(reference, other, 7.0)
    near = compare_lines(reference, other, best, 7.1).rmse
    far = compare_lines(reference, other, best, 6.0).rmse
    assert near["fitted"] < near["by hand"] < far["by hand"]
    assert near["fitted"] == far["fitted"] == pytest.approx(0.02, abs=0.002)


def test_without_a_breakpoint_only_the_fitted_line_is_compared():
    reference, other = make_bent_pair()
    assert list(
        compare_lines(reference, other, fit_with_breakpoint(reference, other, 7.0)).lines
    ) == ["fitted"]


def test_a_breakpoint_with_no_days_on_one_side_is_refused():
    with pytest.raises(FluxError, match=r"breakpoint is 12; expected 5\.\d+ to 8\.\d+"):
        fit_with_breakpoint(*make_bent_pair(), 12.0)


def test_the_kind_asked_for_is_returned():
    reference, other = make_bent_pair(noise=0.02)
    known = make_calibration(intercept=1.0, slope=1.0)
    assert calibration_of_kind(reference, other, "auto", known) is known
    assert calibration_of_kind(reference, other, "linear", known) is known
    bent = calibration_of_kind(reference, other, "piecewise", known)
    assert bent.breakpoint == pytest.approx(7, abs=0.1)
    other_seed = calibration_of_kind(reference, other, "piecewise", known, random_state=1)
    assert not other_seed.coefficients["lower"].equals(bent.coefficients["lower"])
    with pytest.raises(FluxError, match="kind is 'cubic'; expected one of auto, linear, piecewise"):
        calibration_of_kind(reference, other, "cubic", known)
