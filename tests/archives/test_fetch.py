import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock, Timeout

import fluxlib
from fluxlib.archives import fetch as module
from fluxlib.archives import sources
from fluxlib.archives.download import RetryPolicy, download_all
from fluxlib.archives.fetch import fetch_from_arguments, list_items, make_request, read_recipe
from fluxlib.archives.sources import ARCHIVES
from fluxlib.datasets.manifest import read_manifest
from fluxlib.errors import FluxError
from fluxlib.io.swpc import FEEDS
from fluxlib.utils.time_grid import parse_cadence
from tests.helpers.archive_server import Archive, wait_until
from tests.helpers.archive_tree import lay_archives, lay_feeds
from tests.helpers.datasets import make_dataset, make_electron_feed

QUICK = RetryPolicy(timeout=0.5, tries=3, pause=0.01)
PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return lay_archives(tmp_path_factory.mktemp("archives"))


@pytest.fixture
def server(tree):
    server = Archive(tree)
    yield server
    server.close()


def fetch(server, out, **words):
    bases = {name: f"{server.url}/{name}" for name in ARCHIVES}
    return fluxlib.fetch(out, bases=bases, policy=QUICK, progress=False, **words)


JANUARY = {"satellites": ["goes13"], "start": "2014-01", "end": "2014-01"}


def test_nobody_else_fetches_into_a_folder_meanwhile(server, tmp_path, monkeypatch):
    held = []

    def try_lock(items, folder, **options):
        with pytest.raises(Timeout), FileLock(folder / module.LOCK, timeout=0):
            pass
        held.append(folder)
        return download_all(items, folder, **options)

    monkeypatch.setattr(module, "download_all", try_lock)
    fetch(server, tmp_path / "set", **JANUARY)
    assert held == [tmp_path / "set"]


def test_what_was_written_by_hand_stays_when_another_satellite_is_fetched(server, tmp_path):
    out = tmp_path / "set"
    fetch(server, out, **JANUARY)
    path = out / "dataset.toml"
    text = path.read_text().replace('title = "', 'title = "Mine: ', 1)
    path.write_text("# checked by hand\n" + text)
    fetch(server, out, **JANUARY | {"satellites": ["goes12"]})
    assert path.read_text().startswith("# checked by hand\n")
    manifest = read_manifest(out)
    assert manifest.title.startswith("Mine: ")
    assert set(manifest.series) == {"goes12", "goes13"}


def test_what_is_fetched_loads_as_what_was_served(server, tmp_path):
    out = tmp_path / "set"
    result = fetch(server, out, satellites=["goes12", "goes13"], start="2014-01", end="2014-02")
    assert len(result.fetched) == 5
    manifest = read_manifest(out)
    assert manifest.series == ("goes12", "goes13")
    assert manifest.position("goes13") == "east"
    assert not manifest.synthetic
    loaded = fluxlib.load(out, "5min")
    made = make_dataset(start="2014-01-01", days=59, cadence="5min")
    pd.testing.assert_frame_equal(
        loaded.flux["goes13"], made.flux["goes13"], rtol=1e-4, check_freq=False
    )
    assert np.nanmax(np.abs(loaded.drivers["V"] - made.drivers["V"])) == 0


@pytest.mark.parametrize(("drivers", "cadence"), [("omni2", "1h"), ("omni-hro", "5min")])
def test_drivers_are_hourly_or_five_minutes(server, tmp_path, drivers, cadence):
    fetch(server, tmp_path / "set", **JANUARY, drivers=drivers)
    (entry,) = read_manifest(tmp_path / "set").drivers
    assert (entry.format, entry.cadence) == (drivers, parse_cadence(cadence, ""))
    assert fluxlib.load(tmp_path / "set", "1h").drivers["V"].notna().any()


@pytest.mark.parametrize(("older", "folder"), [("v2-0-0", "_science"), ("v2-0-1", "")])
def test_a_version_that_both_folders_have_is_taken_from_the_newer_one(monkeypatch, older, folder):
    def list_folder(url, policy):
        version = "v2-0-0" if "_science" in url else older
        return f'<a href="sci_mpsh-l2-avg5m_g16_d20221230_{version}.nc">'

    monkeypatch.setattr(sources, "read_page", list_folder)
    items = list_items(make_request("toy", ["goes16"], "2022-12", "2022-12"))
    urls = [item.url for item in items if item.path.startswith("goes16/")]
    assert len(urls) == 1
    assert f"/mpsh-l2-avg5m{folder}/2022/12/" in urls[0]


def test_goes16_is_fetched_in_its_latest_version(server, tmp_path):
    result = fetch(server, tmp_path / "set", satellites=["goes16"], start="2022-11", end="2022-12")
    assert result.fetched == ["goes16/sci_mpsh-l2-avg5m_g16_d20221230_v10-0-0.nc"]
    assert "goes16/2022-11" in result.absent
    assert fluxlib.load(tmp_path / "set", "1h").flux["goes16"]["e2"].unique() == [5.0]


def test_daily_fluence_is_described_by_satellite_and_period(server, tmp_path):
    fetch(server, tmp_path / "set", satellites=[], start="2008-01", end="2008-12", daily=True)
    loaded = fluxlib.load(tmp_path / "set", "1h")
    assert set(loaded.fluence) == {"goes11-dpd", "goes12-dpd"}
    assert loaded.daily["series"].value_counts().to_dict() == {"goes12-dpd": 273, "goes11-dpd": 93}


def test_recent_feeds_alone_make_a_dataset(server, tmp_path):
    out = tmp_path / "now"
    assert len(fetch(server, out, recent=True).fetched) == 5
    manifest = read_manifest(out)
    assert manifest.series == ("goes19-recent", "goes18-recent")
    assert manifest.position("goes19-recent") == "east"
    loaded = fluxlib.load(out, "1h")
    assert loaded.flux["goes19-recent"]["e2"].iloc[0] == np.mean(range(1, 13))
    assert loaded.fluence["goes19-recent"]["e2"].notna().tolist() == [True, False]
    drivers = loaded.drivers
    assert drivers["V"].dropna().tolist() == [300, 300, np.mean(range(400, 460))]
    assert drivers.loc["2026-11-20", "Bz"].tolist() == pytest.approx([-0.54])
    # The week's product does not say whether its Bz is in GSE.
    assert drivers.loc["2026-11-14", "Bz"].isna().all()


def test_recent_feeds_are_added_to_months_of_a_satellite(server, tmp_path):
    out = tmp_path / "set"
    fetch(server, out, **JANUARY, recent=True)
    manifest = read_manifest(out)
    assert manifest.series == ("goes13", "goes19-recent", "goes18-recent")
    assert [entry.format for entry in manifest.drivers] == ["omni-hro"] + ["swpc-json"] * 3
    assert fluxlib.load(out, "1h").flux["goes18-recent"]["e2"].notna().any()


def test_recent_feeds_are_fetched_anew_each_time_and_all_else_once(server, tmp_path):
    out = tmp_path / "set"
    fetch(server, out, **JANUARY, recent=True)
    result = fetch(server, out, **JANUARY, recent=True)
    assert len(result.present) == 2
    assert result.fetched == sorted(FEEDS)
    assert server.asked["rtsw_wind_1m.json"] == 2
    assert server.asked["omni_5min2014.asc"] == 1


def test_a_feed_that_is_gone_is_listed_and_not_fatal(server, tmp_path):
    server.faults["rtsw_mag_1m.json"] = ["404"]
    result = fetch(server, tmp_path / "set", recent=True)
    assert result.absent == ["recent/rtsw_mag_1m.json"]
    assert "Bz" not in fluxlib.load(tmp_path / "set", "1h").drivers


def test_when_a_satellite_is_in_both_feeds_it_is_described_once(server, tmp_path):
    lay_feeds(tmp_path / "feeds")
    both = tmp_path / "feeds/json/goes/secondary/integral-electrons-7-day.json"
    both.write_text(json.dumps(make_electron_feed(7, satellite=19)))
    other = Archive(tmp_path)
    fetch(other, tmp_path / "set", recent=True)
    other.close()
    assert read_manifest(tmp_path / "set").series == ("goes19-recent",)


def test_months_that_the_archive_lacks_are_listed_and_not_fatal(server, tmp_path):
    result = fetch(server, tmp_path / "set", satellites=["goes13"], start="2013-12", end="2014-01")
    assert result.absent == [
        "goes13/g13_epead_e13ew_5m_20131201_20131231.csv",
        "omni-hro/omni_5min2013.asc",
    ]


def test_a_second_fetch_asks_for_nothing(server, tmp_path):
    fetch(server, tmp_path / "set", **JANUARY)
    asked = dict(server.asked)
    result = fetch(server, tmp_path / "set", **JANUARY)
    assert result.fetched == []
    assert dict(server.asked) == asked


def test_files_that_fail_are_reported_and_the_same_call_continues(server, tmp_path):
    server.faults["omni_5min2014.asc"] = ["500"] * 3
    with pytest.raises(FluxError, match=r"1 of 2 files .*omni_5min2014.asc: the server answers 50"):
        fetch(server, tmp_path / "set", **JANUARY)
    assert not (tmp_path / "set" / "dataset.toml").exists()
    assert fetch(server, tmp_path / "set", **JANUARY).fetched == ["omni-hro/omni_5min2014.asc"]
    assert (tmp_path / "set" / "dataset.toml").exists()


def test_a_killed_fetch_continues_without_fetching_whole_files_again(server, tmp_path):
    names = [f"g13_epead_e13ew_5m_2014{m}.csv" for m in ("0101_20140131", "0201_20140228")]
    server.faults["omni_5min2014.asc"] = ["stall"]
    words = ["--out", str(tmp_path / "set"), "--satellites", "goes13", "--start", "2014-01"]
    words += ["--end", "2014-02", "--workers", "1"]
    words += [f"--base={name}={server.url}/{name}" for name in ARCHIVES]
    code = (
        "import sys; from fluxlib.archives.fetch import fetch_from_arguments as f; f(sys.argv[1:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: server.asked["omni_5min2014.asc"] == 1, seconds=120)
    process.send_signal(signal.SIGKILL)
    process.wait()
    result = fetch(server, tmp_path / "set", satellites=["goes13"], start="2014-01", end="2014-02")
    assert result.fetched == ["omni-hro/omni_5min2014.asc"]
    assert [server.asked[name] for name in names] == [1, 1]
    assert fluxlib.load(tmp_path / "set", "1h").account["rejected"].sum() == 0


def test_the_command_line_reports_what_was_fetched_and_what_is_absent(server, tmp_path, capsys):
    words = ["--out", str(tmp_path / "set"), "--satellites", "goes13", "--start", "2013-12"]
    words += ["--end", "2014-01", "--drivers", "omni2"]
    words += [f"--base={name}={server.url}/{name}" for name in ARCHIVES]
    assert fetch_from_arguments(words) == 0
    out = capsys.readouterr().out
    assert "2 files fetched, 0 were present." in out
    assert "The archive has no goes13/g13_epead_e13ew_5m_20131201_20131231.csv." in out


WRONG = {
    "satellite": ({"satellites": ["goes7"]}, "satellites has 'goes7'; expected goes8 to goes19"),
    "nothing": ({"satellites": []}, "satellites is empty"),
    "period": ({"start": "2014-13"}, "start is '2014-13' and end '2014-01'; expected the first"),
    "turned": ({"start": "2014-02"}, "start is '2014-02' and end '2014-01'"),
    "no period": ({"start": None}, "start is None"),
    "drivers": ({"drivers": "omni"}, "drivers is 'omni'; expected omni2 or omni-hro"),
    "workers": ({"workers": 0}, "workers is 0; expected a whole number above 0"),
    "nowhere": (
        {"satellites": ["goes8"]},
        "the archives have no file of GOES8, 2014-01 to 2014-01",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_parameter_is_refused_with_a_reason(server, tmp_path, case):
    words, message = WRONG[case]
    with pytest.raises(FluxError, match=message):
        fetch(server, tmp_path / "set", **(JANUARY | words))


def test_a_folder_whose_name_cannot_name_a_dataset_is_refused_before_fetching(server, tmp_path):
    with pytest.raises(FluxError, match=r"my set: the dataset's name is 'my set'; expected"):
        fetch(server, tmp_path / "my set", **JANUARY)
    assert not server.asked
    assert not (tmp_path / "my set").exists()


def test_the_current_folder_names_the_dataset(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fetch(server, ".", **JANUARY)
    assert read_manifest(tmp_path).name == tmp_path.name


def test_an_unknown_archive_is_refused(tmp_path):
    with pytest.raises(FluxError, match="bases has 'nasa'; expected ncei, goesr, spdf, swpc"):
        fluxlib.fetch(tmp_path, **JANUARY, bases={"nasa": "http://127.0.0.1"})


def test_the_recipe_asks_for_what_was_used_for_the_published_figures():
    request = read_recipe(PROJECT / "params" / "fetch-goes-real.yaml")
    items = list_items(request)
    assert request.name == "goes-real"
    assert [
        len([i for i in items if i.path.startswith(kind)])
        for kind in ("goes13/", "goes15/", "omni2/", "dpd/")
    ] == [72, 36, 19, 15]
    urls = {item.url for item in items}
    assert (
        "https://www.ncei.noaa.gov/data/goes-space-environment-monitor/access/avg/2016/02/goes15/"
        "csv/g15_epead_e13ew_5m_20160201_20160229.csv"
    ) in urls
    assert "https://spdf.gsfc.nasa.gov/pub/data/omni/low_res_omni/omni2_1998.dat" in urls


def test_a_recipe_is_fetched_as_parameters_are(server, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: mine\ntitle: Mine\nflux:\n  - {satellite: goes13, start: 2014-01, end: 2014-02}\n"
        "drivers: {format: omni2, start: 2014, end: 2014}\ndaily: {start: 2008, end: 2008}\n"
    )
    fetch(server, tmp_path / "set", recipe=recipe)
    manifest = read_manifest(tmp_path / "set")
    assert (manifest.name, manifest.title) == ("mine", "Mine")
    assert manifest.series == ("goes13", "goes11-dpd", "goes12-dpd")
    assert manifest.daily == ("goes11-dpd", "goes12-dpd", "goes13")


BAD_RECIPES = {
    "absent": (None, "cannot be read: No such file"),
    "no YAML": ("{", "not a recipe"),
    "a list": ("- 1\n", "not a recipe"),
    "a key too few": ("title: T\nflux: []\n", "not a recipe: 'drivers'; expected name, title"),
    "a satellite": (
        "name: a\ntitle: T\nflux: [{satellite: goes7, start: 2014-01, end: 2014-01}]\n"
        "drivers: {format: omni2, start: 2014, end: 2014}\n",
        "flux has the satellite 'goes7'",
    ),
}


@pytest.mark.parametrize("case", BAD_RECIPES)
def test_a_bad_recipe_is_refused_with_a_reason(tmp_path, case):
    text, message = BAD_RECIPES[case]
    path = tmp_path / "recipe.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FluxError, match=f"recipe.yaml: {message}"):
        read_recipe(path)


def test_a_recipe_whose_name_cannot_name_a_dataset_is_refused(server, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: a/b\ntitle: T\nflux: [{satellite: goes13, start: 2014-01, end: 2014-01}]\n"
        "drivers: {format: omni2, start: 2014, end: 2014}\n"
    )
    with pytest.raises(FluxError, match=r"recipe.yaml: the dataset's name is 'a/b'; expected"):
        fetch(server, tmp_path / "set", recipe=recipe)
    assert not server.asked
