import pandas as pd
import pytest

import fluxlib
from fluxlib.datasets.loading import READING_CODE
from fluxlib.datasets.manifest import read_manifest
from fluxlib.simulation import sample
from fluxlib.utils.time_grid import format_cadence
from tests.helpers.import_graph import find_chapters


@pytest.fixture(scope="module")
def made():
    return fluxlib.simulate("2012-01-01", "2012-01-11", "1h", seed=3)


def test_a_simulated_dataset_says_what_it_is(made):
    assert made.manifest.synthetic
    assert made.cadence == pd.Timedelta("1h")
    assert list(made.flux) == ["goes11", "goes13", "goes15"]
    assert made.manifest.reference == "goes11"
    assert made.manifest.daily == ("goes13", "goes11", "goes15")
    assert [made.manifest.position(s) for s in made.flux] == ["west", "east", "west"]
    assert len(made.drivers) == 240
    assert set(made.fluence) == set(made.flux)


def test_the_reference_is_one_of_the_satellites_in_service():
    late = fluxlib.simulate("2016-01-01", "2016-01-03", "1h")
    assert late.manifest.reference == "goes13"


def test_simulated_data_written_and_loaded_is_the_same(made, tmp_path):
    back = fluxlib.load(fluxlib.write_dataset(made, tmp_path / "set"), "1h")
    for series, frame in made.flux.items():
        pd.testing.assert_frame_equal(back.flux[series], frame, rtol=1e-5, check_freq=False)
    assert back.daily["e2"].to_numpy() == pytest.approx(made.daily["e2"].to_numpy(), nan_ok=True)


def test_the_sample_has_the_fleet_hourly_and_one_pair_at_five_minutes(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "SAMPLE_START", "2013-12-20")
    monkeypatch.setattr(sample, "SAMPLE_END", "2014-02-05")
    monkeypatch.setattr(sample, "PAIR_START", pd.Timestamp("2014-01-01"))
    monkeypatch.setattr(sample, "PAIR_END", pd.Timestamp("2014-01-15"))
    folder = sample.make_sample(tmp_path / "sample")
    assert sample.is_current(folder)
    assert not sample.is_current(tmp_path)
    monkeypatch.setattr(sample, "hash_code", lambda *chapters: "of changed code")
    assert not sample.is_current(folder)
    manifest = read_manifest(folder)
    assert manifest.series == ("goes13", "goes15")
    cadences = [format_cadence(entry.cadence) for entry in manifest.flux]
    assert cadences == ["1h", "5min", "1h"] * 2
    hourly, fine = fluxlib.load(folder, "1h"), fluxlib.load(folder, "5min")
    for series in sample.PAIR:
        frame = hourly.flux[series]
        assert frame.index[[0, -1]].tolist() == [
            pd.Timestamp("2013-12-20"),
            pd.Timestamp("2014-02-04 23:00"),
        ]
        assert fine.flux[series].index[[0, -1]].tolist() == [
            pd.Timestamp("2014-01-01"),
            pd.Timestamp("2014-01-14 23:55"),
        ]
        assert list(frame) == ["e0.8", "e2"]
    assert len(hourly.drivers) == 47 * 24
    assert (hourly.account["rejected"] == 0).all()


def test_the_sample_is_known_by_every_chapter_that_makes_it():
    """A module whose change would go unnoticed would leave an old sample in use."""
    assert find_chapters("simulation.sample") - {"errors"} == {*READING_CODE, "simulation"}


def test_the_sample_is_the_same_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "SAMPLE_START", "2014-01-01")
    monkeypatch.setattr(sample, "SAMPLE_END", "2014-01-05")
    monkeypatch.setattr(sample, "PAIR_START", pd.Timestamp("2014-01-02"))
    monkeypatch.setattr(sample, "PAIR_END", pd.Timestamp("2014-01-03"))
    contents = []
    for name in "ab":
        folder = sample.make_sample(tmp_path / name)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        contents.append({path.relative_to(folder): path.read_bytes() for path in files})
    assert contents[0] == contents[1]
