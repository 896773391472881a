from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fluxlib.calibration.fleet import link_pairs
from fluxlib.calibration.pairs import fit_pairs, list_overlaps
from fluxlib.datasets.manifest import Entry
from fluxlib.record.measured import choose_sources, join_sources, measure_spread
from tests.helpers.datasets import make_dataset

HOURS = pd.date_range("2014-01-01", periods=72, freq="1h", name="time")


def test_a_day_is_of_the_first_series_with_most_of_it_and_else_of_the_one_with_more():
    full = pd.Series(1.0, HOURS)
    first = full.copy()
    first.iloc[2:4] = np.nan  # 22 of 24 hours
    first.iloc[24:40] = np.nan  # 8 of 24
    first.iloc[48:60] = np.nan  # 12 of 24
    second = full.copy()
    second.iloc[48:62] = np.nan  # 10 of 24
    source = choose_sources({"a": first, "b": second}, ["a", "b"])
    assert source.tolist() == ["a", "b", "a"]
    flags = {name: pd.Series(0, HOURS) for name in "ab"}
    table = join_sources({"a": first, "b": 2 * second}, flags, source)
    assert table["value"].iloc[24:48].eq(2).all()
    assert table["value"].iloc[2:4].isna().all()
    assert choose_sources({"a": full * np.nan}, ["a"]).isna().all()


@pytest.fixture(scope="module")
def fleet():
    """Make four satellites, two at each position, of which one has a background."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2010-01-01", periods=600, freq="D", name="time")
    flux = pd.Series(rng.normal(7, 1, 600), days)
    place = pd.Series(0.15 * rng.normal(size=600), days)
    series = {
        "a": flux + 0.03 * rng.normal(size=600),
        "b": flux + 0.03 * rng.normal(size=600),
        "c": flux + place + 0.03 * rng.normal(size=600),
        "d": np.log10(10 ** (flux + place) + 10**6) + 0.03 * rng.normal(size=600),
        "a-again": flux + 0.5,
    }
    names = {"a": "goes11", "b": "goes15", "c": "goes12", "d": "goes13", "a-again": "goes11"}
    positions = {"a": "west", "b": "west", "c": "east", "d": "east", "a-again": None}
    entries = [Entry("flux", satellite=names[s], series=s, position=positions[s]) for s in series]
    manifest = replace(make_dataset(days=2, cadence="1h").manifest, flux=tuple(entries))
    pairs = fit_pairs(series, list_overlaps(series), "a", significance=0)
    return series, manifest, link_pairs(pairs, "a", dict.fromkeys(pairs, 0.0))


def test_an_interval_is_what_satellites_at_one_position_differ_by(fleet):
    series, manifest, linked = fleet
    scaled = {name: linked.apply(name, values) for name, values in series.items()}
    spread = measure_spread(scaled, manifest, linked, 1)
    assert spread["a"].compared_with == "b at its position"
    # Two detectors' noise, and not what the electrons of the other position differ by.
    assert spread["a"].above.mean() == pytest.approx(1.645 * 0.03 * np.sqrt(2), rel=0.3)
    assert spread["a-again"].compared_with.startswith("other satellites")
    lonely = {name: scaled[name] for name in ("a", "c")}
    assert measure_spread(lonely, manifest, linked, 1)["a"].above.mean() > 0.2
    alike = {name: scaled[name] for name in ("a", "a-again")}
    assert measure_spread(alike, manifest, linked, 1) == {}


def test_at_a_background_the_flux_may_be_lower_than_what_is_read(fleet):
    series, manifest, linked = fleet
    spread = measure_spread(series, manifest, linked, 1)["d"]
    assert spread.below[0] < -0.5
    assert spread.above[0] < 0.2
    assert spread.below[-1] > -0.2
    ends = spread.add_to(pd.Series([6.0, 9.0, np.nan]))
    assert ends["lower"][0] < 5.5
    assert ends.loc[2].isna().all()
