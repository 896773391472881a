import numpy as np
import pandas as pd
import pytest

from fluxlib.evaluation.metrics import scores
from fluxlib.evaluation.skill import score_groups, score_intervals

INDEX = pd.date_range("2014-01-01", periods=4000, freq="h", name="time")


def make_case(seed=0, noise=0.3, extra=0.1):
    rng = np.random.default_rng(seed)
    truth = pd.Series(rng.normal(size=4000), INDEX)
    ours = truth + noise * rng.normal(size=4000)
    return truth, pd.DataFrame({"ours": ours, "worse": ours + extra * rng.normal(size=4000)})


def test_scores_are_those_of_metrics_at_times_that_all_have():
    truth, predicted = make_case()
    predicted.iloc[:100, 1] = np.nan
    table = score_intervals(truth, predicted)
    plain = scores(truth.iloc[100:], predicted["ours"].iloc[100:])
    assert {name: table.loc["ours", name] for name in plain} == pytest.approx(plain)


def test_intervals_hold_the_true_error_as_often_as_they_say():
    inside = []
    for seed in range(60):
        truth, predicted = make_case(seed)
        row = score_intervals(truth, predicted[["ours"]], n_boot=200).loc["ours"]
        inside.append(row["RMSE lower"] <= 0.3 <= row["RMSE upper"])
        assert row["PE lower"] < row["PE"] < row["PE upper"]
        assert row["LC lower"] < row["LC"] < row["LC upper"]
        assert row["MAE lower"] < row["MAE"] < row["MAE upper"]
    assert 0.8 < np.mean(inside) <= 1


def test_intervals_widen_when_errors_go_together():
    truth, predicted = make_case()
    slow = pd.DataFrame({"ours": truth + 0.4 * np.sin(np.arange(4000) / 300) ** 2})
    wide, narrow = (
        row["RMSE upper"] - row["RMSE lower"]
        for row in (
            score_intervals(truth, slow).loc["ours"],
            score_intervals(truth, predicted[["ours"]]).loc["ours"],
        )
    )
    assert wide > 2 * narrow


def test_a_worse_method_is_told_from_an_equal_one():
    truth, predicted = make_case()
    rng = np.random.default_rng(9)
    predicted["equal"] = truth + 0.3 * rng.normal(size=4000)
    table = score_intervals(truth, predicted)
    assert table.loc["ours", ["worse", "worse lower", "worse upper"]].tolist() == [0, 0, 0]
    assert table.loc["worse", "worse"] == pytest.approx(0.01, abs=0.004)
    assert table.loc["worse", "worse lower"] > 0
    assert table.loc["equal", "worse lower"] < 0 < table.loc["equal", "worse upper"]


def test_replicates_agree_with_scores_of_the_resampled_rows():
    truth, predicted = make_case()
    from fluxlib.evaluation.skill import _resample

    counts = np.random.default_rng(0).integers(0, 3, (1, 4000))
    rows = np.repeat(np.arange(4000), counts[0])
    drawn = _resample(truth.to_numpy(), predicted["worse"].to_numpy(), counts)
    expected = scores(truth.iloc[rows], predicted["worse"].iloc[rows])
    for name, values in drawn.items():
        assert values[0] == pytest.approx(expected[name], rel=1e-9)


def test_groups_have_their_own_errors_and_counts():
    truth = pd.Series(np.zeros(6), INDEX[:6])
    predicted = pd.DataFrame({"a": [1.0, 1, 1, 2, 2, np.nan]}, INDEX[:6])
    groups = pd.Series(["low", "low", "low", "high", "high", "high"], INDEX[:6])
    table = score_groups(truth, predicted, groups)
    assert table.loc["low"].tolist() == [1, 3]
    assert table.loc["high", "a"] == 2
    assert score_groups(truth, predicted, groups.where(groups == "low")).index.tolist() == ["low"]
    nowhere = score_groups(truth, predicted, groups.where(groups == "none"))
    assert nowhere.empty
    assert list(nowhere) == ["a", "n"]
