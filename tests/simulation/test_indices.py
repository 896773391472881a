"""Indices: analytic cases of each model, and steps, signs and rounding of the whole."""

import numpy as np
import pandas as pd
import pytest

from fluxlib.simulation.indices import couple_field, disturb, ring_current, rotate_to_gsm
from fluxlib.simulation.random_processes import Span
from fluxlib.simulation.solar_wind import blow_wind


@pytest.fixture(scope="module")
def span():
    return Span.cover(pd.Timestamp("2003-01-01"), pd.Timestamp("2004-01-01"), seed=1)


@pytest.fixture(scope="module")
def decade():
    span = Span.cover(pd.Timestamp("2001-01-01"), pd.Timestamp("2011-01-01"), seed=1)
    return disturb(span, blow_wind(span))


@pytest.fixture(scope="module")
def wind(span):
    return blow_wind(span)


@pytest.fixture(scope="module")
def indices(span, wind):
    return disturb(span, wind)


def test_turning_to_gsm_keeps_the_length(span, wind):
    By, Bz = rotate_to_gsm(span.days, wind["By"], wind["Bz"])
    np.testing.assert_allclose(np.hypot(By, Bz), np.hypot(wind["By"], wind["Bz"]))


@pytest.mark.parametrize(("date", "By"), [("1995-03-20", -5.0), ("1995-09-20", 5.0)])
def test_toward_sectors_act_southward_in_spring_and_away_sectors_in_autumn(date, By):
    days = (pd.Timestamp(date) - pd.Timestamp("1995-01-01")).days + np.arange(288) / 288
    _, Bz = rotate_to_gsm(days, np.full(288, By), np.zeros(288))
    assert (Bz < 0).all()


def test_northward_field_does_not_couple_and_southward_couples_fully():
    V = np.array([400.0, 400.0])
    coupled = couple_field(V, np.zeros(2), np.array([5.0, -5.0]))
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
def test_quantiles_are_like_those_of_omni_1998_to_2016(decade, name, median, disturbed):
    hourly = decade[name].reshape(-1, 12).mean(axis=1)
    found = np.quantile(hourly, [0.5, 0.05 if name == "Dst" else 0.95])
    np.testing.assert_allclose(found, [median, disturbed], rtol=0.3)
