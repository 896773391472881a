import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.evaluation.folds import (
    IMPUTATION_PURGE,
    blocked_folds,
    cross_blocks,
    month_folds,
    split_blocks,
)

YEAR = pd.date_range("2014-01-01", "2014-12-31 23:00", freq="h", name="time")


def draw_times(seed, n=400):
    """Draw times with gaps of a day and more, from two months or three."""
    rng = np.random.default_rng(seed)
    hours = rng.choice([1, 2, 24, 60], n, p=[0.7, 0.2, 0.09, 0.01]).cumsum()
    return pd.Timestamp("2012-02-20") + pd.to_timedelta(hours, "h")


def nearest(index, train, test):
    """Return the least time between a training and a test sample."""
    times = index.to_numpy()
    return np.abs(times[train][:, None] - times[test][None]).min()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(10, 2), (6, 3), (4, 1)]))
def test_every_sample_is_tested_once_and_never_in_both_sets(seed, sizes):
    index = draw_times(seed)
    for folds in (
        fluxlib.blocked_folds(index, *sizes, purge="3h"),
        month_folds(index, 2, purge="3h", random_state=seed),
    ):
        tested = np.concatenate([test for _, test in folds])
        assert sorted(tested) == list(range(len(index)))
        assert not any(np.intersect1d(train, test).size for train, test in folds)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_no_training_sample_is_within_the_purge_of_a_test_sample(seed, hours):
    index = draw_times(seed)
    purge = pd.Timedelta(hours=hours)
    for folds in (
        fluxlib.blocked_folds(index, 4, 1, purge=purge),
        month_folds(index, 2, purge=purge, random_state=seed),
    ):
        for train, test in folds:
            assert nearest(index, train, test) > purge


def test_purge_takes_the_samples_beside_the_test_blocks_and_no_others():
    plain = fluxlib.blocked_folds(YEAR)
    purged = fluxlib.blocked_folds(YEAR, purge="5D")
    lost = [len(set(a) - set(b)) for (a, _), (b, _) in zip(plain, purged, strict=True)]
    # Two blocks have four sides; the first and the last block of the year have one fewer.
    assert lost == [3 * 120, 4 * 120, 4 * 120, 4 * 120, 3 * 120]


def test_without_purge_train_and_test_are_all_there_is():
    for train, test in fluxlib.blocked_folds(YEAR):
        assert len(train) + len(test) == len(YEAR)


def test_published_folds_train_on_eight_tenths_of_the_time_and_test_blocks_far_apart():
    folds = fluxlib.blocked_folds(YEAR)
    assert len(folds) == 5
    for number, (train, test) in enumerate(folds):
        assert len(train) / len(YEAR) == pytest.approx(0.8, abs=1e-3)
        blocks = np.unique(test * 10 // len(YEAR))
        assert blocks.tolist() == [number, number + 5]


def test_blocks_are_of_equal_time_whatever_the_number_of_samples():
    index = YEAR[:2000].append(YEAR[4000::7])
    edges = pd.date_range(index[0], index[-1], periods=5)
    for number, (_, test) in enumerate(fluxlib.blocked_folds(index, 4, 1)):
        inside = index[test]
        assert inside[0] >= edges[number]
        assert inside[-1] <= edges[number + 1]


def test_months_are_held_out_whole():
    folds = month_folds(YEAR, 5)
    months = [set(YEAR[test].month) for _, test in folds]
    assert sorted(map(len, months)) == [2, 2, 2, 3, 3]
    assert set.union(*months) == set(range(1, 13))
    for (_, test), held in zip(folds, months, strict=True):
        assert len(test) == YEAR.month.isin(held).sum()


def test_the_same_month_of_two_years_is_two_months():
    index = pd.date_range("2014-01-01", periods=730, freq="D")
    assert {len(test) for _, test in month_folds(index, 24)} == {28, 30, 31}


def test_the_seed_draws_the_months():
    def draw(seed):
        return month_folds(YEAR, 5, random_state=seed)[0][1].tolist()

    assert draw(0) == draw(0)
    assert len({tuple(draw(seed)) for seed in range(5)}) > 1


@pytest.mark.parametrize("sizes", [(10, 3), (10, 10), (10, 0), (0, 0)])
def test_numbers_of_blocks_that_do_not_divide_are_refused(sizes):
    with pytest.raises(FluxError, match=f"n_blocks is {sizes[0]} and n_test {sizes[1]}; expected"):
        fluxlib.blocked_folds(YEAR, *sizes)


def test_more_folds_than_months_are_refused():
    with pytest.raises(FluxError, match=r"n_folds is 13; the samples cover 12 months.*2 to 12"):
        month_folds(YEAR, 13)


def test_times_that_are_none_or_unsorted_are_refused():
    with pytest.raises(FluxError, match="index is RangeIndex of 9"):
        fluxlib.blocked_folds(pd.RangeIndex(9))
    with pytest.raises(FluxError, match="sort the samples first"):
        month_folds(YEAR[::-1])


def test_a_test_set_without_a_sample_is_refused():
    with pytest.raises(FluxError, match="no sample; use fewer blocks"):
        fluxlib.blocked_folds(YEAR[:24].append(YEAR[-24:]), 10, 1)


def test_a_purge_that_leaves_nothing_to_train_on_is_refused():
    with pytest.raises(FluxError, match=r"purge of 5 days .* leaves no sample to train on"):
        fluxlib.blocked_folds(YEAR[:100], purge="5D")


def test_what_is_left_of_a_fold_can_be_split_again():
    hours = pd.date_range("2014", periods=20_000, freq="h")
    for train, _ in blocked_folds(hours, purge=IMPUTATION_PURGE):
        rows = pd.DataFrame({"a": 0.0}, hours[train])
        folds = cross_blocks(rows)
        assert len(folds) >= 4
        held_out = np.sort(np.concatenate([test for _, test in folds]))
        np.testing.assert_array_equal(held_out, np.arange(len(rows)))


def test_training_rows_are_split_into_the_published_blocks_a_purge_apart():
    rows = pd.DataFrame({"a": 0.0}, YEAR)
    folds = cross_blocks(rows)
    expected = blocked_folds(YEAR, purge="5D")
    for found, wanted in zip(folds, expected, strict=True):
        np.testing.assert_array_equal(found[0], wanted[0])
        np.testing.assert_array_equal(found[1], wanted[1])
        assert nearest(YEAR, *found) > pd.Timedelta("5D")
    for found, wanted in zip(split_blocks(rows), folds[0], strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_rows_without_times_are_split_by_place_without_a_purge():
    train, test = split_blocks(np.zeros((100, 2)))
    assert test.tolist() == [*range(10), *range(50, 60)]
    assert sorted([*train, *test]) == list(range(100))
