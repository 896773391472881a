import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from fluxlib.errors import FluxError
from fluxlib.io import Quality
from fluxlib.record import Flag, Record, read_record


@pytest.fixture
def record():
    def make(index, value):
        filled = np.arange(len(index)) % 3 == 0
        return pd.DataFrame(
            {
                "value": value,
                "lower": value * 0.9,
                "upper": value * 1.2,
                "source": pd.Categorical(np.where(filled, None, "goes13")),
                "calibrated_by": pd.Categorical(np.where(filled, None, "goes13 > goes11")),
                "flags": np.where(filled, int(Flag.SPIKE | Flag.EXTRAPOLATED), 0).astype("int16"),
                "imputed": filled,
            },
            index,
        )

    hours = pd.date_range("2014-01-01", periods=72, freq="1h", name="time")
    days = pd.date_range("2014-01-01", periods=3, freq="1D", name="time")
    tables = {
        ("east", "daily"): make(days, 1e7),
        ("east", "hourly"): make(hours, 100.0 + np.arange(72)),
        ("fleet", "daily"): make(days[1:], 2e7),
    }
    return Record(tables, {"title": "Toy", "reference": "goes11", "history": "made by hand"})


def test_what_is_written_is_read_again(record, tmp_path):
    again = read_record(record.write(tmp_path / "record"))
    assert again.about == record.about
    assert list(again.tables) == list(record.tables)
    for key, table in record.tables.items():
        pd.testing.assert_frame_equal(again[key], table, check_freq=False)


def test_the_same_record_gives_the_same_bytes(record, tmp_path, monkeypatch):
    record.write(tmp_path / "one")
    # An HDF5 file may hold the second in which it was made.
    import time

    time.sleep(1.1)
    record.write(tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_the_netcdf_has_times_units_flags_and_every_column(record, tmp_path):
    record.write(tmp_path)
    with xr.open_dataset(tmp_path / "daily.nc") as data:
        assert data.attrs["Conventions"] == "CF-1.8"
        assert data["time"].to_index().equals(record["east", "daily"].index)
        assert data["place"].attrs["flag_meanings"] == "east fleet"
        np.testing.assert_allclose(data["value"].sel(place=0), 1e7)
        assert np.isnan(data["value"].sel(place=1)[0])  # the fleet begins a day later
        assert data["value"].attrs["units"] == "cm-2 sr-1 day-1"
        assert data["source"].attrs["flag_meanings"] == "goes13"
        assert np.isnan(data["source"].sel(place=0)[0])
        assert data["calibrated_by"].attrs["flag_meanings"] == "goes13_to_goes11"
        assert data["imputed"].sel(place=0).values.tolist() == [1, 0, 0]
        masks = data["flags"].attrs["flag_masks"]
        names = data["flags"].attrs["flag_meanings"].split()
        flags = int(data["flags"].sel(place=0)[0])
        assert [n for n, m in zip(names, masks, strict=True) if flags & m] == [
            "spike",
            "extrapolated",
        ]
    for cadence, step in (("daily", "1D"), ("hourly", "1h")):
        with xr.open_dataset(tmp_path / f"{cadence}.nc") as data:
            start, end = data["time_bounds"].values.T
            np.testing.assert_array_equal(start, data["time"])
            assert (end - start == pd.Timedelta(step)).all()
    with xr.open_dataset(tmp_path / "hourly.nc") as data:
        assert data["value"].attrs["units"] == "cm-2 sr-1 s-1"
        assert data["value"].attrs["cell_methods"] == "time: mean"


def test_the_archives_flags_keep_their_bits():
    assert {flag.name: int(flag) for flag in Quality}.items() <= {
        flag.name: int(flag) for flag in Flag
    }.items()


def test_a_folder_with_other_files_is_not_overwritten_and_an_older_record_is(record, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(FluxError, match="holds files and no record"):
        record.write(tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"
    record.write(tmp_path / "record")
    record.tables.popitem()
    record.write(tmp_path / "record")
    assert not (tmp_path / "record" / "fleet_daily.parquet").exists()


def test_what_is_no_record_or_is_damaged_or_lacks_a_table_gets_one_clear_error(record, tmp_path):
    with pytest.raises(FluxError, match="no record"):
        read_record(tmp_path)
    record.write(tmp_path / "record")
    with pytest.raises(FluxError, match="no west hourly; it has east daily, east hourly"):
        read_record(tmp_path / "record")["west", "hourly"]
    about = tmp_path / "record" / "about.json"
    kept = about.read_text()
    about.write_text(json.dumps({**json.loads(kept), "version": 0}))
    with pytest.raises(FluxError, match="version is 0"):
        read_record(tmp_path / "record")
    about.write_text("{")
    with pytest.raises(FluxError, match="absent or damaged"):
        read_record(tmp_path / "record")
    about.write_text(kept)
    (tmp_path / "record" / "east_daily.parquet").write_bytes(b"PAR1")
    with pytest.raises(FluxError, match=r"east_daily\.parquet: damaged"):
        read_record(tmp_path / "record")
