import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.imputation.intervals import (
    EdgeCorrection,
    classify,
    describe_edges,
    draw_gap_numbers,
)

FADE = 24.0  # hours


def make_series(seed, days=300):
    """Draw a prediction of zero whose errors are a Markov process of unit variance."""
    rng = np.random.default_rng(seed)
    index = pd.date_range("2014-01-01", periods=24 * days, freq="h", name="time")
    keep = np.exp(-1 / FADE)
    error = np.empty(len(index))
    error[0] = rng.normal()
    for i, kick in enumerate(rng.normal(size=len(index) - 1) * np.sqrt(1 - keep**2)):
        error[i + 1] = keep * error[i] + kick
    return pd.Series(error, index), pd.Series(0.0, index)


def hide_often(n):
    """Number gaps of 3 to 96 hours, two days apart."""
    gaps, position, number = np.zeros(n, int), 48, 0
    while position < n - 150:
        number += 1
        length = (3, 6, 12, 24, 96)[number % 5]
        gaps[position : position + length] = number
        position += length + 48
    return gaps


@pytest.fixture(scope="module")
def fitted():
    return EdgeCorrection(rows=12_000, trees=60).fit(*make_series(0))


@pytest.fixture(scope="module")
def corrected(fitted):
    """Return truth, correction and gaps of another series."""
    truth, predicted = make_series(1)
    gaps = hide_often(len(truth))
    table = fitted.predict(truth.mask(gaps > 0), predicted, gaps > 0)
    return truth[gaps > 0], table, gaps[gaps > 0]


@pytest.mark.slow
def test_a_correction_comes_near_the_best_there_is(corrected):
    truth, table, gaps = corrected
    position = pd.Series(np.arange(len(gaps))).groupby(gaps).cumcount().to_numpy() + 1
    length = np.bincount(gaps)[gaps]
    # Error variance of kriging from both edges, which is the best for this process.
    one, two = np.exp(-position / FADE), np.exp(-(length + 1 - position) / FADE)
    best = 1 - (one**2 + two**2 - 2 * (one * two) ** 2) / (1 - (one * two) ** 2)
    squared = (truth - table["value"]) ** 2
    short = length <= 24
    assert short.sum() > 300
    assert squared[short].mean() < 1.35 * best[short].mean()
    assert squared[short].mean() < 0.6 * (truth[short] ** 2).mean()


@pytest.mark.slow
def test_nine_tenths_of_unseen_samples_lie_in_the_interval(corrected):
    truth, table, gaps = corrected
    inside = truth.between(table["lower"], table["upper"])
    # Some 100 gaps, whose samples go together: a standard error of about 0.02.
    assert inside.mean() == pytest.approx(0.9, abs=0.05)
    short = np.bincount(gaps)[gaps] <= 36
    assert inside[short].mean() == pytest.approx(0.9, abs=0.08)


@pytest.mark.slow
def test_intervals_widen_where_errors_depend_on_the_conditions():
    def make(seed):
        error, predicted = make_series(seed, days=900)
        # Two days in ten are disturbed, and their errors three times as large.
        disturbed = pd.DataFrame({"Dst 6 h": np.arange(len(error)) // 24 % 10 < 2}, error.index)
        return error * (1 + 2 * disturbed["Dst 6 h"]), predicted, disturbed.astype(float)

    truth, predicted, conditions = make(1)
    gaps = hide_often(len(truth))
    asked, covered = gaps > 0, {}
    for name, known in (("told", True), ("untold", False)):
        error, guess, own = make(0)
        one = EdgeCorrection().fit(error, guess, conditions=own if known else None)
        table = one.predict(
            truth.mask(asked), predicted, asked, conditions=conditions if known else None
        )
        inside = truth[asked].between(table["lower"], table["upper"])
        covered[name] = inside.groupby(conditions["Dst 6 h"][asked]).mean()
    assert covered["untold"][1.0] < 0.75
    assert covered["told"].to_numpy() == pytest.approx(0.9, abs=0.07)


@pytest.mark.slow
def test_intervals_grow_with_the_distance_from_the_edges(corrected):
    _, table, gaps = corrected
    length = np.bincount(gaps)[gaps]
    width = table["upper"] - table["lower"]
    assert width[length == 3].mean() < 0.7 * width[length == 96].mean()


@pytest.mark.slow
def test_values_lie_in_their_interval(corrected):
    table = corrected[1]
    assert (table["lower"] <= table["value"]).all()
    assert (table["value"] <= table["upper"]).all()


@pytest.mark.slow
def test_the_prediction_is_what_is_corrected(fitted):
    log_flux, predicted = make_series(2, 60)
    asked = np.zeros(len(log_flux), bool)
    asked[100:120] = True
    here = fitted.predict(log_flux.mask(asked), predicted, asked)
    assert np.corrcoef(here["value"], log_flux[asked])[0, 1] > 0
    raised = EdgeCorrection(rows=3000, trees=20).fit(log_flux + 7, predicted + 7)
    level = raised.predict((log_flux + 7).mask(asked), predicted + 7, asked)
    assert level["value"].between(5, 9).all()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_correction():
    truth, predicted = make_series(3, 60)
    asked = np.zeros(len(truth), bool)
    asked[400:500] = True
    one, two, three = (
        EdgeCorrection(rows=3000, trees=20, random_state=seed)
        .fit(truth, predicted)
        .predict(truth.mask(asked), predicted, asked)
        for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(three)


@pytest.mark.slow
def test_far_from_the_edges_nothing_is_corrected(fitted):
    # In this process an edge tells a hundredth of the variance after five days.
    assert fitted.shrinkage_[0, 0] > 0.9
    assert fitted.shrinkage_[0, -1] < 0.5
    truth, predicted = make_series(4, 60)
    asked = np.zeros(len(truth), bool)
    asked[300:1100] = True
    table = fitted.predict(truth.mask(asked), predicted, asked)
    middle = table["value"].iloc[150:-150]
    assert np.sqrt((middle**2).mean()) < 0.3
    assert (truth[asked][middle.index] ** 2).mean() > 0.5


def test_classes_are_of_hours_and_what_has_no_end_is_of_the_longest():
    hours = pd.Series([1.0, 8.0, 18.0, 100.0, 5000.0, np.nan])
    assert classify(hours, (8, 18, 480)).tolist() == [0, 1, 2, 2, 3, 3]


def test_too_few_samples_are_refused():
    truth, predicted = make_series(0, 10)
    with pytest.raises(FluxError, match="50 samples have both flux and prediction"):
        EdgeCorrection().fit(truth.where(np.arange(240) < 50), predicted)


INDEX = pd.date_range("2014-01-01", periods=240, freq="h", name="time")


def make_case(hidden, error=None):
    """Return truth with a hidden stretch, and predictions of zero, whose errors are the truth."""
    error = np.arange(240.0) if error is None else error
    truth = pd.Series(error, INDEX)
    asked = np.zeros(240, bool)
    asked[hidden] = True
    return truth.mask(asked), pd.Series(0.0, INDEX), asked


def test_a_sample_has_its_distance_to_both_edges_and_the_length_of_its_gap():
    table = describe_edges(*make_case(slice(100, 106)))
    assert table["before"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table["after"].tolist() == [6, 5, 4, 3, 2, 1]
    assert table["nearest"].tolist() == [1, 2, 3, 3, 2, 1]
    assert set(table["length"]) == {6}
    assert table.index.equals(INDEX[100:106])


def test_errors_at_the_edges_and_on_the_line_between_them_are_inputs():
    table = describe_edges(*make_case(slice(100, 106)))
    assert set(table["error before"]) == {99}
    assert set(table["error after"]) == {106}
    assert table["error line"].tolist() == [100, 101, 102, 103, 104, 105]
    assert table["error 6 h before"].iloc[0] == np.mean([94, 95, 96, 97, 98, 99])
    assert table["error 24 h after"].iloc[0] == np.mean(range(106, 130))


def test_the_line_joins_the_flux_and_is_relative_to_the_prediction():
    truth, predicted, asked = make_case(slice(100, 103))
    table = describe_edges(truth, predicted + 50, asked)
    assert table["line - predicted"].tolist() == [50, 51, 52]
    assert set(table["predicted"]) == {50}


def test_the_same_hour_is_whole_days_away_and_never_in_the_gap():
    table = describe_edges(*make_case(slice(100, 130)))
    assert table["error same hour before"].tolist() == [*range(76, 100), *range(76, 82)]
    assert table["error same hour after"].iloc[[0, 5, 6, 29]].tolist() == [148, 153, 130, 153]


def test_a_decayed_error_is_the_best_guess_of_a_markov_process():
    truth, predicted, asked = make_case(slice(100, 105), np.where(np.arange(240) < 100, 1.0, 3.0))
    table = describe_edges(truth, predicted, asked)
    # Simple kriging from both edges with the covariance exp(-hours / 12).
    hours = np.array([3.0, 3.0])
    covariance = np.exp(-np.array([[0, 6], [6, 0]]) / 12)
    weights = np.linalg.solve(covariance, np.exp(-hours / 12))
    assert table["error, decayed in 12 h"].iloc[2] == pytest.approx(weights @ [1, 3])


def test_a_gap_at_the_end_has_one_edge():
    table = describe_edges(*make_case(slice(230, 240)))
    assert table["after"].isna().all()
    assert table["length"].isna().all()
    assert table["nearest"].tolist() == list(range(1, 11))
    assert table["error after"].isna().all()
    assert table["error same hour after"].isna().all()
    assert table["error, decayed in 3 h"].iloc[0] == pytest.approx(229 * np.exp(-1 / 3))


def test_hours_are_hours_at_any_cadence():
    index = pd.date_range("2014", periods=2000, freq="5min")
    truth = pd.Series(np.arange(2000.0), index)
    asked = np.zeros(2000, bool)
    asked[900:924] = True
    table = describe_edges(truth.mask(asked), truth * 0, asked)
    assert table["before"].iloc[-1] == pytest.approx(2)
    assert set(table["length"].round(9)) == {2}
    assert table["error same hour before"].iloc[0] == 900 - 288
    assert table["error 6 h before"].iloc[0] == np.mean(range(900 - 72, 900))


def test_gaps_of_all_lengths_are_drawn_with_known_stretches_between():
    mask = draw_gap_numbers(20000, 24, np.random.default_rng(0))
    lengths = np.bincount(mask)[1:]
    assert lengths.min() <= 2
    assert 400 < lengths.max() <= 720
    assert len(lengths) == mask.max()
    edges = np.flatnonzero(np.diff(np.r_[0, mask > 0, 0]))
    assert len(edges) == 2 * len(lengths)  # no two gaps touch
    assert 0.3 < (mask > 0).mean() < 0.8


def test_short_series_get_gaps_that_leave_them_most_of_their_time():
    for seed in range(20):
        mask = draw_gap_numbers(72, 24, np.random.default_rng(seed))
        assert np.bincount(mask)[1:].max(initial=0) <= 24
