import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from fluxlib.errors import FluxError
from fluxlib.evaluation.metrics import scores
from fluxlib.evaluation.skill import (
    QUANTILES,
    add_mean,
    bound_mean_pe,
    bound_pe,
    compare_rivals,
    compare_skill,
    score_alerts,
    score_distributions,
    score_groups,
    score_intervals,
)

HOURS = pd.date_range("2014-01-01", periods=4000, freq="h", name="time")


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


def make_years(levels=(6.0, 8.0), noise=0.5):
    """Draw a year at each level, forecast with noise, and with the level alone."""
    rng = np.random.default_rng(0)
    parts = []
    for number, level in enumerate(levels):
        year = 2001 + number
        days = pd.date_range(f"{year}-01-01", f"{year}-12-31", name="time")
        observed = level + rng.normal(size=365)
        for model, log in (
            ("LSTM", observed + noise * rng.normal(size=365)),
            ("ridge", observed + noise * rng.normal(size=365)),
            ("level", np.full(365, level)),
        ):
            frame = {"observed": 10**observed, "value": 10**log, "model": model, "horizon": 1}
            issued = days - pd.Timedelta(days=1)
            parts.append(pd.DataFrame({**frame, "year": year, "issued": issued}, days))
    return pd.concat(parts)


def test_the_mean_over_years_gives_no_credit_for_the_levels_of_years():
    table = make_years()
    mean = bound_mean_pe(table)
    assert bound_pe(table).loc[("level", 1), "value"] > 0.4  # pooled, the level alone has skill
    assert mean.loc[("level", 1), "value"] < 0.02
    row = mean.loc[("LSTM", 1)]
    expected = [
        scores(np.log10(part["observed"]), np.log10(part["value"]))["PE"]
        for _, part in table[table["model"] == "LSTM"].groupby("year")
    ]
    assert row["value"] == pytest.approx(np.mean(expected))
    assert row["lower"] < 0.75 < row["upper"] < row["lower"] + 0.12


def test_the_mean_of_models_is_of_their_logarithms_and_beats_each_where_errors_differ():
    table = add_mean(make_years(), ["LSTM", "ridge"], "both")
    part = table.set_index("model", append=True)["value"].unstack("model")  # noqa: PD010
    np.testing.assert_allclose(part["both"], np.sqrt(part["LSTM"] * part["ridge"]))
    against = compare_rivals(table, "both", ["LSTM", "ridge"])
    assert (against["lower"] > 0.3).all()
    assert against.loc[("LSTM", 1), "value"] == pytest.approx(
        compare_skill(table, "LSTM").loc[("both", 1), "value"]
    )


def make_distributions(*, spread=1.0, offset=0.0, n=4000):
    """Truth is normal; persistence knows its distribution, LSTM gives one of another spread."""
    rng = np.random.default_rng(5)
    days = pd.date_range("2001-01-01", periods=n, freq="D", name="time")
    frame = pd.DataFrame({"observed": 10 ** (7 + rng.normal(size=n)), "horizon": 1}, days)
    parts = []
    for model, middle, width in (("persistence", 0.0, 1.0), ("LSTM", offset, spread)):
        ends = {
            name: 10 ** (7 + middle + width * norm.ppf(p)) for name, (p, _) in QUANTILES.items()
        }
        parts.append(frame.assign(**ends, model=model))
    return pd.concat(parts)


def test_crps_of_the_true_distribution_is_that_of_a_normal_one():
    """1 / sqrt(pi) for a standard normal truth (Gneiting and Raftery 2007, equation 21)."""
    row = score_distributions(make_distributions()).loc[("persistence", 1)]
    assert row["CRPS"] == pytest.approx(1 / np.sqrt(np.pi), rel=0.03)
    assert row["within 90 %"] == pytest.approx(0.9, abs=0.02)
    assert row["within 50 %"] == pytest.approx(0.5, abs=0.03)
    # The pinball loss of a true quantile of a standard normal is its density there.
    assert row["pinball 5 %"] == pytest.approx(norm.pdf(norm.ppf(0.05)), rel=0.1)
    assert np.isnan(row["skill"])


@pytest.mark.parametrize("fault", [{"spread": 0.3}, {"spread": 3}, {"offset": 0.7}])
def test_too_sure_too_vague_and_biased_distributions_score_worse(fault):
    row = score_distributions(make_distributions(**fault)).loc[("LSTM", 1)]
    assert row["upper"] < 0


def test_models_without_intervals_have_no_score_of_a_distribution():
    table = make_distributions()
    table.loc[table["model"] == "LSTM", "lower_50"] = np.nan
    assert set(score_distributions(table).index.unique("model")) == {"persistence"}
    with pytest.raises(FluxError, match="reference is 'LSTM', which has no intervals"):
        score_distributions(table, "LSTM")


def test_alerts_are_scored_by_the_value_and_by_the_probability():
    table = make_years(levels=(8.0,))
    noise = np.log10(table["value"])
    table["alert"] = 1 / (1 + np.exp(-4 * (noise - 8)))
    table.loc[table["model"] == "level", "alert"] = np.nan
    found = score_alerts(table, 1e8)
    came = (table.loc[table["model"] == "LSTM", "observed"] >= 1e8).sum()
    assert found.loc[("LSTM", 1), ["alerts", "n"]].tolist() == [came, 365]
    assert found.loc[("LSTM", 1), "HSS"] > 0.6
    assert found.loc[("LSTM", 1), "ROC area"] > 0.9
    assert 0.3 < found.loc[("LSTM", 1), "Brier skill"] < 0.9
    row = found.loc[("level", 1)]
    assert row["POD"] == 1
    assert row["HSS"] == 0
    assert np.isnan(row["ROC area"])


def make_case(seed=0, noise=0.3, extra=0.1):
    rng = np.random.default_rng(seed)
    truth = pd.Series(rng.normal(size=4000), HOURS)
    ours = truth + noise * rng.normal(size=4000)
    return truth, pd.DataFrame({"ours": ours, "worse": ours + extra * rng.normal(size=4000)})


def test_scores_are_those_of_metrics_at_times_that_all_have():
    truth, predicted = make_case()
    predicted.iloc[:100, 1] = np.nan
    table = score_intervals(truth, predicted)
    plain = scores(truth.iloc[100:], predicted["ours"].iloc[100:])
    assert {name: table.loc["ours", name] for name in plain} == pytest.approx(plain)


def test_intervals_hold_the_true_error_as_often_as_they_say():
    inside = []
    for seed in range(60):
        truth, predicted = make_case(seed)
        row = score_intervals(truth, predicted[["ours"]], n_boot=200).loc["ours"]
        inside.append(row["RMSE lower"] <= 0.3 <= row["RMSE upper"])
        assert row["PE lower"] < row["PE"] < row["PE upper"]
        assert row["LC lower"] < row["LC"] < row["LC upper"]
        assert row["MAE lower"] < row["MAE"] < row["MAE upper"]
    assert 0.8 < np.mean(inside) <= 1


def test_intervals_widen_when_errors_go_together():
    truth, predicted = make_case()
    slow = pd.DataFrame({"ours": truth + 0.4 * np.sin(np.arange(4000) / 300) ** 2})
    wide, narrow = (
        row["RMSE upper"] - row["RMSE lower"]
        for row in (
            score_intervals(truth, slow).loc["ours"],
            score_intervals(truth, predicted[["ours"]]).loc["ours"],
        )
    )
    assert wide > 2 * narrow


def test_a_worse_method_is_told_from_an_equal_one():
    truth, predicted = make_case()
    rng = np.random.default_rng(9)
    predicted["equal"] = truth + 0.3 * rng.normal(size=4000)
    table = score_intervals(truth, predicted)
    assert table.loc["ours", ["worse", "worse lower", "worse upper"]].tolist() == [0, 0, 0]
    assert table.loc["worse", "worse"] == pytest.approx(0.01, abs=0.004)
    assert table.loc["worse", "worse lower"] > 0
    assert table.loc["equal", "worse lower"] < 0 < table.loc["equal", "worse upper"]


def test_groups_have_their_own_errors_and_counts():
    truth = pd.Series([0, 0, 0, 0, np.nan, 0], HOURS[:6])
    predicted = pd.DataFrame({"a": [1.0, 1, 1, 2, 2, np.nan]}, HOURS[:6])
    groups = pd.Series(["low", "low", "low", "high", "high", "high"], HOURS[:6])
    table = score_groups(truth, predicted, groups)
    assert table.loc["low"].tolist() == [1, 3]
    assert table.loc["high"].tolist() == [2, 2]
    assert score_groups(truth, predicted, groups.where(groups == "low")).index.tolist() == ["low"]
    nowhere = score_groups(truth, predicted, groups.where(groups == "none"))
    assert nowhere.empty
    assert list(nowhere) == ["a", "n"]
