import numpy as np
import pandas as pd
import pytest

from fluxlib.imputation.edges import describe_edges, draw_mask

INDEX = pd.date_range("2014-01-01", periods=240, freq="h", name="time")


def make_case(hidden, error=None):
    """Return truth with a hidden stretch, and predictions of zero, whose errors are the truth."""
    error = np.arange(240.0) if error is None else error
    truth = pd.Series(error, INDEX)
    asked = np.zeros(240, bool)
    asked[hidden] = True
    return truth.mask(asked), pd.Series(0.0, INDEX), asked


def test_a_sample_is_told_its_distance_to_both_edges_and_the_length_of_its_gap():
    table = describe_edges(*make_case(slice(100, 106)))
    assert table["before"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table["after"].tolist() == [6, 5, 4, 3, 2, 1]
    assert table["nearest"].tolist() == [1, 2, 3, 3, 2, 1]
    assert set(table["length"]) == {6}
    assert table.index.equals(INDEX[100:106])


def test_errors_at_the_edges_and_the_line_between_them_are_told():
    table = describe_edges(*make_case(slice(100, 106)))
    assert set(table["error before"]) == {99}
    assert set(table["error after"]) == {106}
    assert table["error line"].tolist() == [100, 101, 102, 103, 104, 105]
    assert table["error 6 h before"].iloc[0] == np.mean([94, 95, 96, 97, 98, 99])
    assert table["error 24 h after"].iloc[0] == np.mean(range(106, 130))


def test_the_line_is_of_the_flux_and_told_as_a_difference_from_the_prediction():
    truth, predicted, asked = make_case(slice(100, 103))
    table = describe_edges(truth, predicted + 50, asked)
    assert table["line - predicted"].tolist() == [50, 51, 52]
    assert set(table["predicted"]) == {50}


def test_the_same_hour_is_whole_days_away_and_never_in_the_gap():
    table = describe_edges(*make_case(slice(100, 130)))
    assert table["error same hour before"].tolist() == [*range(76, 100), *range(76, 82)]
    assert table["error same hour after"].iloc[[0, 5, 6, 29]].tolist() == [148, 153, 130, 153]


def test_a_faded_error_is_the_best_guess_of_a_markov_process():
    truth, predicted, asked = make_case(slice(100, 105), np.where(np.arange(240) < 100, 1.0, 3.0))
    table = describe_edges(truth, predicted, asked)
    # Simple kriging from both edges with the covariance exp(-hours / 12).
    hours = np.array([3.0, 3.0])
    covariance = np.exp(-np.array([[0, 6], [6, 0]]) / 12)
    weights = np.linalg.solve(covariance, np.exp(-hours / 12))
    assert table["error, faded in 12 h"].iloc[2] == pytest.approx(weights @ [1, 3])


def test_a_gap_at_the_end_has_one_edge():
    table = describe_edges(*make_case(slice(230, 240)))
    assert table["after"].isna().all()
    assert table["length"].isna().all()
    assert table["nearest"].tolist() == list(range(1, 11))
    assert table["error after"].isna().all()
    assert table["error same hour after"].isna().all()
    assert table["error, faded in 3 h"].iloc[0] == pytest.approx(229 * np.exp(-1 / 3))


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


def test_nothing_in_the_gap_is_told():
    truth, predicted, asked = make_case(slice(100, 130))
    other = truth.copy()
    pd.testing.assert_frame_equal(
        describe_edges(truth, predicted, asked), describe_edges(other, predicted, asked)
    )
    assert truth[asked].isna().all()


def test_gaps_of_all_lengths_are_drawn_with_known_stretches_between():
    mask = draw_mask(20000, 24, np.random.default_rng(0))
    lengths = np.bincount(mask)[1:]
    assert lengths.min() <= 2
    assert 400 < lengths.max() <= 720
    assert len(lengths) == mask.max()
    edges = np.flatnonzero(np.diff(np.r_[0, mask > 0, 0]))
    assert len(edges) == 2 * len(lengths)  # no two gaps touch
    assert 0.3 < (mask > 0).mean() < 0.8


def test_short_series_get_gaps_that_leave_them_most_of_their_time():
    for seed in range(20):
        mask = draw_mask(72, 24, np.random.default_rng(seed))
        assert np.bincount(mask)[1:].max(initial=0) <= 24
