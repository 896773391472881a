from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.imputation.inputs import satellite_features, trend_quantities
from tests.helpers.datasets import make_dataset


@pytest.fixture(scope="module")
def toy():
    return make_dataset(days=30, cadence="1h")


def test_inputs_are_the_published_48_or_156_with_neighbours_means_and_clock(toy):
    paper = satellite_features(toy, "goes13", inputs="paper")
    full = satellite_features(toy, "goes13")
    assert paper.shape == (720, 48)
    assert full.shape == (720, 156)
    shared = [column for column in paper if column[0].startswith("goes13")]
    assert len(shared) == 12
    pd.testing.assert_frame_equal(full[shared], paper[shared])
    assert full.index.equals(toy.flux["goes13"].index)


def test_paper_inputs_are_the_other_satellite_and_drivers_before(toy):
    paper = satellite_features(toy, "goes13", inputs="paper")
    log, now = np.log10(toy.flux["goes13"]), paper.index[400]
    assert paper.loc[now, ("goes13 e2", 0)] == log["e2"].iloc[400]
    assert paper.loc[now, ("goes13 e0.8", 120)] == log["e0.8"].iloc[280]
    assert paper.loc[now, ("V", 24)] == toy.drivers["V"].iloc[376]
    assert paper.loc[now, ("Bz", 0)] == pytest.approx(toy.drivers["Bz"].iloc[389:401].mean())


def test_full_inputs_have_the_other_satellite_after_too_and_means_over_days(toy):
    full = satellite_features(toy, "goes13")
    log, now = np.log10(toy.flux["goes13"]), full.index[400]
    assert full.loc[now, ("goes13 e2", 1)] == log["e2"].iloc[399]
    assert full.loc[now, ("goes13 e2", -24)] == log["e2"].iloc[424]
    around = log["e2"].iloc[400 - 12 : 400 + 12]
    assert full.loc[now, ("goes13 e2 day", 0)] == pytest.approx(around.mean())
    assert full.loc[now, ("goes13 e2 day max", 0)] == around.max()
    assert full.loc[now, ("goes13 e2 day min", 0)] == around.min()
    later = log["e2"].iloc[448 - 12 : 448 + 12].mean()
    assert full.loc[now, ("goes13 e2 day", -48)] == pytest.approx(later)
    assert full.loc[now, ("V 24 h", 24)] == pytest.approx(toy.drivers["V"].iloc[353:377].mean())
    assert full.loc[now, ("Kp 6 h", 0)] == pytest.approx(toy.drivers["Kp"].iloc[395:401].mean())


def test_full_inputs_tell_what_comes_after_from_what_was_before(toy):
    full = satellite_features(toy, "goes13").iloc[400]
    e2, low = (np.log10(toy.flux["goes13"][channel]) for channel in ("e2", "e0.8"))
    V = toy.drivers["V"]
    assert full["V ahead", 0] == pytest.approx(V.iloc[401:425].mean())
    assert full["V 3 days", 0] == pytest.approx(V.iloc[401 - 72 : 401].mean())
    assert full["goes13 e2 3 days", 0] == pytest.approx(e2.iloc[400 - 36 : 400 + 36].mean())
    change = e2.iloc[401:413].mean() - e2.iloc[388:400].mean()
    assert full["goes13 e2 change", 0] == pytest.approx(change)
    hardness = (e2 - low).iloc[400 - 12 : 400 + 12].mean()
    assert full["goes13 hardness", 0] == pytest.approx(hardness)


def test_the_fraction_of_the_day_that_the_other_satellite_is_known_is_an_input(toy):
    flux = toy.flux["goes13"].copy()
    flux.iloc[400:406, flux.columns.get_loc("e2")] = np.nan
    full = satellite_features(replace(toy, flux={"goes13": flux}), "goes13")
    assert full[("goes13 e2 day known", 0)].iloc[402] == pytest.approx(18 / 24)
    assert full[("goes13 e0.8 day known", 0)].iloc[402] == 1


def test_a_trend_is_of_the_other_satellite_and_the_clock(toy):
    full = satellite_features(toy, "goes13")
    trend = trend_quantities(full, "goes13")
    assert {"goes13 e2", "goes13 e0.8 day", "UT sine", "year cosine"} < set(trend)
    assert not any(name.startswith(("V", "Kp", "AE")) for name in trend)


def test_protons_are_an_input_where_they_are_known(toy):
    protons = pd.Series(0.1, toy.drivers.index)
    protons.iloc[400] = 50.0
    known = replace(toy, drivers=toy.drivers.assign(p10=protons))
    more = satellite_features(known, "goes13")
    assert len(more.columns) == 158
    pd.testing.assert_frame_equal(
        more.drop(columns=["p10", "p10 day max"], level=0), satellite_features(toy, "goes13")
    )
    assert more[("p10 day max", 0)].iloc[[399, 400, 410, 430]].round(1).tolist() == [
        -1,
        1.7,
        1.7,
        -1,
    ]


def test_how_long_the_other_satellite_is_silent_is_an_input(toy):
    quiet = replace(toy, flux={"goes13": toy.flux["goes13"].copy()})
    quiet.flux["goes13"].iloc[200:224, 1] = np.nan
    full = satellite_features(quiet, "goes13")
    assert full[("goes13 e2 since", 0)].iloc[[199, 223]].tolist() == [0, pytest.approx(np.log(2))]
    assert full[("goes13 e2 until", 0)].iloc[200] == pytest.approx(np.log(2))
    log = np.log10(quiet.flux["goes13"]["e2"])
    assert full[("goes13 e2 last", 0)].iloc[210] == log.iloc[199]
    assert full[("goes13 e2 next", 0)].iloc[210] == log.iloc[224]


def test_time_of_day_goes_round_once_a_day(toy):
    clock = satellite_features(toy, "goes13")[["UT sine", "UT cosine"]].iloc[:25:6]
    expected = [[0, 1], [1, 0], [0, -1], [-1, 0], [0, 1]]
    np.testing.assert_allclose(clock, expected, atol=1e-12)


def test_the_clock_runs_between_the_hours():
    fine = satellite_features(make_dataset(days=8, cadence="5min"), "goes13")
    quarter_past_one = fine.loc["2014-01-02 01:15", ["UT sine", "UT cosine"]]
    angle = 2 * np.pi * 1.25 / 24
    np.testing.assert_allclose(quarter_past_one, [np.sin(angle), np.cos(angle)], atol=1e-12)


def test_the_low_channel_is_that_of_the_low_channel(toy):
    full, flux = satellite_features(toy, "goes13"), np.log10(toy.flux["goes13"])
    for channel in ("e0.8", "e2"):
        assert full[(f"goes13 {channel}", 0)].equals(flux[channel])


@pytest.mark.parametrize(("cadence", "columns"), [("5min", 156), ("3h", 140), ("12h", 121)])
def test_neighbouring_hours_are_those_on_the_grid(cadence, columns):
    full = satellite_features(make_dataset(days=8, cadence=cadence), "goes13")
    assert full.shape[1] == columns
    if cadence == "5min":
        log = np.log10(make_dataset(days=8).flux["goes13"]["e2"])
        assert full[("goes13 e2", -2)].iloc[100] == log.iloc[124]


def test_older_satellites_low_channel_serves_and_names_are_free(toy):
    odd = replace(toy, flux={"foo": toy.flux["goes12"]})
    assert ("foo e0.6", 0) in satellite_features(odd, "foo")


def test_dst_stands_in_for_sym_h_under_its_own_name(toy):
    without = replace(toy, drivers=toy.drivers.drop(columns="SYM_H"))
    features = satellite_features(without, "goes13")
    assert features.shape[1] == 156
    assert {("Dst 24 h", 0), ("Dst 6 h", 0)} < set(features)
    assert not features.columns.get_level_values("quantity").str.startswith("SYM_H").any()
    paper = satellite_features(without, "goes13", inputs="paper")
    assert {("Dst", 0), ("Dst", 48)} < set(paper)


def test_the_published_inputs_need_every_driver_and_channel_and_ours_do_with_what_there_is(toy):
    none = replace(toy, drivers=pd.DataFrame(index=pd.DatetimeIndex([], name="time")))
    with pytest.raises(NotApplicable, match=r"lacks drivers .*: AE, AL, AU, B, Bz, N, P, SYM_H, V"):
        satellite_features(none, "goes13", inputs="paper")
    bare = satellite_features(none, "goes13")
    assert {name.split(" ")[0] for name in bare.columns.unique("quantity")} == {
        "goes13",
        "UT",
        "year",
    }
    pd.testing.assert_frame_equal(bare, satellite_features(toy, "goes13")[list(bare)])
    high = replace(none, flux={"goes13": toy.flux["goes13"][["e2"]]})
    assert len(satellite_features(high, "goes13").columns) < len(bare.columns) * 0.6
    with pytest.raises(NotApplicable, match="needs e2 and one of"):
        satellite_features(high, "goes13", inputs="paper")
    low = replace(toy, flux={"goes13": toy.flux["goes13"][["e0.8"]]})
    with pytest.raises(NotApplicable, match=r"'goes13' has e0\.8; imputation from it needs e2"):
        satellite_features(low, "goes13")


def test_unknown_series_and_inputs_are_named(toy):
    with pytest.raises(FluxError, match=r"no series 'foo' .* it has goes12, goes13, goes15"):
        satellite_features(toy, "foo")
    with pytest.raises(FluxError, match="inputs is 'most'; expected 'full' or 'paper'"):
        satellite_features(toy, "goes13", inputs="most")
    with pytest.raises(FluxError, match="no series 'foo'"):
        fluxlib.GARFImputer.for_satellite(toy, "foo", other="goes13")
