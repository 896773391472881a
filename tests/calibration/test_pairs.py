from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.calibration.pairs import (
    describe_pairs,
    find_pair,
    fit_pairs,
    format_pairs,
    list_overlaps,
    measure_systematic,
    name_pair,
)
from fluxlib.datasets.series import Pair, log_fluence
from fluxlib.errors import FluxError, NotApplicable
from tests.helpers.figures import make_calibration


def test_overlaps_are_the_days_that_both_have(series):
    days = series["a"].index
    late = series["b"].where(np.arange(400) >= 300)
    early = series["c"][:350]
    table = list_overlaps({"a": series["a"], "b": late, "c": early})
    assert table[["one", "other", "days"]].to_numpy().tolist() == [
        ["a", "c", 350],
        ["a", "b", 100],
    ]
    assert table.loc[1, "first"] == days[300]
    assert table.loc[0, "last"] == days[349]
    assert len(list_overlaps({"b": late, "c": early}, min_days=50)) == 1


def test_sixty_days_in_common_are_enough_and_fewer_are_not(series):
    assert len(list_overlaps({"a": series["a"], "b": series["b"][:60]})) == 1
    assert list_overlaps({"a": series["a"], "b": series["b"][:59]}).empty


def test_one_series_or_none_overlaps_nothing(series):
    for few in ({}, {"a": series["a"]}, {"a": series["a"], "b": series["b"] * np.nan}):
        assert list_overlaps(few).empty


def test_the_reference_gives_the_scale_of_its_pairs(pairs):
    assert set(pairs) == {("b", "a"), ("b", "c"), ("a", "c")}


def test_lines_and_bends_are_recovered_and_a_bend_taken_only_where_there_is_one(pairs):
    assert {other: pairs["b", other].kind for other in "ac"} == {"a": "linear", "c": "piecewise"}
    line = pairs["b", "a"].coefficients["value"]
    assert line["slope"] == pytest.approx(1, abs=0.01)
    assert line["intercept"] + 7 * line["slope"] == pytest.approx(7.5, abs=0.01)
    bend = pairs["b", "c"].coefficients["value"]
    assert bend["breakpoint"] == pytest.approx(7, abs=0.05)
    assert bend["slope"] == pytest.approx(1, abs=0.02)
    assert bend["slope_above"] == pytest.approx(0.5, abs=0.02)


def test_a_bend_is_taken_where_its_p_value_is_below_the_significance_and_nowhere_else(series):
    both = {name: series[name] for name in ("a", "b")}
    p = fluxlib.fit_calibration(both["a"], both["b"], "piecewise").p_bend
    assert 0.02 < p < 0.9  # there is no bend
    for share, kind in ((0.95, "linear"), (1.05, "piecewise")):
        fitted = fit_pairs(both, list_overlaps(both), significance=share * p)
        assert fitted["a", "b"].kind == kind


def test_how_far_off_a_line_is_is_measured_on_days_that_it_was_not_fitted_to(series):
    a, noise = series["a"], 0.02 * np.random.default_rng(0).normal(size=400)
    drifting = a + np.repeat([0.0, 0.1, 0.2], [134, 133, 133]) + noise
    pairs = {Pair("a", "b"): make_calibration(intercept=0.0, slope=1.0)}
    (off,) = measure_systematic({"a": a, "b": drifting}, pairs).values()
    # From the other two thirds, the first and the last differ by 0.15 and the one between by 0;
    # a line through all would be off by 0.1, 0 and 0.1.
    assert off == pytest.approx(np.sqrt(2 / 3) * 0.15, abs=0.01)


@pytest.mark.parametrize(("days", "step"), [(30, 0.15), (12, 0.1)])
def test_an_overlap_of_some_weeks_is_judged_by_its_thirds_and_one_of_some_days_by_these(
    series, days, step
):
    a = pd.Series(np.tile(np.linspace(6, 8, days // 3), 3), series["a"].index[:days])
    drifting = a + np.repeat([0.0, 0.1, 0.2], days // 3)
    pairs = {Pair("a", "b"): make_calibration(intercept=-0.1, slope=1.0)}
    (off,) = measure_systematic({"a": a, "b": drifting}, pairs).values()
    assert off == pytest.approx(np.sqrt(2 / 3) * step, abs=0.01)


def test_means_of_a_few_days_do_not_tell_how_far_off_a_line_is(series):
    # How many days of each third are in each quarter of the flux's range, thirty in each quarter.
    counts = [[9, 9, 9, 13], [8, 8, 9, 15], [13, 13, 12, 2]]
    quarter = np.concatenate([np.repeat(range(4), row) for row in counts])
    a = pd.Series(quarter + np.linspace(0, 0.5, 120), series["a"].index[:120])
    pairs = {Pair("a", "b"): make_calibration(intercept=0.0, slope=1.0)}
    stray = a + 0.01 * np.sin(np.arange(120))
    stray.iloc[-2:] += 3
    (off,) = measure_systematic({"a": a, "b": stray}, pairs).values()
    assert off < 0.02  # with the two days it would be 3 / sqrt(12)


def test_a_line_through_a_background_or_a_drift_is_found_to_be_off(series):
    a = series["a"]
    noise = 0.02 * np.random.default_rng(0).normal(size=(2, len(a)))
    steps = np.repeat([0.0, 0.3], len(a) // 2)
    others = {
        "right": a + 1,
        "floored": np.log10(10 ** (a - 1) + 10 ** a.quantile(0.3)),
        "drifting": a + steps,
    }
    series = {name: other + noise[0] for name, other in others.items()} | {"a": a + noise[1]}
    pairs = {Pair("a", name): fluxlib.fit_calibration(series["a"], series[name]) for name in others}
    off = {pair.other: value for pair, value in measure_systematic(series, pairs).items()}
    assert off["right"] < 0.02
    assert off["floored"] > 5 * off["right"]
    assert off["drifting"] > 5 * off["right"]
    for pair, line in pairs.items():  # the standard error does not see it
        assert pair.other == "right" or off[pair.other] > 2 * line.error


def test_series_of_different_days_are_compared_in_order_of_time(series):
    a, b = series["a"], series["b"]
    rng = np.random.default_rng(0)
    known = {"a": a.drop(rng.choice(a.index[50:], 20, replace=False)), "b": b.iloc[50:]}
    pair = Pair("a", "b")
    line = fluxlib.fit_calibration(known["a"], known["b"])
    off = measure_systematic(known, {pair: line})
    whole = {name: values.reindex(a.index) for name, values in known.items()}
    assert off == measure_systematic(whole, {pair: line})


def test_pairs_that_fall_are_left_out_and_nothing_else_does_not_apply(series):
    falling = {"a": series["a"], "d": 14 - series["a"]}
    with pytest.raises(NotApplicable, match=r"in no pair .* rise with the other"):
        fit_pairs(falling, list_overlaps(falling), significance=0)
    more = falling | {"b": series["b"]}
    kept = fit_pairs(more, list_overlaps(more), significance=0)
    assert set(kept) == {("a", "b")}


def test_pairs_of_too_few_different_values_are_left_out(series):
    flat = series["a"] * 0 + 7
    more = {"a": series["a"], "b": series["b"], "flat": flat}
    assert set(fit_pairs(more, list_overlaps(more))) == {("a", "b")}


def test_without_significance_all_pairs_are_lines(series):
    table = list_overlaps(series)
    lines = fit_pairs(series, table, "b", significance=0)
    assert {fitted.kind for fitted in lines.values()} == {"linear"}


def test_a_pair_is_described_by_each_coefficient_and_formatted_in_one_row(pairs):
    table = describe_pairs(pairs)
    assert len(table) == 2 + 4 + 4
    assert ((table["lower"] < table["value"]) & (table["value"] < table["upper"])).all()
    text = format_pairs(pairs).set_index(["reference", "other"])
    assert len(text) == 3
    value, lower, upper = (
        table.query("reference == 'b' and other == 'a' and parameter == 'slope'")[
            ["value", "lower", "upper"]
        ]
        .to_numpy()
        .ravel()
    )
    assert text.loc[("b", "a"), "slope"] == f"{value:.3f} ({lower:.3f} to {upper:.3f})"
    assert text.loc[("b", "a"), "breakpoint"] == ""


def test_pairs_are_found_by_name():
    line = make_calibration(intercept=0.0, slope=1.0)
    pairs = {Pair("a", "b"): line, Pair("a", "c"): replace(line, n=40)}
    assert name_pair("a", "b") == "b onto a"
    assert find_pair("c onto a", pairs) == ("a", "c")
    assert find_pair("auto", pairs) == ("a", "b")
    with pytest.raises(FluxError, match="expected 'auto' or one of b onto a, c onto a"):
        find_pair("a onto b", pairs)


@pytest.mark.real
def test_real_satellites_pair_and_calibrate_as_measured(real_data):
    dataset = fluxlib.load(real_data)
    fluence = log_fluence(dataset)
    shared = list_overlaps(fluence)
    assert set(shared.loc[0, ["one", "other"]]) == {"goes13", "goes15"}
    fitted = fit_pairs(fluence, shared[:1], "goes13", significance=0)
    # Facts of the data's README, for 2014 to 2017; the data here end with 2016.
    assert fitted["goes13", "goes15"].r == pytest.approx(0.986, abs=0.01)
