import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.imputation.hidden_gaps import fill_gap, find_gap, list_starts, pick_methods, score_gaps
from fluxlib.imputation.holdout import FULL
from tests.imputation.test_hidden_gaps import flat, line  # noqa: F401 - fixtures


@pytest.fixture
def predictions(flat):  # noqa: F811
    return pd.DataFrame({"GA-RF": flat.truth[flat.test] + 0.1})


def test_a_gap_can_begin_where_all_of_it_is_known_and_held_out(flat):  # noqa: F811
    starts = list_starts(flat, 24)
    assert starts[0] == f"{flat.test[0]:%Y-%m-%d %H:%M}"
    assert pd.Timestamp(starts[-1]) == flat.test[-1] - pd.Timedelta("23h")
    assert set(np.diff(pd.to_datetime(starts))) == {pd.Timedelta("6h")}
    for start in (starts[0], starts[-1]):
        assert len(find_gap(flat, start, 24)) == 24
    assert list_starts(flat, 99999) == []


def test_a_gap_elsewhere_is_refused(flat):  # noqa: F811
    for start in ("2014-01-02 00:00", "1999-01-01", f"{flat.test[-1]:%Y-%m-%d %H:%M}"):
        with pytest.raises(FluxError, match="are not all known and held out"):
            find_gap(flat, start, 24)
    with pytest.raises(FluxError, match="gap_start is 'noon'; expected a time such as"):
        find_gap(flat, "noon", 24)


def test_a_gap_may_begin_in_another_time_zone(flat):  # noqa: F811
    here = find_gap(flat, "2014-03-10 06:00", 24)
    assert find_gap(flat, "2014-03-10T08:00+02:00", 24).equals(here)


def test_methods_that_are_not_there_are_named():
    filled = pd.DataFrame({name: [1.0] for name in ("GA-RF", "linear", "lower", "upper")})
    assert list(pick_methods(filled, ["linear"])) == ["linear"]
    for methods in ([], ["GARF"], ["lower"]):
        with pytest.raises(FluxError, match="expected one or more of GA-RF, linear"):
            pick_methods(filled, methods)


def test_each_method_fills_as_it_does_among_all_gaps(flat, line, predictions):  # noqa: F811
    gap = find_gap(flat, list_starts(flat, 24)[40], 24)
    filled, rmse = fill_gap(flat, line, predictions, gap)
    assert rmse["GA-RF"] == pytest.approx(0.1)
    assert rmse["linear"] == pytest.approx(0, abs=1e-9)
    expected, others = score_gaps(flat, line, predictions, {24.0: [gap]})
    for name in ("GA-RF", "linear", "cubic", FULL):
        np.testing.assert_allclose(filled[name], others[24.0][name], atol=1e-6)
        assert rmse[name] == pytest.approx(expected.loc[24.0, name], abs=1e-6)
    assert (filled["lower"] <= filled[FULL]).all()
