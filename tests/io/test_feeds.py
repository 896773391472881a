import json

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.errors import FluxError
from tests.helpers.datasets import (
    make_electron_feed,
    make_field_feed,
    make_propagated_feed,
    make_wind_feed,
)


def read(tmp_path, rows):
    path = tmp_path / "feed.json"
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows))
    return fluxlib.read_swpc_json(path)


def test_electrons_are_e2_of_the_satellite_that_the_rows_name(tmp_path):
    frame = read(tmp_path, make_electron_feed(167.5, 0.25, satellite=19))
    assert frame.attrs["satellite"] == "goes19"
    assert frame["e2"].tolist() == [167.5, 0.25]
    assert list(frame.index) == list(pd.date_range("2026-11-14", periods=2, freq="5min"))
    assert frame.attrs["account"].kept == 2


def test_when_the_feed_changes_its_satellite_the_newest_one_counts(tmp_path):
    rows = make_electron_feed(1, 2, satellite=18)
    rows += make_electron_feed(3, start="2026-11-15", satellite=19)
    frame = read(tmp_path, rows)
    assert frame["e2"].tolist() == [3]
    assert frame.attrs["satellite"] == "goes19"
    assert frame.attrs["account"].explain() == "2 not of goes19 (row 1)"


def test_another_energy_is_not_taken_for_2_mev(tmp_path):
    rows = make_electron_feed(1, 2)
    rows[0]["energy"] = ">=0.8 MeV"
    frame = read(tmp_path, rows)
    assert frame["e2"].tolist() == [2]
    assert frame.attrs["account"].explain() == "1 not of >=2 MeV (row 1: '>=0.8 MeV')"


def test_plasma_is_of_the_active_spacecraft_in_order_of_time(tmp_path):
    other = make_wind_feed(1, 2, 3, source="ACE", active=False)
    frame = read(tmp_path, other + make_wind_feed(400, 410.5, 420))
    assert list(frame) == ["V", "Vx", "N", "T"]
    assert frame["V"].tolist() == [400, 410.5, 420]
    assert frame.iloc[0].tolist() == [400, -276.1, 3.09, 24034]
    assert frame.attrs["account"].explain() == "3 spacecraft not active (row 1: 'ACE')"


def test_the_field_is_in_gse(tmp_path):
    frame = read(tmp_path, make_field_feed(2.72))
    assert frame.iloc[0].to_dict() == {"B": 2.72, "Bx": -2.17, "By": 1.54, "Bz": -0.54}


def test_a_table_that_does_not_say_its_system_gives_only_what_is_the_same_in_both(tmp_path):
    frame = read(tmp_path, make_propagated_feed("400.5", None))
    assert frame.iloc[0].to_dict() == {
        "V": 400.5,
        "Vx": -390.5,
        "N": 4.5,
        "T": 90000,
        "B": 4.6,
        "Bx": 1.5,
    }
    assert frame.attrs["account"].filled == {"V": 1}


def test_seconds_of_a_stamp_do_not_leave_the_minute(tmp_path):
    frame = read(tmp_path, make_wind_feed(400, start="2026-11-20 10:24:02"))
    assert frame.index[0] == pd.Timestamp("2026-11-20 10:24")


@pytest.mark.parametrize("fill", [None, "", -999.9, -9999.9, -99999, float("nan"), float("inf")])
@pytest.mark.parametrize(("field", "name"), [("bt", "B"), ("bz_gse", "Bz")])
def test_a_fill_is_missing(tmp_path, fill, field, name):
    rows = make_field_feed(4, 5)
    rows[0][field] = fill
    frame = read(tmp_path, rows)
    assert np.isnan(frame[name].iloc[1])
    assert frame.attrs["account"].filled == {name: 1}


@pytest.mark.parametrize("quality", [-9999, None, 0])
def test_quality_that_is_good_or_not_reported_is_kept(tmp_path, quality):
    assert len(read(tmp_path, make_wind_feed(400, overall_quality=quality))) == 1


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
    account = read(tmp_path, rows).attrs["account"]
    assert account.explain().startswith(f"1 {reason}")
    assert (account.read, account.kept) == (2, 1)


def test_rows_that_are_no_objects_or_lack_a_field_are_rejected(tmp_path):
    account = read(tmp_path, [1, {}, *make_wind_feed(400)]).attrs["account"]
    assert account.explain() == "2 fields missing (row 1)"


WRONG = {
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


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_feed_is_refused_with_a_reason(tmp_path, case):
    rows, message = WRONG[case]
    with pytest.raises(FluxError, match=f"feed.json: .*{message}"):
        read(tmp_path, rows)


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        (
            make_electron_feed(1, 2),
            "drivers",
            r"holds electrons; .* is drivers. Put it under \[\[fl",
        ),
        (make_wind_feed(1, 2), "flux", r"holds solar wind; .* is flux. Put it under \[\[drivers"),
        (make_electron_feed(1, satellite=18), "flux", "says that it is of goes18; .* says goes19"),
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
