import gzip

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.io import goes
from tests.helpers.datasets import EPEAD_HEAD, EPS_HEAD, make_epead, make_eps


def save(folder, text, name="g10_eps_5m_20140101_20140131.csv"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / name


@pytest.fixture
def read(tmp_path):
    return lambda *text, **options: fluxlib.read_goes(save(tmp_path, *text), **options)


@pytest.fixture
def read_result(tmp_path):
    return lambda *text, **options: goes.read(save(tmp_path, *text), **options)


def test_eps_has_three_channels(read_result):
    result = read_result(make_eps(rows=3))
    frame = result.frame
    expected = pd.DataFrame(
        {"e0.6": [100.0, 200.0, 300.0], "e2": [1.0, 2.0, 3.0], "e4": [0.1, 0.2, 0.3]},
        index=pd.date_range("2014-01-01", periods=3, freq="5min", name="time"),
    )
    pd.testing.assert_frame_equal(frame, expected, check_freq=False)
    assert result.satellite == "goes10"
    assert (result.account.read, result.account.kept) == (3, 3)


@pytest.mark.parametrize(
    ("row", "low", "high"),
    [
        ("10,0,30,0,2,0,4,0", 20, 3),  # the mean of both telescopes
        ("10,1,30,0,2,0,4,1", 30, 2),  # the good one of the two
        ("10,1,30,2,2,1,4,1", np.nan, np.nan),
        ("-99999,0,30,0,2,0,-99999,0", 30, 2),  # a fill is not good, whatever its flag
        ("inf,0,30,0,nan,0,4,0", 30, 4),
        ("10,,30,0,0,0,0,0", 30, 0),  # no flag is no good flag
    ],
)
def test_epead_is_the_mean_of_the_good_telescopes(read_result, row, low, high):
    result = read_result(make_epead(row))
    frame = result.frame
    assert list(frame.columns) == ["e0.8", "e2"]
    np.testing.assert_array_equal(frame.to_numpy(), [[low, high]])
    assert result.satellite == "goes13"


@pytest.mark.parametrize("fill", ["-99999", "-99999.0", "-9.9999E+04", "inf", "-0.5", ""])
def test_values_that_are_not_flux_are_missing_and_counted(read_result, fill):
    result = read_result(make_eps(rows=3).replace(",2.0E+02,", f",{fill},"))
    frame = result.frame
    assert frame["e0.6"].isna().tolist() == [False, True, False]
    assert dict(result.account.filled) == {"e0.6": 1}


def test_the_order_of_columns_in_the_file_does_not_matter(read):
    head = EPEAD_HEAD.replace("time_tag,E1W_COR_FLUX,E1W_DQF", "E1W_DQF,time_tag,E1W_COR_FLUX")
    row = "0,2014-01-01 00:00:00.000,10,30,0,2,0,4,0\n"
    assert read(head + row).iloc[0].tolist() == [20, 3]


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_other_line_ends_and_a_byte_order_mark_change_nothing(read, ends):
    text = make_eps()
    pd.testing.assert_frame_equal(read("\ufeff" + text.replace("\n", ends)), read(text))


def test_a_gzipped_file_is_read_as_it_is(read, tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(make_eps().encode()))
    pd.testing.assert_frame_equal(fluxlib.read_goes(tmp_path / "a.csv.gz"), read(make_eps()))


def test_a_truncated_last_line_is_rejected(read_result):
    account = read_result(make_eps(rows=3)[:-3]).account
    assert (account.read, account.kept) == (3, 2)
    line = EPS_HEAD.count("\n") + 3
    assert account.explain() == f"1 wrong number of fields (line {line}: 4, not 5)"


def test_a_leap_second_is_rejected_and_the_rest_kept(read_result):
    text = make_eps(rows=3).replace("00:05:00.000", "23:59:60.000")
    account = read_result(text).account
    assert (account.kept, account.rejected["no valid time"]) == (2, 1)


def test_a_clock_that_jumps_back_gives_each_time_once_in_order(read_result):
    rows = make_eps(rows=4).removeprefix(EPS_HEAD).splitlines(keepends=True)
    result = read_result(EPS_HEAD + "".join([rows[0], rows[1], rows[3], rows[1], rows[2]]))
    frame = result.frame
    assert frame["e2"].tolist() == [1, 2, 3, 4]
    assert result.account.explain() == "1 duplicate time (2014-01-01T00:05:00)"


WRONG = {
    "empty": ("", "the file is empty"),
    "no data": ("time_tag,e1_flux_ic\n", "found no line 'data:'"),
    "a page": ("<html>404</html>", "line 1 is HTML"),
    "no rows": (EPS_HEAD, "the file ends before line 6"),
    "no header": (EPS_HEAD.split("time_tag")[0], "line 5 names the columns ''"),
    "no flags": (EPEAD_HEAD.replace("E1W_DQF,", ""), "line 4 names the columns 'time_tag,"),
    "twice": (EPS_HEAD.replace("p1_flux", "e1_flux_ic"), "line 5 names the columns"),
    "no time": (EPS_HEAD.replace("time_tag", "time"), "expected time_tag"),
    "no numbers": (make_eps(1).replace("1.0E", "one"), "line 6 on can be read: 1 not a number"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_unusable_file_is_refused_with_a_reason(read, case):
    text, message = WRONG[case]
    with pytest.raises(FluxError, match=message) as caught:
        read(text)
    assert "g10_eps_5m_20140101_20140131.csv" in str(caught.value)


@pytest.mark.real
def test_the_ncei_sample_reads_as_it_stands(real_data):
    result = goes.read(real_data / "formats" / "g10_eps_5m_20031001_EXCERPT.csv")
    frame = result.frame
    assert result.satellite == "goes10"
    assert list(frame.columns) == ["e0.6", "e2", "e4"]
    assert frame.loc["2003-10-01 00:15"].tolist() == [3.13e5, 2.26e3, 80.0]
    assert (frame.index == pd.date_range("2003-10-01", periods=4, freq="5min")).all()
    assert result.account.kept == result.account.read == 4


@pytest.mark.real
@pytest.mark.parametrize("name", ["G13Ereturned1", "dpd", "omni_5min2003_doy301_EXCERPT.asc"])
def test_other_formats_are_refused(real_data, name):
    path = real_data / "dpd" / "1998_DPD.txt" if name == "dpd" else real_data / "formats" / name
    with pytest.raises(FluxError, match="found no line 'data:'; expected a CSV file of NCEI's"):
        fluxlib.read_goes(path)
