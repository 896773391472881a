"""Skill: its value on errors that are known, and its intervals."""

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.evaluation.metrics import scores
from fluxlib.evaluation.skill import bound_pe, compare_skill


def make_table(ratio, *, seed=0, n_days=1500):
    """Draw errors: the model's are `ratio` times as large as persistence's."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2001-01-01", periods=n_days, freq="D", name="time")
    parts = []
    for model, size in (("persistence", 1.0), ("LSTM", ratio)):
        log = 7 + size * rng.normal(size=n_days)
        frame = pd.DataFrame({"value": 10**log, "observed": 1e7, "horizon": 1}, days)
        parts.append(frame.assign(model=model))
    return pd.concat(parts)


def test_skill_is_one_less_the_ratio_of_squared_errors():
    row = compare_skill(make_table(0.5)).loc[("LSTM", 1)]
    assert row["value"] == pytest.approx(0.75, abs=0.03)
    assert row["lower"] < 0.75 < row["upper"]
    assert row["n"] == 1500


def test_interval_of_no_skill_holds_zero_nineteen_times_in_twenty():
    inside = 0
    for seed in range(60):
        row = compare_skill(make_table(1.0, seed=seed, n_days=700), n_boot=300).loc[("LSTM", 1)]
        inside += row["lower"] < 0 < row["upper"]
    assert 51 <= inside <= 60


def test_only_days_that_both_forecast_count():
    table = make_table(0.5)
    table.loc[(table["model"] == "LSTM") & (table.index < "2002-01-01"), "value"] = np.nan
    assert compare_skill(table).loc[("LSTM", 1), "n"] == 1500 - 365


def test_a_reference_that_is_not_there_is_named():
    with pytest.raises(FluxError, match="reference is 'climate'; the table has persistence, LSTM"):
        compare_skill(make_table(1.0), "climate")


def test_pe_is_that_of_the_scores_and_its_interval_holds_the_true_one():
    rng = np.random.default_rng(3)
    days = pd.date_range("2001-01-01", periods=2000, freq="D", name="time")
    observed = 7 + rng.normal(size=2000)
    table = pd.DataFrame(
        {
            "observed": 10**observed,
            "value": 10 ** (observed + 0.5 * rng.normal(size=2000)),
            "model": "LSTM",
            "horizon": 1,
        },
        days,
    )
    row = bound_pe(table).loc[("LSTM", 1)]
    assert row["value"] == pytest.approx(scores(observed, np.log10(table["value"]))["PE"])
    assert row["lower"] < 0.75 < row["upper"] < row["lower"] + 0.1
