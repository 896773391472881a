import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.observations.gaps import list_months, measure_coverage


@pytest.fixture
def columns():
    """Hourly: goes13 over 2014, goes15 twice; 12 days of March and 5 of October are missing."""
    hours = pd.date_range("2014-01-01", "2014-12-31 23:00", freq="h", name="time")
    whole = pd.Series(1.0, hours)
    whole["2014-03-01":"2014-03-12"] = np.nan
    whole["2014-10-01":"2014-10-05"] = np.nan
    return {
        "goes13": whole,
        "goes15 2014-01": whole[:"2014-03"],
        "goes15 2014-08": whole["2014-08":],
    }


@pytest.mark.parametrize(
    ("options", "large", "months"),
    [
        ({}, 2, 20),
        ({"large_scale_days": 4.0}, 4, 20),
        ({"satellite": "goes13"}, 1, 12),
        ({"satellite": "goes15"}, 1, 8),
        ({"satellite": "goes15 2014-08", "large_scale_days": 4.0}, 1, 5),
        ({"period": ["2014-02", "2014-03"]}, 2, 4),
        ({"period": ["2014-04", ""], "large_scale_days": 4.0}, 2, 14),
        ({"period": ("", "2014-02")}, 0, 4),
    ],
)
def test_months_are_counted_of_the_satellite_and_the_period(columns, options, large, months):
    found = measure_coverage(columns, **options)
    assert (len(found.large), found.months) == (large, months)


def test_the_last_month_is_whole(columns):
    found = measure_coverage(columns, satellite="goes13", period=("2014-03", "2014-03"))
    assert found.series["goes13"].index[-1] == pd.Timestamp("2014-03-31 23:00")
    assert found.missing["goes13"].tolist() == [12 / 31]


def test_what_is_not_there_is_told(columns):
    with pytest.raises(FluxError, match="satellite is 'goes9'; expected 'all' or one of goes13"):
        measure_coverage(columns, satellite="goes9")
    with pytest.raises(FluxError, match="goes13 has no sample there"):
        measure_coverage(columns, satellite="goes13", period=("2020-01", ""))
    with pytest.raises(FluxError, match="period has 'spring'; expected a month such as"):
        measure_coverage(columns, period=("spring", ""))
    with pytest.raises(FluxError, match="expected the first and the last month"):
        measure_coverage(columns, period=["2014-05"])


def test_months_reach_from_the_first_series_to_the_last(columns):
    months = list_months(columns)
    assert (months[0], months[-1], len(months)) == ("2014-01", "2014-12", 12)
