import numpy as np
import pytest

import fluxlib
from fluxlib.datasets import writing
from fluxlib.datasets.manifest import read_manifest
from fluxlib.errors import FluxError
from tests.helpers.datasets import make_dataset

CADENCES = ["1min", "5min", "15min", "1h"]


def check_flux(written, loaded):
    assert list(written) == list(loaded)
    for series, frame in written.items():
        back = loaded[series]
        assert list(frame) == list(back)
        assert frame.index.equals(back.index)
        assert (frame.isna() == back.isna()).all().all()
        # five significant digits in NCEI's files, six in tables
        assert np.nanmax(np.abs(back / frame - 1)) < 0.51e-4


@pytest.mark.parametrize("cadence", CADENCES)
def test_what_is_written_is_loaded_again(tmp_path, cadence):
    made = make_dataset(days=3, cadence=cadence)
    assert fluxlib.write_dataset(made, tmp_path / "set") == tmp_path / "set"
    back = fluxlib.load(tmp_path / "set", cadence)
    check_flux(made.flux, back.flux)
    for series, frame in made.fluence.items():
        assert np.nanmax(np.abs(back.fluence[series] / frame - 1)) < 1e-4
    assert set(back.drivers) == set(made.drivers)
    assert (back.drivers.isna() == made.drivers.isna()[list(back.drivers)]).all().all()
    # Dst, Kp and, from hourly files, Vx and SYM-H have tables or angles of their own.
    difference = (back.drivers - made.drivers).abs().max()
    assert difference.drop("Vx").max() < 1e-5
    assert difference["Vx"] < 0.05
    assert (back.account["rejected"] == 0).all()
    assert back.name == "toy"
    assert back.manifest.reference == "goes13"
    assert [back.manifest.position(s) for s in back.flux] == ["east", "east", "west"]


@pytest.mark.parametrize("cadence", CADENCES)
def test_protons_are_written_and_loaded_again(tmp_path, cadence):
    made = make_dataset(days=3, cadence=cadence)
    protons = np.round(10 ** np.linspace(-1, 4, len(made.drivers)), 2)
    made.drivers["p10"] = protons
    made.drivers.iloc[5:9, -1] = np.nan
    back = fluxlib.load(fluxlib.write_dataset(made, tmp_path / "set"), cadence).drivers["p10"]
    assert (back.isna() == made.drivers["p10"].isna()).all()
    assert np.nanmax(np.abs(back - made.drivers["p10"])) < 1e-9


@pytest.mark.parametrize(
    ("cadence", "formats"),
    [
        ("1min", {"table", "omni-hro"}),
        ("5min", {"goes-csv", "omni-hro", "table"}),
        ("15min", {"table"}),
        ("1h", {"table", "omni2"}),
    ],
)
def test_each_cadence_is_written_in_the_archives_format(tmp_path, cadence, formats):
    fluxlib.write_dataset(make_dataset(days=3, cadence=cadence), tmp_path / "set")
    manifest = read_manifest(tmp_path / "set")
    assert {entry.format for entry in (*manifest.flux, *manifest.drivers)} == formats


def test_daily_fluence_is_written_to_two_digits(tmp_path):
    made = make_dataset(days=40)
    made.flux = {}
    made.fluence["goes13"].iloc[3:5] = np.nan
    back = fluxlib.load(fluxlib.write_dataset(made, tmp_path / "set"), "1h")
    assert {entry.format for entry in back.manifest.flux} == {"dpd"}
    for series, frame in made.fluence.items():
        both = back.fluence[series]
        assert list(both) == [name for name in frame if name != "e4"]
        assert (both.isna() == frame[list(both)].isna()).all().all()
        assert np.nanmax(np.abs(both / frame[list(both)] - 1)) <= 0.051


def test_goes_files_are_named_and_headed_as_the_archives(tmp_path):
    folder = fluxlib.write_dataset(make_dataset(start="2014-01-30", days=3), tmp_path / "set")
    names = sorted(path.name for path in folder.glob("goes1*/*.csv"))
    assert names[:3] == [
        "g12_eps_5m_20140101_20140131.csv",
        "g12_eps_5m_20140201_20140228.csv",
        "g13_epead_e13ew_5m_20140101_20140131.csv",
    ]
    head = (folder / "goes13" / names[2]).read_text().split("data:")[0]
    assert ':satellite_id = "GOES-13"' in head
    assert ':records_present = "576"' in head


def test_the_same_dataset_gives_the_same_bytes(tmp_path):
    folders = [
        fluxlib.write_dataset(make_dataset(days=2, cadence="1h"), tmp_path / name) for name in "ab"
    ]
    contents = [
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in folders
    ]
    assert contents[0] == contents[1]


def test_a_folder_that_is_not_empty_is_not_overwritten(tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(FluxError, match="already contains files; name a new folder"):
        fluxlib.write_dataset(make_dataset(days=1), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FluxError, match="is a file; name a new folder"):
        fluxlib.write_dataset(make_dataset(days=1), tmp_path / "file")


def test_a_failure_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "write_drivers", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fluxlib.write_dataset(make_dataset(days=1), tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_titles_of_any_letters_survive(tmp_path):
    made = make_dataset(days=1)
    title = 'Élan "vital" \\ 電子 \x7f\t'
    made.manifest = type(made.manifest)(**{**vars(made.manifest), "title": title})
    assert read_manifest(fluxlib.write_dataset(made, tmp_path / "set")).title == title
