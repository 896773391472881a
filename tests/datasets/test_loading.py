import gzip
import json
import os

import h5py
import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.datasets import loading
from fluxlib.errors import FluxError
from fluxlib.io import Quality
from tests.helpers.datasets import make_eps, make_omni, write_goesr
from tests.helpers.import_graph import find_chapters

ABOUT = '[dataset]\nname = "toy"\nsynthetic = true\n'


@pytest.fixture
def load(tmp_path):
    """Return a function that writes files and entries and loads them."""

    def load_files(files, *entries, cadence="1h", about=ABOUT):
        for name, text in files.items():
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        (tmp_path / "dataset.toml").write_text(about + "\n".join(entries))
        return fluxlib.load(tmp_path, cadence)

    return load_files


def make_entry(files, format="table", cadence="1h", satellite="goes13", **others):
    fields = {"files": files, "format": format, "cadence": cadence, **others}
    if satellite:
        fields["satellite"] = satellite
    kind = "flux" if satellite else "drivers"
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    return "\n".join([f"[[{kind}]]", *lines])


def make_table(values, start="2014-01-01", freq="1h", name="e2"):
    index = pd.date_range(start, periods=len(values), freq=freq, name="time")
    return pd.Series(values, index=index, name=name).to_csv(date_format="%Y-%m-%dT%H:%M:%SZ")


def test_finer_flux_is_averaged_over_each_hour(load):
    text = make_table(np.arange(1, 25.0), freq="5min")
    loaded = load({"a.csv": text}, make_entry("a.csv", cadence="5min"))
    assert loaded.flux["goes13"]["e2"].tolist() == [6.5, 18.5]
    assert loaded.flux["goes13"].index.freq == pd.Timedelta("1h")
    assert loaded.cadence == pd.Timedelta("1h")


def test_flux_that_a_manifest_calls_a_logarithm_is_raised(load):
    entry = make_entry("a.csv", scale="log10")
    assert load({"a.csv": make_table([2.0, 3.5])}, entry).flux["goes13"]["e2"].tolist() == [
        100,
        pytest.approx(10**3.5),
    ]


def test_an_hour_has_every_flag_that_one_of_its_samples_has(load, tmp_path):
    path = tmp_path / "sci_mpsh-l2-avg5m_g16_d20221230_v2-0-0.nc"
    write_goesr(path, np.full((288, 5), 100.0))
    with h5py.File(path, "a") as file:
        file["L1bRecordsInAvg"] = np.where(np.arange(288) == 3, 1, 300)
        file["yaw_flip_flag"] = np.isin(np.arange(288), [5, 12]).astype(int)
    entry = make_entry("sci_*.nc", "goes-netcdf", "5min", "goes16")
    flags = load({}, entry).flags["goes16"]
    both = Quality.YAW_FLIP | Quality.FEW_SAMPLES
    assert flags.iloc[:3].tolist() == [both, Quality.YAW_FLIP, 0]


def test_flux_coarser_than_the_grid_is_left_out_and_its_fluence_is_not(load):
    loaded = load({"a.csv": make_table([100.0] * 24)}, make_entry("a.csv"), cadence="5min")
    assert loaded.flux == {}
    assert loaded.fluence["goes13"]["e2"].tolist() == pytest.approx([8.64e6])


def test_coarser_drivers_are_repeated_within_their_interval(load):
    loaded = load(
        {
            "a.csv": make_table([1.0] * 12, freq="5min"),
            "o.dat": make_omni("omni2", 2, Dst=[-1, -2]),
        },
        make_entry("a.csv", cadence="5min"),
        make_entry("o.dat", "omni2", satellite=None),
        cadence="30min",
    )
    assert loaded.drivers["Dst"].tolist() == [-1, -1, -2, -2]


def test_gaps_become_rows_of_nan_on_a_regular_grid(load):
    text = "time,e2\n2014-01-01,1\n2014-01-01 01:00,2\n2014-01-01 02:00,3\n2014-01-01 05:00,4\n"
    flux = load({"a.csv": text}, make_entry("a.csv")).flux["goes13"]["e2"]
    assert flux.isna().tolist() == [False, False, False, True, True, False]
    assert flux.index.name == "time"


def test_flux_that_is_not_positive_is_missing_and_counted(load):
    loaded = load({"a.csv": make_table([1.0, 0.0, -3.0, 4.0])}, make_entry("a.csv"))
    assert loaded.flux["goes13"]["e2"].isna().tolist() == [False, True, True, False]
    assert loaded.account["filled"].tolist() == ["e2 2"]


def test_the_account_adds_up_for_every_file(load):
    again = make_table([1.0, 2.0], start="2014-01-01 01:00") + "2014-01-01T04:07:00Z,1\nx,1\n"
    loaded = load(
        {"a1.csv": make_table([1.0, 2.0, 3.0]), "a2.csv": again},
        make_entry("a*.csv", period=["2014-01-01", "2014-01-01"]),
    )
    account = loaded.account
    assert account["file"].tolist() == ["a1.csv", "a2.csv"]
    assert account["read"].tolist() == [3, 4]
    assert account["kept"].tolist() == [3, 0]
    assert (account["read"] == account["kept"] + account["rejected"]).all()
    assert account["why"].iloc[1] == (
        "1 no valid time (line 5); 1 off the 1h grid (2014-01-01 04:07:00); "
        "2 in an earlier file too (2014-01-01 01:00:00)"
    )
    assert loaded.flux["goes13"]["e2"].tolist() == [1, 2, 3]


def test_rows_outside_the_period_are_rejected(load):
    loaded = load(
        {"a.csv": make_table([1.0] * 72)}, make_entry("a.csv", period=["2014-01-02", "2014-01-02"])
    )
    assert len(loaded.flux["goes13"]) == 24
    assert loaded.account["why"].iloc[0] == (
        "48 outside 2014-01-02 to 2014-01-02 (2014-01-01 00:00:00)"
    )


def test_two_entries_of_a_series_join_and_may_share_an_interval(load):
    loaded = load(
        {
            "a.csv": make_table([1.0] * 288, freq="5min"),
            "b.csv": make_table([3.0] * 48, start="2014-01-02"),
        },
        make_entry("a.csv", cadence="5min", period=["2014-01-01", "2014-01-01"], trust=True),
        make_entry("b.csv", period=["2014-01-02", "2014-01-03"]),
    )
    assert loaded.flux["goes13"]["e2"].tolist() == [1] * 24 + [3] * 48
    assert loaded.fluence["goes13"]["e2"].tolist() == [86400, 3 * 86400, 3 * 86400]


def test_fluence_is_the_same_whatever_the_grid(load):
    values = 10 ** np.random.default_rng(0).normal(2, 1, 3 * 288)
    values[:50] = np.nan
    files, entry = {"a.csv": make_table(values, freq="5min")}, make_entry("a.csv", cadence="5min")
    fine, coarse = (load(files, entry, cadence=step).fluence["goes13"] for step in ("5min", "6h"))
    pd.testing.assert_frame_equal(fine, coarse)


def test_the_earlier_driver_entry_counts_where_two_have_a_value(load):
    first = "time,Dst\n2014-01-01,-1\n2014-01-01 01:00,\n2014-01-01 02:00,-3\n"
    loaded = load(
        {"f.csv": make_table([1.0]), "a.csv": first, "o.dat": make_omni("omni2", 3, Dst=[-9] * 3)},
        make_entry("f.csv"),
        make_entry("a.csv", satellite=None),
        make_entry("o.dat", "omni2", satellite=None),
    )
    assert loaded.drivers["Dst"].tolist() == [-1, -9, -3]


def test_without_any_driver_or_daily_value_the_tables_are_empty(load):
    loaded = load({"a.csv": make_table([1.0])}, make_entry("a.csv"))
    assert loaded.drivers.empty
    assert loaded.daily.empty
    assert list(loaded.daily) == ["e2", "series"]
    assert loaded.name == "toy"


def test_a_second_load_comes_from_the_cache_and_a_changed_file_does_not(load, monkeypatch):
    first = load({"a.csv": make_table([1.0, 2.0, 3.0])}, make_entry("a.csv"))
    monkeypatch.setattr(loading, "read_entry", None)
    second = load({}, make_entry("a.csv"))
    pd.testing.assert_frame_equal(first.flux["goes13"], second.flux["goes13"])
    pd.testing.assert_frame_equal(first.account, second.account)
    monkeypatch.undo()
    third = load({"a.csv": make_table([9.0, 2.0, 3.0])}, make_entry("a.csv"))
    assert third.flux["goes13"]["e2"].iloc[0] == 9


def test_the_cache_is_keyed_by_every_chapter_that_reads():
    """A module whose change would go unnoticed would leave stale tables in use."""
    assert find_chapters("datasets.loading") - {"errors"} == set(loading.READING_CODE)


def test_the_cadence_and_the_grid_must_fit(load):
    with pytest.raises(FluxError, match=r"cadence is 90min, which does not fit the 1h of \[\[flux"):
        load({"a.csv": make_table([1.0])}, make_entry("a.csv"), cadence="90min")


BAD = {
    "wrong cadence": (
        {"a.csv": make_table([1.0] * 9, freq="5min")},
        make_entry("a.csv"),
        r"a.csv: its usual step is '5min'; \[\[flux\]\] number 1 of the manifest says cadence '1h'",
    ),
    "wrong satellite": (
        {"a.csv": make_eps()},
        make_entry("a.csv", "goes-csv", "5min", "goes12"),
        r"a.csv: the file is of goes10; \[\[flux\]\] number 1 of the manifest says",
    ),
    "wrong format": (
        {"a.csv": make_table([1.0])},
        make_entry("a.csv", "goes-csv"),
        "a.csv: found no line 'data:'; expected a CSV file of NCEI",
    ),
    "wrong OMNI": (
        {"f.csv": make_table([1.0]), "o.asc": make_omni("omni-hro", V=400)},
        make_entry("f.csv") + "\n" + make_entry("o.asc", "omni2", satellite=None),
        r"o.asc: the file is of format 'omni-hro'; \[\[drivers\]\] number 1 of the manifest says",
    ),
    "unknown column": (
        {"a.csv": make_table([1.0], name="E2")},
        make_entry("a.csv"),
        "a.csv: line 1 has the column 'E2'; expected flux columns named e0.6, e0.8, e2, e4",
    ),
    "e0.6 of GOES-13": (
        {"a.csv": make_table([1.0], name="e0.6")},
        make_entry("a.csv"),
        "a.csv: column e0.6 for goes13, but GOES-13 and later measure >0.8 MeV; name the column",
    ),
    "nothing in the period": (
        {"a.csv": make_table([1.0])},
        make_entry("a.csv", period=["2015-01-01", "2015-12-31"]),
        "1 outside 2015-01-01 to 2015-12-31 .*; check the entry and the files",
    ),
    "nothing on the grid": (
        {"a.csv": make_table([1.0] * 5, start="2014-01-01 00:01")},
        make_entry("a.csv"),
        r"dataset.toml: no row of \[\[flux\]\] number 1 \(a.csv\) can be used: 5 off the 1h grid",
    ),
    "cut short": (
        {"a.csv.gz": gzip.compress(make_table([1.0] * 99).encode())[:-9]},
        make_entry("a.csv.gz"),
        "a.csv.gz: not a whole gzip file",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_contradicts_the_manifest_is_refused_with_a_reason(load, case):
    files, entry, message = BAD[case]
    with pytest.raises(FluxError, match=message):
        load(files, entry)


@pytest.mark.parametrize("cadence", ["7min", "soon", 5, None])
def test_a_grid_that_does_not_divide_a_day_is_refused(tmp_path, cadence):
    with pytest.raises(FluxError, match="cadence is"):
        fluxlib.load(tmp_path, cadence)


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("FLUX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make_cached():
    index = pd.date_range("2014-01-01", periods=4, freq="1h", name="time")
    return pd.DataFrame({"e2": [1.0, None, 3.0, 4.0]}, index=index)


def test_cached_tables_come_back_as_they_were(own_cache):
    assert loading.read_cache("key") is None
    loading.write_cache("key", {"flux-goes13": make_cached()})
    back = loading.read_cache("key")
    assert list(back) == ["flux-goes13"]
    pd.testing.assert_frame_equal(back["flux-goes13"], make_cached())


def test_caching_twice_keeps_the_first_and_leaves_nothing_behind(own_cache):
    loading.write_cache("key", {"flux": make_cached()})
    loading.write_cache("key", {"flux": make_cached() * 2})
    assert loading.read_cache("key")["flux"]["e2"].iloc[0] == 1
    assert sorted(os.listdir(own_cache)) == [".lock", "key"]


def test_what_a_killed_writer_left_in_the_cache_goes_with_the_next(own_cache):
    (own_cache / ".writing-1").mkdir(parents=True)
    loading.write_cache("key", {"flux": make_cached()})
    assert sorted(os.listdir(own_cache)) == [".lock", "key"]


def test_a_folder_that_was_not_finished_counts_as_absent(own_cache):
    loading.write_cache("key", {"flux": make_cached()})
    (own_cache / "key" / loading.DONE).unlink()
    assert loading.read_cache("key") is None


def test_a_damaged_table_counts_as_absent_and_is_replaced(own_cache):
    loading.write_cache("key", {"flux": make_cached()})
    (own_cache / "key" / "flux.parquet").write_bytes(b"PAR1 damaged")
    assert loading.read_cache("key") is None
    loading.write_cache("key", {"flux": make_cached()})
    pd.testing.assert_frame_equal(loading.read_cache("key")["flux"], make_cached())


@pytest.mark.parametrize("place", ["file", "below a file"])
def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(tmp_path, monkeypatch, place):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FLUX_CACHE", str(tmp_path / place.replace("below a file", "file/cache")))
    with pytest.raises(FluxError, match=r"file.*the cache cannot be written .*FLUX_CACHE names"):
        loading.write_cache("key", {"flux": make_cached()})


def test_the_hash_follows_content_and_name_not_place(own_cache, tmp_path):
    hashes = []
    for folder, name, text in [("a", "x", "1"), ("b", "x", "1"), ("c", "x", "2"), ("d", "y", "1")]:
        path = tmp_path / folder / name
        path.parent.mkdir()
        path.write_text(text)
        hashes.append(loading.hash_files(path.parent, [path]))
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_a_changed_file_gets_another_hash_although_the_old_one_is_kept(own_cache, tmp_path):
    path = tmp_path / "file"
    path.write_text("1")
    before = loading.hash_files(tmp_path, [path])
    assert loading.hash_files(tmp_path, [path]) == before
    path.write_text("22")
    assert loading.hash_files(tmp_path, [path]) != before


def test_a_damaged_list_of_hashes_is_made_anew(own_cache, tmp_path):
    path = tmp_path / "file"
    path.write_text("1")
    before = loading.hash_files(tmp_path, [path])
    for damage in ("{", "[]", '{"x": 1}'):
        (own_cache / "hashes.json").write_text(damage.replace("x", str(path)))
        assert loading.hash_files(tmp_path, [path]) == before


@pytest.fixture(scope="module")
def real(real_data):
    return fluxlib.load(real_data)


@pytest.mark.real
def test_real_flux_has_the_missing_that_was_measured(real):
    assert {series: list(frame) for series, frame in real.flux.items()} == {
        "goes13": ["e0.8", "e2"],
        "goes15": ["e0.8", "e2"],
    }
    assert real.flux["goes13"].isna().mean().round(3).tolist() == [0.018, 0.269]
    assert real.flux["goes15"].isna().mean().round(3).tolist() == [0.006, 0.006]


@pytest.mark.real
def test_real_account_adds_up_and_rejects_only_what_is_outside_periods(real):
    account = real.account
    assert (account["read"] == account["kept"] + account["rejected"]).all()
    assert account["why"].str.fullmatch(r"(\d+ outside [0-9-]{10} to [0-9-]{10} \(.*\))?").all()
    assert account.loc[account["series"] == "goes11-dpd", "kept"].sum() == 62 + 31 + 365 + 103


@pytest.mark.real
def test_real_satellites_switch_on_the_measured_days(real):
    series = real.daily["series"]
    days = {day: series.get(day) for day in ("2003-04-07", "2003-05-14", "2008-01-01")}
    assert list(days.values()) == ["goes8-dpd", "goes12-dpd", "goes11-dpd"]
    switches = {"2008-03-03": "goes12", "2008-12-01": "goes11", "2010-04-14": "goes13"}
    for day, satellite in switches.items():
        before = pd.Timestamp(day) - pd.Timedelta("1D")
        assert series.loc[day] == f"{satellite}-dpd" != series.loc[before]
    assert series.loc["2003-04-08":"2003-05-13"].isna().all()
    assert series.loc["2013-01-01":].dropna().isin(["goes13", "goes15"]).all()


@pytest.mark.real
def test_real_low_channels_are_named_after_what_was_measured(real):
    low = {series: next(iter(frame)) for series, frame in real.fluence.items()}
    assert low == {
        **dict.fromkeys(["goes8-dpd", "goes11-dpd", "goes12-dpd"], "e0.6"),
        **dict.fromkeys(["goes13-dpd", "goes13", "goes15"], "e0.8"),
    }


@pytest.mark.real
def test_real_backgrounds_differ_by_satellite_and_the_largest_day_is_known(real):
    # All GOES-12 days here, those of 2008 too, which the README's figure leaves out.
    background = {s: real.fluence[f"{s}-dpd"]["e2"].quantile(0.05) for s in ("goes11", "goes12")}
    assert background["goes11"] == pytest.approx(3.9e4, rel=0.05)
    assert background["goes12"] == pytest.approx(1.4e6, rel=0.1)
    assert real.daily["e2"].idxmax() == pd.Timestamp("2004-07-29")
    assert real.daily["e2"].max() == pytest.approx(9.3e9)


@pytest.mark.real
def test_real_goes13_is_missing_where_goes15_is_low(real):
    west = real.flux["goes15"]["e2"]
    absent = real.flux["goes13"]["e2"].reindex(west.index).isna()
    assert absent[west < 50].mean() == pytest.approx(0.72, abs=0.02)
    assert absent[west > 200].mean() == pytest.approx(0.02, abs=0.005)


@pytest.mark.real
@pytest.mark.parametrize(("series", "hour"), [("goes13", 16), ("goes15", 20)])
def test_real_daily_maxima_are_four_hours_apart(real, series, hour):
    flux = np.log10(real.flux[series]["e2"])
    assert flux.groupby(flux.index.hour).mean().idxmax() == hour


@pytest.mark.real
def test_real_east_and_west_agree_as_measured(real):
    fluence = pd.concat({s: real.fluence[s]["e2"] for s in ("goes13", "goes15")}, axis=1)
    assert np.log10(fluence).corr().iloc[0, 1] == pytest.approx(0.985, abs=0.005)
    flux = pd.concat({s: real.flux[s]["e2"] for s in ("goes13", "goes15")}, axis=1)
    assert np.log10(flux).corr().iloc[0, 1] == pytest.approx(0.90, abs=0.01)


@pytest.mark.real
def test_real_drivers_have_every_name_and_hour(real):
    names = {"V", "Vx", "N", "B", "Bx", "By", "Bz", "P", "SYM_H", "Dst", "AE", "AU", "AL", "Kp"}
    assert names <= set(real.drivers)
    hours = pd.date_range("1998-01-01", "2016-12-31 23:00", freq="1h", name="time")
    assert real.drivers.index.equals(hours)
    assert real.drivers["SYM_H"].first_valid_index().year == 2014
    speed = real.drivers["V"].resample("1D").mean()
    lagged = pd.DataFrame({lag: speed.shift(lag) for lag in range(6)}).rank()
    assert lagged.corrwith(real.daily["e2"].rank()).idxmax() == 2
