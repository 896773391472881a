import gzip
import re

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.io import omni
from fluxlib.io.omni import FIELDS, format_omni
from fluxlib.io.text import read_body
from tests.helpers.datasets import make_dataset, make_omni

HRO_UNITS = {"V": 473.4, "Vx": -471.0, "N": 1.11, "B": 10.14, "Bz": -0.85, "SYM_H": -20, "AL": -28}


def save(folder, text, name="omni.dat"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / name


@pytest.fixture
def read(tmp_path):
    return lambda *text, **options: fluxlib.read_omni(save(tmp_path, *text), **options)


@pytest.fixture
def read_result(tmp_path):
    return lambda *text, **options: omni.read(save(tmp_path, *text), **options)


def test_omni2_is_hourly_and_says_so(read_result):
    result = read_result(make_omni("omni2", rows=30, V=400.0))
    frame = result.frame
    assert (frame.index == pd.date_range("2014-01-01", periods=30, freq="1h")).all()
    assert result.format == "omni2"
    assert frame["V"].tolist() == [400] * 30


@pytest.mark.parametrize("cadence", ["1min", "5min"])
def test_hro_has_its_own_cadence(read_result, cadence):
    result = read_result(make_omni("omni-hro", rows=300, cadence=cadence, **HRO_UNITS))
    frame = result.frame
    assert (frame.index == pd.date_range("2014-01-01", periods=300, freq=cadence)).all()
    assert result.format == "omni-hro"
    assert {name: frame[name].iloc[7] for name in HRO_UNITS} == HRO_UNITS


@pytest.mark.parametrize("kind", ["omni2", "omni-hro"])
def test_every_fill_is_missing_and_counted(read_result, kind):
    result = read_result(make_omni(kind, rows=4))
    frame = result.frame
    assert frame.isna().all().all()
    assert set(result.account.filled.values()) == {4}


def test_kp_is_thirds_from_0_to_9(read):
    thirds = np.arange(28) / 3
    frame = read(make_omni("omni2", rows=28, Kp=thirds))
    assert np.abs(frame["Kp"] - thirds).max() < 1e-12


def test_vx_comes_from_the_speed_and_the_flow_angles(read):
    text = make_omni("omni2", rows=2, V=500.0)
    phi, theta = FIELDS["omni2"]["phi"][0], FIELDS["omni2"]["theta"][0]
    rows = [line.split() for line in text.splitlines()]
    for row in rows:
        row[phi - 1], row[theta - 1] = "30.0", "-60.0"
    frame = read("".join(" ".join(row) + "\n" for row in rows))
    assert frame["Vx"].tolist() == pytest.approx([-500 * 0.5 * np.sqrt(0.75)] * 2)


def test_a_negative_density_is_missing_and_a_negative_field_is_not(read):
    frame = read(make_omni("omni2", rows=2, V=400.0, N=5.0, Bz=-5.0).replace("   5.0", "  -5.0"))
    assert frame["N"].isna().all()
    assert frame["Bz"].tolist() == [-5, -5]


@pytest.mark.parametrize("extra", [" 1.0 2.0"])
def test_the_longer_layouts_have_the_same_fields(read, extra):
    text = make_omni("omni2", rows=3, V=400.0, AL=-50.0)
    pd.testing.assert_frame_equal(read(text.replace("\n", extra + "\n")), read(text))


def test_the_shorter_hro_layout_has_the_same_fields(read):
    text = make_omni("omni-hro", rows=3, **HRO_UNITS)
    short = "".join(" ".join(line.split()[:46]) + "\n" for line in text.splitlines())
    pd.testing.assert_frame_equal(read(short), read(text))


@pytest.mark.parametrize("kind", ["omni2", "omni-hro"])
def test_protons_above_ten_mev_are_read_if_the_file_has_any(read, read_result, kind):
    text = make_omni(kind, rows=4, p10=[0.15, 9650.0, np.nan, 12.5])
    result = read_result(text)
    frame = result.frame
    assert frame["p10"].iloc[[0, 1, 3]].tolist() == [0.15, 9650.0, 12.5]
    assert result.account.filled["p10"] == 1
    assert "p10" not in read(make_omni(kind, rows=4))
    field = {"omni2": 46, "omni-hro": 47}[kind]
    assert text.splitlines()[1].split()[field - 1] == "9650.00"


def test_files_of_46_fields_have_no_protons(read):
    text = make_omni("omni-hro", rows=3, **HRO_UNITS, p10=100.0)
    short = "".join(" ".join(line.split()[:46]) + "\n" for line in text.splitlines())
    pd.testing.assert_frame_equal(read(short), read(text).drop(columns="p10"))


CHANGES = {
    "blanks squeezed": lambda text: "\n".join(" ".join(s.split()) for s in text.splitlines()),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "byte order mark": lambda text: "\ufeff" + text,
    "blank lines": lambda text: "\n\n" + text + "\n  \n",
    "tabs": lambda text: "\n".join("\t".join(s.split()) for s in text.splitlines()),
    "no last line end": lambda text: text.rstrip("\n"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["omni2", "omni-hro"])
def test_the_layout_of_blanks_and_lines_does_not_matter(read, kind, change):
    text = make_omni(kind, rows=300, V=np.linspace(300, 800, 300), Bz=np.linspace(-9, 9, 300))
    pd.testing.assert_frame_equal(read(CHANGES[change](text)), read(text))


def test_a_gzipped_file_is_read_as_it_is(read):
    text = make_omni("omni2", rows=3000, V=400.0)
    zipped = read(gzip.compress(text.encode()), "omni.dat.gz")
    pd.testing.assert_frame_equal(zipped, read(text))


def test_a_gzipped_file_cut_short_is_refused(read):
    with pytest.raises(FluxError, match="not a whole gzip file"):
        read(gzip.compress(make_omni("omni2", rows=3000).encode())[:-20], "omni.dat.gz")


def test_a_truncated_last_line_is_rejected_and_the_rest_kept(read_result):
    account = read_result(make_omni("omni2", rows=10)[:-100]).account
    assert (account.read, account.kept) == (10, 9)
    assert "1 wrong number of fields (line 10:" in account.explain()


def test_a_day_off_the_calendar_is_rejected(read_result):
    text = make_omni("omni2", rows=3).replace("2014   1  1", "2014 366  1")
    account = read_result(text).account
    assert account.explain() == "1 no valid time (line 2)"


def test_a_repeated_hour_is_rejected(read_result):
    text = make_omni("omni2", rows=3)
    account = read_result(text + text[: text.index("\n") + 1]).account
    assert account.explain() == "1 duplicate time (2014-01-01T00:00:00)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("<html>", "line 1 is HTML"),
        ("\n1 2 3\n", "line 2 has 3 fields; expected 55 or 57"),
        (" ".join(["x"] * 55), "no row from line 1 on can be read: 1 not a number"),
        (" ".join(["1"] * 55), "no row from line 1 on can be read: 1 no valid time"),
    ],
)
def test_an_unusable_file_is_refused_with_a_reason(read, text, message):
    with pytest.raises(FluxError, match=message) as caught:
        read(text)
    assert "omni.dat" in str(caught.value)


def test_omni2_flags_proton_fluxes_that_were_not_assessed():
    made = make_dataset(days=1, cadence="1h")
    made.drivers["p10"] = np.where(made.drivers.index.hour < 6, np.nan, 1.5)
    rows = [line.split() for line in format_omni("omni2", made.drivers).splitlines()]
    assert [row[48] for row in rows] == ["0"] * 6 + ["-1"] * 18


def test_omni_lines_have_the_columns_of_the_archives(tmp_path):
    """The field ends of SPDF's format statements, which are those of real files."""
    widths = [4, 4, 3, 5, 3, 3, 4, 4, *[6] * 14, 9, 6, 6, 6, 6, 6, 6, 9, 6, 6, 6, 6, 6, 7, 7, 6]
    widths += [3, 4, 6, 5, 10, *[9] * 5, 3, 4, 6, 6, 6, 6, 5]
    hro = [4, 4, 3, 3, 3, 3, 4, 4, 4, 7, 7, 6, 7, *[8] * 8, *[8] * 4, 7, 9, 6, 7, 7, 6, *[8] * 6]
    hro += [*[6] * 7, 7, 5, 9, 9, 9]
    for cadence, expected in (("1h", widths), ("5min", hro)):
        made = make_dataset(days=1, cadence=cadence)
        kind = "omni2" if cadence == "1h" else "omni-hro"
        line = format_omni(kind, made.drivers).splitlines()[0]
        assert [m.end() for m in re.finditer(r"\S+", line)] == list(np.cumsum(expected))


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("omni2/omni2_2003.dat.gz", "omni2"),
        ("formats/omni_5min2003_doy301_EXCERPT.asc", "omni-hro"),
    ],
)
def test_the_real_files_have_those_columns_too(real_data, name, kind):
    line = read_body(real_data / name).split(b"\n")[0].decode()
    made = make_dataset(days=1, cadence="1h" if kind == "omni2" else "5min")
    ours = format_omni(kind, made.drivers).splitlines()[0]
    ends = [[m.end() for m in re.finditer(r"\S+", text)] for text in (line, ours)]
    assert ends[0] == ends[1]


@pytest.mark.real
def test_the_hro_sample_reads_as_it_stands(real_data):
    frame = fluxlib.read_omni(real_data / "formats" / "omni_5min2003_doy301_EXCERPT.asc")
    expected = pd.to_datetime(["2003-10-28 00:00", "2003-10-28 00:05", "2003-10-28 02:50"])
    assert (frame.index == expected).all()
    first = {"B": 10.14, "Bx": 8.5, "By": -5.38, "Bz": -0.85, "V": 473.4, "Vx": -471.0, "N": 1.11}
    first |= {"T": 99102, "P": 0.5, "AE": 55, "AL": -28, "AU": 26, "SYM_H": -20, "p10": 0.09}
    assert frame.iloc[0].to_dict() == first


@pytest.mark.real
@pytest.mark.parametrize("year", [1998, 2003, 2008, 2016])
def test_real_omni2_reads_whole_and_fills_as_measured(real_data, year):
    frame = fluxlib.read_omni(real_data / "omni2" / f"omni2_{year}.dat.gz")
    hours = pd.date_range(f"{year}-01-01", f"{year}-12-31 23:00", freq="1h")
    assert frame.index.tolist() == hours.tolist()
    missing = frame.isna().mean()
    assert missing["V"] <= 0.0083
    assert missing["N"] <= 0.031
    assert missing["Bz"] <= 0.004
    assert missing[["Kp", "Dst", "AE"]].max() == 0
    assert frame["Kp"].between(0, 9).all()
    assert np.abs(frame["Kp"] * 3 - (frame["Kp"] * 3).round()).max() < 1e-9
    assert frame["V"].dropna().between(200, 1300).all()
    assert (frame["Vx"].dropna() < 0).all()


@pytest.mark.real
@pytest.mark.parametrize("day", ["2000-07-15", "2003-10-29", "2012-03-08"])
def test_real_protons_are_most_on_the_day_of_the_years_largest_event(real_data, day):
    """Days of the maximum in NOAA's list of solar proton events."""
    protons = fluxlib.read_omni(real_data / "omni2" / f"omni2_{day[:4]}.dat.gz")["p10"]
    assert protons.median() < 1
    assert str(protons.idxmax().date()) == day


@pytest.mark.real
@pytest.mark.parametrize(
    "onset", ["2000-07-14 10", "2012-01-23 05", "2012-03-07 05", "2012-05-17 02"]
)
def test_real_protons_rise_above_ten_in_the_hour_of_noaas_list(real_data, onset):
    onset = pd.Timestamp(onset)
    protons = fluxlib.read_omni(real_data / "omni2" / f"omni2_{onset.year}.dat.gz")["p10"]
    before = protons[onset - pd.Timedelta("6h") : onset - pd.Timedelta("1h")]
    assert (before < 10).all()
    assert (protons[onset : onset + pd.Timedelta("3h")] >= 10).all()


@pytest.mark.real
def test_real_omni2_first_row_is_what_the_file_says(real_data):
    row = fluxlib.read_omni(real_data / "omni2" / "omni2_1998.dat.gz").iloc[0]
    assert row[["V", "N", "T", "B", "Bx", "By", "Bz", "P"]].tolist() == (
        [366, 7.7, 117417, 4.6, -1.5, 1.9, 1.8, 1.83]
    )
    assert row[["Dst", "AE", "AL", "AU"]].tolist() == [-9, 23, -13, 10]
    assert row["Kp"] == pytest.approx(2 / 3)
    assert row["Vx"] == pytest.approx(-366 * np.cos(np.radians(1.6)) * np.cos(np.radians(-0.9)))


@pytest.mark.real
def test_at_once_and_line_by_line_agree_on_a_real_year(real_data, tmp_path):
    body = gzip.decompress((real_data / "omni2" / "omni2_2003.dat.gz").read_bytes())
    (tmp_path / "whole.dat").write_bytes(body)
    (tmp_path / "with_a_bad_line.dat").write_bytes(body + b"1 2\n")
    pd.testing.assert_frame_equal(
        fluxlib.read_omni(tmp_path / "whole.dat"),
        fluxlib.read_omni(tmp_path / "with_a_bad_line.dat"),
    )
