from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.datasets import series
from fluxlib.errors import FluxError
from tests.helpers.datasets import make_dataset


def make_flux(value, days=2, cadence="5min"):
    count = days * (pd.Timedelta("1D") // pd.Timedelta(cadence))
    index = pd.date_range("2014-01-01", periods=count, freq=cadence, name="time")
    return pd.DataFrame({"e2": np.full(count, value)}, index=index)


@pytest.mark.parametrize("cadence", ["1min", "5min", "1h"])
def test_constant_flux_times_86400_s_is_the_fluence(cadence):
    fluence = fluxlib.daily_fluence(make_flux(100.0, cadence=cadence))
    assert fluence["e2"].tolist() == pytest.approx([8.64e6, 8.64e6])
    assert list(fluence.index) == list(pd.date_range("2014-01-01", periods=2))


def test_a_gap_within_the_coverage_does_not_lower_the_fluence():
    flux = make_flux(100.0)
    flux.iloc[: int(0.2 * 288)] = np.nan
    assert fluxlib.daily_fluence(flux)["e2"].iloc[0] == pytest.approx(8.64e6)


@pytest.mark.parametrize(("missing", "kept"), [(28, True), (29, False)])
def test_the_default_coverage_is_eighty_percent(missing, kept):
    flux = make_flux(1.0, days=1, cadence="10min")  # 144 samples, of which 115.2 are needed
    flux.iloc[:missing] = np.nan
    assert fluxlib.daily_fluence(flux)["e2"].notna().tolist() == [kept]


@pytest.mark.parametrize(
    ("cadence", "coverage", "needed"), [("1h", 0.75, 18), ("1min", 0.8, 1152), ("1min", 0.55, 792)]
)
def test_a_day_with_exactly_the_coverage_is_kept(cadence, coverage, needed):
    for samples, kept in ((needed, True), (needed - 1, False)):
        flux = make_flux(1.0, days=1, cadence=cadence)
        flux.iloc[samples:] = np.nan
        fluence = fluxlib.daily_fluence(flux, min_coverage=coverage)
        assert fluence["e2"].notna().tolist() == [kept]


def test_a_day_cut_short_counts_against_the_whole_day():
    flux = make_flux(1.0)[:-100]
    assert fluxlib.daily_fluence(flux)["e2"].notna().tolist() == [True, False]
    assert fluxlib.daily_fluence(flux, min_coverage=0.5)["e2"].notna().all()


def test_each_channel_has_its_own_coverage():
    flux = make_flux(1.0, days=1).assign(e4=np.nan)
    fluence = fluxlib.daily_fluence(flux)
    assert fluence["e2"].notna().all()
    assert fluence["e4"].isna().all()


def test_the_flux_is_not_changed():
    flux = make_flux(1.0)
    before = flux.copy()
    fluxlib.daily_fluence(flux)
    pd.testing.assert_frame_equal(flux, before)


@pytest.mark.parametrize("coverage", [0, -1, 1.01, float("nan")])
def test_a_coverage_that_is_not_a_fraction_is_refused(coverage):
    with pytest.raises(FluxError, match="min_coverage is"):
        fluxlib.daily_fluence(make_flux(1.0), min_coverage=coverage)


def test_daily_flux_is_refused():
    with pytest.raises(FluxError, match="finer than a day"):
        fluxlib.daily_fluence(make_flux(1.0, days=5, cadence="1D"))


def test_nothing_gives_nothing():
    assert fluxlib.daily_fluence(make_flux(1.0)[:0]).empty


@pytest.fixture
def toy():
    """Return a dataset whose eastern goes13 has more samples than its eastern goes12."""
    dataset = make_dataset(days=30, cadence="1h")
    dataset.flux["goes12"].loc["2014-01-10":, "e2"] = np.nan
    return dataset


def place(dataset, positions):
    """Return the dataset with its satellites at other positions, and named as these are."""
    frames = list(dataset.flux.values())
    entries = tuple(
        replace(entry, series=name, satellite=name, position=position)
        for entry, (name, position) in zip(dataset.manifest.flux, positions.items(), strict=False)
    )
    return replace(
        dataset,
        manifest=replace(dataset.manifest, flux=entries, daily=tuple(positions), reference=None),
        flux=dict(zip(positions, frames, strict=False)),
        fluence=dict(zip(positions, dataset.fluence.values(), strict=False)),
    )


def test_log_fluence_leaves_out_series_without_the_channel(toy):
    toy = replace(toy, fluence={**toy.fluence, "low": toy.fluence["goes13"][["e0.8"]]})
    found = series.log_fluence(toy)
    assert list(found) == ["goes12", "goes13", "goes15"]
    pd.testing.assert_series_equal(
        10 ** found["goes15"], toy.fluence["goes15"]["e2"], check_names=False
    )
    assert found["goes15"].name == "goes15"


def test_auto_takes_the_west_and_east_satellites_with_most_in_common(toy):
    assert series.choose_pair(toy) == ("goes15", "goes13")
    assert series.choose_pair(toy, "goes15", "goes12") == ("goes15", "goes12")


def test_a_satellite_that_falls_silent_counts_with_its_whole_service(toy):
    both = place(toy, {"foo": "west", "long": "east", "short": "east"})
    index = both.flux["long"].index
    both.flux["long"].loc[index[5:-5], "e2"] = np.nan
    both.flux["short"] = both.flux["short"][: index[len(index) // 2]]
    assert series.choose_pair(both) == ("foo", "long")


def test_a_named_satellite_gets_one_of_the_other_position(toy):
    assert series.choose_pair(toy, "goes13") == ("goes13", "goes15")
    assert series.choose_pair(toy, other="goes15") == ("goes13", "goes15")


def test_without_positions_a_pair_must_be_named(toy):
    odd = place(toy, {"foo": None, "bar": None})
    assert series.choose_pair(odd) is None
    assert series.choose_pair(odd, "foo") is None
    assert series.choose_pair(odd, "foo", "bar") == ("foo", "bar")


def test_no_pair_where_nothing_is_in_common(toy):
    one = place(toy, {"foo": "west"})
    assert series.choose_pair(one) is None
    assert series.choose_pair(one, "foo", "foo") is None
    apart = place(toy, {"foo": "west", "bar": "east"})
    apart.flux["bar"] = apart.flux["bar"].set_axis(apart.flux["bar"].index + pd.Timedelta("99D"))
    assert series.choose_pair(apart) is None
    low = place(toy, {"foo": "west", "bar": "east"})
    low.flux["bar"] = low.flux["bar"][["e0.8"]]
    assert series.choose_pair(low) is None


def test_unknown_satellites_are_named_with_the_known_ones(toy):
    known = "expected 'auto' or a series with >2 MeV flux on this grid: goes12, goes13, goes15"
    with pytest.raises(FluxError, match=f"satellite is 'goes99'; {known}"):
        series.choose_pair(toy, "goes99")
    with pytest.raises(FluxError, match=f"other is 'goes99'; {known}"):
        series.choose_pair(toy, other="goes99")
    with pytest.raises(FluxError, match=f"satellite is 'goes99'; {known}"):
        series.choose_target(toy, "goes99")
    with pytest.raises(FluxError, match="there is none"):
        series.choose_target(replace(toy, flux={}), "goes13")


def test_target_is_log10_of_the_named_series_or_of_that_with_most_samples():
    toy = make_dataset(days=3, cadence="1h")
    toy.flux["goes12"].iloc[:60] = np.nan
    toy.flux["goes13"].iloc[:50] = np.nan
    assert series.choose_target(toy).name == "goes15"
    target = series.choose_target(toy, "goes13")
    assert target.name == "goes13"
    pd.testing.assert_series_equal(10**target, toy.flux["goes13"]["e2"], check_names=False)


def test_no_target_where_no_series_has_a_sample(toy):
    empty = replace(toy, flux={name: frame * np.nan for name, frame in toy.flux.items()})
    assert series.choose_target(empty) is None
    assert series.choose_target(empty, "goes13") is None
    assert series.choose_target(replace(toy, flux={})) is None


@pytest.mark.real
def test_real_satellites_pair_as_measured(real_data):
    assert series.choose_pair(fluxlib.load(real_data)) == ("goes15", "goes13")
