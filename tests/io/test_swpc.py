import json

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.io import swpc
from tests.helpers.datasets import (
    DPD_HEAD,
    make_dpd,
    make_electron_feed,
    make_field_feed,
    make_propagated_feed,
    make_wind_feed,
)


def save(folder, text, name="2008_DPD.txt"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / name


@pytest.fixture
def read(tmp_path):
    return lambda *text, **options: fluxlib.read_dpd(save(tmp_path, *text), **options)


@pytest.fixture
def read_result(tmp_path):
    return lambda *text, **options: swpc.read_daily(save(tmp_path, *text), **options)


def test_a_row_is_a_day_of_two_fluences(read_result):
    result = read_result(make_dpd(("1.5e+09", "2.0e+07"), ("1.6e+09", "3.0e+07")))
    frame = result.frame
    expected = pd.DataFrame(
        {"e0.6": [1.5e9, 1.6e9], "e2": [2e7, 3e7]},
        index=pd.DatetimeIndex(["2008-01-01", "2008-01-02"], name="time").as_unit("us"),
    )
    pd.testing.assert_frame_equal(frame, expected)
    assert (result.account.read, result.account.kept) == (2, 2)


@pytest.mark.parametrize("fill", ["-1.0e+05", "-1.00e+05", "0.0e+00", "inf"])
def test_values_that_are_not_fluence_are_missing(read_result, fill):
    result = read_result(make_dpd(("1.5e+09", fill), (fill, "3.0e+07")))
    frame = result.frame
    assert frame["e2"].isna().tolist() == [True, False]
    assert frame["e0.6"].isna().tolist() == [False, True]
    assert dict(result.account.filled) == {"e0.6": 1, "e2": 1}


@pytest.mark.parametrize(
    ("satellite", "name"), [(None, "e0.6"), ("goes11", "e0.6"), ("goes13", "e0.8")]
)
def test_the_satellite_decides_the_low_channel_not_the_printed_threshold(read, satellite, name):
    assert list(read(make_dpd(("1e9", "2e7")), satellite=satellite)) == [name, "e2"]


def test_without_a_satellite_the_header_decides(read):
    text = make_dpd(("1e9", "2e7")).replace("GOES-11 Electron", "GOES-13 Electron")
    assert list(read(text)) == ["e0.8", "e2"]


def test_notes_before_and_after_the_rows_are_skipped(read_result):
    text = make_dpd(("1e9", "2e7")).replace("#  Date", "   Date")
    result = read_result(text + "# 2008 the end\n:Issued: 2009\n")
    frame = result.frame
    assert len(frame) == result.account.read == 1


def test_a_bad_row_is_rejected_with_its_line(read_result):
    text = make_dpd(*[("1e9", "2e7")] * 3).replace("2008 01 02", "2008 02 30")
    account = read_result(text).account
    assert account.explain() == f"1 no valid time (line {DPD_HEAD.count(chr(10)) + 2})"


WRONG = {
    "empty": (" \n", "the file is empty"),
    "a page": ("<!DOCTYPE html>\n2008 01 01\n", "line 1 is HTML"),
    "no rows": (DPD_HEAD, "found no row; expected SWPC Daily Particle Data"),
    "no electrons": ("2008 01 01 1 2 3 4 5 6\n", "found no electron columns in the header"),
    "short rows": (DPD_HEAD + "2008 01 01 1 2\n", "from line 5 on .* 1 wrong number of fields"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_unusable_file_is_refused_with_a_reason(read, case):
    text, message = WRONG[case]
    with pytest.raises(FluxError, match=message) as caught:
        read(text)
    assert "2008_DPD.txt" in str(caught.value)


def read_rows(tmp_path, rows):
    path = tmp_path / "feed.json"
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows))
    return swpc.read_feed(path)


def read_feed(tmp_path, rows):
    result = read_rows(tmp_path, rows)
    pd.testing.assert_frame_equal(fluxlib.read_swpc_json(tmp_path / "feed.json"), result.frame)
    return result.frame


def test_electrons_are_e2_of_the_satellite_that_the_rows_name(tmp_path):
    result = read_rows(tmp_path, make_electron_feed(167.5, 0.25, satellite=19))
    frame = result.frame
    assert result.satellite == "goes19"
    assert frame["e2"].tolist() == [167.5, 0.25]
    assert list(frame.index) == list(pd.date_range("2026-11-14", periods=2, freq="5min"))
    assert result.account.kept == 2


def test_when_the_feed_changes_its_satellite_the_newest_one_counts(tmp_path):
    rows = make_electron_feed(1, 2, satellite=18)
    rows += make_electron_feed(3, start="2026-11-15", satellite=19)
    result = read_rows(tmp_path, rows)
    frame = result.frame
    assert frame["e2"].tolist() == [3]
    assert result.satellite == "goes19"
    assert result.account.explain() == "2 not of goes19 (row 1)"


def test_another_energy_is_not_taken_for_2_mev(tmp_path):
    rows = make_electron_feed(1, 2)
    rows[0]["energy"] = ">=0.8 MeV"
    result = read_rows(tmp_path, rows)
    frame = result.frame
    assert frame["e2"].tolist() == [2]
    assert result.account.explain() == "1 not of >=2 MeV (row 1: '>=0.8 MeV')"


def test_plasma_is_of_the_active_spacecraft_in_order_of_time(tmp_path):
    other = make_wind_feed(1, 2, 3, source="ACE", active=False)
    result = read_rows(tmp_path, other + make_wind_feed(400, 410.5, 420))
    frame = result.frame
    assert list(frame) == ["V", "Vx", "N", "T"]
    assert frame["V"].tolist() == [400, 410.5, 420]
    assert frame.iloc[0].tolist() == [400, -276.1, 3.09, 24034]
    assert result.account.explain() == "3 spacecraft not active (row 1: 'ACE')"


def test_the_field_is_in_gse(tmp_path):
    frame = read_feed(tmp_path, make_field_feed(2.72))
    assert frame.iloc[0].to_dict() == {"B": 2.72, "Bx": -2.17, "By": 1.54, "Bz": -0.54}


def test_components_whose_coordinate_system_is_not_stated_are_left_out(tmp_path):
    result = read_rows(tmp_path, make_propagated_feed("400.5", None))
    frame = result.frame
    assert frame.iloc[0].to_dict() == {
        "V": 400.5,
        "Vx": -390.5,
        "N": 4.5,
        "T": 90000,
        "B": 4.6,
        "Bx": 1.5,
    }
    assert result.account.filled == {"V": 1}


def test_times_are_rounded_down_to_the_minute(tmp_path):
    frame = read_feed(tmp_path, make_wind_feed(400, start="2026-11-20 10:24:02"))
    assert frame.index[0] == pd.Timestamp("2026-11-20 10:24")


@pytest.mark.parametrize("fill", [None, "", -999.9, -9999.9, -99999, float("nan"), float("inf")])
@pytest.mark.parametrize(("field", "name"), [("bt", "B"), ("bz_gse", "Bz")])
def test_a_fill_is_missing(tmp_path, fill, field, name):
    rows = make_field_feed(4, 5)
    rows[0][field] = fill
    result = read_rows(tmp_path, rows)
    frame = result.frame
    assert np.isnan(frame[name].iloc[1])
    assert result.account.filled == {name: 1}


@pytest.mark.parametrize("quality", [-9999, None, 0])
def test_quality_that_is_good_or_not_reported_is_kept(tmp_path, quality):
    assert len(read_feed(tmp_path, make_wind_feed(400, overall_quality=quality))) == 1


BAD_ROWS = {
    "quality": ({"overall_quality": 1}, "doubtful quality (row 1)"),
    "text": ({"proton_speed": "fast"}, "not a number (row 1, field proton_speed: 'fast')"),
    "truth": ({"proton_speed": True}, "not a number (row 1, field proton_speed: True)"),
    "too large": ({"proton_speed": 10**400}, "not a number (row 1, field proton_speed: 1000"),
    "time": ({"time_tag": "today"}, "no valid time (row 1)"),
    "no text": ({"time_tag": 5}, "no valid time (row 1)"),
    "activity": ({"active": None}, "spacecraft not active (row 1: 'SOLAR1')"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_row_is_rejected_with_its_reason(tmp_path, case):
    change, reason = BAD_ROWS[case]
    rows = make_wind_feed(400, 410)
    rows[0] |= change
    account = read_rows(tmp_path, rows).account
    assert account.explain().startswith(f"1 {reason}")
    assert (account.read, account.kept) == (2, 1)


def test_rows_that_are_not_objects_or_lack_a_field_are_rejected(tmp_path):
    account = read_rows(tmp_path, [1, {}, *make_wind_feed(400)]).account
    assert account.explain() == "2 fields missing (row 1)"


WRONG_FEEDS = {
    "empty": ("", "the file is empty"),
    "page": ("<html>", "line 1 is HTML"),
    "cut": ('[\n{"time_tag": ', "line 2 column 14 is not valid JSON"),
    "deep": ("[" * 100_000, "not readable as JSON"),
    "no rows": ("[]", "holds no row"),
    "object": ("{}", "holds a dict; expected a list of rows"),
    "header only": ('[["time_tag", "speed"]]', "the first row has the fields ''"),
    "another feed": ([{"time_tag": "", "dst": 1}], "has the fields 'time_tag, dst'"),
    "retired feed": (
        [
            ["time_tag", "density", "speed", "temperature"],
            ["2026-01-01 00:00:00.000", "1", "2", "3"],
        ],
        "has the fields 'time_tag, density, speed, temperature'; expected those of SWPC's feeds",
    ),
    "nothing active": (make_wind_feed(400, active=False), "no row can be used: 1 spacecraft not"),
}


@pytest.mark.parametrize("case", WRONG_FEEDS)
def test_other_json_is_refused_with_a_reason(tmp_path, case):
    rows, message = WRONG_FEEDS[case]
    with pytest.raises(FluxError, match=f"feed.json: .*{message}"):
        read_feed(tmp_path, rows)


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        (
            make_electron_feed(1, 2),
            "drivers",
            r"contains electrons; .* is drivers. Put it under \[\[fl",
        ),
        (
            make_wind_feed(1, 2),
            "flux",
            r"contains solar wind; .* is flux. Put it under \[\[drivers",
        ),
        (make_electron_feed(1, satellite=18), "flux", "the file is of goes18; .* says goes19"),
    ],
)
def test_a_feed_under_the_wrong_entry_is_refused(tmp_path, rows, kind, message):
    (tmp_path / "feed.json").write_text(json.dumps(rows))
    (tmp_path / "e.json").write_text(json.dumps(make_electron_feed(1, 2, 3)))
    flux = 'satellite = "goes19"\nformat = "swpc-json"\ncadence = "5min"\n'
    entry = 'format = "swpc-json"\ncadence = "1min"\nfiles = "feed.json"\n'
    files = ("feed.json", "") if kind == "flux" else ("e.json", f"[[drivers]]\n{entry}")
    (tmp_path / "dataset.toml").write_text(
        '[dataset]\nname = "a"\nsynthetic = false\n'
        f'[[flux]]\n{flux}files = "{files[0]}"\n{files[1]}'
    )
    with pytest.raises(FluxError, match=message):
        fluxlib.load(tmp_path)


@pytest.mark.real
def test_five_minute_text_of_swpc_is_refused_as_daily_data(real_data):
    with pytest.raises(FluxError, match="wrong number of fields"):
        fluxlib.read_dpd(real_data / "formats" / "G13Ereturned1")


@pytest.mark.real
@pytest.mark.parametrize("year", range(1998, 2013))
def test_every_real_year_has_all_its_days(real_data, year):
    result = swpc.read_daily(real_data / "dpd" / f"{year}_DPD.txt")
    frame = result.frame
    days = pd.date_range(f"{year}-01-01", f"{year}-12-31")
    assert frame.index.tolist() == days.tolist()
    assert result.account.kept == len(days)
    assert list(frame) == (["e0.8", "e2"] if year >= 2010 else ["e0.6", "e2"])
    gap = pd.date_range("2003-04-08", "2003-05-13") if year == 2003 else []
    assert frame.index[frame["e2"].isna()].tolist() == list(gap)


@pytest.mark.real
def test_the_low_channel_steps_by_ten_when_goes13_takes_over(real_data):
    frame = fluxlib.read_dpd(real_data / "dpd" / "2010_DPD.txt")
    step = np.log10(frame["e0.8"]).diff()
    assert step.loc["2010-04-14"] == pytest.approx(-1, abs=0.2)
