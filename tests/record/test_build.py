from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.record import Flag, make_record
from fluxlib.record.series import COLUMNS
from fluxlib.utils.time_grid import find_runs

HIDDEN = slice("2010-04-10 00:00", "2010-04-14 23:00")  # in the middle of both eastern satellites
SPIKE = pd.Timestamp("2010-06-01 12:00")


@pytest.fixture(scope="module")
def whole():
    return fluxlib.simulate("2010-02-01", "2010-09-01", "1h", seed=3)


@pytest.fixture(scope="module")
def dataset(whole):
    """Hide some days of both eastern satellites, and give each a spike."""
    flux = {name: frame.copy() for name, frame in whole.flux.items()}
    for name in ("goes12", "goes13"):
        flux[name].loc[HIDDEN] = np.nan
        flux[name].loc[SPIKE, "e2"] *= 1000
    fluence = {name: fluxlib.daily_fluence(frame) for name, frame in flux.items()}
    return replace(whole, flux=flux, fluence=fluence)


@pytest.fixture(scope="module")
def record(dataset):
    return make_record(dataset)


@pytest.mark.slow
def test_every_place_has_hours_and_days_without_a_hole(record):
    assert record.places == ["east", "fleet", "west"]
    for (_, cadence), table in record.tables.items():
        assert list(table) == COLUMNS
        step = pd.Timedelta("1h" if cadence == "hourly" else "1D")
        assert (table.index[1:] - table.index[:-1] == step).all()
        assert table["value"].notna().all()
        assert (table["lower"] <= table["value"]).all()
        assert (table["value"] <= table["upper"]).all()


@pytest.mark.slow
def test_what_was_hidden_is_filled_and_told_and_lies_within_its_interval(record, whole):
    east = record["east", "hourly"]
    part = east.loc[HIDDEN]
    assert part["imputed"].all()
    assert part["source"].isna().all()
    # What was measured there, on the reference's scale as a day before the gap.
    source = east.loc["2010-04-09", "source"].iloc[0]
    ratio = east["value"] / whole.flux[source]["e2"].reindex(east.index)
    truth = np.log10(whole.flux[source]["e2"][HIDDEN] * ratio["2010-04-09"].median())
    error = np.log10(part["value"]) - truth
    assert np.sqrt((error**2).mean()) < 0.35
    inside = truth.between(np.log10(part["lower"]), np.log10(part["upper"]))
    assert inside.mean() > 0.6
    days = record["east", "daily"]
    assert days["imputed"]["2010-04-10":"2010-04-14"].all()
    assert not days["imputed"]["2010-04-01":"2010-04-08"].any()


@pytest.mark.slow
def test_measured_days_are_those_of_the_calibrated_series_by_the_manifests_order(record, dataset):
    from fluxlib.calibration import calibrate_daily, calibrate_fleet
    from fluxlib.datasets import log_fluence

    fluence = log_fluence(dataset)
    fleet = calibrate_fleet(fluence, dataset.manifest.reference)
    expected = calibrate_daily(dataset, fluence, fleet)
    days = record["fleet", "daily"]
    measured = days[~days["imputed"]]
    assert len(measured) > 150
    np.testing.assert_allclose(
        np.log10(measured["value"]), expected["log_fluence"][measured.index], rtol=1e-9
    )
    assert measured["source"].astype(str).eq(expected["source"][measured.index]).all()
    paths = {name: " > ".join(path) for name, path in fleet.paths.items()}
    assert measured["calibrated_by"].eq(measured["source"].map(paths)).all()


@pytest.mark.slow
def test_an_interval_holds_nine_tenths_of_what_the_other_satellite_there_reads(record, dataset):
    from fluxlib.calibration import calibrate_fleet
    from fluxlib.datasets import log_fluence

    fleet = calibrate_fleet(log_fluence(dataset), dataset.manifest.reference)
    east = record["east", "hourly"]
    east = east[(east["source"] == "goes12").to_numpy() & ~east["imputed"].to_numpy()]
    shift = np.log10(86400)
    other = np.log10(dataset.flux["goes13"]["e2"]).reindex(east.index).dropna()
    other = fleet.apply("goes13", other + shift) - shift
    east = east.loc[other.index]
    inside = other.between(np.log10(east["lower"]), np.log10(east["upper"]))
    assert inside.mean() > 0.86
    # More than nine tenths here: the calibration's error, which is added, is large in a short time.
    width = np.log10(east["upper"] / east["lower"]).median()
    spread = (other - np.log10(east["value"])).std()
    error = np.hypot(*fleet.table.loc["goes12", ["error", "systematic"]])
    assert width < 1.1 * 2 * 1.645 * np.hypot(spread, error)


@pytest.mark.slow
def test_a_doubtful_sample_is_filled_and_keeps_its_flag(record, dataset):
    row = record["east", "hourly"].loc[SPIKE]
    assert row["flags"] & Flag.SPIKE
    assert row["imputed"]
    assert row["value"] < dataset.flux["goes12"]["e2"][SPIKE] / 20


@pytest.mark.slow
def test_a_finer_grid_has_every_place_and_agrees_with_the_hours_where_it_was_measured():
    fine = fluxlib.simulate("2013-01-01", "2013-03-10", "5min", seed=3)
    hourly = fluxlib.simulate("2013-01-01", "2013-03-10", "1h", seed=3)
    found = make_record(hourly, fine=fine)
    assert {place for place, cadence in found.tables if cadence == "5min"} == set(found.places)
    table = found["fleet", "5min"]
    assert (table.index[1:] - table.index[:-1] == pd.Timedelta("5min")).all()
    measured = np.log10(table["value"].mask(table["imputed"])).resample("1h")
    whole = measured.count() == 12
    hours = np.log10(found["fleet", "hourly"]["value"])
    error = (measured.mean() - hours)[whole].dropna()
    assert len(error) > 1000
    assert error.abs().median() < 0.05
    assert table["value"].notna().mean() > 0.99


@pytest.mark.slow
def test_gaps_above_the_limit_are_left(dataset):
    record = make_record(dataset, max_gap="3D")
    hours = record["east", "hourly"]
    assert hours["value"][HIDDEN].isna().all()
    assert record["east", "daily"]["value"]["2010-04-11":"2010-04-13"].isna().all()
    assert record.about["max_gap"] == "3 days 00:00:00"
    left = find_runs(hours["value"].isna().to_numpy())
    assert all(end - start > 72 for start, end in left)
    assert hours["imputed"].any()


def test_one_satellite_keeps_its_scale_and_nothing_is_filled_and_both_are_said(whole):
    flux = {"goes13": whole.flux["goes13"]}
    manifest = replace(whole.manifest, daily=("goes13",), reference="goes13")
    fluence = {"goes13": whole.fluence["goes13"]}
    alone = make_record(replace(whole, manifest=manifest, flux=flux, fluence=fluence))
    days = alone["fleet", "daily"].dropna(subset="value")
    assert len(days) > 100
    assert not days["imputed"].any()
    assert days["lower"].isna().all()
    assert ((days["flags"] & int(Flag.UNCALIBRATED)) > 0).all()
    pd.testing.assert_series_equal(
        days["value"].dropna(),
        fluence["goes13"]["e2"].dropna(),
        check_names=False,
        check_freq=False,
    )
    assert "no satellite at another position" in alone.about["not filled"]["east"]
    # With one place, the fleet's days are its days, those before the first value too.
    pd.testing.assert_frame_equal(alone["fleet", "daily"], alone["east", "daily"])


def test_what_cannot_be_used_is_named(whole):
    with pytest.raises(fluxlib.FluxError, match=r"cadence is 0 days 00:05:00; expected 1 h"):
        make_record(replace(whole, cadence=pd.Timedelta("5min")))
    with pytest.raises(fluxlib.FluxError, match="max_gap is 'long'; expected a length of time"):
        make_record(whole, max_gap="long")
    with pytest.raises(fluxlib.FluxError, match="has no series with >2 MeV flux"):
        make_record(replace(whole, flux={}, fluence={}))
