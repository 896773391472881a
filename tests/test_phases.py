"""Phases: those that the sunspot number and Dst are known to have had."""

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.phases import label_cycle, label_phases, label_storms


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


def test_storm_is_the_day_of_low_dst_and_recovery_the_three_after():
    hours = pd.date_range("2003-10-01", periods=8 * 24, freq="h", name="time")
    dst = pd.Series(-10.0, hours)
    dst.iloc[2 * 24 + 5] = -50
    dst.iloc[7 * 24 :] = np.nan
    labels = label_storms(dst)
    expected = ["quiet", "quiet", "storm", "recovery", "recovery", "recovery", "quiet"]
    assert labels.iloc[:7].tolist() == expected
    assert pd.isna(labels.iloc[7])


def test_forecasts_are_labelled_by_the_day_that_they_are_for():
    hours = pd.date_range("2009-01-01", periods=72, freq="h", name="time")
    drivers = pd.DataFrame({"Dst": [0.0] * 24 + [-80.0] * 24 + [0.0] * 24}, hours)
    table = pd.DataFrame({"value": 1.0}, pd.DatetimeIndex(["2009-01-03", "2009-01-02"]))
    labelled = label_phases(table, drivers)
    assert labelled["storm"].tolist() == ["recovery", "storm"]
    assert labelled["cycle"].tolist() == ["minimum", "minimum"]
    with pytest.raises(FluxError, match="neither Dst nor SYM_H"):
        label_phases(table, drivers[[]])
