import numpy as np
import pandas as pd
import pytest

from fluxlib.io.text import make_times, parse_integers, parse_iso_times


def parse(*texts):
    return list(parse_iso_times(np.array(texts, dtype=object)))


@pytest.mark.parametrize(
    "text",
    [
        "2014-01-01 05:00",
        "2014-01-01T05:00:00Z",
        "2014-01-01 05:00:00.000",
        " 2014-01-01T05:00:00.0000 Z ",
        "2014-01-01T07:00:00+02:00",
        "2014-01-01T00:00:00-0500",
    ],
)
def test_iso_times_are_brought_to_utc(text):
    assert parse(text) == [np.datetime64("2014-01-01T05:00")]


def test_a_date_is_its_midnight():
    assert parse("2014-02-28") == [np.datetime64("2014-02-28T00:00")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2014",
        "20140101",
        "2014-01",
        "now",
        "2014-02-29 00:00",
        "2014-01-01 24:00",
        "2016-12-31 23:59:60",  # a leap second is no place on a grid
        "2014-001",
        "01/02/2014",
        "2014-01-01 05:00 CET",
        "2014-01-01T05:00:00+99:00",
        "-9999",
    ],
)
def test_what_is_no_time_is_none(text):
    first, second = parse(text, "2014-01-01")
    assert np.isnat(first)
    assert second == np.datetime64("2014-01-01")


def test_integers_are_whole_and_short():
    texts = np.array(["7", "007", "1.0", "", "-3", "1234567890", "x", "+1", "٣"], dtype=object)
    assert list(parse_integers(texts)) == [7, 7, -1, -1, -1, -1, -1, -1, -1]


def test_days_of_the_year_follow_the_calendar():
    days = pd.date_range("1999-01-01", "2004-12-31", freq="D")
    year, day = days.year.to_numpy("int64"), days.day_of_year.to_numpy("int64")
    assert (make_times(year, day, 0 * day + 5) == (days + pd.Timedelta("5h")).to_numpy()).all()


def test_days_of_the_month_follow_the_calendar():
    days = pd.date_range("1999-01-01", "2004-12-31", freq="D")
    year, month, day = (getattr(days, part).to_numpy("int64") for part in ("year", "month", "day"))
    assert (make_times(year, day, 0 * day, month=month) == days.to_numpy()).all()


@pytest.mark.parametrize(
    "fields",
    [(2014, 0, 0), (2014, 366, 0), (2016, 367, 0), (2014, 1, 24), (2014, 1, -1), (99, 1, 0)],
)
def test_fields_off_the_calendar_make_no_time(fields):
    assert np.isnat(make_times(*(np.array([value]) for value in fields))).all()


def test_a_minute_and_a_month_have_their_bounds():
    one = np.array([1])
    assert np.isnat(make_times(2013 + one, one, one, 60 * one)).all()
    for month, day in [(0, 1), (13, 1), (2, 29), (4, 31)]:
        assert np.isnat(make_times(2013 + one, day * one, one, month=month * one)).all()
