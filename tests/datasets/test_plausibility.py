import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.errors import FluxError

HOURS = pd.date_range("2014-01-01", periods=24 * 90, freq="1h", name="time")


def write(folder, flux=None, drivers=None, *, cadence="1h", text="", more="", **files):
    """Write a dataset of one series, and of drivers if any are given."""
    rng = np.random.default_rng(0)
    index = HOURS if cadence == "1h" else pd.date_range("2014", periods=150, name="time")
    if flux is None:
        flux = 10 ** rng.normal(2, 0.7, len(index))
    pd.DataFrame({"e2": flux}, index=index).to_csv(folder / "flux.csv")
    if text:
        (folder / "flux.csv").write_text(text)
    manifest = (
        '[dataset]\nname = "small"\nsynthetic = true\n[[flux]]\nsatellite = "goes15"\n'
        f'format = "table"\nfiles = "flux.csv"\ncadence = "{cadence}"\n{more}\n'
    )
    if drivers is not None:
        drivers.to_csv(folder / "drivers.csv")
        manifest += '[[drivers]]\nformat = "table"\nfiles = "drivers.csv"\ncadence = "1h"\n'
    (folder / "dataset.toml").write_text(manifest)
    return folder


def make_flux(size=24 * 90, middle=2.0):
    return 10 ** np.random.default_rng(1).normal(middle, 0.7, size)


def spoil(values, count, fill):
    values = values.copy()
    values[:count] = fill
    return values


FAULTS = {
    "log10 as flux": (np.log10(make_flux()), r'looks like log10 of flux; .* say scale = "log10"'),
    "flux by m2": (make_flux(middle=6), r"has the median .* is it fluence, or flux by m2\?"),
    "fluence as flux": (make_flux(middle=7), r"has the median .* is it fluence, or flux by m2\?"),
    "all zero": (np.zeros(len(HOURS)), "has no value above zero"),
    "all negative": (-make_flux(), "has no value above zero"),
    "a fill value": (spoil(make_flux(), 40, 9.9e20), r"has 40 values above 1e\+09, such as 9.9e"),
}


@pytest.mark.parametrize(("flux", "message"), FAULTS.values(), ids=FAULTS)
def test_flux_that_cannot_be_what_the_manifest_says_is_refused_unless_trusted(
    tmp_path, flux, message
):
    with pytest.raises(FluxError, match=r"dataset.toml: e2 of \[\[flux\]\] number 1 .*" + message):
        fluxlib.load(write(tmp_path, flux))
    fluxlib.load(write(tmp_path, flux, more="trust = true"))


def test_a_year_of_one_value_is_no_measurement(tmp_path):
    index = pd.date_range("2014-01-01", periods=367 * 24, freq="1h", name="time")
    text = pd.DataFrame({"e2": 66.0}, index).to_csv()
    with pytest.raises(FluxError, match=r"e2 .* is 66 in all its 8808 values"):
        fluxlib.load(write(tmp_path, text=text))
    fluxlib.load(write(tmp_path, text=text, more="trust = true"))


def test_fluence_by_day_has_its_own_range(tmp_path):
    fluxlib.load(write(tmp_path, make_flux(150, 7), cadence="1D"))
    with pytest.raises(FluxError, match=r"is it flux\?"):
        fluxlib.load(write(tmp_path, make_flux(150), cadence="1D"))


def test_logarithms_are_read_where_the_manifest_says_so(tmp_path):
    flux = make_flux()
    dataset = fluxlib.load(write(tmp_path, np.log10(flux), more='scale = "log10"'))
    np.testing.assert_allclose(dataset.flux["goes15"]["e2"], flux, rtol=1e-9)
    with pytest.raises(FluxError, match="scale is 'ln'; expected one of linear, log10"):
        fluxlib.load(write(tmp_path, flux, more='scale = "ln"'))


def test_the_fill_value_of_cdf_is_missing_and_counted(tmp_path):
    dataset = fluxlib.load(write(tmp_path, spoil(make_flux(), 40, 1e31)))
    assert dataset.flux["goes15"]["e2"].isna().sum() == 40
    assert dataset.account["filled"].item() == "e2 40"


def test_a_file_of_which_most_rows_cannot_be_read_is_refused(tmp_path):
    values = make_flux()
    lines = [
        f'{time},"{value:.2f}"'.replace(".", ",") if number >= 432 else f"{time},{value:.0f}"
        for number, (time, value) in enumerate(zip(HOURS, values, strict=True))
    ]
    text = "time,e2\n" + "\n".join(lines) + "\n"
    with pytest.raises(FluxError, match=r"flux\.csv: 1728 of 2160 rows .*wrong number of fields"):
        fluxlib.load(write(tmp_path, text=text))
    assert len(fluxlib.load(write(tmp_path, text=text, more="trust = true")).flux["goes15"])


def test_rows_that_the_period_leaves_out_are_no_fault(tmp_path):
    dataset = fluxlib.load(write(tmp_path, more='period = ["2014-01-01", "2014-01-07"]'))
    assert len(dataset.flux["goes15"]) == 7 * 24


def test_drivers_with_fill_values_or_of_other_years_are_refused(tmp_path):
    drivers = pd.DataFrame({"V": 400.0 + np.arange(len(HOURS)) % 100}, index=HOURS)
    fluxlib.load(write(tmp_path, drivers=drivers))
    spoiled = drivers.assign(V=spoil(drivers["V"].to_numpy(), 50, 99999.9))
    with pytest.raises(FluxError, match=r"V of \[\[drivers\]\].*has 50 of 2160 values outside 150"):
        fluxlib.load(write(tmp_path, drivers=spoiled))
    later = drivers.set_axis(HOURS + pd.Timedelta(days=365)).rename_axis("time")
    with pytest.raises(FluxError, match=r"drivers are of 2015-01-01 to .* the flux of 2014-01-01"):
        fluxlib.load(write(tmp_path, drivers=later))


def test_quiet_months_at_a_background_pass(tmp_path):
    quiet = 0.5 + np.random.default_rng(2).exponential(0.3, len(HOURS))
    quiet[1000] = 40.0
    fluxlib.load(write(tmp_path, quiet))
