import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fluxlib
from fluxlib.errors import FluxError


def draw_pairs(seed, n=50):
    """Draw samples and predictions of any quality: noise, scale, offset and even sign."""
    rng = np.random.default_rng(seed)
    observed = rng.normal(3, rng.uniform(0.1, 2), n)
    slope, offset, noise = rng.normal(0, 1), rng.normal(0, 2), rng.exponential(1)
    return observed, slope * observed + offset + rng.normal(0, noise, n)


def test_scores_are_those_worked_out_by_hand():
    found = fluxlib.scores([1, 2, 3, 4], [1, 2, 3, 8])
    assert found == {
        "LC": pytest.approx(11 / np.sqrt(5 * 29)),
        "PE": pytest.approx(1 - 16 / 5),
        "MAE": 1,
        "RMSE": 2,
        "n": 4,
    }


def test_a_perfect_prediction_scores_one_and_errs_by_nothing():
    found = fluxlib.scores([1, 2, 4], [1, 2, 4])
    assert found == {"LC": pytest.approx(1), "PE": 1, "MAE": 0, "RMSE": 0, "n": 3}


def test_the_mean_as_prediction_has_no_efficiency_and_no_correlation():
    found = fluxlib.scores([1, 2, 3], [2, 2, 2])
    assert found["PE"] == 0
    assert np.isnan(found["LC"])


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_efficiency_never_exceeds_the_square_of_correlation(seed):
    found = fluxlib.scores(*draw_pairs(seed))
    assert found["PE"] <= found["LC"] ** 2 + 1e-12
    assert found["MAE"] <= found["RMSE"] * (1 + 1e-12)


def test_efficiency_is_the_square_of_correlation_after_a_least_squares_fit():
    observed, predicted = draw_pairs(1)
    slope, intercept = np.polyfit(predicted, observed, 1)
    found = fluxlib.scores(observed, intercept + slope * predicted)
    assert found["PE"] == pytest.approx(found["LC"] ** 2)


def test_pairs_with_a_missing_or_infinite_side_do_not_count():
    observed, predicted = draw_pairs(2)
    expected = fluxlib.scores(observed[5:], predicted[5:])
    observed[:2], predicted[2:4], predicted[4] = np.nan, np.nan, -np.inf
    assert fluxlib.scores(observed, predicted) == expected
    assert expected["n"] == 45


def test_what_too_few_pairs_leave_undefined_is_nan():
    nothing = fluxlib.scores([np.nan, 1], [1, np.nan])
    assert nothing.pop("n") == 0
    assert np.isnan(list(nothing.values())).all()
    one = fluxlib.scores([1.0], [1.5])
    assert (one["n"], one["MAE"], one["RMSE"]) == (1, 0.5, 0.5)
    assert np.isnan([one["PE"], one["LC"]]).all()


def test_inputs_are_left_alone():
    observed = pd.Series([1.0, np.nan, 3.0])
    fluxlib.scores(observed, observed + 1)
    assert observed.tolist()[::2] == [1, 3]
    assert observed.isna().tolist() == [False, True, False]


def test_different_lengths_are_refused():
    with pytest.raises(FluxError, match=r"shape \(3,\), predicted \(2,\); expected the same"):
        fluxlib.scores([1, 2, 3], [1, 2])
