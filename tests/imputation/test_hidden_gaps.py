from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.imputation.hidden_gaps import (
    draw_gaps_like,
    draw_hidden_gaps,
    fill_gap,
    find_storm,
    gap_starts,
    interval_coverage,
    locate_gap,
    score_gaps,
    select_methods,
    select_typical_gap,
)
from fluxlib.imputation.holdout import FULL, GARF
from tests.helpers.imputation import make_line_holdout, make_line_imputer


@pytest.fixture(scope="module")
def flat():
    return make_line_holdout()


@pytest.fixture(scope="module")
def line(flat):
    return make_line_imputer(flat)


def test_coverage_is_the_part_of_samples_within_the_interval(flat):
    truth = flat.log_flux[:4]
    interval = pd.DataFrame({"lower": truth - 1, "upper": truth + np.array([1, 1, 1, -1])})
    assert interval_coverage(flat.log_flux, interval) == 0.75


def test_gaps_are_hidden_in_test_months_only_and_by_length(flat):
    hidden = draw_hidden_gaps(flat, [6, 24, 99999], 4)
    assert list(hidden) == [6, 24]
    for hours, drawn in hidden.items():
        assert len(drawn) == 4
        for times in drawn:
            assert len(times) == hours
            assert times.isin(flat.test).all()


def test_no_room_for_any_gap_is_said(flat):
    with pytest.raises(FluxError, match="the held-out months have no run of known samples"):
        draw_hidden_gaps(flat, [99999], 4)


def test_stretches_are_drawn_as_long_as_the_records_gaps(flat):
    lengths = pd.Series([3.0, 3.0, 3.0, 24.0, 99999.0])
    hidden = draw_gaps_like(flat, lengths, 40)
    found = pd.Series([len(times) for times in hidden]).value_counts()
    assert set(found.index) == {3, 24}
    assert found[3] > found[24] > 0
    times = hidden[0].append(hidden[1:])
    assert times.is_unique
    assert times.isin(flat.test).all()


def test_interpolations_are_exact_on_a_line_and_models_are_scored_in_the_gaps_alone(flat, line):
    hidden = draw_hidden_gaps(flat, [6, 240], 2)
    in_gaps = flat.test.isin(np.concatenate([t for ts in hidden.values() for t in ts]))
    guess = flat.log_flux[flat.test] + np.where(in_gaps, 0.25, 9)
    predictions = pd.DataFrame({GARF: guess, "RF": guess + 1})
    before = predictions.copy()
    rmse, filled = score_gaps(flat, line, predictions, hidden)
    assert rmse.index.tolist() == [6, 240]
    np.testing.assert_allclose(rmse[["linear", "cubic"]], 0, atol=1e-9)
    np.testing.assert_allclose(rmse[GARF], 0.25)
    np.testing.assert_allclose(rmse["RF"], 1.25)
    assert (rmse[FULL] < 0.05).all()
    assert rmse["coverage"].between(0, 1).all()
    for hours, drawn in hidden.items():
        assert sorted(filled[hours].index) == sorted(np.concatenate(drawn))
        assert filled[hours].notna().all(axis=None)
    pd.testing.assert_frame_equal(predictions, before)


def test_no_method_sees_what_is_hidden(flat, line):
    hidden = draw_hidden_gaps(flat, [24], 3)
    times = np.concatenate(hidden[24])
    predictions = pd.DataFrame({GARF: 0.0}, flat.test)
    _, filled = score_gaps(flat, line, predictions, hidden)
    bumped = replace(flat, log_flux=flat.log_flux.where(~flat.log_flux.index.isin(times), 7.0))
    _, again = score_gaps(bumped, line, predictions, hidden)
    pd.testing.assert_frame_equal(filled[24], again[24])


def test_the_gap_picked_moves_as_the_median_one_does():
    index = pd.date_range("2014", periods=30, freq="h")
    truth = pd.Series(np.tile(np.arange(10.0), 3) * np.repeat([5, 1, 3], 10), index)
    drawn = [index[:10], index[10:20], index[20:]]
    assert select_typical_gap(drawn, truth) is drawn[2]


def test_a_storm_is_shown_from_before_it_to_days_after(flat):
    dst = pd.Series(0.0, flat.features.index)
    dst.iloc[100:105] = -300  # in training months
    dst.iloc[2000:2005] = -80
    dst.iloc[2400:2405] = -150
    times = find_storm(flat, dst)
    assert times[0] == dst.index[2400] - pd.Timedelta("2D")
    assert times[-1] == dst.index[2400] + pd.Timedelta("5D")
    assert find_storm(flat, dst * 0) is None


def test_storms_in_the_months_between_those_tested_are_none_of_theirs(flat):
    tested = flat.test[(flat.test < flat.test[500]) | (flat.test > flat.test[1000])]
    dst = pd.Series(0.0, flat.features.index)
    dst[flat.test[750] : flat.test[755]] = -300
    assert find_storm(replace(flat, test=tested), dst) is None


@pytest.fixture
def predictions(flat):
    return pd.DataFrame({"GA-RF": flat.log_flux[flat.test] + 0.1})


def test_a_gap_can_begin_where_all_of_it_is_known_and_held_out(flat):
    starts = gap_starts(flat, 24)
    assert starts[0] == f"{flat.test[0]:%Y-%m-%d %H:%M}"
    assert pd.Timestamp(starts[-1]) == flat.test[-1] - pd.Timedelta("23h")
    assert set(np.diff(pd.to_datetime(starts))) == {pd.Timedelta("6h")}
    for start in (starts[0], starts[-1]):
        assert len(locate_gap(flat, start, 24)) == 24
    assert gap_starts(flat, 99999) == []


def test_a_gap_elsewhere_is_refused(flat):
    for start in ("2014-01-02 00:00", "1999-01-01", f"{flat.test[-1]:%Y-%m-%d %H:%M}"):
        with pytest.raises(FluxError, match="are not all known and held out"):
            locate_gap(flat, start, 24)
    with pytest.raises(FluxError, match="gap_start is 'noon'; expected a time such as"):
        locate_gap(flat, "noon", 24)


def test_a_gap_may_begin_in_another_time_zone(flat):
    here = locate_gap(flat, "2014-03-10 06:00", 24)
    assert locate_gap(flat, "2014-03-10T08:00+02:00", 24).equals(here)


def test_methods_that_are_not_there_are_named():
    filled = pd.DataFrame({name: [1.0] for name in ("GA-RF", "linear", "lower", "upper")})
    assert list(select_methods(filled, ["linear"])) == ["linear"]
    for methods in ([], ["GARF"], ["lower"]):
        with pytest.raises(FluxError, match="expected one or more of GA-RF, linear"):
            select_methods(filled, methods)


def test_each_method_fills_as_it_does_among_all_gaps(flat, line, predictions):
    gap = locate_gap(flat, gap_starts(flat, 24)[40], 24)
    filled, rmse = fill_gap(flat, line, predictions, gap)
    assert rmse["GA-RF"] == pytest.approx(0.1)
    assert rmse["linear"] == pytest.approx(0, abs=1e-9)
    expected, others = score_gaps(flat, line, predictions, {24.0: [gap]})
    for name in ("GA-RF", "linear", "cubic", FULL):
        np.testing.assert_allclose(filled[name], others[24.0][name], atol=1e-6)
        assert rmse[name] == pytest.approx(expected.loc[24.0, name], abs=1e-6)
    assert (filled["lower"] <= filled[FULL]).all()
