"""Simulated drivers: identities that they must obey, and statistics like those of OMNI."""

import numpy as np
import pandas as pd
import pytest

from fluxlib.simulation.drivers import (
    SYNODIC_ROTATION,
    draw_ejections,
    draw_streams,
    gse_to_gsm,
    ring_current,
    simulate_indices,
    simulate_solar_wind,
    solar_cycle,
    solar_wind_coupling,
)
from fluxlib.simulation.random_processes import EPOCH, SimulationSpan


@pytest.fixture(scope="module")
def span():
    return SimulationSpan.cover(pd.Timestamp("2001-01-01"), pd.Timestamp("2011-01-01"), seed=1)


@pytest.fixture(scope="module")
def wind(span):
    return simulate_solar_wind(span)


@pytest.fixture(scope="module")
def indices(span, wind):
    return simulate_indices(span, wind)


@pytest.fixture(scope="module")
def frame(span, wind):
    return pd.DataFrame(wind, index=span.index)["2001":"2010"].resample("1h").mean()


def test_field_components_make_up_the_field(wind):
    length = np.sqrt(wind["Bx"] ** 2 + wind["By"] ** 2 + wind["Bz"] ** 2)
    np.testing.assert_allclose(length, wind["B"])


def test_pressure_is_that_of_omni_formula(wind):
    np.testing.assert_allclose(wind["P"], 2e-6 * wind["N"] * wind["V"] ** 2)


def test_vx_points_from_the_sun_and_is_no_faster_than_the_wind(wind):
    assert (wind["Vx"] < 0).all()
    assert (np.abs(wind["Vx"]) <= wind["V"]).all()


def test_the_field_lies_on_the_parker_spiral(frame):
    assert np.corrcoef(frame["Bx"], frame["By"])[0, 1] < -0.3


def test_fast_wind_is_thin_and_hot(frame):
    ranks = frame[["V", "N", "T"]].corr(method="spearman")["V"]
    assert ranks["N"] < -0.3
    assert ranks["T"] > 0.5


def test_streams_return_with_the_sun(frame):
    assert frame["V"].autocorr(round(SYNODIC_ROTATION * 24)) > 0.35


def test_declining_years_are_fast_and_2009_is_slow(frame):
    speed = frame["V"].groupby(frame.index.year).mean()
    assert speed.idxmin() in (2009, 2010)
    assert speed[[2003, 2004, 2005, 2008]].min() > speed[2009] + 30


def test_density_rises_ahead_of_a_stream(span, wind):
    streams = draw_streams(span)
    onsets = streams.loc[streams.rise > 200, "onset"]
    inside = onsets[(onsets > span.days[0] + 9) & (onsets < span.days[-1] - 9)]
    mean = [
        wind["N"][np.searchsorted(span.days, inside + shift)].mean() for shift in (-3.0, 0.0, 2.0)
    ]
    assert mean[1] > 2 * mean[0] > 2 * mean[2]


def test_ejections_follow_the_cycle():
    maximum, minimum = (
        draw_ejections(
            SimulationSpan.cover(pd.Timestamp(f"{year}-01-01"), pd.Timestamp(end), seed=0)
        )
        for year, end in [(2000, "2003-01-01"), (2007, "2010-01-01")]
    )
    assert len(maximum) > 3 * len(minimum)


def test_the_cycle_at_the_middle_of_a_year_is_that_years():
    days = (pd.Timestamp("2009-07-02") - EPOCH).days
    strength, ejections, field = solar_cycle(days)
    assert strength == pytest.approx(0.1, abs=0.01)
    assert ejections == pytest.approx(5, abs=0.1)
    assert field == pytest.approx(3.3, abs=0.01)


@pytest.mark.parametrize(
    ("name", "low", "median", "high"),
    [("V", 303, 410, 637), ("N", 1.7, 4.7, 15.0), ("B", 2.6, 5.3, 11.6), ("P", 0.6, 1.6, 4.7)],
)
def test_wind_quantiles_are_like_those_of_omni_1998_to_2016(frame, name, low, median, high):
    found = frame[name].quantile([0.05, 0.5, 0.95]).to_numpy()
    np.testing.assert_allclose(found, [low, median, high], rtol=0.3)


def test_rotation_to_gsm_keeps_the_length(span, wind):
    By, Bz = gse_to_gsm(span.days, wind["By"], wind["Bz"])
    np.testing.assert_allclose(np.hypot(By, Bz), np.hypot(wind["By"], wind["Bz"]))


@pytest.mark.parametrize(("date", "By"), [("1995-03-20", -5.0), ("1995-09-20", 5.0)])
def test_toward_sectors_act_southward_in_spring_and_away_sectors_in_autumn(date, By):
    days = (pd.Timestamp(date) - pd.Timestamp("1995-01-01")).days + np.arange(288) / 288
    _, Bz = gse_to_gsm(days, np.full(288, By), np.zeros(288))
    assert (Bz < 0).all()


def test_northward_field_does_not_couple_and_southward_couples_fully():
    V = np.array([400.0, 400.0])
    coupled = solar_wind_coupling(V, np.zeros(2), np.array([5.0, -5.0]))
    np.testing.assert_allclose(coupled, [0, 400 ** (4 / 3) * 5 ** (2 / 3)])


def test_ring_current_settles_where_injection_balances_decay():
    size = 288 * 10
    V, Bz, P = np.full(size, 500.0), np.full(size, -10.0), np.full(size, 2.0)
    settled = -4.4 * (5 - 0.49) * 2.40 * np.exp(9.74 / (4.69 + 5))
    expected = settled + 7.26 * np.sqrt(2) - 11
    assert ring_current(V, Bz, P)[-1] == pytest.approx(expected, rel=0.01)


def test_ring_current_without_injection_is_pressure_alone():
    size = 100
    Dst = ring_current(np.full(size, 400.0), np.full(size, 3.0), np.full(size, 4.0))
    np.testing.assert_allclose(Dst, 7.26 * 2 - 11)


def test_dst_is_constant_by_hour_and_kp_by_three_hours(indices):
    for name, steps in [("Dst", 12), ("Kp", 36)]:
        rows = indices[name].reshape(-1, steps)
        assert (rows == rows[:, :1]).all()


def test_kp_comes_in_published_thirds(indices):
    published = np.round(np.arange(28) / 3, 1)
    assert np.isin(indices["Kp"], published).all()


def test_ae_is_the_distance_of_the_electrojets(indices):
    np.testing.assert_array_equal(indices["AE"], indices["AU"] - indices["AL"])
    assert (indices["AL"] <= 0).all()
    assert (indices["AU"] >= 0).all()


def test_hourly_sym_h_is_close_to_dst(indices):
    hourly = indices["SYM_H"].reshape(-1, 12).mean(axis=1)
    assert np.abs(hourly - indices["Dst"][::12]).mean() < 2


def test_southward_field_makes_disturbance(wind, indices):
    south = wind["Bz"] < -4
    assert indices["AE"][south].mean() > 2 * indices["AE"][~south].mean()


@pytest.mark.parametrize(
    ("name", "median", "disturbed"), [("Kp", 1.7, 4.3), ("AE", 101, 608), ("Dst", -9, -47)]
)
def test_index_quantiles_are_like_those_of_omni_1998_to_2016(indices, name, median, disturbed):
    hourly = indices[name].reshape(-1, 12).mean(axis=1)
    found = np.quantile(hourly, [0.5, 0.05 if name == "Dst" else 0.95])
    np.testing.assert_allclose(found, [median, disturbed], rtol=0.3)
