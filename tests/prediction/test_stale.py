"""Windows whose newest fluence is hidden: what is left in them, and what they teach."""

import numpy as np
import pandas as pd
import pytest

from fluxlib.prediction.baselines import RidgeFilter
from fluxlib.prediction.windows import (
    LONGEST,
    SHARE,
    hide_days,
    hide_newest,
    make_windows,
    split_data,
)
from tests.helpers.daily_series import make_series


def make(data):
    return make_windows(data, drivers=["V"], history=3, step=24, horizons=2)


def test_a_twentieth_of_the_days_is_hidden_in_gaps_of_a_week_at_most():
    daily, _ = split_data(make_series(3000))
    gone = hide_days(daily, 0)["e2"].isna()
    assert gone.mean() == pytest.approx(SHARE, abs=0.01)
    lengths = gone.groupby((~gone).cumsum()).sum()
    assert lengths.max() == LONGEST
    assert daily["e2"].notna().all()  # the data itself is as it was


def test_hidden_fluence_is_in_no_input_and_the_target_is_what_came():
    frame = make_series(300)
    windows = hide_newest(frame, make(frame), make)
    assert len(windows.days) > 10
    whole = make(frame)
    rows = whole.days.get_indexer(windows.days)
    assert np.isnan(windows.sequence[:, -1, windows.channels.index("e2")]).all()
    np.testing.assert_array_equal(windows.target, whole.target[rows])
    age = np.expm1(windows.context["age"].to_numpy()).round().astype(int)
    assert (age >= 1).all()
    older = np.log10(frame["e2"]).loc[windows.days - pd.to_timedelta(age, "D")]
    np.testing.assert_array_equal(windows.last, older)
    assert windows.context["stale"].to_numpy() == pytest.approx(older.to_numpy())


def test_what_was_learned_from_hidden_days_helps_on_other_hidden_days():
    frame = make_series(6000)
    seen, unseen = frame[:4000], frame[4000:]
    test = hide_newest(unseen, make(unseen), make, random_state=1).take_known()

    def measure_error(stale):
        model = RidgeFilter(drivers=["V"], history=3, step=24, horizons=2)
        model._fit(make(seen).take_known(), stale)
        return np.sqrt(np.nanmean((model._predict(test)["value"] - test.target) ** 2))

    stale = hide_newest(seen, make(seen), make).take_known()
    assert measure_error(stale) < 0.9 * measure_error(stale.take([]))
