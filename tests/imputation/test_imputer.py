import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import RandomizedSearchCV

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.imputation.forest import ForestWithMissing
from fluxlib.imputation.imputer import SatelliteImputer, without_search
from fluxlib.imputation.inputs import satellite_features
from fluxlib.imputation.intervals import EdgeCorrection
from fluxlib.observations.gaps import draw_gaps
from tests.helpers.datasets import make_dataset

QUICK = EdgeCorrection(rows=4000, trees=50)
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


@pytest.fixture(scope="module")
def satellite(toy):
    flux = toy.flux["goes15"]["e2"].copy()
    flux.iloc[300:400] = np.nan
    imputer = fluxlib.GARFImputer.for_satellite(toy, "goes15", other="goes13", **SMALL)
    imputer.set_params(correction=QUICK)
    before = flux.copy()
    assert imputer.fit(flux) is imputer
    pd.testing.assert_series_equal(flux, before)
    return imputer, flux


@pytest.mark.slow
def test_imputing_keeps_what_was_measured_bit_for_bit_and_flags_only_gaps(satellite):
    imputer, flux = satellite
    filled = imputer.impute(flux)
    assert list(filled) == ["value", "lower", "upper", "imputed"]
    known = flux.notna()
    for column in ("value", "lower", "upper"):
        assert (filled.loc[known, column] == flux[known]).all()
    assert filled["imputed"].tolist() == (~known).tolist()


@pytest.mark.slow
def test_imputed_values_lie_in_their_interval(satellite):
    imputer, flux = satellite
    filled = imputer.impute(flux)[flux.isna()]
    assert (filled["lower"] < filled["value"]).all()
    assert (filled["value"] < filled["upper"]).all()


@pytest.mark.slow
def test_gaps_outside_the_inputs_time_stay_and_carry_no_flag(satellite):
    imputer, flux = satellite
    longer = flux.reindex(pd.date_range(flux.index[0], periods=730, freq="h", name="time"))
    filled = imputer.impute(longer)
    assert filled["value"].isna().sum() == 10
    assert not filled["imputed"].iloc[-10:].any()
    assert filled["imputed"].sum() == flux.isna().sum()


@pytest.mark.slow
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
    with pytest.raises(FluxError, match="every is 0; expected one sample in 1, 2"):
        imputer.set_params(every=0).fit(flux)


def make_wander(seed=0, days=200):
    """Draw inputs, and log10 flux that is their sum and a wander that no input tells."""
    index = pd.date_range("2014-01-01", periods=24 * days, freq="h", name="time")
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(rng.normal(size=(len(index), 2)), index, columns=list("ab"))
    wander = 0.5 * np.sin(np.arange(len(index)) * 2 * np.pi / (24 * 9))
    return features, features.sum(axis=1) + wander + 2, wander


@pytest.fixture(scope="module")
def wandering():
    features, truth, wander = make_wander()
    model = ForestWithMissing(trees=10, leaf=200, trend=["a", "b"])
    imputer = SatelliteImputer(features, model, correction=QUICK)
    imputer.fit((10**truth).rename("e2"))
    return imputer, truth, pd.Series(wander, truth.index)


@pytest.mark.slow
def test_edges_tell_what_no_input_does_and_less_so_the_longer_the_gap(wandering):
    imputer, truth, wander = wandering
    errors = {}
    for hours in (6, 48):
        stretches = draw_gaps(truth, hours, 12)
        times = stretches[0].append(stretches[1:])
        filled = imputer.impute(10 ** truth.mask(truth.index.isin(times))).loc[times]
        errors[hours] = np.sqrt(((np.log10(filled["value"]) - truth[times]) ** 2).mean())
        assert np.sqrt((wander[times] ** 2).mean()) > 0.25  # what is left without the edges
    assert errors[6] < 0.1
    assert errors[6] < errors[48] < 0.25


@pytest.mark.slow
def test_the_model_never_predicts_what_it_learned_from(wandering):
    imputer, truth, wander = wandering
    assert imputer.predicted_.index.equals(truth.index)
    # A forest that had seen the sample would know the wander in part.
    error = truth - imputer.predicted_
    assert np.corrcoef(error, wander)[0, 1] > 0.9


@pytest.mark.slow
def test_a_search_is_made_once_and_its_best_is_grown_for_each_block(toy):
    class Counted(fluxlib.GARFImputer):
        fits = 0

        def fit(self, X, y):
            Counted.fits += 1
            return super().fit(X, y)

    features = satellite_features(toy, "goes13", inputs="paper")
    flux = toy.flux["goes15"]["e2"]
    imputer = SatelliteImputer(features, Counted(**SMALL), correction=QUICK).fit(flux)
    assert Counted.fits == 1
    assert imputer.model_.best_.trees == imputer.model_.best_estimator_.trees


@pytest.mark.slow
def test_the_model_learns_from_one_sample_in_so_many(toy):
    class Counting(ForestWithMissing):
        rows = ()

        def fit(self, X, y):
            Counting.rows = (*Counting.rows, len(y))
            return super().fit(X, y)

    features = satellite_features(toy, "goes13", inputs="paper")
    flux = toy.flux["goes15"]["e2"]
    SatelliteImputer(features, Counting(trees=2), every=4, correction=QUICK).fit(flux)
    assert Counting.rows[0] == -(-flux.notna().sum() // 4)
    assert max(Counting.rows[1:]) < Counting.rows[0]


def test_a_search_gives_its_best_and_a_model_without_one_is_its_own_best():
    X = np.random.default_rng(0).normal(size=(60, 2))
    search = RandomizedSearchCV(Ridge(), {"alpha": [1e-6, 1e6]}, n_iter=2, cv=2).fit(X, X[:, 0])
    assert without_search(search).alpha == 1e-6
    model = Ridge()
    assert without_search(model) is model


@pytest.fixture(scope="module")
def record():
    """A dataset whose target answers the other satellite, and is silent for a week with it."""
    whole = make_dataset(days=120, cadence="1h")
    rng = np.random.default_rng(0)
    level = 3 + np.cumsum(rng.normal(size=120 * 24)) * 0.1
    level = level - (level - 3) * np.linspace(0, 1, len(level))
    for series, noise in (("goes13", 0.05), ("goes15", 0.1)):
        frame = whole.flux[series]
        for channel in frame:
            frame[channel] = 10 ** (level + noise * rng.normal(size=len(frame)))
    whole.flux["goes13"].iloc[1000:1168] = np.nan
    return whole


@pytest.fixture(scope="module")
def default(record):
    flux = record.flux["goes15"]["e2"].copy()
    flux.iloc[1000:1168] = np.nan
    flux.iloc[2000:2100] = np.nan
    imputer = fluxlib.GARFImputer.for_satellite(record, "goes15", other="goes13")
    imputer.set_params(correction=QUICK)
    steps = []
    imputer.fit(flux, progress=lambda done, count: steps.append((done, count)))
    return imputer, flux, steps


@pytest.mark.slow
def test_the_default_fills_and_its_interval_knows_when_the_other_satellite_is_silent(
    record, default
):
    imputer, flux, steps = default
    assert steps == [(n, 5) for n in range(1, 6)]
    filled = imputer.impute(flux)
    width = np.log10(filled["upper"] / filled["lower"])
    error = np.log10(filled["value"] / record.flux["goes15"]["e2"])
    assert error[2000:2100].std() < 0.15
    assert width[1020:1150].mean() > 1.5 * width[2020:2080].mean()
    reasons = imputer.explain(np.log10(flux))
    assert reasons["other"].value_counts().to_dict() == {"silent": 168, "known": 100}
    assert reasons["hours to edge"].max() == 84


@pytest.mark.slow
def test_a_saved_imputer_fills_another_dataset_in_another_process_as_here(
    record, default, tmp_path
):
    imputer, flux, _ = default
    path = imputer.save(tmp_path / "imputer.npz")
    assert path.stat().st_size < 20e6
    later = make_dataset(start="2015-01-01", days=40, cadence="1h", seed=5)
    gap = later.flux["goes15"]["e2"].copy()
    gap.iloc[300:340] = np.nan
    again = SatelliteImputer.load(path, record)
    pd.testing.assert_frame_equal(again.impute(flux), imputer.impute(flux), rtol=1e-5)
    pd.testing.assert_frame_equal(
        again.impute(gap, dataset=later), imputer.impute(gap, dataset=later), rtol=1e-5
    )
    assert imputer.impute(gap, dataset=later)["imputed"].sum() == 60
    with pytest.raises(FluxError, match=r"no time of the flux .* has inputs .* dataset=\.\.\."):
        imputer.impute(gap)


@pytest.mark.slow
def test_gaps_longer_than_the_longest_allowed_stay(default):
    imputer, flux, _ = default
    filled = imputer.impute(flux, max_gap="120h")
    assert filled["value"][1000:1168].isna().all()
    assert filled["value"][2000:2100].notna().all()
    assert filled["imputed"].sum() == 100


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "empty", "other", "absent", "flipped"])
def test_a_file_that_is_no_imputer_gets_one_error(record, default, tmp_path, damage):
    path = default[0].save(tmp_path / "imputer.npz")
    body = path.read_bytes()
    changed = {
        "cut": body[: len(body) // 2],
        "empty": b"",
        "other": b"PK\x03\x04" + b"x" * 100,
        "flipped": body[:2000] + bytes([body[2000] ^ 255]) + body[2001:],
    }
    path.unlink() if damage == "absent" else path.write_bytes(changed[damage])
    with pytest.raises(FluxError, match=r"imputer\.npz: "):
        SatelliteImputer.load(path, record)


def test_the_logarithm_in_place_of_flux_is_refused(toy):
    imputer = fluxlib.GARFImputer.for_satellite(toy, "goes15", other="goes13")
    with pytest.raises(FluxError, match=r"expected flux above 0, .* not its logarithm"):
        imputer.fit(np.log10(toy.flux["goes15"]["e2"]))


def test_an_unknown_model_or_option_is_refused(toy):
    make = fluxlib.GARFImputer.for_satellite
    with pytest.raises(FluxError, match="model is 'best'; expected blend, GA-RF, published"):
        make(toy, "goes15", other="goes13", model="best")
    with pytest.raises(FluxError, match="the blend has no option 'bits'"):
        make(toy, "goes15", other="goes13", model="blend", bits=(3, 3, 3))
    published = make(toy, "goes15", other="goes13", model="published").model
    assert (published.fitness, published.min_trees, list(published.trend)) == ("train", 1, [])
