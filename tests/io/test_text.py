import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.io.text import (
    Account,
    Layout,
    make_times,
    parse_integers,
    parse_iso_times,
    parse_rows,
    read_body,
)

PATH = Path("file.csv")


def parse(text, delimiter=","):
    layout = Layout(
        names=["time", "flag", "e2"],
        wanted=["e2"],
        time={"time": "time"},
        delimiter=delimiter,
    )
    times, values, account = parse_rows(text.encode("latin-1"), layout, path=PATH, first_line=5)
    return pd.Series(values[0], index=times), account


def test_sound_rows_are_all_kept():
    series, account = parse("2014-01-01,a,1\n2014-01-02,b,2.5e3\n")
    assert series.tolist() == [1, 2500]
    assert (account.read, account.kept, account.explain()) == (2, 2, "")


def test_a_bad_row_is_rejected_with_its_line_and_the_others_are_kept():
    series, account = parse("2014-01-01,,1\n\n2014-01-02,,1.2.3\n2014-01-03,,3\n2014-01-04,4\n")
    assert series.tolist() == [1, 3]
    assert (account.read, account.kept) == (4, 2)
    assert account.explain() == (
        "1 not a number (line 7, column e2: '1.2.3'); 1 wrong number of fields (line 9: 2, not 3)"
    )


def test_blank_lines_do_not_shift_the_line_of_a_bad_time():
    series, account = parse("2014-01-01,,1\n\n\nnever,,2\n2014-01-03,,3\nsoon,,4\n")
    assert series.tolist() == [1, 3]
    assert account.explain() == "2 no valid time (line 8)"


def test_of_many_equal_times_the_first_counts():
    rows = [f"2014-01-0{day},,{number}\n" for number in range(50) for day in (2, 1)]
    series, account = parse("".join(rows))
    assert series.tolist() == [0, 0]
    assert (account.read, account.kept) == (100, 2)


def test_rows_come_back_in_order_of_time_and_the_first_of_equal_times_counts():
    series, account = parse("2014-01-03,,3\n2014-01-01,,1\n2014-01-03,,9\n2014-01-02,,2\n")
    assert series.tolist() == [1, 2, 3]
    assert series.index.is_monotonic_increasing
    assert account.explain() == "1 duplicate time (2014-01-03T00:00:00)"
    assert (account.read, account.kept) == (4, 3)


def test_runs_of_blanks_and_tabs_are_one_delimiter():
    series, _ = parse("  2014-01-01   x\t 1 \n2014-01-02 x      2\n", delimiter=" ")
    assert series.tolist() == [1, 2]


def test_words_for_missing_values_are_nan():
    series, account = parse("".join(f"2014-01-0{n},,{w}\n" for n, w in enumerate(["", "NaN"], 1)))
    assert series.isna().all()
    assert account.kept == 2


@pytest.mark.parametrize("number", ["1_000", "0x10", "1e", "--1", "1 2", "½"])
def test_what_is_not_a_number_is_rejected_even_if_python_accepts_it(number):
    series, account = parse(f"2014-01-01,,{number}\n2014-01-02,,2\n")
    assert series.tolist() == [2]
    assert "not a number (line 5, column e2:" in account.explain()


def test_a_quoted_delimiter_is_a_delimiter():
    series, account = parse('2014-01-01,"a,b",1\n2014-01-02,x,2\n')
    assert series.tolist() == [2]
    assert account.explain() == "1 wrong number of fields (line 5: 4, not 3)"


def test_reading_at_once_and_by_line_agree():
    rng = np.random.default_rng(0)
    rows = [
        f"2014-01-01 00:{i:02d}:00,,{x!r}\n" for i, x in enumerate(rng.lognormal(size=60).tolist())
    ]
    fast, _ = parse("".join(rows))
    slow, _ = parse("".join(rows) + "a line that is none\n")
    pd.testing.assert_series_equal(fast, slow)


def test_a_file_without_a_sound_row_is_refused_with_the_reason():
    with pytest.raises(FluxError, match=r"file.csv: no row from line 5 on can be read: 1 wrong"):
        parse("2014-01-01\n")


def test_a_file_without_rows_is_refused():
    with pytest.raises(FluxError, match="the file ends before line 5"):
        parse("\n  \n")


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
def test_a_byte_order_mark_and_line_ends_are_taken_off(tmp_path, ends):
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbf" + ends.join([b"a", b"b", b""]))
    assert read_body(path) == b"a\nb\n"


def test_a_gzipped_file_is_unzipped(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\n"))
    assert read_body(path) == b"a\nb\n"


WHOLE = gzip.compress(b"a long enough text to cut\n" * 50)
BROKEN = {
    "cut short": (WHOLE[:-12], "not a whole gzip file"),
    "no gzip": (b"time,e2\n", "not a whole gzip file"),
    "damaged": (WHOLE[:20] + b"\xff\xff\xff" + WHOLE[23:], "not a whole gzip file"),
    "empty": (b"", "the file is empty"),
    "zipped nothing": (gzip.compress(b" \n"), "the file is empty"),
    "HTML": (gzip.compress(b"\n<!DOCTYPE html>"), "line 1 is HTML or XML"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_explained(tmp_path, case):
    body, message = BROKEN[case]
    path = tmp_path / "file.gz"
    path.write_bytes(body)
    with pytest.raises(FluxError, match=message) as caught:
        read_body(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_explained(tmp_path):
    with pytest.raises(FluxError, match="absent: cannot be read: No such file"):
        read_body(tmp_path / "absent")
    with pytest.raises(FluxError, match="cannot be read: Is a directory"):
        read_body(tmp_path)


def test_rejected_rows_are_no_longer_kept():
    account = Account(read=10, kept=10)
    account.reject("no number", "line 3")
    account.reject("no number", "line 4", 2)
    account.reject("off the grid", "2014-01-01")
    assert account.kept == 6
    assert account.read == account.kept + sum(account.rejected.values())
    assert account.explain() == "3 no number (line 3); 1 off the grid (2014-01-01)"


def parse_times(*texts):
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
    assert parse_times(text) == [np.datetime64("2014-01-01T05:00")]


def test_a_date_is_its_midnight():
    assert parse_times("2014-02-28") == [np.datetime64("2014-02-28T00:00")]


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
def test_what_is_not_a_time_is_nat(text):
    first, second = parse_times(text, "2014-01-01")
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
