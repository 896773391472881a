"""The simulated solar wind: identities it must obey, and its likeness to OMNI's statistics."""

import numpy as np
import pandas as pd
import pytest

from fluxlib.simulation.random_processes import EPOCH, Span
from fluxlib.simulation.solar_wind import (
    ROTATION,
    blow_wind,
    draw_ejections,
    draw_streams,
    solar_cycle,
)


@pytest.fixture(scope="module")
def span():
    return Span.cover(pd.Timestamp("2001-01-01"), pd.Timestamp("2011-01-01"), seed=1)


@pytest.fixture(scope="module")
def wind(span):
    return blow_wind(span)


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
    assert frame["V"].autocorr(round(ROTATION * 24)) > 0.35


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
        draw_ejections(Span.cover(pd.Timestamp(f"{year}-01-01"), pd.Timestamp(end), seed=0))
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
def test_quantiles_are_like_those_of_omni_1998_to_2016(frame, name, low, median, high):
    found = frame[name].quantile([0.05, 0.5, 0.95]).to_numpy()
    np.testing.assert_allclose(found, [low, median, high], rtol=0.3)
