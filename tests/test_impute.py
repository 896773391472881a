from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from builders import make_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

import fluxlib
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.gaps import draw_gaps
from fluxlib.impute import SatelliteImputer, satellite_features

SMALL = {"population": 6, "generations": 3, "bits": (3, 3, 3), "max_features": 1.0}


def make_polynomial(seed, degree):
    """Draw a polynomial at irregular times, and which of its samples are known."""
    rng = np.random.default_rng(seed)
    hours = np.unique(rng.integers(0, 200, 60))
    index = pd.Timestamp("2014-01-01") + pd.to_timedelta(hours, "h")
    values = np.polyval(rng.normal(size=degree + 1), hours / 100 - 1)
    known = rng.random(len(hours)) < 0.5
    known[[0, 5, 6, -1]] = True
    return pd.Series(values, index, name="e2"), known


@pytest.mark.parametrize(("kind", "degree"), [("linear", 1), ("cubic", 1), ("cubic", 3)])
@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_interpolation_is_exact_on_polynomials_of_its_degree(kind, degree, seed):
    truth, known = make_polynomial(seed, degree)
    filled = fluxlib.interpolate(truth.where(known), kind)
    pd.testing.assert_series_equal(filled, truth, rtol=1e-7, atol=1e-7)
    assert (filled[known] == truth[known]).all()


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_gaps_at_the_ends_stay(kind):
    index = pd.date_range("2014", periods=7, freq="h")
    series = pd.Series([np.nan, 1, np.nan, 3, np.nan, 5, np.nan], index)
    filled = fluxlib.interpolate(series, kind)
    assert filled.isna().tolist() == [True, *[False] * 5, True]
    assert filled.tolist()[1:-1] == pytest.approx([1, 2, 3, 4, 5])
    assert series.isna().sum() == 4


def test_linear_interpolation_weighs_by_time_and_not_by_sample():
    index = pd.to_datetime(["2014-01-01 00:00", "2014-01-01 01:00", "2014-01-01 04:00"])
    assert fluxlib.interpolate(pd.Series([0, np.nan, 4], index)).tolist() == [0, 1, 4]


def test_interpolation_refuses_what_it_cannot_fill():
    index = pd.date_range("2014", periods=3, freq="h")
    with pytest.raises(FluxError, match="kind is 'spline'; expected 'linear' or 'cubic'"):
        fluxlib.interpolate(pd.Series([1.0, np.nan, 2.0], index), "spline")
    with pytest.raises(FluxError, match="has 1 known samples; expected two"):
        fluxlib.interpolate(pd.Series([1.0, np.nan, np.nan], index))
    for wrong in (index[::-1], index[[0, 0, 1]], range(3)):
        with pytest.raises(FluxError, match="is not sorted by time, or has a time twice"):
            fluxlib.interpolate(pd.Series([1.0, np.nan, 2.0], wrong))


@pytest.mark.real
def test_linear_interpolation_of_goes15_errs_as_the_real_record_has_it(real_data):
    log = np.log10(fluxlib.load(real_data).flux["goes15"]["e2"])
    # Orientation values of the real data. Where the gaps lie moves them by a tenth.
    for hours, expected in {6: 0.25, 12: 0.42, 24: 0.60, 72: 0.84, 240: 1.23}.items():
        squares = []
        for seed in range(30):
            stretches = draw_gaps(log, hours, 10, random_state=seed)
            times = stretches[0].append(stretches[1:])
            filled = fluxlib.interpolate(log.mask(log.index.isin(times)))
            squares.append(fluxlib.scores(log[times], filled[times])["RMSE"] ** 2)
        assert np.sqrt(np.mean(squares)) == pytest.approx(expected, rel=0.15)


@pytest.fixture(scope="module")
def toy():
    return make_dataset(days=30, cadence="1h")


def test_inputs_are_the_published_48_or_with_time_of_day_and_neighbours_74(toy):
    paper = satellite_features(toy, "goes13", inputs="paper")
    full = satellite_features(toy, "goes13")
    assert paper.shape == (720, 48)
    assert full.shape == (720, 74)
    pd.testing.assert_frame_equal(full[paper.columns], paper)
    assert full.index.equals(toy.flux["goes13"].index)


def test_inputs_tell_the_other_satellite_before_now_and_after(toy):
    full = satellite_features(toy, "goes13")
    log = np.log10(toy.flux["goes13"])
    now = full.index[400]
    assert full.loc[now, "goes13 e2-0h"] == log["e2"].iloc[400]
    assert full.loc[now, "goes13 e0.8-120h"] == log["e0.8"].iloc[280]
    assert full.loc[now, "goes13 e2-1h"] == log["e2"].iloc[399]
    assert full.loc[now, "goes13 e2--6h"] == log["e2"].iloc[406]
    assert full.loc[now, "V-24h"] == toy.drivers["V"].iloc[376]
    assert full.loc[now, "Bz-0h"] == pytest.approx(toy.drivers["Bz"].iloc[389:401].mean())


def test_protons_are_no_input(toy):
    drivers = toy.drivers.assign(p10=100.0)
    pd.testing.assert_frame_equal(
        satellite_features(replace(toy, drivers=drivers), "goes13"),
        satellite_features(toy, "goes13"),
    )


def test_time_of_day_goes_round_once_a_day(toy):
    clock = satellite_features(toy, "goes13")[["UT sine", "UT cosine"]].iloc[:25:6]
    expected = [[0, 1], [1, 0], [0, -1], [-1, 0], [0, 1]]
    np.testing.assert_allclose(clock, expected, atol=1e-12)


@pytest.mark.parametrize(("cadence", "columns"), [("5min", 74), ("3h", 58), ("12h", 50)])
def test_neighbouring_hours_are_those_on_the_grid(cadence, columns):
    full = satellite_features(make_dataset(days=8, cadence=cadence), "goes13")
    assert full.shape[1] == columns
    if cadence == "5min":
        log = np.log10(make_dataset(days=8).flux["goes13"]["e2"])
        assert full["goes13 e2--2h"].iloc[100] == log.iloc[124]


def test_older_satellites_low_channel_serves_and_names_are_free(toy):
    odd = replace(toy, flux={"foo": toy.flux["goes12"]})
    assert "foo e0.6-0h" in satellite_features(odd, "foo")


def test_dst_stands_in_for_sym_h_under_its_own_name(toy):
    without = replace(toy, drivers=toy.drivers.drop(columns="SYM_H"))
    features = satellite_features(without, "goes13")
    assert features.shape[1] == 74
    assert {"Dst-0h", "Dst-48h"} < set(features)
    assert not features.columns.str.startswith("SYM_H").any()


def test_a_dataset_without_the_drivers_or_a_channel_does_not_apply(toy):
    none = replace(toy, drivers=pd.DataFrame(index=pd.DatetimeIndex([], name="time")))
    with pytest.raises(NotApplicable, match=r"lacks drivers .*: AE, AL, AU, B, Bz, N, P, SYM_H, V"):
        satellite_features(none, "goes13")
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


@pytest.fixture(scope="module")
def satellite(toy):
    flux = toy.flux["goes15"]["e2"].copy()
    flux.iloc[300:400] = np.nan
    imputer = fluxlib.GARFImputer.for_satellite(toy, "goes15", other="goes13", **SMALL)
    before = flux.copy()
    assert imputer.fit(flux) is imputer
    pd.testing.assert_series_equal(flux, before)
    return imputer, flux


def test_imputing_keeps_what_was_measured_bit_for_bit_and_flags_only_gaps(satellite):
    imputer, flux = satellite
    filled = imputer.impute(flux)
    assert list(filled) == ["value", "lower", "upper", "imputed"]
    known = flux.notna()
    for column in ("value", "lower", "upper"):
        assert (filled.loc[known, column] == flux[known]).all()
    assert filled["imputed"].tolist() == (~known).tolist()


def test_imputed_values_lie_in_an_interval_of_the_held_out_error(satellite):
    imputer, flux = satellite
    log = np.log10(imputer.impute(flux)[["value", "lower", "upper"]][flux.isna()])
    width = imputer.model.half_width_
    np.testing.assert_allclose(log["value"] - log["lower"], width)
    np.testing.assert_allclose(log["upper"] - log["value"], width)
    assert width > 0


def test_gaps_outside_the_inputs_time_stay_and_carry_no_flag(satellite):
    imputer, flux = satellite
    longer = flux.reindex(pd.date_range(flux.index[0], periods=730, freq="h", name="time"))
    filled = imputer.impute(longer)
    assert filled["value"].isna().sum() == 10
    assert not filled["imputed"].iloc[-10:].any()
    assert filled["imputed"].sum() == flux.isna().sum()


def test_a_series_without_gaps_comes_back_as_it_is(satellite):
    imputer, flux = satellite
    whole = flux.fillna(1.0)
    assert imputer.impute(whole)["value"].equals(whole)


def test_too_few_known_samples_are_refused(toy):
    features = satellite_features(toy, "goes13")
    imputer = SatelliteImputer(features, fluxlib.GARFImputer(**SMALL))
    flux = toy.flux["goes15"]["e2"]
    with pytest.raises(FluxError, match=r"30 known samples of e2 lie within .* expected 100"):
        imputer.fit(flux[:50])
    with pytest.raises(FluxError, match="0 known samples"):
        imputer.fit(flux * np.nan)
