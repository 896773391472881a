"""What the archives really look like, as others who read them attest, is fetched and loaded."""

import numpy as np
import pytest

import fluxlib
from fluxlib.archives.download import RetryPolicy
from fluxlib.archives.fetch import fetch_from_arguments
from fluxlib.archives.sources import ARCHIVES
from fluxlib.datasets.manifest import read_manifest
from fluxlib.errors import FluxError
from fluxlib.io import Quality
from fluxlib.observations import flag_dataset
from tests.helpers.archive_files import write_archive
from tests.helpers.archive_server import Archive

QUICK = RetryPolicy(timeout=2, tries=2, pause=0.01)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives")
    write_archive(folder)
    server = Archive(folder)
    yield server
    server.close()


@pytest.fixture
def get(server, tmp_path):
    bases = {name: f"{server.url}/{name}" for name in ARCHIVES}

    def get(out="set", **words):
        words = {"drivers": "omni2"} | words
        return fluxlib.fetch(tmp_path / out, bases=bases, policy=QUICK, progress=False, **words)

    return get


MONTHS = {
    "goes8": "1996-01",
    "goes9": "1996-01",
    "goes10": "2003-10",
    "goes12": "2005-03",
    "goes13": "2014-01",
    "goes15": "2014-01",
    "goes16": "2022-12",
    "goes18": "2026-03",
    "goes19": "2026-03",
}


@pytest.mark.parametrize("satellite", MONTHS)
def test_every_satellite_is_fetched_and_loads_at_its_level(get, tmp_path, satellite):
    month = MONTHS[satellite]
    assert not get(satellites=[satellite], start=month, end=month).absent
    loaded = fluxlib.load(tmp_path / "set", "1h")
    expected = 600 if satellite in ("goes16", "goes18", "goes19") else 500  # a telescope sees twice
    np.testing.assert_allclose(loaded.flux[satellite]["e2"].dropna(), expected, rtol=1e-4)
    assert (loaded.account["rejected"] == 0).all()
    assert loaded.drivers["V"].dropna().unique() == [450]


def test_goes16_is_found_before_and_after_its_folder_was_renamed(get):
    new = get(satellites=["goes16"], start="2026-03", end="2026-03")
    assert new.fetched[0] == "goes16/sci_mpsh-l2-avg5m_g16_d20260301_v2-0-0.nc"
    old = get("old", satellites=["goes16"], start="2022-12", end="2022-12")
    assert old.fetched[0] == "goes16/sci_mpsh-l2-avg5m_g16_d20221230_v2-0-0.nc"


def test_both_products_of_goes13_are_named_and_never_mixed(get, tmp_path):
    words = {"satellites": ["goes13"], "start": "2014-01", "end": "2014-01"}
    get("a", **words)
    operational = fluxlib.load(tmp_path / "a", "1h")
    assert operational.account["product"].iloc[0] == "operational, uncorrected"
    result = get("b", **words, product="science")
    science = fluxlib.load(tmp_path / "b", "1h")
    assert "goes13/g13_epead-science-electrons-e13ew_1m_20140101_20140131_science_v1.0.0.csv" in (
        result.fetched  # the latest version, though 0.9.12 has more digits
    )
    assert science.account["product"].iloc[0] == "science, corrected"
    ratio = science.flux["goes13"]["e2"] / operational.flux["goes13"]["e2"]
    np.testing.assert_allclose(ratio.dropna(), 0.9, rtol=1e-4)


def test_files_of_two_products_in_one_entry_are_refused(get, tmp_path):
    get(satellites=["goes13"], start="2014-01", end="2014-01")
    (path,) = (tmp_path / "set" / "goes13").glob("*.csv")
    text = path.read_text().replace("QUAL_FLAG", "OTHER").replace("2014-01-", "2014-02-")
    path.with_name("g13_epead_e13ew_5m_20140201_20140228.csv").write_text(text)
    message = r"product 'operational, uncorrected, without flags', and .* of 'operational, uncorr"
    with pytest.raises(FluxError, match=message):
        fluxlib.load(tmp_path / "set", "1h")


def test_a_telescope_that_its_flag_calls_bad_is_left_out_and_marked(get, tmp_path):
    get(satellites=["goes13"], start="2014-01", end="2014-01")
    loaded = fluxlib.load(tmp_path / "set", "5min")
    assert loaded.flux["goes13"]["e2"].iloc[1] == pytest.approx(500)
    flags = loaded.flags["goes13"]
    assert flags.iloc[:3].tolist() == [0, Quality.ARCHIVE, 0]
    hourly = fluxlib.load(tmp_path / "set", "1h").flags["goes13"]
    assert hourly.iloc[:2].tolist() == [Quality.ARCHIVE, 0]


def test_goes_r_keeps_the_archives_flags(get, tmp_path):
    get(satellites=["goes18"], start="2026-03", end="2026-03")
    loaded = fluxlib.load(tmp_path / "set", "5min")
    flags = loaded.flags["goes18"]
    assert flags.iloc[5] == Quality.ARCHIVE
    assert flags.iloc[143] == 0
    assert flags.iloc[144] == Quality.YAW_FLIP
    assert flags.iloc[287] == Quality.YAW_FLIP | Quality.FEW_SAMPLES
    joined = flag_dataset(loaded)["goes18"]["e2"]
    assert (joined & int(Quality.YAW_FLIP)).gt(0).sum() == 144


def test_the_telescope_of_goes_r_is_chosen_in_the_manifest(get, tmp_path):
    get(satellites=["goes18"], start="2026-03", end="2026-03")
    manifest = tmp_path / "set" / "dataset.toml"
    text = manifest.read_text()
    manifest.write_text(text.replace("[[flux]]\n", "[[flux]]\ntelescope = 4\n"))
    loaded = fluxlib.load(tmp_path / "set", "1h")
    assert loaded.flux["goes18"]["e2"].dropna().unique() == [1000]
    assert loaded.account["product"].iloc[0] == "telescope 4"
    manifest.write_text(text.replace("[[flux]]\n", "[[flux]]\ntelescope = 6\n"))
    with pytest.raises(FluxError, match="telescope is 6; expected 1, 2, 3, 4 or 5"):
        fluxlib.load(tmp_path / "set", "1h")


RECIPE = """
name: iswa
title: Primary GOES by HAPI
drivers: {format: omni2, start: 2014, end: 2014}
hapi:
  - dataset: goesp_part_flux_P5M
    start: 2014-01
    end: 2014-02
    satellite: goes13
    cadence: 5min
    columns: {e0.8: E_8, e2: E2_0}
  - dataset: goesp_part_flux_P5M
    start: 2014-01
    end: 2014-02
    cadence: 5min
    columns: {p10: P10}
"""


def test_a_hapi_server_gives_flux_and_protons(get, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    get(recipe=recipe)
    loaded = fluxlib.load(tmp_path / "set", "5min")
    january = loaded.flux["goes13"].loc["2014-01-01"]
    assert january["e2"].isna().sum() == 1  # the fill
    assert january["e2"].dropna().unique() == [500]
    assert january["e0.8"].dropna().unique() == [50000]
    assert loaded.drivers["p10"].dropna().unique() == [0.2]


def test_months_that_a_hapi_server_lacks_are_absent(get, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("start: 2014-01", "start: 2010-03", 1))
    assert get(recipe=recipe).absent == ["hapi/goesp_part_flux_P5M/goesp_part_flux_P5M_201003.csv"]


def test_another_satellite_is_added_to_a_dataset_and_edits_stay(get, tmp_path):
    get(satellites=["goes13"], start="2014-01", end="2014-01")
    manifest = tmp_path / "set" / "dataset.toml"
    edited = manifest.read_text().replace("title = ", "# by hand\ntitle = ", 1)
    manifest.write_text(edited)
    get(satellites=["goes15"], start="2014-01", end="2014-01")
    text = manifest.read_text()
    assert "# by hand" in text
    assert read_manifest(tmp_path / "set").series == ("goes13", "goes15")
    assert read_manifest(tmp_path / "set").daily == ("goes13", "goes15")
    get(satellites=["goes15"], start="2014-01", end="2014-01")
    assert manifest.read_text() == text


def test_a_dry_run_lists_addresses_and_fetches_nothing(server, tmp_path, capsys):
    words = ["--out", str(tmp_path / "set"), "--satellites", "goes8", "--start", "1996-01"]
    words += ["--end", "1996-01", "--dry-run"]
    words += [f"--base={name}={server.url}/{name}" for name in ARCHIVES]
    assert fetch_from_arguments(words) == 0
    out = capsys.readouterr().out
    assert f"fetch  {server.url}/ncei/1996/01/goes08/csv/g08_eps_5m_19960101_19960131.csv" in out
    assert "nothing was fetched" in out
    assert not (tmp_path / "set").exists()
