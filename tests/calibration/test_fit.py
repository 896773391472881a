import numpy as np
import pandas as pd
import pytest
from scipy import signal

import fluxlib
from fluxlib.calibration import fit as calibrate
from fluxlib.calibration.latent_flux import fit_latent
from fluxlib.datasets.series import daily_fluence
from fluxlib.errors import FluxError

TRUTH = {"intercept": 0.4, "slope": 0.8, "slope_above": 1.1, "breakpoint": 2.2}


def draw_memory(rng, n, memory):
    noise = rng.normal(scale=np.sqrt(1 - memory**2), size=n + 100)
    return signal.lfilter([1], [1, -memory], noise)[100:]


def draw_satellites(seed=0, n=1095, bend=False):
    """Reference and other with autocorrelated errors about a latent flux with two humps."""
    rng = np.random.default_rng(seed)
    humps = draw_memory(rng, n, 0.85)
    truth = 2.2 + 0.5 * humps + 0.45 * np.tanh(3 * humps)
    response = 0.4 + 0.8 * truth + (0.3 * np.maximum(truth - 2.2, 0) if bend else 0)
    index = pd.date_range("2014-01-01", periods=n, freq="D", name="time")
    reference = pd.Series(response + 0.1 * draw_memory(rng, n, 0.6), index)
    return reference, pd.Series(truth + 0.1 * draw_memory(rng, n, 0.6), index)


def hide_low(reference, other):
    """Both have floors; half of the other's days below it are missing."""
    floors = {"floor_reference": reference.quantile(0.1), "floor_other": other.quantile(0.2)}
    low = other < floors["floor_other"]
    missing = low & (np.arange(len(low)) % 2 == 0)
    other = other.clip(lower=floors["floor_other"]).mask(missing)
    reference = reference.clip(lower=floors["floor_reference"])
    return reference, other, floors | {"low_other": missing}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["linear", "piecewise"])
@pytest.mark.parametrize("censored", [False, True])
def test_intervals_hold_the_truth_as_often_as_they_say(kind, censored):
    n, inside = 40, []
    for seed in range(n):
        reference, other = draw_satellites(seed, n=400, bend=kind == "piecewise")
        options = {}
        if censored:
            reference, other, options = hide_low(reference, other)
        table = fluxlib.fit_calibration(reference, other, kind, **options).coefficients
        truth = pd.Series(TRUTH).reindex(table.index)
        inside.append(truth.between(table["lower"], table["upper"]))
    # At 95 %, fewer than 34 of 40 have a probability of 0.6 %.
    assert (np.sum(inside, axis=0) >= 34).all()


def test_bend_is_found_where_there_is_one_and_not_where_there_is_none():
    bent = fluxlib.fit_calibration(*draw_satellites(n=600, bend=True), "piecewise")
    assert bent.p_bend < 0.01
    assert bent.coefficients.loc["breakpoint", "lower"] < 2.2 < bent.coefficients["upper"].iloc[-1]
    assert fluxlib.fit_calibration(*draw_satellites(n=600), "piecewise").p_bend > 0.05
    assert fluxlib.fit_calibration(*draw_satellites(n=600)).p_bend is None


def test_interval_of_a_breakpoint_that_is_not_there_spans_most_of_the_data():
    reference, other = draw_satellites()
    table = fluxlib.fit_calibration(reference, other, "piecewise").coefficients
    width = table.loc["breakpoint", "upper"] - table.loc["breakpoint", "lower"]
    assert width > 0.3 * np.ptp(other)


def test_a_breakpoint_that_could_be_anywhere_leaves_the_other_intervals_as_they_are(monkeypatch):
    reference, other = draw_satellites(seed=4, n=600, bend=True)
    known = fluxlib.fit_calibration(reference, other, kind="piecewise", n_boot=200)

    def lose_breakpoint(pairs, **options):
        values, influence = fit_latent(pairs, **options)
        return values, np.column_stack([influence[:, :3], np.full(len(influence), np.nan)])

    monkeypatch.setattr(calibrate, "fit_latent", lose_breakpoint)
    lost = fluxlib.fit_calibration(reference, other, kind="piecewise", n_boot=200)
    pd.testing.assert_frame_equal(lost.coefficients[:3], known.coefficients[:3])
    lower, upper = lost.coefficients.loc["breakpoint", ["lower", "upper"]]
    assert upper - lower > 0.9 * (other.quantile(0.98) - other.quantile(0.02))
    assert lost.error > 0


def test_a_fill_at_the_floor_bends_a_line_that_does_not_know_of_it():
    reference, other = draw_satellites()
    floor = reference.quantile(0.3)
    reference = reference.where(reference > floor)
    naive = fluxlib.fit_calibration(reference, other).coefficients.loc["slope"]
    assert naive["upper"] < 0.8
    told = fluxlib.fit_calibration(
        reference, other, floor_reference=floor, low_reference=reference.isna()
    )
    slope = told.coefficients.loc["slope"]
    assert slope["lower"] < 0.8 < slope["upper"]
    assert told.n_low == reference.isna().sum()


def test_series_are_paired_by_time_whatever_their_order():
    reference, other = draw_satellites()
    other = other.drop(other.index[100:200])
    shuffled = other.sample(frac=1, random_state=0)
    found = fluxlib.fit_calibration(reference[50:], shuffled)
    assert found.to_dict() == fluxlib.fit_calibration(reference[50:], other).to_dict()
    assert found.n == 1095 - 50 - 100


@pytest.mark.parametrize("kind", ["linear", "with a floor", "piecewise"])
def test_the_ratio_of_errors_is_allowed_for_in_every_kind_of_fit(kind):
    rng = np.random.default_rng(0)
    days = pd.date_range("2014-01-01", periods=400, freq="D", name="time")
    truth = rng.normal(2.2, 0.5, 400)
    other = pd.Series(truth + 0.1 * rng.normal(size=400), days)
    reference = pd.Series(0.4 + 0.8 * truth + 0.4 * rng.normal(size=400), days)
    floor = {"floor_reference": reference.quantile(0.02)} if kind == "with a floor" else {}
    slopes = [
        fluxlib.fit_calibration(
            reference,
            other,
            "piecewise" if kind == "piecewise" else "linear",
            error_ratio=ratio,
            n_boot=2,
            **floor,
        ).coefficients["value"]["slope"]
        for ratio in (16, 1)
    ]
    assert slopes[0] == pytest.approx(0.8, abs=0.05)
    assert slopes[1] > 1  # as if both had the same error


def test_same_seed_same_intervals_and_input_untouched():
    reference, other = draw_satellites()
    before = reference.copy(), other.copy()
    one, two, three = (
        fluxlib.fit_calibration(reference, other, random_state=seed) for seed in (1, 1, 2)
    )
    assert one.to_dict() == two.to_dict()
    assert not one.coefficients["lower"].equals(three.coefficients["lower"])
    pd.testing.assert_series_equal(reference, before[0])
    pd.testing.assert_series_equal(other, before[1])


def test_calibrated_values_differ_from_the_reference_by_noise_only():
    reference, other = draw_satellites()
    found = fluxlib.fit_calibration(reference, other)
    residual = reference - found.apply(other)
    assert abs(residual.median()) < 0.01
    # noise of both satellites: 0.1 sqrt(1 + 0.8^2)
    assert found.residual_sd == pytest.approx(0.128, rel=0.1)
    assert found.r == pytest.approx(other.corr(reference))
    assert 0.002 < found.error < 0.02


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "cubic"}, "kind is 'cubic'"),
        ({"low_other": pd.Series(dtype=bool)}, "low_other needs floor_other"),
        ({"block": "9999D"}, "block is"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(FluxError, match=message):
        fluxlib.fit_calibration(*draw_satellites(n=100), **options)


def test_ten_pairs_are_enough_and_values_at_a_floor_do_not_count():
    reference, other = draw_satellites(n=100)
    assert fluxlib.fit_calibration(reference, other[:10]).n == 10
    floor = other[:15].sort_values().iloc[5]
    with pytest.raises(FluxError, match="have 9 times in common where both have a value above"):
        fluxlib.fit_calibration(reference, other[:15], floor_other=floor)


def test_unusable_series_are_named():
    reference, other = draw_satellites(n=100)
    with pytest.raises(FluxError, match="have 9 times in common"):
        fluxlib.fit_calibration(reference, other[:9])
    with pytest.raises(FluxError, match="other has infinite values"):
        fluxlib.fit_calibration(reference, other.replace(other.iloc[3], -np.inf))
    with pytest.raises(FluxError, match=r"reference is 2\.5 throughout"):
        fluxlib.fit_calibration(reference * 0 + 2.5, other)
    with pytest.raises(FluxError, match="give it a time index"):
        fluxlib.fit_calibration(reference.reset_index(drop=True), other)


@pytest.mark.real
def test_goes15_fits_goes13_better_after_calibration_in_a_year_not_fitted(real_data):
    def read(name):
        files = sorted((real_data / name).glob(f"{name}_1h_201[456].csv.gz"))
        parts = [pd.read_csv(file, parse_dates=["time"], index_col="time") for file in files]
        flux = pd.concat(parts).tz_localize(None).asfreq("h")
        return np.log10(daily_fluence(flux)["e2"])

    reference, other = read("goes13"), read("goes15")
    found = fluxlib.fit_calibration(reference["2014":"2015"], other["2014":"2015"])
    assert found.r > 0.97
    assert 0.9 < found.coefficients.loc["slope", "value"] < 1.05
    before = (reference - other)["2016"].dropna()
    after = (reference - found.apply(other))["2016"].dropna()
    assert np.sqrt((after**2).mean()) < 0.5 * np.sqrt((before**2).mean())
