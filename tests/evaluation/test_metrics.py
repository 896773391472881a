import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.evaluation.metrics import (
    bin_reliability,
    count_alerts,
    trace_roc,
    weighted_scores,
)


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


def test_weights_count_samples_as_often_as_they_say():
    observed, predicted = draw_pairs(4)
    weights = np.random.default_rng(0).integers(0, 3, (2, 50))
    found = weighted_scores(observed, predicted, weights)
    for k in range(2):
        rows = np.repeat(np.arange(50), weights[k])
        expected = fluxlib.scores(observed[rows], predicted[rows])
        assert expected.pop("n") == weights[k].sum()
        assert {name: values[k] for name, values in found.items()} == pytest.approx(expected)


def test_alert_scores_are_those_worked_out_by_hand():
    observed = [1] * 30 + [0] * 70
    forecast = [1] * 20 + [0] * 10 + [1] * 5 + [0] * 65
    result = count_alerts(observed, forecast)
    assert [result[k] for k in ("hits", "misses", "false_alarms", "quiet")] == [20, 10, 5, 65]
    assert result["POD"] == pytest.approx(20 / 30)
    assert result["FAR"] == pytest.approx(5 / 25)
    # Heidke: (correct - by chance) / (n - by chance), with 25 of 100 forecast and 30 that came.
    by_chance = 25 * 30 / 100 + 75 * 70 / 100
    assert result["HSS"] == pytest.approx((85 - by_chance) / (100 - by_chance))


def test_unknown_days_do_not_count_and_shares_of_nothing_are_nan():
    result = count_alerts([1, np.nan, 0], [np.nan, 1, 0])
    assert result["quiet"] == 1
    assert np.isnan(result["POD"])
    assert np.isnan(result["FAR"])


def test_roc_area_is_one_for_perfect_order_and_half_for_none():
    observed = np.tile([0, 1], 50)
    assert trace_roc(observed, observed * 0.5 + 0.2)[1] == 1
    assert trace_roc(observed, np.full(100, 0.3))[1] == 0.5


def test_probabilities_on_a_border_belong_to_the_bin_above_it():
    table = bin_reliability([0, 1, 1, 0, 1], [0.0, 0.19, 0.2, 0.96, 1.0])
    assert table.index.tolist() == [0, 1, 2, 9]
    assert table["n"].tolist() == [1, 1, 1, 2]
    assert table["frequency"].tolist() == [0, 1, 1, 0.5]
    assert table["probability"].tolist() == pytest.approx([0, 0.19, 0.2, 0.98])


def test_roc_counts_hits_and_false_alarms_at_each_threshold():
    curve, area = trace_roc([0, 0, 1, 1, np.nan], [0.1, 0.6, 0.4, 0.8, 0.9])
    at = curve.set_index("threshold")
    assert at.loc[0.8].to_dict() == {"POD": 0.5, "POFD": 0}
    assert at.loc[0.4].to_dict() == {"POD": 1, "POFD": 0.5}
    assert area == 0.75


def test_roc_needs_days_of_both_kinds():
    with pytest.raises(FluxError, match="both kinds"):
        trace_roc([0, 0], [0.1, 0.2])


def test_reliable_probabilities_lie_on_the_diagonal():
    rng = np.random.default_rng(0)
    probability = rng.uniform(size=50_000)
    table = bin_reliability(rng.uniform(size=50_000) < probability, probability)
    assert len(table) == 10
    assert table["n"].sum() == 50_000
    error = np.abs(table["frequency"] - table["probability"])
    assert (error < 4 * np.sqrt(0.25 / table["n"])).all()


def test_alerts_of_different_shapes_are_refused():
    with pytest.raises(FluxError, match="shape"):
        count_alerts([1, 0], [1])
