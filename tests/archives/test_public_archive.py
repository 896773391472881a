"""What an independent copy of the public archives holds is fetched, and loads as the truth."""

import re
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.archives.download import RetryPolicy
from fluxlib.archives.fetch import fetch_from_arguments
from fluxlib.archives.sources import ARCHIVES
from fluxlib.datasets.manifest import read_manifest
from fluxlib.errors import FluxError
from fluxlib.io import Quality
from fluxlib.live.inputs import REFM, fetch_newest, read_refm
from tests.helpers import public_archive as public
from tests.helpers.public_archive import PublicArchive, electron_flux

README = Path(__file__).parents[2] / "README.md"
QUICK = RetryPolicy(timeout=10, tries=2, pause=0.01)
#: Each satellite's two months; GOES-16's second pair is either side of the renamed folder.
MONTHS = {
    "goes8": ("2003-04", "2003-05"),
    "goes9": ("1998-06", "1998-07"),
    "goes10": ("2003-10", "2003-11"),
    "goes11": ("2008-01", "2008-02"),
    "goes12": ("2008-03", "2008-04"),
    "goes13": ("2011-05", "2011-06"),
    "goes15": ("2014-01", "2014-02"),
    "goes16": ("2018-12", "2019-01"),
    "goes18": ("2025-06", "2025-07"),
    "goes19": ("2025-12", "2026-01"),
}
CASES = [(satellite, *months, "operational") for satellite, months in MONTHS.items()]
CASES += [("goes13", *MONTHS["goes13"], "science"), ("goes16", "2026-01", "2026-02", "operational")]


@pytest.fixture(scope="module")
def archive():
    with PublicArchive() as archive:
        yield archive


def find_bases(archive):
    """Return the addresses that fetch uses, each below this archive."""
    parts = {name: urlsplit(source.url) for name, source in ARCHIVES.items()}
    return {name: f"{archive.url}/{part.netloc}{part.path}" for name, part in parts.items()}


@pytest.fixture
def get(archive, tmp_path):
    def get(recipe=None, *, archive=archive, **words):
        if recipe is not None:
            (tmp_path / "recipe.yaml").write_text(recipe)
            words["recipe"] = tmp_path / "recipe.yaml"
        words |= {"bases": find_bases(archive), "policy": QUICK, "progress": False}
        return fluxlib.fetch(tmp_path / "set", **{"drivers": "omni2"} | words)

    return get


def expect_flux(satellite: str, product: str, times: pd.DatetimeIndex) -> pd.Series:
    """Return the truth of a series: the mean of the good detectors, NaN where there is none."""
    number = int(satellite[4:])
    minutes = pd.date_range(times[0], times[-1] + times.freq, freq="1min", inclusive="left")
    fine = minutes if product == "science" else times
    level = electron_flux(number, fine)
    lost = public.is_missing(fine)
    if 13 <= number < 16:
        level *= 0.95 if product == "science" else 1
        level = np.where(public.is_halved(fine), public.HEADS["W"] * level, level)
        lost |= public.is_flagged(fine)
    elif number >= 16:
        left = np.mean([share for which, share in public.TELESCOPES.items() if which != 3])
        level = np.where(public.is_halved(fine), left * level, level)
    return pd.Series(np.where(lost, np.nan, level), fine).resample(times.freq).mean()


@pytest.mark.parametrize(("satellite", "start", "end", "product"), CASES)
def test_two_months_of_a_satellite_are_fetched_and_hold_the_truth(
    get, tmp_path, satellite, start, end, product
):
    result = get(satellites=[satellite], start=start, end=end, product=product)
    assert not result.absent
    loaded = fluxlib.load(tmp_path / "set", "5min")
    series = f"{satellite}-science" if product == "science" else satellite
    found = loaded.flux[series]["e2"]
    stop = pd.Period(end, "M").end_time
    times = pd.date_range(start, stop, freq="5min")
    pd.testing.assert_index_equal(found.index, times, check_names=False)
    expected = expect_flux(satellite, product, times)
    if satellite in ("goes16", "goes18", "goes19"):  # its values stay, beside their flags
        bad = public.is_flagged(times)
        assert (found[bad] == np.float32(public.GARBAGE)).all()
        flags = loaded.flags[satellite]
        np.testing.assert_array_equal((flags & int(Quality.ARCHIVE)) > 0, bad)
        flipped = (flags & int(Quality.YAW_FLIP)) > 0
        np.testing.assert_array_equal(flipped, public.is_flipped(times))
        few = (flags & int(Quality.FEW_SAMPLES)) > 0
        np.testing.assert_array_equal(few, public.is_missing(times) | bad)
        found, expected = found[~bad], expected[~bad]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    account = loaded.account[loaded.account["series"] == series]
    assert (account["read"] == account["kept"] + account["rejected"]).all()
    assert account["read"].sum() == len(times) * (5 if product == "science" else 1)
    assert account["rejected"].sum() == 0
    if 13 <= int(satellite[4:]) < 16:
        kinds = {"science": "science, corrected", "operational": "operational, uncorrected"}
        assert set(account["product"]) == {kinds[product]}


def test_telescope_4_of_goes_r_is_the_one_that_spedas_and_noaa_take_for_it(get, tmp_path):
    get(satellites=["goes19"], start="2025-12", end="2025-12")
    manifest = tmp_path / "set" / "dataset.toml"
    text = manifest.read_text().replace("[[flux]]\n", "[[flux]]\ntelescope = 4\n")
    manifest.write_text(text)
    loaded = fluxlib.load(tmp_path / "set", "5min")
    assert loaded.account["product"].iloc[0] == "telescope 4"
    found = loaded.flux["goes19"]["e2"].loc["2025-12-01"]
    expected = public.TELESCOPES[4] * electron_flux(19, found.index)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    manifest.write_text(text.replace("telescope = 4", "telescope = 6"))
    with pytest.raises(FluxError, match="telescope is 6; expected 1, 2, 3, 4 or 5"):
        fluxlib.load(tmp_path / "set", "5min")


def test_both_products_of_a_satellite_are_two_series_of_one_dataset(get, tmp_path):
    words = {"satellites": ["goes15"], "start": "2014-01", "end": "2014-01"}
    get(**words)
    get(**words, product="science")
    flux = fluxlib.load(tmp_path / "set", "1h").flux
    ratio = flux["goes15-science"]["e2"] / flux["goes15"]["e2"]
    np.testing.assert_allclose(ratio.dropna(), 0.95, rtol=0.01)


def test_files_of_two_products_in_one_entry_are_refused(get, tmp_path):
    get(satellites=["goes13"], start="2011-05", end="2011-05")
    (path,) = (tmp_path / "set" / "goes13").glob("*.csv")
    text = path.read_text().replace("QUAL_FLAG", "OTHER").replace("2011-05-", "2011-07-")
    path.with_name("g13_epead_e13ew_5m_20110701_20110731.csv").write_text(text)
    message = r"product 'operational, uncorrected, without flags', and .* of 'operational, uncorr"
    with pytest.raises(FluxError, match=message):
        fluxlib.load(tmp_path / "set", "1h")


def test_another_satellite_is_added_to_a_dataset_and_edits_stay(get, tmp_path):
    months = {"start": "2011-05", "end": "2011-05"}
    get(satellites=["goes13"], **months)
    manifest = tmp_path / "set" / "dataset.toml"
    manifest.write_text(manifest.read_text().replace("title = ", "# by hand\ntitle = ", 1))
    get(satellites=["goes15"], **months)
    text = manifest.read_text()
    assert "# by hand" in text
    assert read_manifest(tmp_path / "set").series == ("goes13", "goes15")
    assert read_manifest(tmp_path / "set").daily == ("goes13", "goes15")
    get(satellites=["goes15"], **months)
    assert manifest.read_text() == text


def test_a_dry_run_lists_addresses_and_fetches_nothing(archive, tmp_path, capsys):
    words = ["--out", str(tmp_path / "set"), "--satellites", "goes8", "--start", "2003-05"]
    words += ["--end", "2003-05", "--dry-run"]
    words += [f"--base={name}={base}" for name, base in find_bases(archive).items()]
    assert fetch_from_arguments(words) == 0
    out = capsys.readouterr().out
    assert "/2003/05/goes08/csv/g08_eps_5m_20030501_20030531.csv" in out
    assert "nothing was fetched" in out
    assert not (tmp_path / "set").exists()


def test_the_fetches_of_the_readme_do_what_it_says(archive, tmp_path, monkeypatch, capsys):
    examples = re.findall(r"^ +\./run_all\.sh fetch (.+)$", README.read_text(), re.MULTILINE)
    assert [("--dry-run" in words, "--out" in words) for words in examples] == [
        (True, False),
        (False, True),
    ]
    monkeypatch.chdir(tmp_path)
    bases = [f"--base={name}={base}" for name, base in find_bases(archive).items()]
    assert fetch_from_arguments([*examples[0].split(), *bases]) == 0
    assert "13 files in all; nothing was fetched" in capsys.readouterr().out
    assert fetch_from_arguments([*examples[1].split(), *bases]) == 0
    assert read_manifest("data/raw/my-set").series == ("goes13", "goes15")


def test_a_fetch_without_a_folder_says_what_is_needed(capsys):
    with pytest.raises(SystemExit):
        fetch_from_arguments(["--satellites", "goes13", "--start", "2014-01", "--end", "2014-12"])
    assert "--out data/raw/my-set" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("drivers", "step", "tolerances"),
    [
        ("omni2", "1h", {"V": 0.51, "N": 0.051, "Bz": 0.051, "Kp": 0.01, "Dst": 0.01, "AE": 0.01}),
        ("omni-hro", "5min", {"V": 0.051, "N": 0.0051, "Bz": 0.0051, "SYM_H": 0.01, "AE": 0.01}),
    ],
)
def test_daily_fluence_and_drivers_hold_the_truth(get, tmp_path, drivers, step, tolerances):
    assert not get(daily=True, start="2008-01", end="2008-12", drivers=drivers).absent
    loaded = fluxlib.load(tmp_path / "set", step)
    truth = public.solar_wind(loaded.drivers.index)
    truth["SYM_H"] = truth["Dst"]
    # Indices are of the ground, and go on where the wind is missing.
    truth.loc[public.is_missing(truth.index), ["V", "N", "Bz"]] = np.nan
    for name, tolerance in tolerances.items():
        found = loaded.drivers[name]
        np.testing.assert_allclose(found, truth[name], atol=tolerance, rtol=0, err_msg=name)
    assert set(loaded.fluence) == {"goes11-dpd", "goes12-dpd"}
    for series, fluence in loaded.fluence.items():
        number = int(series[4:6])
        for day, value in fluence["e2"].items():
            own = public.dpd_satellite(day) == number
            if not own or day.day == 10:
                assert np.isnan(value), (series, day)
            else:
                assert value == pytest.approx(public.daily_fluence(number, day), rel=0.05)
    account = loaded.account
    assert (account["read"] == account["kept"] + account["rejected"]).all()
    daily = account[account["series"] != "drivers"]
    assert daily["kept"].sum() == 366


def test_daily_particle_data_of_1998_name_their_columns_without_a_mark(get, tmp_path):
    get(daily=True, start="1998-01", end="1998-12")
    fluence = fluxlib.load(tmp_path / "set", "1h").fluence["goes9-dpd"]["e2"]
    day = pd.Timestamp("1998-05-04")
    assert fluence[day] == pytest.approx(public.daily_fluence(9, day), rel=0.05)


def test_feeds_follow_the_active_spacecraft_and_name_both_satellites(get, tmp_path):
    get(recent=True)
    loaded = fluxlib.load(tmp_path / "set", "5min")
    for satellite in "goes19", "goes18":
        found = loaded.flux[f"{satellite}-recent"]["e2"]
        np.testing.assert_allclose(found, electron_flux(int(satellite[4:]), found.index), atol=1e-4)
        assert len(found) == 7 * 288
    end = pd.Timestamp(public.NOW).tz_localize(None)
    minutes = pd.date_range(end - pd.Timedelta("1D"), end, freq="1min", inclusive="right")
    wind = public.solar_wind(minutes)
    active = pd.Series(public.active_spacecraft(minutes), minutes).map(public.SPACECRAFT)
    assert active.nunique() == 3  # each is active in its turn
    good = minutes.minute >= 3
    expected = pd.DataFrame({"V": wind["V"] + active, "Bz": wind["Bz"] + active / 10})[good]
    expected = expected.resample("5min").mean()
    found = loaded.drivers.loc[expected.index]
    for name, tolerance in (("V", 0.06), ("Bz", 0.006)):
        np.testing.assert_allclose(found[name], expected[name], atol=tolerance, rtol=0)
    rows = loaded.account[loaded.account["series"] == "drivers"].iloc[0]
    assert rows["read"] == 3 * 1440
    assert rows["kept"] == good.sum()


def test_noaas_own_forecast_of_four_days_is_fetched_with_the_feeds(archive, tmp_path):
    assert fetch_newest(tmp_path / "now", bases=find_bases(archive), policy=QUICK) == []
    forecast = read_refm(tmp_path / "now" / REFM)
    days = pd.date_range(pd.Timestamp(public.NOW.date()), periods=4)
    assert list(forecast.index) == list(days)
    expected = [public.daily_fluence(19, day) for day in days]
    np.testing.assert_allclose(forecast, expected, rtol=1e-6)


RECIPE = """
name: iswa
title: Primary GOES by HAPI
drivers: {{format: omni2, start: {year}, end: {year}}}
hapi:
  - dataset: goesp_part_flux_P5M
    start: {start}
    end: {end}
    satellite: {satellite}
    cadence: 5min
    columns: {{e2: E2_0, e0.8: E_8}}   # not in the server's order
  - dataset: goesp_part_flux_P5M
    start: {start}
    end: {end}
    cadence: 5min
    columns: {{p10: P10}}
"""


def make_recipe(start, end, satellite="goes13"):
    return RECIPE.format(start=start, end=end, satellite=satellite, year=start[:4])


@pytest.mark.parametrize("longest", [92, 10])
def test_hapi_gives_flux_and_protons_from_the_first_day_on(get, tmp_path, longest):
    with PublicArchive(longest=timedelta(days=longest)) as archive:
        assert not get(make_recipe("2010-04", "2010-05"), archive=archive).absent
    loaded = fluxlib.load(tmp_path / "set", "5min")
    found = loaded.flux["goes13"]["e2"]
    times = pd.date_range("2010-04-14", "2010-05-31 23:55", freq="5min")
    pd.testing.assert_index_equal(found.index, times, check_names=False)
    lost = public.is_missing(times) | ((times.day == 13) & (times.hour >= 12))
    expected = np.where(lost, np.nan, electron_flux(13, times))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    # Where OMNI has the protons too, it comes first; so these are read from the files.
    paths = sorted((tmp_path / "set" / "hapi").rglob("*.csv"))
    protons = pd.concat([fluxlib.read_hapi(path, columns={"p10": "P10"}) for path in paths])
    expected = np.where(lost, np.nan, public.proton_flux(times))
    np.testing.assert_allclose(protons["p10"].reindex(times), expected)
    account = loaded.account[loaded.account["series"] == "goes13"]
    assert (account["read"] == account["kept"] + account["rejected"]).all()
    assert account["kept"].sum() == len(times) - 144  # half a day did not reach the server


def test_the_month_that_goes_on_is_fetched_up_to_now_and_anew_each_time(get, tmp_path):
    recipe = make_recipe("2026-10", "2026-11", "goes19")
    assert len(get(recipe).fetched) == 3
    found = fluxlib.load(tmp_path / "set", "5min").flux["goes19"]["e2"].dropna()
    assert found.index[-1] == pd.Timestamp("2026-11-20 11:55")
    again = get(recipe)
    assert again.fetched == ["hapi/goesp_part_flux_P5M/goesp_part_flux_P5M_202611.csv"]


@pytest.mark.parametrize("empty", ["csv", "nothing", "json"])
def test_months_without_data_are_absent_however_the_server_says_so(get, empty):
    name = "hapi/goesp_part_flux_P5M/goesp_part_flux_P5M_{}.csv"
    with PublicArchive(empty=empty) as archive:
        result = get(make_recipe("2015-07", "2015-08"), archive=archive)
        assert result.absent == [name.format(201508)]
        result = get(make_recipe("2010-03", "2010-04"), archive=archive)
        assert result.absent == [name.format(201003)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("E2_0", "E3_0", "has no parameter 'E3_0'; expected P1, P5, P10"),
        ("goesp_part_flux_P5M", "goesp_flux", "the server has no dataset 'goesp_flux'"),
    ],
)
def test_what_a_hapi_server_does_not_know_is_an_error_not_an_absence(get, old, new, message):
    with pytest.raises(FluxError, match=message):
        get(make_recipe("2011-04", "2011-05").replace(old, new))


def test_a_type_that_hapi_does_not_know_is_read_as_the_number_it_is(get, tmp_path):
    recipe = make_recipe("2022-01", "2022-01", "goes16")
    recipe += """  - dataset: swpc_rtsw_mag_P1M
    start: 2022-01
    end: 2022-01
    cadence: 1min
    columns: {Bz: B_z}
"""
    get(recipe.replace("format: omni2, start: 2022, end: 2022", "format: omni2, start: 2, end: 1"))
    found = fluxlib.load(tmp_path / "set", "5min").drivers["Bz"].loc["2022-01-03"]
    truth = public.solar_wind(pd.date_range("2022-01-03", periods=1440, freq="1min"))["Bz"]
    np.testing.assert_allclose(found, truth.resample("5min").mean(), atol=1e-3)


def status(archive, address: str) -> int:
    try:
        with urllib.request.urlopen(archive.url + address) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_the_addresses_and_columns_once_assumed_get_nothing(archive):
    ncei = "/data/goes-space-environment-monitor/access/avg"
    goesr = "/platforms/solar-space-observing-satellites/goes/goes16/l2/data"
    old = {
        f"{ncei}/2003/05/goes8/csv/g08_eps_5m_20030501_20030531.csv": "goes08",
        f"{goesr}/mpsh-l2-avg5m/2026/03/": "mpsh-l2-avg5m_science",
    }
    for address, name in old.items():
        assert status(archive, address) == 404
        for wrong in "goes8/", "mpsh-l2-avg5m/":
            address = address.replace(wrong, f"{name}/")
        assert status(archive, address) == 200
    assert status(archive, "/products/solar-wind/plasma-7-day.json") == 404
    address = f"{ncei}/2011/05/goes13/csv/g13_epead_e13ew_5m_20110501_20110531.csv"
    with urllib.request.urlopen(archive.url + address) as answer:
        body = answer.read()
    assert b"COR_FLUX" not in body.replace(b"UNCOR_FLUX", b"")
    assert b"DQF" not in body
