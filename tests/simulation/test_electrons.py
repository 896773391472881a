"""Trapped electrons: losses, delays by energy, local time."""

import numpy as np
import pandas as pd
import pytest

from fluxlib.simulation.electrons import (
    loss_rate,
    magnetopause,
    stretch_tail,
    trap_electrons,
    turn_local_time,
)
from fluxlib.simulation.random_processes import Span


@pytest.fixture(scope="module")
def span():
    return Span.cover(pd.Timestamp("2005-01-01"), pd.Timestamp("2005-06-01"), seed=0)


def steady(span, **changes):
    """Return quiet wind and indices, all constant but for what is given."""
    level = {"V": 420.0, "By": 0.0, "Bz": 0.0, "P": 1.5, "AE": 180.0, "SYM_H": 0.0}
    return {name: changes.get(name, np.full(span.size, value)) for name, value in level.items()}


def test_the_magnetopause_of_an_ordinary_wind_is_near_eleven_earth_radii():
    P, Bz = np.array([1.0, 10.0]), np.array([0.0, 0.0])
    ordinary, pressed = magnetopause(P, Bz)
    assert ordinary == pytest.approx(10.22 + 1.29 * np.tanh(0.184 * 8.14))
    assert pressed == pytest.approx(ordinary * 10 ** (-1 / 6.6))


def test_pressure_and_southward_field_cause_loss():
    quiet, pressed, both = loss_rate(np.array([1.5, 8.0, 8.0]), np.array([0.0, 0.0, -8.0]))
    assert quiet < 0.1
    assert quiet < pressed < both


def test_higher_energies_answer_a_stream_later(span):
    day = span.days - span.days[0]
    V = np.where((day > 200) & (day < 202), 650.0, 420.0)
    quiet = trap_electrons(span, steady(span), steady(span))
    fast = trap_electrons(span, steady(span, V=V), steady(span))
    peaks = [day[np.argmax(fast[name] - quiet[name])] for name in ("low", "e2", "e4")]
    assert 201 < peaks[0] < peaks[1] < peaks[2] < 210


def test_a_pressure_pulse_drops_the_flux_and_it_recovers_in_days(span):
    day = span.days - span.days[0]
    P = np.where((day > 200) & (day < 200.5), 25.0, 1.5)
    change = (
        trap_electrons(span, steady(span, P=P), steady(span))["e2"]
        - trap_electrons(span, steady(span), steady(span))["e2"]
    )
    at = [change[np.searchsorted(day, when)] for when in (199.9, 200.6, 202.5, 212)]
    assert at[0] == pytest.approx(0, abs=1e-6)
    assert at[1] < -1
    assert at[1] < at[2] < at[3]
    assert at[3] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(("longitude", "hours"), [(-75.0, (16, 17)), (-135.0, (20, 21))])
def test_the_daily_maximum_is_before_local_noon(span, longitude, hours):
    still = np.zeros(span.size)
    wave = turn_local_time(span, longitude, still, still)[:288]
    mean = wave.reshape(24, 12).mean(axis=1)
    assert mean.argmax() in hours


def test_low_flux_and_disturbed_times_have_the_larger_wave(span):
    one, none = np.ones(span.size), np.zeros(span.size)
    ranges = [
        np.ptp(turn_local_time(span, -75.0, level, Kp))
        for level, Kp in [(one, 2 * one), (none, 2 * one), (-one, 2 * one), (-one, 5 * one)]
    ]
    assert ranges == sorted(ranges)


def test_the_tail_dips_at_night_only(span):
    dip = stretch_tail(span, "east", -75.0, np.full(span.size, 4.0))
    local = (24 * (span.days % 1) - 5) % 24
    day = (local > 7) & (local < 17)
    assert (dip >= 0).all()
    assert dip[day].max() == pytest.approx(0, abs=1e-12)
    assert dip[~day].max() > 0.5
