from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.calibration import fleet as chain
from fluxlib.calibration import pairs as overlaps
from fluxlib.datasets.series import log_fluence
from fluxlib.errors import NotApplicable
from tests.helpers.datasets import make_dataset

DAYS = pd.date_range("2014-01-01", periods=400, freq="D", name="time")


def make_series(noise=0.02):
    """Return log10 fluence of three satellites: b = a + 0.5, c bends to twice a's slope at 7."""
    rng = np.random.default_rng(0)
    truth = pd.Series(rng.uniform(5, 9, len(DAYS)), DAYS)

    def measure(response):
        return response + noise * rng.normal(size=len(DAYS))

    bent = truth + np.maximum(truth - 7, 0)
    return {"a": measure(truth), "b": measure(truth + 0.5), "c": measure(bent)}


@pytest.fixture(scope="module")
def series():
    return make_series()


@pytest.fixture(scope="module")
def pairs(series):
    return overlaps.fit_overlaps(series, overlaps.list_overlaps(series), "b")


@pytest.fixture(scope="module")
def toy():
    return make_dataset(days=30, cadence="1h")


def place(dataset, positions):
    """Return the dataset with its satellites at other positions, and named as these are."""
    frames = list(dataset.flux.values())
    entries = tuple(
        replace(entry, series=name, satellite=name, position=position)
        for entry, (name, position) in zip(dataset.manifest.flux, positions.items(), strict=False)
    )
    return replace(
        dataset,
        manifest=replace(dataset.manifest, flux=entries, daily=tuple(positions), reference=None),
        flux=dict(zip(positions, frames, strict=False)),
        fluence=dict(zip(positions, dataset.fluence.values(), strict=False)),
    )


def test_overlaps_are_the_days_that_both_have(series):
    late = series["b"].where(np.arange(len(DAYS)) >= 300)
    early = series["c"][:350]
    table = overlaps.list_overlaps({"a": series["a"], "b": late, "c": early})
    assert table[["one", "other", "days"]].to_numpy().tolist() == [
        ["a", "c", 350],
        ["a", "b", 100],
    ]
    assert table.loc[1, "first"] == DAYS[300]
    assert table.loc[0, "last"] == DAYS[349]
    assert len(overlaps.list_overlaps({"b": late, "c": early}, min_days=50)) == 1


def test_one_series_or_none_overlaps_nothing(series):
    for few in ({}, {"a": series["a"]}, {"a": series["a"], "b": series["b"] * np.nan}):
        assert overlaps.list_overlaps(few).empty


def test_the_reference_gives_the_scale_of_its_pairs(pairs):
    assert set(pairs) == {("b", "a"), ("b", "c"), ("a", "c")}


def test_lines_and_bends_are_recovered_and_a_bend_taken_only_where_there_is_one(pairs):
    assert {of: pairs["b", of].kind for of in "ac"} == {"a": "linear", "c": "piecewise"}
    line = pairs["b", "a"].coefficients["value"]
    assert line["slope"] == pytest.approx(1, abs=0.01)
    assert line["intercept"] + 7 * line["slope"] == pytest.approx(7.5, abs=0.01)
    bend = pairs["b", "c"].coefficients["value"]
    assert bend["breakpoint"] == pytest.approx(7, abs=0.05)
    assert bend["slope"] == pytest.approx(1, abs=0.02)
    assert bend["slope_above"] == pytest.approx(0.5, abs=0.02)


def test_pairs_that_fall_are_left_out_and_nothing_else_does_not_apply(series):
    falling = {"a": series["a"], "d": 14 - series["a"]}
    with pytest.raises(NotApplicable, match=r"in no pair .* rise with the other"):
        overlaps.fit_overlaps(falling, overlaps.list_overlaps(falling), significance=0)
    more = falling | {"b": series["b"]}
    kept = overlaps.fit_overlaps(more, overlaps.list_overlaps(more), significance=0)
    assert set(kept) == {("a", "b")}


def test_without_significance_all_pairs_are_lines(series):
    table = overlaps.list_overlaps(series)
    lines = overlaps.fit_overlaps(series, table, "b", significance=0)
    assert {fitted.kind for fitted in lines.values()} == {"linear"}


def test_a_pair_is_described_by_each_coefficient_and_printed_in_one_row(pairs):
    table = overlaps.describe_pairs(pairs)
    assert len(table) == 2 + 4 + 4
    assert ((table["lower"] < table["value"]) & (table["value"] < table["upper"])).all()
    text = overlaps.print_pairs(pairs).set_index(["onto", "of"])
    assert len(text) == 3
    value, lower, upper = (
        table.query("onto == 'b' and of == 'a' and parameter == 'slope'")[
            ["value", "lower", "upper"]
        ]
        .to_numpy()
        .ravel()
    )
    assert text.loc[("b", "a"), "slope"] == f"{value:.3f} ({lower:.3f} to {upper:.3f})"
    assert text.loc[("b", "a"), "breakpoint"] == ""


def test_calibration_takes_the_bias_between_satellites_away(series, pairs):
    links = chain.calibration_chain(pairs, "b")
    table = overlaps.score_pairs(series, pairs, links).set_index(["onto", "of"])
    assert table.loc[("b", "a"), "bias before"] == pytest.approx(-0.5, abs=0.01)
    assert (table["days"] == 400).all()
    assert table["bias after"].abs().max() < 0.01
    # Two satellites, each with a noise of 0.02.
    assert table.loc[("b", "a"), "RMSE after"] == pytest.approx(0.02 * np.sqrt(2), rel=0.1)


def test_pairs_that_no_path_links_are_not_scored(series, pairs):
    apart = {"d": series["a"], "e": series["b"]}
    links = chain.calibration_chain(pairs, "b")
    more = pairs | overlaps.fit_overlaps(apart, overlaps.list_overlaps(apart), significance=0)
    assert len(overlaps.score_pairs(series | apart, more, links)) == 3


def test_daily_series_is_put_on_the_references_scale_where_a_path_exists(toy, series, pairs):
    links = chain.calibration_chain(pairs, "b")
    fluence = {
        "c": 10 ** series["c"][:100].to_frame("e2"),
        "d": 10 ** series["a"][100:120].to_frame("e2"),
        "b": 10 ** series["b"][121:].to_frame("e2"),
    }
    manifest = replace(toy.manifest, daily=("b", "c", "d"))
    dataset = replace(toy, fluence=fluence, manifest=manifest)
    daily = overlaps.calibrate_daily(dataset, log_fluence(dataset), links)
    assert len(daily) == 400
    assert daily.groupby("series")["calibrated"].first().to_dict() == {
        "b": True,
        "c": True,
        "d": False,
    }
    error = daily["value"] - series["b"]
    assert error[:100].std() < 0.05  # c's noise and b's
    assert error[100:120].mean() == pytest.approx(-0.5, abs=0.02)
    np.testing.assert_allclose(error[121:], 0, atol=1e-12)
    assert np.isnan(daily["value"].iloc[120])
    assert not daily["calibrated"].iloc[120]


def test_a_replaced_daily_series_is_the_datasets_own(toy, series):
    daily = pd.DataFrame({"value": series["a"], "series": "goes13", "calibrated": True})
    daily.loc[DAYS[200:], "series"] = "goes15"
    daily.loc[DAYS[100], "value"] = np.nan
    replaced = overlaps.replace_daily(toy, daily).daily
    np.testing.assert_allclose(np.log10(replaced["e2"]), daily["value"])
    assert replaced["series"].drop(DAYS[100]).equals(daily["series"].drop(DAYS[100]))
    assert toy.daily["e2"].count() < 40


def test_reference_is_the_manifests_or_the_one_with_most_days(toy):
    shared = pd.DataFrame({"one": ["a", "a"], "other": ["b", "c"], "days": [100, 200]})
    for named, expected in (("b", "b"), (None, "a"), ("z", "a")):
        dataset = replace(toy, manifest=replace(toy.manifest, reference=named))
        assert overlaps.choose_reference(dataset, shared) == expected


@pytest.mark.real
def test_real_satellites_pair_and_calibrate_as_measured(real_data):
    dataset = fluxlib.load(real_data)
    fluence = log_fluence(dataset)
    shared = overlaps.list_overlaps(fluence)
    assert set(shared.loc[0, ["one", "other"]]) == {"goes13", "goes15"}
    fitted = overlaps.fit_overlaps(fluence, shared[:1], "goes13", significance=0)
    # Facts of the data's README, for 2014 to 2017; the data here end with 2016.
    assert fitted["goes13", "goes15"].r == pytest.approx(0.986, abs=0.01)
