from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.imputation import hidden_gaps as stretches
from fluxlib.imputation import holdout as trials
from fluxlib.imputation.forest import FilledForest
from fluxlib.imputation.imputer import SatelliteImputer
from fluxlib.imputation.intervals import EdgeCorrection


@pytest.fixture
def flat():
    """Return a trial whose truth is known: a line through time, sixty days of it to test."""
    index = pd.date_range("2014-01-01", periods=4 * 30 * 24, freq="h", name="time")
    truth = pd.Series(np.linspace(0, 4, len(index)), index)
    features = pd.DataFrame({"foo e2-0h": 2 * truth - 1}, index)
    return trials.Trial(features, truth, index[:1200:2], index[1440:])


@pytest.fixture
def line(flat):
    """Return an imputer of the flat trial."""
    model = FilledForest(trees=2, trend=["foo e2-0h"])
    quick = EdgeCorrection(rows=2000, trees=5)
    return SatelliteImputer(flat.features, model, correction=quick).fit(flat.flux)


def test_coverage_is_the_part_of_samples_within_the_interval(flat):
    truth = flat.truth[:4]
    interval = pd.DataFrame({"lower": truth - 1, "upper": truth + np.array([1, 1, 1, -1])})
    assert stretches.measure_inside(flat.truth, interval) == 0.75


def test_gaps_are_hidden_in_test_months_only_and_by_length(flat):
    hidden = stretches.hide_gaps(flat, [6, 24, 99999], 4)
    assert list(hidden) == [6, 24]
    for hours, drawn in hidden.items():
        assert len(drawn) == 4
        for times in drawn:
            assert len(times) == hours
            assert times.isin(flat.test).all()


def test_no_room_for_any_gap_is_said(flat):
    with pytest.raises(FluxError, match="no stretch of the held-out months is whole enough"):
        stretches.hide_gaps(flat, [99999], 4)


def test_stretches_are_drawn_as_long_as_the_records_gaps(flat):
    lengths = pd.Series([3.0, 3.0, 3.0, 24.0, 99999.0])
    hidden = stretches.hide_like(flat, lengths, 40)
    found = pd.Series([len(times) for times in hidden]).value_counts()
    assert set(found.index) == {3, 24}
    assert found[3] > found[24] > 0
    times = hidden[0].append(hidden[1:])
    assert times.is_unique
    assert times.isin(flat.test).all()


def test_interpolations_are_exact_on_a_line_and_models_are_scored_in_the_gaps_alone(flat, line):
    hidden = stretches.hide_gaps(flat, [6, 240], 2)
    in_gaps = flat.test.isin(np.concatenate([t for ts in hidden.values() for t in ts]))
    guess = flat.truth[flat.test] + np.where(in_gaps, 0.25, 9)
    predictions = pd.DataFrame({trials.GARF: guess, "RF": guess + 1})
    before = predictions.copy()
    rmse, filled = stretches.score_gaps(flat, line, predictions, hidden)
    assert rmse.index.tolist() == [6, 240]
    np.testing.assert_allclose(rmse[["linear", "cubic"]], 0, atol=1e-9)
    np.testing.assert_allclose(rmse[trials.GARF], 0.25)
    np.testing.assert_allclose(rmse["RF"], 1.25)
    assert (rmse[trials.FULL] < 0.05).all()
    assert rmse["coverage"].between(0, 1).all()
    for hours, drawn in hidden.items():
        assert sorted(filled[hours].index) == sorted(np.concatenate(drawn))
        assert filled[hours].notna().all(axis=None)
    pd.testing.assert_frame_equal(predictions, before)


def test_no_method_sees_what_is_hidden(flat, line):
    hidden = stretches.hide_gaps(flat, [24], 3)
    times = np.concatenate(hidden[24])
    predictions = pd.DataFrame({trials.GARF: 0.0}, flat.test)
    _, filled = stretches.score_gaps(flat, line, predictions, hidden)
    bumped = replace(flat, truth=flat.truth.where(~flat.truth.index.isin(times), 7.0))
    _, again = stretches.score_gaps(bumped, line, predictions, hidden)
    pd.testing.assert_frame_equal(filled[24], again[24])


def test_the_gap_picked_moves_as_the_median_one_does():
    index = pd.date_range("2014", periods=30, freq="h")
    truth = pd.Series(np.tile(np.arange(10.0), 3) * np.repeat([5, 1, 3], 10), index)
    drawn = [index[:10], index[10:20], index[20:]]
    assert stretches.pick_gap(drawn, truth) is drawn[2]


def test_a_storm_is_shown_from_before_it_to_days_after(flat):
    dst = pd.Series(0.0, flat.features.index)
    dst.iloc[100:105] = -300  # in training months
    dst.iloc[2000:2005] = -80
    dst.iloc[2400:2405] = -150
    times = stretches.pick_storm(flat, dst)
    assert times[0] == dst.index[2400] - pd.Timedelta("2D")
    assert times[-1] == dst.index[2400] + pd.Timedelta("5D")
    assert stretches.pick_storm(flat, dst * 0) is None


def test_storms_in_the_months_between_those_tested_are_none_of_theirs(flat):
    tested = flat.test[(flat.test < flat.test[500]) | (flat.test > flat.test[1000])]
    dst = pd.Series(0.0, flat.features.index)
    dst[flat.test[750] : flat.test[755]] = -300
    assert stretches.pick_storm(replace(flat, test=tested), dst) is None
