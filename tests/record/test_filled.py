import numpy as np
import pandas as pd
import pytest

from fluxlib.record.filled import refine_hours, sum_days

FINE = pd.date_range("2014-01-01", periods=12 * 48, freq="5min", name="time")
HOURS = pd.date_range("2014-01-01", periods=48, freq="1h", name="time")


@pytest.fixture
def truth():
    angle = 2 * np.pi * np.arange(len(FINE)) / len(FINE)
    return pd.Series(2 + np.sin(angle), FINE)


@pytest.fixture
def hours(truth):
    value = truth.resample("1h").mean()
    return pd.DataFrame({"value": value, "lower": value - 0.2, "upper": value + 0.2})


def test_short_gaps_are_bridged_and_long_ones_follow_the_hours(truth, hours):
    rng = np.random.default_rng(0)
    value = truth + 0.02 * rng.normal(size=len(FINE))
    value.iloc[100:106] = np.nan
    value.iloc[200:300] = np.nan
    fine = pd.DataFrame({"value": value, "lower": value, "upper": value, "source": "a"})
    table = refine_hours(hours, fine)
    assert table["imputed"].sum() == 106
    assert table["value"].notna().all()
    assert (table["value"] - truth).abs().max() < 0.1
    width = (table["upper"] - table["lower"]) / 2
    assert 0.01 < width.iloc[103] < 0.06
    assert 0.2 < width.iloc[250] < 0.25
    assert table["source"].isna().sum() == 106


def test_a_days_interval_shrinks_by_the_factor_of_its_share_and_days_with_holes_are_missing(hours):
    hours = hours.assign(imputed=False)
    hours.loc[HOURS[:24], "imputed"] = True

    class Filling:
        day_factor = np.array([1.0, 0.7, 0.5])

    days = sum_days(Filling, hours)
    assert days["share"].tolist() == [1.0, 0.0]
    flux = 10 ** hours["value"]
    np.testing.assert_allclose(days["value"], np.log10(flux.resample("1D").mean() * 86400))
    np.testing.assert_allclose(days["upper"] - days["value"], [0.1, 0.2])
    hours.loc[HOURS[30], "value"] = np.nan
    assert sum_days(Filling, hours)["value"].isna().tolist() == [False, True]
