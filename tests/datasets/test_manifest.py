import importlib

import pandas as pd
import pytest

import fluxlib
from fluxlib.datasets import dataset_key, list_formats
from fluxlib.datasets.manifest import read_manifest
from fluxlib.errors import FluxError

ABOUT = '[dataset]\nname = "toy"\nsynthetic = true\n'
FLUX = '[[flux]]\nsatellite = "goes13"\nformat = "table"\nfiles = "g13_*.csv"\ncadence = "1h"\n'
DRIVERS = '[[drivers]]\nformat = "omni2"\nfiles = "omni2_*.dat"\ncadence = "1h"\n'


@pytest.fixture
def read(tmp_path):
    for name in ("g13_2014.csv", "g13_2013.csv", "omni2_2014.dat"):
        (tmp_path / name).touch()

    def read_text(text, encoding="utf-8"):
        (tmp_path / "dataset.toml").write_bytes(text.encode(encoding))
        return read_manifest(tmp_path)

    return read_text


def test_a_manifest_describes_the_dataset(read, tmp_path):
    period = 'position = "east"\nperiod = ["2014-01-01", 2014-12-31]\n'
    manifest = read(ABOUT + FLUX + period + DRIVERS)
    assert (manifest.name, manifest.title, manifest.synthetic) == ("toy", "toy", True)
    assert (manifest.reference, manifest.daily) == (None, ("goes13",))
    entry = manifest.flux[0]
    assert entry.series == entry.satellite == "goes13"
    assert [path.name for path in entry.paths] == ["g13_2013.csv", "g13_2014.csv"]
    assert entry.period == (pd.Timestamp("2014-01-01"), pd.Timestamp("2015-01-01"))
    assert manifest.series == ("goes13",)
    assert manifest.satellite("goes13") == "goes13"
    assert manifest.position("goes13") == "east"
    assert entry.cadence == pd.Timedelta("1h")
    assert manifest.drivers[0].format == "omni2"
    assert manifest.drivers[0].satellite is None


def test_periods_of_service_that_touch_are_one(read):
    spans = [
        ("2014-01-01", "2014-12-31"),
        ("2016-03-01", "2016-12-31"),
        ("2013-01-01", "2013-12-31"),
    ]
    manifest = read(ABOUT + "".join(f'{FLUX}period = ["{one}", "{two}"]\n' for one, two in spans))
    expected = [("2013-01-01", "2015-01-01"), ("2016-03-01", "2017-01-01")]
    assert manifest.service("goes13") == [tuple(map(pd.Timestamp, span)) for span in expected]


def test_the_folder_and_its_dataset_toml_both_name_the_dataset(read, tmp_path):
    assert read(ABOUT + FLUX) == read_manifest(tmp_path / "dataset.toml")


def test_a_byte_order_mark_and_crlf_change_nothing(read):
    assert read((ABOUT + FLUX).replace("\n", "\r\n"), "utf-8-sig").name == "toy"


def test_files_that_are_hidden_are_not_data(read, tmp_path):
    (tmp_path / ".g13_x.csv").touch()
    (tmp_path / ".writing-g13.csv").touch()
    manifest = read(ABOUT + FLUX.replace("g13_*", "*"))
    assert [path.name for path in manifest.flux[0].paths] == ["g13_2013.csv", "g13_2014.csv"]


WRONG = {
    "unknown key": (ABOUT + FLUX + 'sattelite = "x"\n', "unknown key 'sattelite'; did you mean"),
    "unknown table": (ABOUT + FLUX + "[fluxes]\n", "the top level has the unknown key 'fluxes'"),
    "unknown key of [dataset]": (ABOUT + "colour = 1\n" + FLUX, r"\[dataset\] has the unknown"),
    "missing key": (ABOUT + FLUX.replace("cadence", "#"), r"\[\[flux\]\] number 1 lacks the key"),
    "no [dataset]": (FLUX, "lacks the key 'dataset'"),
    "no flux": (ABOUT + DRIVERS, r"found no \[\[flux\]\] table"),
    "no TOML": ("[dataset\n", "not valid TOML: .*line 1"),
    "missing file": (
        ABOUT + FLUX.replace("g13_", "g14_"),
        r"'g14_\*.csv', but no file in .* matches",
    ),
    "wrong format": (ABOUT + FLUX.replace("table", "tabel"), "'tabel'; did you mean 'table'"),
    "driver format": (ABOUT + FLUX.replace('"table"', '"omni2"'), "format is 'omni2'; expected"),
    "wrong cadence": (ABOUT + FLUX.replace("1h", "7min"), "cadence is '7min'; expected a length"),
    "wrong position": (ABOUT + FLUX + 'position = "75W"\n', "'75W'; expected one of east, west"),
    "wrong kind": (ABOUT.replace("true", '"true"') + FLUX, "synthetic is 'true'; expected true or"),
    "text for a table": ('dataset = "toy"\n', "dataset is 'toy'; expected a table"),
    "list of texts": (f'flux = ["goes13"]\n{ABOUT}', "number 1 is 'goes13'; expected a table"),
    "unsafe name": (ABOUT.replace("toy", "../toy") + FLUX, r"name is '../toy'; expected letters"),
    "unsafe series": (ABOUT + FLUX + 'series = "a/b"\n', "series is 'a/b'; expected letters"),
    "unknown series": (ABOUT + 'reference = "goes31"\n' + FLUX, "'goes31'; did you mean 'goes13'"),
    "daily of none": (ABOUT + 'daily = ["goes15", 3]\n' + FLUX, "daily is 'goes15'"),
    "daily of a list": (ABOUT + 'daily = [["goes13"]]\n' + FLUX, r"daily is \['goes13'\]"),
    "files elsewhere": (ABOUT + FLUX.replace("g13_", "../g13_"), "below the dataset's folder"),
    "absolute files": (ABOUT + FLUX.replace("g13_", "/g13_"), "below the dataset's folder"),
    "empty pattern": (ABOUT + FLUX.replace("g13_*.csv", ""), "files is ''; expected a pattern"),
    "odd pattern": (ABOUT + FLUX.replace("g13_*", "a**"), r"files (is|=) .a\*\*.csv"),
    "period of one": (ABOUT + FLUX + 'period = ["2014-01-01"]\n', "the first and the last day"),
    "period turned": (ABOUT + FLUX + 'period = ["2014-02-01", "2014-01-01"]\n', "the first and"),
    "period of hours": (ABOUT + FLUX + 'period = ["2014-01-01 05:00", "2014-02-01"]\n', "the fir"),
    "period of words": (ABOUT + FLUX + 'period = ["now", "then"]\n', "the first and the last"),
    "zoned period": (ABOUT + FLUX + "period = [2014-01-01T00:00:00Z, 2014-02-01]\n", "the first"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_bad_manifest_is_refused_with_a_reason(read, tmp_path, case):
    text, message = WRONG[case]
    with pytest.raises(FluxError, match=message) as caught:
        read(text)
    assert str(caught.value).startswith(str(tmp_path / "dataset.toml"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (None, None),
        (None, ("2014-01-01", "2014-12-31")),
        (("2013-01-01", "2014-01-01"), ("2014-01-01", "2014-12-31")),
    ],
)
def test_overlapping_periods_of_a_series_are_refused(read, one, other):
    periods = [f'period = ["{p[0]}", "{p[1]}"]\n' if p else "" for p in (one, other)]
    with pytest.raises(FluxError, match=r"number 1 and .* number 2 are both of series 'goes13'"):
        read(ABOUT + FLUX + periods[0] + FLUX + periods[1])


def test_periods_that_touch_do_not_overlap(read):
    periods = [
        f'period = ["{a}", "{b}"]\n'
        for a, b in [("2013-01-01", "2013-12-31"), ("2014-01-01", "2014-12-31")]
    ]
    assert len(read(ABOUT + FLUX + periods[0] + FLUX + periods[1]).flux) == 2


def test_drivers_may_overlap(read):
    assert len(read(ABOUT + FLUX + DRIVERS + DRIVERS).drivers) == 2


def test_no_manifest_is_explained(tmp_path):
    with pytest.raises(FluxError, match=r"no such file; a dataset is a folder of native files"):
        read_manifest(tmp_path)


def test_a_file_for_a_folder_is_explained(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FluxError, match=r"no such file; a dataset is a folder"):
        read_manifest(tmp_path / "file")


def test_bytes_that_are_not_text_are_located(read):
    with pytest.raises(FluxError, match="not UTF-8 text: byte 15"):
        read('[dataset]\nname=µ"\n', "latin-1")


@pytest.mark.real
def test_the_real_manifest_is_sound(real_data):
    manifest = read_manifest(real_data)
    assert manifest.series[:3] == ("goes13", "goes15", "goes8-dpd")
    assert {s: manifest.position(s) for s in ("goes13", "goes15")} == {
        "goes13": "east",
        "goes15": "west",
    }


PLUGIN = """
import pandas as pd
from fluxlib.datasets import Format
from fluxlib.io import Account, ReadResult
from fluxlib.io.table import read as read_table

def read(path, column):
    result = read_table(path)
    result.frame = result.frame.rename(columns={column: "e2"})
    result.format = "station"
    return result

FORMAT = Format(read, ("flux",), {"column": str})
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a package which offers the format "station"."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def write(version, value="flux_station:FORMAT"):
        about = site / "flux_station.dist-info"
        about.mkdir(exist_ok=True)
        (site / "flux_station.py").write_text(PLUGIN)
        (about / "METADATA").write_text(f"Name: flux-station\nVersion: {version}\n")
        importlib.invalidate_caches()
        list_formats.cache_clear()
        (about / "entry_points.txt").write_text(f"[fluxlib.formats]\nstation = {value}\n")

    list_formats.cache_clear()
    yield write
    list_formats.cache_clear()


def test_another_package_can_offer_a_format(install, tmp_path):
    index = pd.date_range("2014-01-01", periods=48, freq="1h", name="time")
    pd.DataFrame({"e2": range(10, 58)}, index).to_csv(tmp_path / "a.csv")
    text = FLUX.replace('"table"', '"station"').replace("g13_*", "*") + 'column = "e2"\n'
    (tmp_path / "dataset.toml").write_text(ABOUT + text)
    with pytest.raises(FluxError, match="format is 'station'; expected one of"):
        read_manifest(tmp_path)
    install("1.0")
    dataset = fluxlib.load(tmp_path, "1h")
    assert dataset.flux["goes13"]["e2"].iloc[-1] == 57
    first = dataset_key(tmp_path)
    install("1.1")
    assert dataset_key(tmp_path) != first
    install("1.1", "flux_station:read")
    with pytest.raises(FluxError, match=r"flux-station offers the format 'station' as .*read"):
        read_manifest(tmp_path)
