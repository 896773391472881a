from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from tests.helpers.datasets import make_dataset


def make_fluence(*values, start="2014-01-01"):
    index = pd.date_range(start, periods=len(values), name="time")
    return pd.DataFrame({"e2": values}, index=index, dtype=float)


def make_toy(order, **fluence):
    toy = make_dataset(days=3, cadence="1h")
    return replace(toy, fluence=fluence, manifest=replace(toy.manifest, daily=order))


def test_the_daily_series_takes_each_day_from_the_first_that_has_it():
    one = make_fluence(1, np.nan, 3)
    two = make_fluence(9, 8, 7, np.nan, 5)
    daily = make_toy(("one", "two"), two=two, one=one).daily
    assert daily["e2"].iloc[[0, 1, 2, 4]].tolist() == [1, 8, 3, 5]
    assert daily["series"].iloc[[0, 1, 2, 4]].tolist() == ["one", "two", "one", "two"]
    assert daily.iloc[3].isna().all()
    assert daily.index.freq == "D"


def test_the_daily_series_begins_with_the_earliest_day_of_any_series():
    late, early = make_fluence(2, start="2014-01-03"), make_fluence(1)
    daily = make_toy(("late", "early"), late=late, early=early).daily
    assert daily["series"].tolist()[::2] == ["early", "late"]
    assert daily.index.name == "time"


def test_series_without_the_channel_or_absent_or_not_named_do_not_count():
    low = make_fluence(1).rename(columns={"e2": "e0.8"})
    daily = make_toy(("absent", "low", "one"), low=low, one=make_fluence(2), other=low * 9).daily
    assert daily["series"].tolist() == ["one"]
    empty = make_toy(("low",), low=low).daily
    assert empty.empty
    assert empty.dtypes.to_dict() == {"e2": float, "series": object}


def test_a_dataset_is_not_changed_by_asking_for_its_daily_series():
    made = make_dataset(days=4)
    before = {series: frame.copy() for series, frame in made.fluence.items()}
    assert made.daily["series"].tolist() == ["goes12"] * 4
    for series, frame in before.items():
        pd.testing.assert_frame_equal(made.fluence[series], frame)


def test_an_unknown_series_is_refused_with_the_name_that_may_be_meant():
    dataset = make_dataset(days=3, cadence="1h")
    with pytest.raises(FluxError, match=r"no series 'GOES-15'; .*; did you mean 'goes15'\?"):
        dataset.flux["GOES-15"]
    with pytest.raises(FluxError, match="no series 'nonsense'; expected one of goes12, goes13"):
        dataset.fluence["nonsense"]
    assert "GOES-15" not in dataset.flux


def test_a_dataset_is_described_in_a_line_and_in_a_table():
    dataset = make_dataset(days=3, cadence="1h")
    assert len(repr(dataset)) < 400
    assert "goes12, goes13, goes15; flux every 0 days 01:00:00 from 2014-01-01" in repr(dataset)
    table = dataset.describe()
    assert table.loc["goes13", ["position", "from", "to"]].tolist() == [
        "east",
        "2014-01-01",
        "2014-01-03",
    ]
    assert table.loc["goes13", "known (%)"] == pytest.approx(100 * 52 / 72, abs=0.1)
    assert "<table" in dataset._repr_html_()


def test_a_series_is_drawn_with_its_gaps_and_a_dataset_with_all_series():
    from matplotlib import pyplot as plt

    dataset = make_dataset(days=5, cadence="1h")
    dataset.flux["goes13"].iloc[40:80] = np.nan
    ax = dataset.plot("goes13")
    assert len(ax.patches) == 1
    assert "simulated" in ax.get_title()
    assert len(dataset.plot().lines) == 3
    plt.close("all")
