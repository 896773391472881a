"""Alerts: counts, ROC and reliability against tables worked out by hand."""

import numpy as np
import pytest

from fluxlib.errors import FluxError
from fluxlib.evaluation.metrics import bin_reliability, count_alerts, trace_roc


def test_scores_of_a_table_worked_by_hand():
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


def test_different_shapes_are_refused():
    with pytest.raises(FluxError, match="shape"):
        count_alerts([1, 0], [1])
