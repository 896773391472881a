import gzip

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.io import table

HEAD = "time,e2\n"


def save(folder, text, name="table.csv"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / name


@pytest.fixture
def read(tmp_path):
    return lambda *text, **options: fluxlib.read_table(save(tmp_path, *text), **options)


@pytest.fixture
def read_result(tmp_path):
    return lambda *text, **options: table.read(save(tmp_path, *text), **options)


def make_frame():
    index = pd.date_range("2014-01-01", periods=3, freq="1h", name="time", unit="us")
    return pd.DataFrame({"e0.8": [1.0, np.nan, 3.0], "e2": [0.1, 0.2, 0.3]}, index=index)


@pytest.mark.parametrize(
    "print_times", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S+00:00"]
)
def test_times_may_be_printed_in_several_ways(read, print_times):
    frame = read(make_frame().to_csv(date_format=print_times))
    pd.testing.assert_frame_equal(frame, make_frame(), check_freq=False)


def test_times_with_and_without_a_zone_may_be_mixed(read):
    frame = read(HEAD + "2014-01-01T00:00:00Z,1\n2014-01-01 01:00,2\n2014-01-01T03:00+01:00,3\n")
    assert frame.index.hour.tolist() == [0, 1, 2]


def test_quoted_and_gzipped_tables_are_read_as_they_are(read):
    text = make_frame().to_csv(quoting=1, date_format="%Y-%m-%d %H:%M:%S")
    assert text.startswith('"time"')
    zipped = read(gzip.compress(text.encode()), "table.csv.gz")
    pd.testing.assert_frame_equal(zipped, make_frame(), check_freq=False)


@pytest.mark.parametrize("place", ["index", "column", "zoned"])
def test_parquet_may_hold_time_as_index_or_column(tmp_path, place):
    frame = make_frame()
    if place == "column":
        frame = frame.reset_index()
    if place == "zoned":
        frame = frame.tz_localize("UTC").tz_convert("Asia/Tokyo")
    frame.to_parquet(tmp_path / "a.parquet")
    back = fluxlib.read_table(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(back, make_frame(), check_freq=False)


def test_parquet_rows_without_a_time_or_with_one_again_are_rejected(tmp_path):
    times = pd.to_datetime(["2014-01-02", None, "2014-01-01", "2014-01-02"])
    pd.DataFrame({"time": times, "e2": [2, 0, 1, 9]}).to_parquet(tmp_path / "a.parquet")
    result = table.read(tmp_path / "a.parquet")
    frame = result.frame
    assert frame["e2"].tolist() == [1, 2]
    account = result.account
    assert (account.read, account.kept) == (4, 2)
    assert account.explain() == ("1 no valid time (row 2); 1 duplicate time (2014-01-02T00:00:00)")


def test_infinite_and_empty_values_are_missing_and_counted(read_result):
    result = read_result(HEAD + "2014-01-01,inf\n2014-01-02,\n2014-01-03,NaN\n2014-01-04,-inf\n")
    frame = result.frame
    assert frame["e2"].isna().all()
    assert dict(result.account.filled) == {"e2": 4}


WRONG = {
    "empty": ("", "the file is empty"),
    "a page": ("<html>", "line 1 is HTML"),
    "no rows": (HEAD, "the file ends before line 2"),
    "no time": ("date,e2\n2014-01-01,1\n", "line 1 names the columns 'date, e2'; expected 'time'"),
    "time alone": ("time\n2014-01-01\n", "at least one column of numbers"),
    "a name twice": ("time,e2,e2\n2014-01-01,1,2\n", "each name once"),
    "words": (HEAD + "2014-01-01,high\n", "line 2, column e2: 'high'"),
    "no times": (HEAD + "yesterday,1\n", r"1 no valid time \(line 2\)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_unusable_file_is_refused_with_a_reason(read, case):
    text, message = WRONG[case]
    with pytest.raises(FluxError, match=message) as caught:
        read(text)
    assert "table.csv" in str(caught.value)


ODD_PARQUET = {
    "words": (pd.DataFrame({"time": ["2014-01-01"], "e2": ["high"]}), "column 'e2' is of type"),
    "no time": (pd.DataFrame({"e2": [1.0]}), "the schema names the columns 'e2'"),
    "no rows": (pd.DataFrame({"time": pd.to_datetime([]), "e2": []}), "no row with a valid time"),
    "numbers for time": (pd.DataFrame({"time": [1, 2], "e2": [1, 2]}), "'time' is of type int64"),
}


@pytest.mark.parametrize("case", ODD_PARQUET)
def test_unusable_parquet_is_refused_with_a_reason(tmp_path, case):
    frame, message = ODD_PARQUET[case]
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(FluxError, match=message):
        fluxlib.read_table(tmp_path / "a.parquet")


def test_a_broken_or_missing_parquet_file_is_refused(read, tmp_path):
    with pytest.raises(FluxError, match="not a readable Parquet file"):
        read(b"PAR1 and no more", "a.parquet")
    with pytest.raises(FluxError, match="not a readable Parquet file"):
        fluxlib.read_table(tmp_path / "absent.parquet")


@pytest.mark.real
def test_real_hourly_tables_hold_what_was_measured(real_data):
    east = pd.concat(fluxlib.read_table(path) for path in sorted(real_data.glob("goes13/*.csv.gz")))
    west = pd.concat(fluxlib.read_table(path) for path in sorted(real_data.glob("goes15/*.csv.gz")))
    assert list(east) == list(west) == ["e0.8", "e2"]
    assert east.isna().mean().round(3).tolist() == [0.018, 0.269]
    assert west.isna().mean().round(3).tolist() == [0.006, 0.006]
    days = east["e0.8"].resample("1D").count()
    empty = [f"{day:%Y-%m-%d}" for day in days.index[days == 0]]
    assert empty[:31] == [f"2013-05-{day:02d}" for day in range(1, 32)]
    assert empty[31:] == ["2014-12-31", "2015-05-04", "2016-03-11", "2016-08-31"]


@pytest.mark.real
def test_real_symh_misses_about_one_percent_or_less(real_data):
    for path in sorted(real_data.glob("symh/*.csv.gz")):
        frame = fluxlib.read_table(path)
        assert list(frame) == ["SYM_H", "ASY_H", "SYM_D", "ASY_D"]
        assert frame["SYM_H"].isna().mean() <= 0.01
