import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.calibration.fleet import (
    calibration_chain,
    join_series,
    match_local_time,
    measure_joins,
)
from fluxlib.calibration.model import NAMES, Calibration
from fluxlib.errors import FluxError

DAYS = pd.date_range("2010-01-01", periods=300, freq="D", name="time")


def make_link(intercept, slope, error):
    table = pd.DataFrame({"value": [intercept, slope]}, index=NAMES[:2])
    table["lower"] = table["upper"] = table["value"]
    return Calibration("linear", table, 0.9, 100, 0, 0.1, error, {})


LINKS = {
    ("goes11", "goes10"): make_link(1.0, 1.0, 0.01),
    ("goes12", "goes10"): make_link(0.0, 2.0, 0.01),
    ("goes11", "goes12"): make_link(9.0, 9.0, 0.05),
    ("goes13", "goes12"): make_link(3.0, 1.0, 0.01),
    ("goes15", "goes14"): make_link(0.0, 1.0, 0.01),
}


def test_path_with_the_least_variance_is_taken_even_if_longer():
    chain = calibration_chain(LINKS, "goes11")
    assert chain.paths["goes12"] == ["goes12", "goes10", "goes11"]
    assert chain.paths["goes13"] == ["goes13", "goes12", "goes10", "goes11"]
    assert chain.paths["goes11"] == ["goes11"]
    table = chain.table
    assert table.loc["goes13", "path"] == "goes13 > goes12 > goes10 > goes11"
    assert table.loc["goes13", "error"] == pytest.approx(0.01 * np.sqrt(3))
    assert table["steps"].to_dict() == {"goes10": 1, "goes11": 0, "goes12": 2, "goes13": 3}


def test_chain_applies_links_in_both_directions():
    chain = calibration_chain(LINKS, "goes11")
    series = pd.Series([5.0, np.nan, 7.0], DAYS[:3])
    # goes13 = goes12 + 3, goes12 = 2 goes10, goes11 = goes10 + 1
    pd.testing.assert_series_equal(chain.apply("goes13", series), (series - 3) / 2 + 1)
    pd.testing.assert_series_equal(chain.apply("goes11", series), series)


def test_satellite_without_a_link_is_named():
    chain = calibration_chain(LINKS, "goes11")
    assert "goes15" not in chain.paths
    with pytest.raises(FluxError, match="'goes15' is not linked to goes11"):
        chain.apply("goes15", pd.Series([1.0], DAYS[:1]))
    with pytest.raises(FluxError, match="'goes8' is in no pair"):
        calibration_chain(LINKS, "goes8")
    with pytest.raises(FluxError, match="of b onto a falls"):
        calibration_chain({("a", "b"): make_link(0, -1, 0.1)}, "a")


def test_joined_series_takes_the_first_satellite_that_has_a_value():
    a = pd.Series([1.0, np.nan, np.nan, 4.0], DAYS[:4])
    b = pd.Series([9.0, 8.0, np.nan, 7.0], DAYS[:4])
    joined = join_series({"a": a, "b": b}, ["a", "b"])
    assert joined["value"].tolist()[:2] == [1, 8]
    assert joined["value"].isna().tolist() == [False, False, True, False]
    assert joined["source"].iloc[[0, 1, 3]].tolist() == ["a", "b", "a"]
    assert pd.isna(joined["source"].iloc[2])
    with pytest.raises(FluxError, match="order names c"):
        join_series({"a": a}, ["a", "c"])


def test_step_at_a_join_is_the_difference_where_both_have_values():
    rng = np.random.default_rng(0)
    flux = pd.Series(rng.normal(size=300), DAYS)
    old, new = flux[:200], (flux + 0.5 + 1e-3 * rng.normal(size=300))[180:]
    series = {"old": old, "new": new}
    joins = measure_joins(series, join_series(series, ["old", "new"]))
    assert len(joins) == 1
    (row,) = joins.itertuples()
    assert (row.Index, row.before, row.after, row.n) == (DAYS[200], "old", "new", 20)
    assert row.step == pytest.approx(0.5, abs=1e-3)
    without = measure_joins({"old": old, "new": new[20:]}, join_series(series, ["old", "new"]))
    assert np.isnan(without["step"].iloc[0])
    assert without["level"].iloc[0] == pytest.approx(0.5, abs=0.8)


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


def test_fitted_links_make_a_chain():
    rng = np.random.default_rng(0)
    flux = pd.Series(rng.normal(size=300), DAYS)
    noisy = [flux + 0.05 * rng.normal(size=300) for _ in range(3)]
    a, b, c = noisy[0], 1 + 0.9 * noisy[1], 2 * noisy[2]
    pairs = {
        ("a", "b"): fluxlib.fit_calibration(a, b),
        ("c", "b"): fluxlib.fit_calibration(c, b),
    }
    chain = calibration_chain(pairs, "a")
    assert (chain.apply("c", c) - a).abs().max() < 0.5
    assert chain.table.loc["c", "error"] > chain.table.loc["b", "error"] > 0
