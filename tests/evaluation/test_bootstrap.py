import numpy as np
import pandas as pd
import pytest
from scipy import signal, stats

from fluxlib.errors import FluxError
from fluxlib.evaluation.bootstrap import (
    block_intervals,
    choose_block,
    deviation_interval,
    draw_block_counts,
    largest_sum_p_value,
    resample_influence,
)

DAYS = pd.date_range("2010-01-01", periods=800, freq="D", name="time")


def test_block_is_a_rotation_or_a_twelfth_of_a_short_period():
    assert choose_block(DAYS) == pd.Timedelta("27D")
    assert choose_block(DAYS[:121]) == pd.Timedelta("10D")
    assert choose_block(DAYS, "5D") == pd.Timedelta("5D")


@pytest.mark.parametrize("block", ["0D", "500D"])
def test_impossible_block_is_refused(block):
    with pytest.raises(FluxError, match="block is"):
        choose_block(DAYS, block)


def test_every_sample_is_drawn_equally_often_and_in_whole_blocks():
    counts = draw_block_counts(DAYS, pd.Timedelta("20D"), 2000, 0)
    assert counts.shape == (2000, 800)
    # 40 blocks of 20 days: 800 samples in each replicate, one of each on average
    assert (counts.sum(axis=1) == 800).all()
    assert np.abs(counts.mean(axis=0) - 1).max() < 0.12
    changes = np.count_nonzero(np.diff(counts[0]))
    assert changes <= 80


def test_block_does_not_reach_across_a_gap():
    split = DAYS[:100].append(DAYS[600:700])
    counts = draw_block_counts(split, pd.Timedelta("10D"), 2000, 0)
    beside = np.corrcoef(counts[:, 98], counts[:, 99])[0, 1]
    across = np.corrcoef(counts[:, 99], counts[:, 100])[0, 1]
    assert beside > 0.8
    assert abs(across) < 0.1


def test_block_bootstrap_finds_the_error_of_an_autocorrelated_mean():
    rng = np.random.default_rng(0)
    memory, n = 0.7, 20_000
    noise = signal.lfilter([1], [1, -memory], rng.normal(size=n))
    index = pd.date_range("1950-01-01", periods=n, freq="D")
    draw = {"block": pd.Timedelta("60D"), "n_boot": 1000, "random_state": 0}
    found = resample_influence(noise[:, None] / n, index, **draw).std()
    assert found == pytest.approx(1 / (1 - memory) / np.sqrt(n), rel=0.1)


def test_interval_widens_as_students_does():
    deviations = np.random.default_rng(0).normal(size=(200_000, 1))
    lower, upper = deviation_interval(deviations, 11)
    expected = stats.t.ppf(0.975, 10) * np.sqrt(11 / 10)
    assert upper[0] == pytest.approx(expected, rel=0.02)
    assert lower[0] == pytest.approx(-expected, rel=0.02)


def test_intervals_of_a_mean_are_those_at_95_percent():
    rng = np.random.default_rng(0)
    n = 4000
    index = pd.date_range("1990-01-01", periods=n, freq="D")
    noise = rng.normal(size=n)
    value, lower, upper = block_intervals(lambda w: w @ noise / w.sum(axis=1), index, n_boot=4000)
    assert value == pytest.approx(noise.mean())
    reach = stats.norm.ppf(0.975) / np.sqrt(n)
    assert upper - value == pytest.approx(reach, rel=0.1)
    assert value - lower == pytest.approx(reach, rel=0.1)


def test_a_seed_draws_the_same_intervals_and_another_seed_others():
    noise = np.random.default_rng(0).normal(size=800)
    bounds = [
        block_intervals(lambda w: w @ noise, DAYS, n_boot=50, random_state=seed)[1]
        for seed in (0, 0, 1)
    ]
    assert bounds[0] == bounds[1] != bounds[2]


@pytest.mark.slow
def test_largest_sum_is_judged_against_the_largest_of_each_replicate():
    rng = np.random.default_rng(0)
    draw = {"block": pd.Timedelta("5D"), "n_boot": 200, "random_state": 0}
    p_values = []
    for _ in range(200):
        parts = rng.normal(size=(800, 10))
        p_values.append(largest_sum_p_value(parts, resample_influence(parts, DAYS, **draw)))
    # binomial: 200 at 10 % gives 20 +- 4.2
    assert 8 <= np.sum(np.array(p_values) < 0.1) <= 34
    parts = rng.normal(size=(800, 10)) + 0.3
    assert largest_sum_p_value(parts, resample_influence(parts, DAYS, **draw)) < 0.01
