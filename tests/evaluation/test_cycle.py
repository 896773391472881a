"""Kinds of days: those that the sunspot number and Dst are known to have had."""

import pandas as pd
import pytest

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.evaluation.phases import label_cycle, label_days


@pytest.mark.parametrize(
    ("day", "phase"),
    [
        ("1998-06-01", "rise"),
        ("2001-06-01", "maximum"),
        ("2005-06-01", "decline"),
        ("2008-06-01", "minimum"),
        ("2009-06-01", "minimum"),
        ("2011-06-01", "rise"),
        ("2014-01-01", "maximum"),
        ("2016-12-31", "decline"),
    ],
)
def test_years_have_the_phase_that_sunspots_gave_them(day, phase):
    assert label_cycle(pd.DatetimeIndex([day])).tolist() == [phase]


def test_days_before_the_first_known_minimum_are_refused():
    with pytest.raises(FluxError, match="1970"):
        label_cycle(pd.DatetimeIndex(["1970-01-01"]))


def test_forecasts_are_labelled_by_the_day_that_they_are_for():
    hours = pd.date_range("2009-01-01", periods=8 * 24, freq="h", name="time")
    dst = pd.Series(10.0, hours)
    dst["2009-01-02 12:00":"2009-01-02 20:00"] = -80.0
    table = pd.DataFrame({"value": 1.0}, pd.date_range("2009-01-01", periods=7)[::-1])
    labelled = label_days(table, pd.DataFrame({"Dst": dst}))
    expected = ["quiet", "main", "recovery", "recovery", "recovery", "quiet", "quiet"]
    assert labelled["storm"].tolist()[::-1] == expected
    assert set(labelled["cycle"]) == {"minimum"}


def test_drivers_without_an_index_of_storms_are_refused():
    table = pd.DataFrame({"value": [1.0]}, pd.DatetimeIndex(["2009-01-02"]))
    with pytest.raises(NotApplicable, match="neither Dst nor SYM_H"):
        label_days(table, pd.DataFrame({"V": [1.0]}, table.index))
