"""What forecasts gain from imputation, on series where the best filling is known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fluxlib.datasets.series import daily_fluence
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.observations.gaps import find_gaps
from fluxlib.prediction.baselines import RidgeFilter
from fluxlib.prediction.imputation_study import (
    hide_gaps,
    make_fillers,
    score_imputation,
    study_imputation,
    study_satellite,
)

MODEL = RidgeFilter(step=24, history=2, context=False)


def make_hourly(n_days=1100, seed=0):
    """Draw hourly flux: a day's flux, with a daily cycle, that answers the last day's V."""
    rng = np.random.default_rng(seed)
    v, log = rng.normal(size=n_days), np.zeros(n_days)
    for d in range(n_days - 1):
        log[d + 1] = 0.7 * log[d] + 0.4 * v[d] + 0.1 * rng.normal()
    hours = pd.date_range("2003-01-01", periods=24 * n_days, freq="h", name="time")
    cycle = 0.3 * np.sin(2 * np.pi * hours.hour / 24)
    flux = pd.Series(10 ** (2 + np.repeat(log, 24) + cycle), hours)
    return flux, pd.DataFrame({"V": np.repeat(450 + 80 * v, 24)}, hours)


def test_hidden_stretches_have_the_lengths_and_the_share_that_were_asked():
    flux, _ = make_hourly(300)
    masked = hide_gaps(flux, [6, 30, 100], 0.25)
    assert masked.isna().mean() == pytest.approx(0.25, abs=0.02)
    assert set(find_gaps(masked)["hours"]) <= {6, 30, 100}
    assert flux.notna().all()


def test_same_seed_hides_the_same_and_another_other_hours():
    flux, _ = make_hourly(300)
    first, same, other = (hide_gaps(flux, [10], 0.2, random_state=s) for s in (1, 1, 2))
    assert first.equals(same)
    assert not first.equals(other)


@pytest.mark.parametrize(("hours", "share"), [([], 0.2), ([5], 0), ([5], 1)])
def test_unusable_shares_and_lengths_are_named(hours, share):
    flux, _ = make_hourly(10)
    with pytest.raises(FluxError, match="share is"):
        hide_gaps(flux, hours, share)


def test_a_perfect_filler_forecasts_as_the_truth_and_a_wrong_one_worse():
    flux, drivers = make_hourly()
    fillers = {
        "perfect": lambda masked, train: masked.fillna(flux),
        "constant": lambda masked, train: masked.fillna(1.0),
    }
    table = study_imputation(flux, drivers, fillers, MODEL, [2004], hours=[48, 90], share=0.4)
    pe = score_imputation(table)
    assert pe.loc["filled", "constant"][1] < pe.loc["filled", "perfect"][1] - 0.1
    whole = pe.loc["truth"]
    pd.testing.assert_series_equal(whole.loc["perfect"], whole.loc["truth"], check_names=False)
    assert whole.loc["constant"][1] < whole.loc["perfect"][1]


def test_every_day_of_the_year_is_forecast_as_far_ahead_as_the_model_looks():
    flux, drivers = make_hourly(800)
    model = RidgeFilter(step=24, history=2, context=False, horizons=5)
    table = study_imputation(flux, drivers, {}, model, [2004], hours=[30], share=0.3)
    whole = table.query("inputs == 'truth' and fill == 'truth'")
    assert whole["horizon"].value_counts().to_dict() == dict.fromkeys(range(1, 6), 366)


def test_no_forecast_is_made_from_a_day_at_whose_end_a_gap_is_open():
    flux, drivers = make_hourly(800)
    table = study_imputation(flux, drivers, {}, MODEL, [2004], hours=[30], share=0.3)
    masked = hide_gaps(flux, [30], 0.3)
    filled = table[table["inputs"] == "filled"]
    assert masked[filled["issued"] + pd.Timedelta("23h")].notna().all()
    assert len(filled) < len(table[table["inputs"] == "truth"])


def test_the_test_year_is_hidden_from_what_fills():
    flux, drivers = make_hourly(800)
    seen = []

    def spy(masked, train):
        seen.append(train)
        return masked

    study_imputation(flux, drivers, {"spy": spy}, MODEL, [2004], hours=[30], share=0.2)
    assert seen[0].year.unique().tolist() == [2003, 2005]


def test_interpolators_of_the_study_fill_closed_gaps():
    flux, _ = make_hourly(60)
    masked = flux.mask((flux.index.hour > 3) & (flux.index.hour < 9))
    fillers = make_fillers(None, "a", "b")
    for kind in ("linear", "cubic"):
        filled = fillers[kind](masked, flux.index)
        assert filled.notna().all()
        assert np.log10(filled / flux).abs().max() < 0.2
    assert daily_fluence(masked.rename("e2").to_frame())["e2"].isna().all()


def test_a_dataset_without_the_satellites_is_not_applicable():
    flux, drivers = make_hourly(30)
    dataset = SimpleNamespace(flux={"a": flux.rename("e2").to_frame()}, drivers=drivers)
    with pytest.raises(NotApplicable, match="lacks >2 MeV flux of b"):
        study_satellite(dataset, "a", "b", MODEL)
    dataset.flux["b"] = dataset.flux["a"]
    with pytest.raises(NotApplicable, match="years with flux of a: 1; two"):
        study_satellite(dataset, "a", "b", MODEL)
