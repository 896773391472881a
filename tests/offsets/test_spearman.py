import numpy as np
import pandas as pd
import pytest
from scipy import signal, stats

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.offsets.spearman import (
    CachedOffsetCorrelation,
    partial_spearman_offsets,
    spearman_counts,
    spearman_intervals,
)

HOURS = pd.date_range("2011-01-01", periods=24 * 365 * 3, freq="h", name="time")


def draw_memory(rng, n, memory):
    noise = rng.normal(scale=np.sqrt(1 - memory**2), size=n + 2000)
    return signal.lfilter([1], [1, -memory], noise)[2000:]


def punch(series, share, rng, hours=240):
    """Take out stretches of ten days on average."""
    series = series.copy()
    while series.isna().mean() < share:
        start = rng.integers(len(series))
        series.iloc[start : start + int(rng.exponential(hours))] = np.nan
    return series


def draw_world(missing, index=HOURS, seed=0):
    """Drivers with a cycle, a skew and ties, and a flux that answers them two days later."""
    rng = np.random.default_rng(seed)
    n = len(index)
    stream, cycle = draw_memory(rng, n, 0.99), np.sin(np.arange(n) / n * 4)
    drivers = pd.DataFrame(
        {
            "V": 400 + 80 * (stream + cycle + draw_memory(rng, n, 0.95)),
            "N": np.exp(draw_memory(rng, n, 0.9) - 0.5 * stream),
            "Kp": np.round(np.clip(3 + stream + draw_memory(rng, n, 0.9), 0, 9) * 3) / 3,
        },
        index,
    )
    answer = signal.lfilter(np.full(48, 1 / 48), [1], np.roll(stream, 24))
    flux = answer + cycle + 0.3 * draw_memory(rng, n, 0.99)
    flux += 0.5 * np.sin(2 * np.pi * np.asarray(index.hour) / 24)
    target = pd.Series(flux, index)
    return drivers.apply(punch, share=missing / 2, rng=rng), punch(target, missing, rng)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_exact_equals_scipy_on_complete_pairs_ties_included(missing):
    drivers, target = draw_world(missing, HOURS[:3000])
    offsets = [-5, 0, 1, 24, 60, 120]
    table = fluxlib.spearman_offsets(drivers, target, offsets, "exact")
    counts = spearman_counts(drivers, target, offsets)
    assert table.index.name == "offset"
    assert list(table.columns) == ["V", "N", "Kp"]
    for hours in offsets:
        for name in drivers:
            pairs = pd.concat([drivers[name].shift(hours), target], axis=1).dropna()
            expected = stats.spearmanr(pairs.iloc[:, 0], pairs.iloc[:, 1]).statistic
            assert abs(table.loc[hours, name] - expected) < 1e-12
            assert counts.loc[hours, name] == len(pairs)


@pytest.mark.parametrize("missing", [0.05, 0.3, 0.6])
def test_fft_is_within_a_thousandth_of_exact_beside_long_gaps(missing):
    drivers, target = draw_world(missing)
    offsets = range(0, 121, 3)
    exact = fluxlib.spearman_offsets(drivers, target, offsets, "exact")
    fast = fluxlib.spearman_offsets(drivers, target, offsets)
    assert (fast - exact).abs().max().max() < 1e-3
    assert fast.abs().max().max() > 0.3


def test_a_driver_that_precedes_by_n_hours_peaks_at_n():
    rng = np.random.default_rng(0)
    index = HOURS[:2000]
    driver = pd.DataFrame({"V": rng.normal(size=2000)}, index)
    target = driver["V"].shift(36).pow(3)
    table = fluxlib.spearman_offsets(driver, target, range(60))
    assert table["V"].idxmax() == 36
    assert table.loc[36, "V"] == pytest.approx(1, abs=1e-3)


def test_drivers_before_the_target_are_used():
    drivers, target = draw_world(0.0, HOURS[:2000])
    late = target[500:]
    table = fluxlib.spearman_offsets(drivers[:1900], late, [100], "exact")
    counts = spearman_counts(drivers[:1900], late, [100])
    assert (counts == 1500).all().all()
    shifted = drivers["V"].shift(100)[500:]
    assert table.loc[100, "V"] == pytest.approx(stats.spearmanr(shifted, late).statistic, abs=1e-12)


@pytest.mark.parametrize("method", ["fft", "exact"])
def test_nothing_to_correlate_gives_nan(method):
    drivers, target = draw_world(0.0, HOURS[:500])
    drivers["V"] = 400.0
    drivers["N"] = np.nan
    table = fluxlib.spearman_offsets(drivers, target, [0, 12, 600], method)
    assert table[["V", "N"]].isna().all().all()
    assert table["Kp"].notna().tolist() == [True, True, False]


def test_five_minute_offsets_are_fractions_of_an_hour():
    index = pd.date_range("2011-01-01", periods=3000, freq="5min", name="time")
    drivers, target = draw_world(0.0, index)
    offsets = np.arange(13) / 12
    exact = fluxlib.spearman_offsets(drivers, target, offsets, "exact")
    expected = stats.spearmanr(drivers["V"].shift(7)[7:], target[7:]).statistic
    assert exact["V"].iloc[7] == pytest.approx(expected, abs=1e-12)
    with pytest.raises(FluxError, match="multiples of the cadence"):
        fluxlib.spearman_offsets(drivers, target, [0.01])
    with pytest.raises(FluxError, match="method is 'quick'"):
        fluxlib.spearman_offsets(drivers, target, [0], "quick")


@pytest.mark.slow
def test_interval_of_unrelated_series_holds_zero_as_often_as_it_says():
    inside, effective = 0, []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        drivers = pd.DataFrame({"V": draw_memory(rng, 2000, 0.95)}, HOURS[:2000])
        target = pd.Series(draw_memory(rng, 2000, 0.9), HOURS[:2000])
        target[300:700] = np.nan
        row = spearman_intervals(drivers, target, [6])["V"].loc[6]
        inside += row["lower"] < 0 < row["upper"]
        effective.append(row["n_effective"] / row["n"])
    assert 88 <= inside <= 99  # taken as independent it would be about 40
    # Bartlett: n / n_effective = 1 + 2 r / (1 - r), r the product of both memories
    assert np.mean(effective) == pytest.approx(1 / (1 + 2 * 0.855 / 0.145), rel=0.2)


def test_effective_pairs_follow_from_the_memory_of_both_series():
    shares = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        drivers = pd.DataFrame({"V": draw_memory(rng, 3000, 0.8)}, HOURS[:3000])
        target = pd.Series(draw_memory(rng, 3000, 0.7), HOURS[:3000])
        row = spearman_intervals(drivers, target, [6])["V"].loc[6]
        shares.append(row["n_effective"] / row["n"])
    # Bartlett: n / n_effective = 1 + 2 r / (1 - r), r the product of both memories
    assert np.mean(shares) == pytest.approx(1 / (1 + 2 * 0.56 / 0.44), rel=0.15)


def test_effective_pairs_come_from_the_autocorrelations_of_the_ranks_up_to_a_fifth_of_the_series():
    rng, n = np.random.default_rng(0), 1000
    drivers = pd.DataFrame({"V": draw_memory(rng, n, 0.99)}, HOURS[:n])
    target = pd.Series(draw_memory(rng, n, 0.99), HOURS[:n])
    row = spearman_intervals(drivers, target, [0])["V"].loc[0]
    ranks = np.array([drivers["V"].rank(), target.rank()]) - (n + 1) / 2
    product = [np.prod((ranks[:, j:] * ranks[:, :-j]).mean(axis=1)) for j in range(1, n // 5)]
    share = 1 - np.arange(1, n // 5) / n  # of the pairs that have one so much later
    both = np.prod((ranks**2).mean(axis=1))
    assert row["n"] / row["n_effective"] == pytest.approx(1 + 2 * share @ product / both, rel=0.02)


def test_pairs_that_alternate_do_not_count_more_than_once():
    rng = np.random.default_rng(0)
    drivers = pd.DataFrame({"V": draw_memory(rng, 2000, -0.8)}, HOURS[:2000])
    target = pd.Series(draw_memory(rng, 2000, 0.8), HOURS[:2000])
    row = spearman_intervals(drivers, target, [0])["V"].loc[0]
    assert row["n_effective"] == row["n"]


def test_interval_of_independent_samples_is_fishers():
    rng = np.random.default_rng(0)
    drivers = pd.DataFrame({"V": rng.normal(size=5000)}, HOURS[:5000])
    target = drivers["V"] + pd.Series(rng.normal(size=5000), HOURS[:5000])
    row = spearman_intervals(drivers, target, [0], method="exact")["V"].loc[0]
    error = np.sqrt((1 + row["value"] ** 2 / 2) / (row["n_effective"] - 3))
    assert row["n"] == 5000
    assert row["n_effective"] > 3500
    assert row["upper"] == pytest.approx(np.tanh(np.arctanh(row["value"]) + 1.96 * error), abs=1e-4)


def test_partial_correlation_is_that_of_what_the_past_leaves():
    drivers, target = draw_world(0.2, HOURS[:6000])
    table = partial_spearman_offsets(drivers, target, [0, 30, 60], given_days=2)
    for hours in (0, 30, 60):
        columns = [drivers["V"].shift(hours), target, target.shift(24), target.shift(48)]
        ranks = pd.concat(columns, axis=1).dropna().rank().to_numpy()
        past = np.column_stack([np.ones(len(ranks)), ranks[:, 2:]])
        left = ranks[:, :2] - past @ np.linalg.lstsq(past, ranks[:, :2], rcond=None)[0]
        expected = np.corrcoef(left.T)[0, 1]
        assert table.loc[hours, "V"] == pytest.approx(expected, abs=2e-3)


def test_a_driver_that_only_repeats_the_past_adds_nothing():
    rng = np.random.default_rng(0)
    flux = pd.Series(draw_memory(rng, 20_000, 0.99), HOURS[:20_000])
    drivers = pd.DataFrame({"echo": flux.shift(24), "noise": rng.normal(size=20_000)}, flux.index)
    drivers["echo"] += 0.01 * rng.normal(size=20_000)
    table = partial_spearman_offsets(drivers, flux, [0])
    assert fluxlib.spearman_offsets(drivers, flux, [0]).loc[0, "echo"] > 0.7
    assert table.abs().max().max() < 0.03
    with pytest.raises(FluxError, match="given_days is 0"):
        partial_spearman_offsets(drivers, flux, [0], given_days=0)


@pytest.fixture(scope="module")
def data():
    """Drivers over 400 days, one rounded, and a flux in the midst with a gap."""
    rng = np.random.default_rng(0)
    hours = pd.date_range("2014-01-01", periods=9600, freq="h", name="time")
    v, kp = signal.lfilter([0.1], [1, -0.95], rng.normal(size=(2, 9600)))
    drivers = pd.DataFrame({"V": v, "Kp": np.round(3 * kp)}, hours)
    target = (drivers["V"].shift(36) + 0.2 * rng.normal(size=9600)).iloc[3000:6000]
    target.iloc[500:900] = np.nan
    return drivers, target


@pytest.mark.parametrize(
    "offsets", [range(121), range(0, 73, 3), range(0, 241, 24), [0], [24, 25], range(0, 101)]
)
def test_cached_correlations_are_those_of_spearman_offsets(data, offsets):
    drivers, target = data
    cached = CachedOffsetCorrelation(drivers, target, 240)
    cached.warm()
    expected = fluxlib.spearman_offsets(drivers, target, offsets)
    for name in drivers:
        pd.testing.assert_series_equal(
            cached.correlate(name, offsets), expected[name], rtol=0, atol=1e-10
        )


def test_a_range_that_was_seen_before_needs_no_exact_value(data, monkeypatch):
    cached = CachedOffsetCorrelation(*data, 240)
    cached.correlate("V", range(0, 121))
    monkeypatch.setattr("fluxlib.offsets.spearman.correlate_exact", None)
    cached.correlate("V", range(0, 97, 3))
