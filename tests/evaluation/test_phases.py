import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.evaluation.phases import (
    find_storms,
    label_cycle,
    label_days,
    label_levels,
    label_storms,
    storm_index,
)

INDEX = pd.date_range("2014-01-01", periods=240, freq="h", name="time")


def test_levels_are_by_decade_up_to_the_warning_level():
    flux = pd.Series(np.log10([1, 9.9, 10, 11, 100, 999, 1001, np.nan]), INDEX[:8])
    assert label_levels(flux).fillna("none").tolist() == [
        "below 10",
        "below 10",
        "below 10",
        "10 to 100",
        "10 to 100",
        "100 to 1000",
        "above 1000",
        "none",
    ]


def make_storm(least, start=100, fall=10, rise=60):
    dst = np.full(240, 5.0)
    dst[start : start + fall] = np.linspace(-1, least, fall)
    dst[start + fall : start + fall + rise] = np.linspace(least + 1, 0, rise)
    return pd.Series(dst, INDEX)


def test_a_storm_has_a_main_phase_and_three_days_of_recovery():
    label = label_storms(make_storm(-120))
    assert (label.iloc[100:110] == "main").all()
    assert (label.iloc[110 : 110 + 72] == "recovery").all()
    assert (label.iloc[:100] == "quiet").all()
    assert (label.iloc[110 + 72 :] == "quiet").all()


def test_a_weak_disturbance_is_quiet():
    assert (label_storms(make_storm(-49)) == "quiet").all()


def test_a_main_phase_begins_a_day_before_the_border_at_most():
    dst = pd.Series(-20.0, INDEX)
    dst.iloc[150:153] = [-60, -90, -70]
    label = label_storms(dst)
    assert (label == "main").sum() == 24 + 2
    assert label.iloc[126] == "main"


def test_missing_hours_keep_the_last_value():
    dst = make_storm(-120)
    dst.iloc[105] = np.nan
    assert label_storms(dst).iloc[105] == "main"
    assert (label_storms(dst * np.nan) == "quiet").all()


def test_storms_are_listed_with_their_onset_and_least_value():
    storms = find_storms(make_storm(-120))
    assert storms["onset"].tolist() == [INDEX[100]]
    assert storms["least"].tolist() == [INDEX[109]]
    assert storms["dst"].tolist() == [-120]
    assert find_storms(make_storm(-20)).empty


def test_dst_is_preferred_to_sym_h():
    drivers = pd.DataFrame({"SYM_H": [1.0], "Dst": [2.0]})
    assert storm_index(drivers).name == "Dst"
    assert storm_index(drivers[["SYM_H"]]).name == "SYM_H"


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
