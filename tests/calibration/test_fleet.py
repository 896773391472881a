from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.calibration.fleet import (
    calibrate_daily,
    calibrate_fleet,
    hold_out_years,
    link_pairs,
    measure_joins,
    replace_daily,
    score_pairs,
)
from fluxlib.calibration.model import PARAMETERS, Calibration
from fluxlib.calibration.pairs import fit_pairs, list_overlaps
from fluxlib.datasets.series import Pair, log_fluence
from fluxlib.errors import FluxError, NotApplicable
from tests.helpers.datasets import make_dataset

DAYS = pd.date_range("2010-01-01", periods=300, freq="D", name="time")


def make_link(intercept, slope, error):
    table = pd.DataFrame({"value": [intercept, slope]}, index=PARAMETERS[:2])
    table["lower"] = table["upper"] = table["value"]
    return Calibration("linear", table, 0.9, 100, 0, 0.1, error, {})


@pytest.fixture(scope="module")
def toy():
    return make_dataset(days=30, cadence="1h")


LINKS = {
    ("goes11", "goes10"): make_link(1.0, 1.0, 0.01),
    ("goes12", "goes10"): make_link(0.0, 2.0, 0.01),
    ("goes11", "goes12"): make_link(9.0, 9.0, 0.05),
    ("goes13", "goes12"): make_link(3.0, 1.0, 0.01),
    ("goes15", "goes14"): make_link(0.0, 1.0, 0.01),
}
RIGHT = dict.fromkeys(LINKS, 0.0)


def test_path_with_the_least_variance_is_taken_even_if_longer():
    fleet = link_pairs(LINKS, "goes11", RIGHT)
    assert fleet.paths["goes12"] == ["goes12", "goes10", "goes11"]
    assert fleet.paths["goes13"] == ["goes13", "goes12", "goes10", "goes11"]
    assert fleet.paths["goes11"] == ["goes11"]
    table = fleet.table
    assert table.loc["goes13", "path"] == "goes13 > goes12 > goes10 > goes11"
    assert table.loc["goes13", "error"] == pytest.approx(0.01 * np.sqrt(3))
    assert table["steps"].to_dict() == {"goes10": 1, "goes11": 0, "goes12": 2, "goes13": 3}


def test_a_link_that_is_off_on_days_held_out_is_avoided_however_well_it_is_known():
    off = RIGHT | {Pair("goes12", "goes10"): 0.1}
    fleet = link_pairs(LINKS, "goes11", off)
    assert fleet.paths["goes12"] == ["goes12", "goes11"]
    assert fleet.table["systematic"].eq(0).all()
    off[Pair("goes11", "goes12")] = 0.3
    table = link_pairs(LINKS, "goes11", off).table
    assert table["systematic"].to_dict() == {"goes10": 0, "goes11": 0, "goes12": 0.1, "goes13": 0.1}


def test_a_pair_that_ends_worse_than_it_began_is_told(series, pairs):
    fleet = link_pairs(pairs, "b", dict.fromkeys(pairs, 0.0))
    assert score_pairs(series, fleet)["better"].all()
    wrong = pairs | {Pair("b", "a"): make_link(5.0, 1.0, 1e-6)}
    table = score_pairs(series, link_pairs(wrong, "b", dict.fromkeys(wrong, 0.0)))
    assert not table.set_index(["reference", "other"]).loc[("b", "a"), "better"]


def test_paths_apply_links_in_both_directions():
    fleet = link_pairs(LINKS, "goes11", RIGHT)
    series = pd.Series([5.0, np.nan, 7.0], DAYS[:3])
    # goes13 = goes12 + 3, goes12 = 2 goes10, goes11 = goes10 + 1
    pd.testing.assert_series_equal(fleet.apply("goes13", series), (series - 3) / 2 + 1)
    pd.testing.assert_series_equal(fleet.apply("goes11", series), series)


def test_satellite_without_a_link_is_named():
    fleet = link_pairs(LINKS, "goes11", RIGHT)
    assert "goes15" not in fleet.paths
    with pytest.raises(FluxError, match="'goes15' is not linked to goes11"):
        fleet.apply("goes15", pd.Series([1.0], DAYS[:1]))
    with pytest.raises(FluxError, match="'goes8' is in no pair"):
        link_pairs(LINKS, "goes8", RIGHT)
    with pytest.raises(FluxError, match="of b onto a falls"):
        link_pairs({Pair("a", "b"): make_link(0, -1, 0.1)}, "a", {Pair("a", "b"): 0.0})


def test_step_at_a_join_is_the_difference_where_both_have_values():
    rng = np.random.default_rng(0)
    flux = pd.Series(rng.normal(size=300), DAYS)
    old, new = flux[:200], (flux + 0.5 + 1e-3 * rng.normal(size=300))[180:]
    series = {"old": old, "new": new}
    source = pd.Series(np.where(DAYS[200] > DAYS, "old", "new"), DAYS)
    source[DAYS[50]] = None
    joins = measure_joins(series, source)
    assert len(joins) == 1
    (row,) = joins.itertuples()
    assert (row.Index, row.before, row.after, row.n) == (DAYS[200], "old", "new", 20)
    assert row.step == pytest.approx(0.5, abs=1e-3)
    without = measure_joins({"old": old, "new": new[20:]}, source)
    assert np.isnan(without["step"].iloc[0])
    assert without["level"].iloc[0] == pytest.approx(0.5, abs=0.8)


def test_errors_of_fitted_links_add_up_along_a_path():
    rng = np.random.default_rng(0)
    flux = pd.Series(rng.normal(size=300), DAYS)
    noisy = [flux + 0.05 * rng.normal(size=300) for _ in range(3)]
    a, b, c = noisy[0], 1 + 0.9 * noisy[1], 2 * noisy[2]
    pairs = {
        ("a", "b"): fluxlib.fit_calibration(a, b),
        ("c", "b"): fluxlib.fit_calibration(c, b),
    }
    fleet = link_pairs(pairs, "a", dict.fromkeys(pairs, 0.0))
    assert (fleet.apply("c", c) - a).abs().max() < 0.5
    assert fleet.table.loc["c", "error"] > fleet.table.loc["b", "error"] > 0


def test_calibration_takes_the_bias_between_satellites_away(series, pairs):
    fleet = link_pairs(pairs, "b", dict.fromkeys(pairs, 0.0))
    table = score_pairs(series, fleet).set_index(["reference", "other"])
    assert table.loc[("b", "a"), "bias before"] == pytest.approx(-0.5, abs=0.01)
    assert (table["days"] == 400).all()
    assert table["bias after"].abs().max() < 0.01
    # Two satellites, each with a noise of 0.02.
    assert table.loc[("b", "a"), "RMSE after"] == pytest.approx(0.02 * np.sqrt(2), rel=0.1)


def test_pairs_that_no_path_links_are_not_scored(series, pairs):
    apart = {"d": series["a"], "e": series["b"]}
    more = pairs | fit_pairs(apart, list_overlaps(apart), significance=0)
    assert len(score_pairs(series | apart, link_pairs(more, "b", dict.fromkeys(more, 0.0)))) == 3


def test_daily_series_is_put_on_the_references_scale_where_a_path_exists(toy, series, pairs):
    fleet = link_pairs(pairs, "b", dict.fromkeys(pairs, 0.0))
    fluence = {
        "c": 10 ** series["c"][:100].to_frame("e2"),
        "d": 10 ** series["a"][100:120].to_frame("e2"),
        "b": 10 ** series["b"][121:].to_frame("e2"),
    }
    manifest = replace(toy.manifest, daily=("b", "c", "d"))
    dataset = replace(toy, fluence=fluence, manifest=manifest)
    daily = calibrate_daily(dataset, log_fluence(dataset), fleet)
    assert len(daily) == 400
    assert daily.groupby("source")["calibrated"].first().to_dict() == {
        "b": True,
        "c": True,
        "d": False,
    }
    error = daily["log_fluence"] - series["b"]
    assert error[:100].std() < 0.05  # c's noise and b's
    assert error[100:120].mean() == pytest.approx(-0.5, abs=0.02)
    np.testing.assert_allclose(error[121:], 0, atol=1e-12)
    assert np.isnan(daily["log_fluence"].iloc[120])
    assert not daily["calibrated"].iloc[120]


def test_a_replaced_daily_series_is_the_datasets_own(toy, series):
    daily = pd.DataFrame({"log_fluence": series["a"], "source": "goes13", "calibrated": True})
    days = daily.index
    daily.loc[days[200:], "source"] = "goes15"
    daily.loc[days[100], "log_fluence"] = np.nan
    replaced = replace_daily(toy, daily).daily
    np.testing.assert_allclose(np.log10(replaced["e2"]), daily["log_fluence"])
    assert replaced["series"].drop(days[100]).tolist() == daily["source"].drop(days[100]).tolist()
    assert toy.daily["e2"].count() < 40


def test_a_year_has_no_part_in_the_scale_on_which_it_is_a_test(toy):
    """The second satellite drifts by 1.5 decades in 2011, which a fit that knows 2011 takes off."""
    days = pd.date_range("2010-01-01", "2012-12-31", freq="D", name="time")
    rng = np.random.default_rng(0)
    flux = pd.Series(7 + rng.normal(size=len(days)), days)
    drifted = flux + 0.5 + 1.5 * (days.year == 2011) + 0.01 * rng.normal(size=len(days))
    series = {"a": flux[:"2011"], "b": drifted}
    manifest = replace(toy.manifest, daily=("a", "b"))
    fluence = {"a": 10 ** flux[:100].to_frame("e2"), "b": 10 ** drifted[100:].to_frame("e2")}
    dataset = replace(toy, fluence=fluence, manifest=manifest)
    options = {"reference": "a", "significance": 0}
    leaky = calibrate_daily(dataset, series, calibrate_fleet(series, **options))
    held = hold_out_years(dataset, series, leaky, [2011, 2012], **options)
    error = np.log10(held[2011].daily["e2"]) - flux
    assert error["2011"].mean() == pytest.approx(1.5, abs=0.01)
    assert (leaky["log_fluence"] - flux)["2011"].mean() < 1.2
    # In 2012 there is nothing in common that a calibration could have learned from.
    known = replace_daily(dataset, leaky).daily["e2"]
    assert held[2012].daily["e2"].equals(known)
    # Without 2011, 365 days are in common: too few for a fit that asks for more.
    few = hold_out_years(dataset, series, leaky, [2011], min_days=366, **options)
    assert few[2011].daily["e2"].equals(known)


def test_the_only_year_in_common_keeps_its_calibration(toy, series):
    both = {name: series[name] for name in ("a", "b")}
    year = series["a"].index.year[0]
    short = {name: part[part.index.year == year] for name, part in both.items()}
    manifest = replace(toy.manifest, daily=("a", "b"))
    fluence = {name: 10 ** part.to_frame("e2") for name, part in short.items()}
    dataset = replace(toy, fluence=fluence, manifest=manifest)
    daily = calibrate_daily(dataset, short, calibrate_fleet(short, "b", significance=0))
    (held,) = hold_out_years(dataset, short, daily, [year], reference="b").values()
    assert held.daily["e2"].equals(replace_daily(dataset, daily).daily["e2"])


def test_a_fleet_is_calibrated_to_the_reference_or_to_the_series_with_most_days(series):
    overlapping = {"a": series["a"], "b": series["b"][:300], "c": series["c"][200:]}
    for named, expected in (("b", "b"), (None, "a"), ("goes8", "a")):
        fleet = calibrate_fleet(overlapping, named, min_days=150, significance=0)
        assert fleet.reference == expected
        assert set(fleet.pairs) == {(expected, "ab".replace(expected, "")), ("a", "c")}
    scaled = fleet.apply("b", series["b"])
    assert (scaled - series["a"]).abs().mean() < 0.05


def test_a_fleet_has_bends_only_where_a_significance_is_asked_for(series):
    for significance, kind in ((0, "linear"), (0.05, "piecewise")):
        fleet = calibrate_fleet(series, "b", significance=significance)
        assert fleet.pairs["b", "c"].kind == kind


def test_series_with_too_few_days_in_common_cannot_be_calibrated(series):
    apart = {"a": series["a"][:200], "b": series["b"][150:]}
    with pytest.raises(NotApplicable, match="no two of its 2 series have 60 days in common"):
        calibrate_fleet(apart)
    assert calibrate_fleet(apart, min_days=50, significance=0).table.loc["b", "steps"] == 1


@pytest.mark.parametrize("days", [30, 12])
def test_an_overlap_as_short_as_is_asked_for_is_a_link(series, days):
    short = {"a": series["a"][:200], "b": series["b"][200 - days :]}
    fleet = calibrate_fleet(short, "a", min_days=10, significance=0)
    assert fleet.paths["b"] == ["b", "a"]
    assert fleet.table.loc["b", "systematic"] < 0.05
