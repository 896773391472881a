import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.errors import FluxError
from tests.helpers.datasets import DPD_HEAD, make_dpd


@pytest.fixture
def read(tmp_path):
    def read_text(text, **options):
        (tmp_path / "2008_DPD.txt").write_text(text, encoding="utf-8", newline="")
        return fluxlib.read_dpd(tmp_path / "2008_DPD.txt", **options)

    return read_text


def test_a_row_is_a_day_of_two_fluences(read):
    frame = read(make_dpd(("1.5e+09", "2.0e+07"), ("1.6e+09", "3.0e+07")))
    expected = pd.DataFrame(
        {"e0.6": [1.5e9, 1.6e9], "e2": [2e7, 3e7]},
        index=pd.DatetimeIndex(["2008-01-01", "2008-01-02"], name="time").as_unit("us"),
    )
    pd.testing.assert_frame_equal(frame, expected)
    assert (frame.attrs["account"].read, frame.attrs["account"].kept) == (2, 2)


@pytest.mark.parametrize("fill", ["-1.0e+05", "-1.00e+05", "0.0e+00", "inf"])
def test_what_is_no_fluence_is_missing(read, fill):
    frame = read(make_dpd(("1.5e+09", fill), (fill, "3.0e+07")))
    assert frame["e2"].isna().tolist() == [True, False]
    assert frame["e0.6"].isna().tolist() == [False, True]
    assert dict(frame.attrs["account"].filled) == {"e0.6": 1, "e2": 1}


@pytest.mark.parametrize(
    ("satellite", "name"), [(None, "e0.6"), ("goes11", "e0.6"), ("goes13", "e0.8")]
)
def test_the_satellite_decides_the_low_channel_not_the_printed_threshold(read, satellite, name):
    assert list(read(make_dpd(("1e9", "2e7")), satellite=satellite)) == [name, "e2"]


def test_without_a_satellite_the_header_decides(read):
    text = make_dpd(("1e9", "2e7")).replace("GOES-11 Electron", "GOES-13 Electron")
    assert list(read(text)) == ["e0.8", "e2"]


def test_notes_before_and_after_the_rows_are_no_rows(read):
    text = make_dpd(("1e9", "2e7")).replace("#  Date", "   Date")
    frame = read(text + "# 2008 the end\n:Issued: 2009\n")
    assert len(frame) == frame.attrs["account"].read == 1


def test_a_bad_row_is_rejected_with_its_line(read):
    text = make_dpd(*[("1e9", "2e7")] * 3).replace("2008 01 02", "2008 02 30")
    account = read(text).attrs["account"]
    assert account.explain() == f"1 no valid time (line {DPD_HEAD.count(chr(10)) + 2})"


WRONG = {
    "empty": (" \n", "the file is empty"),
    "a page": ("<!DOCTYPE html>\n2008 01 01\n", "line 1 is HTML"),
    "no rows": (DPD_HEAD, "found no row; expected SWPC Daily Particle Data"),
    "no electrons": ("2008 01 01 1 2 3 4 5 6\n", "found no electron columns in the header"),
    "short rows": (DPD_HEAD + "2008 01 01 1 2\n", "from line 5 on .* 1 wrong number of fields"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_of_no_use_is_refused_with_a_reason(read, case):
    text, message = WRONG[case]
    with pytest.raises(FluxError, match=message) as caught:
        read(text)
    assert "2008_DPD.txt" in str(caught.value)


@pytest.mark.real
def test_five_minute_text_of_swpc_is_no_daily_data(real_data):
    with pytest.raises(FluxError, match="wrong number of fields"):
        fluxlib.read_dpd(real_data / "formats" / "G13Ereturned1")


@pytest.mark.real
@pytest.mark.parametrize("year", range(1998, 2013))
def test_every_real_year_has_all_its_days(real_data, year):
    frame = fluxlib.read_dpd(real_data / "dpd" / f"{year}_DPD.txt")
    days = pd.date_range(f"{year}-01-01", f"{year}-12-31")
    assert frame.index.tolist() == days.tolist()
    assert frame.attrs["account"].kept == len(days)
    assert list(frame) == (["e0.8", "e2"] if year >= 2010 else ["e0.6", "e2"])
    gap = pd.date_range("2003-04-08", "2003-05-13") if year == 2003 else []
    assert frame.index[frame["e2"].isna()].tolist() == list(gap)


@pytest.mark.real
def test_the_low_channel_steps_by_ten_when_goes13_takes_over(real_data):
    frame = fluxlib.read_dpd(real_data / "dpd" / "2010_DPD.txt")
    step = np.log10(frame["e0.8"]).diff()
    assert step.loc["2010-04-14"] == pytest.approx(-1, abs=0.2)
