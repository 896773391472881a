"""Tasks, submissions and scores on two simulated satellites."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.benchmark import (
    TASKS,
    find_task,
    make_truth,
    read_submission,
    score_submission,
)
from fluxlib.errors import FluxError, NotApplicable, TooLittleDataError
from fluxlib.evaluation.metrics import scores
from fluxlib.prediction import Persistence, leave_one_year_out
from fluxlib.reports.score_page import write_score_page, write_template
from tests.helpers.datasets import make_dataset


@pytest.fixture(scope="module")
def dataset():
    return fluxlib.simulate("2015-06-01", "2017-03-01", "1h", seed=2)


@pytest.fixture(scope="module")
def task():
    return find_task("goes15-2016-2018")


@pytest.fixture(scope="module")
def truth(task, dataset):
    return make_truth(task, dataset)


@pytest.fixture(scope="module")
def persisted(dataset):
    data = dataset.fluence["goes15"][["e2"]].join(dataset.drivers.resample("1D").mean())
    return leave_one_year_out(data, {"persistence": Persistence()}, [2016])


def write(folder, table, name="mine.csv"):
    path = folder / name
    table.to_csv(path)
    return path


def test_every_task_says_what_it_asks_for_and_where_its_data_come_from():
    for name, task in TASKS.items():
        assert task.name == name
        assert task.source.startswith("./run_all.sh fetch ")
        assert task.kind in ("forecast", "rolling", "filling")
        assert bool(task.horizons) == (task.kind != "filling")
        assert (task.mask is not None) == (task.kind == "filling")
    with pytest.raises(FluxError, match="task is 'mine'; expected one of daily-2008-2010"):
        find_task("mine")


def test_a_miss_costs_twenty_times_its_size_and_the_width(task, truth, dataset, tmp_path):
    """Gneiting and Raftery 2007, equation 43: 2 / 0.1 for an interval of 90 %."""
    day, log = truth.log_values.index, truth.log_values.to_numpy()
    table = pd.DataFrame(
        {
            "horizon": 1,
            "value": 10 ** (log - 0.2),
            "lower": 10 ** (log - 0.3),
            "upper": 10 ** (log - 0.1),
        },
        day.rename("time"),
    )
    submission = read_submission(write(tmp_path, table), task, truth)
    scored = score_submission(task, truth, submission, dataset).scores
    assert scored["interval score"].iloc[0] == pytest.approx(0.2 + 20 * 0.1)
    assert scored["coverage"].iloc[0] == 0


def test_the_truth_is_the_days_of_the_task_and_its_checksum_is_of_the_values(truth, dataset, task):
    fluence = dataset.fluence["goes15"]["e2"]
    assert truth.log_values.index[0] == pd.Timestamp("2016-01-01")
    np.testing.assert_allclose(10**truth.log_values, fluence["2016-01-01":].dropna(), rtol=1e-12)
    assert make_truth(task, dataset).checksum == truth.checksum
    changed = {name: frame.copy() for name, frame in dataset.fluence.items()}
    changed["goes15"].loc["2016-05-05", "e2"] *= 1.001
    assert make_truth(task, replace(dataset, fluence=changed)).checksum != truth.checksum


def test_the_truth_of_the_observations_is_as_frozen(dataset, task, real_data):
    observed = fluxlib.load(real_data, "1h")
    for name in ("daily-2008-2010", "goes13-daily", "rolling-24h", "fill-months", "fill-gaps"):
        assert make_truth(find_task(name), observed).frozen == "NOAA's series of 1998 to 2016"
    assert make_truth(task, dataset).frozen is None


@pytest.mark.parametrize("name", ["fill-months", "fill-gaps"])
def test_the_truth_of_hours_is_the_same_on_a_finer_grid(name):
    fine = make_dataset("2014-04-01", days=40)
    for frame in fine.flux.values():
        frame.iloc[1200:1440] = np.nan  # twenty hours, as long as those that are hidden
    hourly = {series: frame.resample("1h").mean() for series, frame in fine.flux.items()}
    coarse = replace(fine, flux=hourly, cadence=pd.Timedelta("1h"))
    one, other = (make_truth(find_task(name), dataset) for dataset in (fine, coarse))
    assert one.checksum == other.checksum


def test_rolling_fluence_is_of_the_24_hours_that_end_at_a_time(dataset):
    task = find_task("rolling-24h")
    truth = make_truth(task, dataset)
    flux = dataset.flux["goes15"]["e2"]
    time = truth.log_values.index[50]
    day = flux[time - pd.Timedelta("24h") : time - pd.Timedelta("1h")]
    assert 10 ** truth.log_values[time] == pytest.approx(day.mean() * 86400)
    assert set(truth.log_values.index.hour) == {0, 6, 12, 18}


def test_rolling_persistence_equals_its_rival_and_a_file_six_hours_late_is_found_out(dataset):
    task = find_task("rolling-24h")
    truth = make_truth(task, dataset)
    times = truth.log_values.index
    tables = [
        pd.DataFrame(
            {"horizon": h, "value": truth.known.reindex(times - task.lead(h)).array}, times
        )
        for h in task.horizons
    ]
    said = pd.concat(tables).assign(lower=np.nan, upper=np.nan).dropna(subset="value")
    found = score_submission(task, truth, said, dataset)
    np.testing.assert_allclose(found.rivals.loc["persistence"]["value"], 0, atol=1e-9)
    assert found.leaks == []
    assert (task.lead(48), task.spacing) == (pd.Timedelta("2D"), pd.Timedelta("6h"))
    ago = truth.known.reindex(times - pd.Timedelta("27D")).to_numpy()
    again = pd.DataFrame({"horizon": 6, "value": ago, "lower": np.nan, "upper": np.nan}, times)
    again = again.dropna(subset="value")
    one_only = score_submission(task, truth, again, dataset)  # the rivals have five horizons
    assert set(one_only.rivals.index.unique("horizon")) == {6}
    same = one_only.rivals.loc["recurrence"]
    np.testing.assert_allclose(same["value"], 0, atol=1e-9)
    early = again.set_axis(times[: len(again)])[:60]  # before a rotation has been known
    assert list(score_submission(task, truth, early, dataset).rivals.index.unique("rival")) == [
        "persistence"
    ]
    noise = 0.1 * np.random.default_rng(0).normal(size=len(times))
    late = pd.DataFrame({"horizon": 24, "value": truth.log_values + noise}).assign(
        lower=np.nan, upper=np.nan
    )
    late.index -= pd.Timedelta("6h")
    late = late[late.index.isin(times)]
    (line,) = score_submission(task, truth, late).leaks
    assert "a file shifted by 6 hours" in line


def test_a_dataset_without_the_days_does_not_apply(dataset):
    with pytest.raises(NotApplicable, match="has 0 of the values that daily-2008-2010 asks for"):
        make_truth(find_task("daily-2008-2010"), dataset)


@pytest.mark.parametrize("name", ["fill-months", "fill-gaps"])
def test_what_is_hidden_is_asked_for_and_not_known(name, dataset):
    truth = make_truth(find_task(name), dataset)
    assert truth.series == "goes15"
    assert truth.known.reindex(truth.log_values.index).isna().all()
    flux = np.log10(dataset.flux["goes15"]["e2"])
    pd.testing.assert_series_equal(
        flux.dropna(),
        pd.concat([truth.known.dropna(), truth.log_values]).sort_index(),
        check_names=False,
        check_freq=False,
    )
    share = len(truth.log_values) / flux.count()
    assert 0.05 < share < 0.3
    assert make_truth(find_task(name), dataset).checksum == truth.checksum


def test_persistence_scores_as_such_and_is_no_leak(task, truth, dataset, persisted, tmp_path):
    path = write(tmp_path, persisted[["horizon", "value"]])
    submission = read_submission(path, task, truth)
    found = score_submission(task, truth, submission)
    part = persisted[(persisted["horizon"] == 1)].dropna(subset=["observed", "value"])
    expected = scores(np.log10(part["observed"]), np.log10(part["value"]))
    row = found.scores.loc[1]
    assert row["RMSE"] == pytest.approx(expected["RMSE"])
    assert row["PE"] == pytest.approx(expected["PE"])
    assert row["PE lower"] < row["PE"] < row["PE upper"]
    assert row["n"] == expected["n"]
    assert found.leaks == []
    assert found.rivals.empty
    assert {"POD", "FAR", "HSS"} <= set(found.scores)
    assert "coverage" not in found.scores


def test_rivals_are_compared_on_the_times_that_both_have(task, truth, dataset, persisted):
    table = persisted.assign(value=np.log10(persisted["value"]))[["horizon", "value"]]
    table = table.assign(lower=table["value"] - 1, upper=table["value"] + 1)
    half = table[table.index < "2016-07-01"].dropna(subset="value")
    half = half[half.index.isin(truth.log_values.index)]
    found = score_submission(task, truth, half, dataset)
    same = found.rivals.loc["persistence"]
    np.testing.assert_allclose(same["value"], 0, atol=1e-9)
    assert (same["n"] <= 182).all()
    assert found.scores["share"].max() < 0.5
    assert found.scores["coverage"].between(0.7, 1).all()


def test_a_shifted_file_a_copy_and_errors_that_do_not_grow_are_found_out(task, truth, persisted):
    table = persisted.assign(value=np.log10(persisted["value"]))[["horizon", "value"]]
    rng = np.random.default_rng(0)
    one = table[table["horizon"] == 1].assign(lower=np.nan, upper=np.nan)
    good = truth.known.reindex(one.index) + 0.1 * rng.normal(size=len(one))
    good = one.assign(value=good).dropna(subset="value")
    shifted = good.set_axis(good.index - pd.Timedelta("1D"))
    (line,) = score_submission(task, truth, shifted[shifted.index.year == 2016]).leaks
    assert "a file shifted by 24 hours knows that much too much" in line
    copy = one.assign(value=truth.known.reindex(one.index)).dropna(subset="value")
    (line,) = score_submission(task, truth, copy).leaks
    assert "a copy of what was observed" in line
    few = pd.concat([good, good[:5].assign(horizon=3)])
    found = score_submission(task, truth, few)
    assert list(found.scores.index) == [1]
    assert found.left_out == ["5 values 3 d ahead, fewer than 30"]
    assert found.leaks == []
    apart = pd.concat([good[:180], good[180:].assign(horizon=3)])
    assert score_submission(task, truth, apart).leaks == []
    with pytest.raises(TooLittleDataError, match=r"no horizon has 30 of the values .* most has 5"):
        score_submission(task, truth, good[:5])
    flat = pd.concat([good, good.assign(horizon=3)])
    (line,) = score_submission(task, truth, flat).leaks
    assert "3 d ahead" in line
    assert "no greater than 1 d ahead" in line


def test_a_short_year_leaves_the_interval_of_the_mean_over_years_known(dataset):
    task = find_task("rolling-24h")
    truth = make_truth(task, dataset)
    noise = np.random.default_rng(0).normal(size=len(truth.log_values))
    said = pd.DataFrame({"horizon": 6, "value": truth.log_values + 0.1 * noise})
    said = pd.concat([said.loc["2015"][:31], said.loc["2016"]]).assign(lower=np.nan, upper=np.nan)
    row = score_submission(task, truth, said).scores.loc[6]
    assert row["PE lower"] < row["PE"] < row["PE upper"]
    assert row["PE lower"] > 0.9  # where a year is not drawn, the mean is of those that are


@pytest.mark.slow
def test_filling_has_rivals_too(dataset):
    task = find_task("fill-gaps")
    truth = make_truth(task, dataset)
    noise = 0.2 * np.random.default_rng(0).normal(size=len(truth.log_values))
    submission = pd.DataFrame(
        {"horizon": 0, "value": truth.log_values + noise, "lower": np.nan, "upper": np.nan}
    )
    found = score_submission(task, truth, submission, dataset)
    assert found.scores.loc[0, "RMSE"] == pytest.approx(0.2, abs=0.01)
    assert set(found.rivals.index.unique("rival")) == {
        "straight line",
        "other satellite, calibrated",
    }
    assert (found.rivals["lower"] > 0).all()


def test_the_logarithm_of_a_low_flux_is_told_from_the_flux(dataset, tmp_path):
    task = find_task("fill-gaps")
    truth = make_truth(task, dataset)
    said = truth.log_values.clip(0.5).rename("value").rename_axis("time")
    assert len(read_submission(write(tmp_path, 10**said), task, truth)) == len(said)
    with pytest.raises(FluxError, match=r"expected flux, .* and not its logarithm"):
        read_submission(write(tmp_path, said), task, truth)


LINES = {
    "2016-01-05,1,\n": None,
    "soon,1,1e7\n": r"line 3, column time, is 'soon' \(1 such rows\); expected an ISO 8601",
    "2016-01-05,5,1e7\n": r"line 3, column horizon, is '5' .* expected 1, 2, 3 days",
    "2016-01-05,1,many\n": r"column value, is 'many' .* expected a number",
    "2016-01-05,1,-3\n": r"column value, is '-3.* expected a number above zero",
    "2016-01-05,1,0\n": r"column value, is '0.* expected a number above zero",
    "2016-01-04,1,1e7\n": r"line 3, column time, .* expected each time and horizon once",
}


@pytest.mark.parametrize(("line", "message"), LINES.items(), ids=range(len(LINES)))
def test_a_bad_line_gets_one_clear_error_and_a_hole_none(line, message, task, truth, tmp_path):
    value = 10 ** truth.log_values.median()
    path = tmp_path / "bad.csv"
    path.write_text(f"time,horizon,value\n2016-01-04,1,{value}\n{line}")
    if message is None:
        assert len(read_submission(path, task, truth)) == 1
        return
    with pytest.raises(FluxError, match=message):
        read_submission(path, task, truth)


def test_wrong_units_columns_and_times_are_told(task, truth, persisted, tmp_path):
    table = persisted[["horizon", "value"]]
    for wrong, message in (
        (table.assign(value=np.log10(table["value"])), "fluence, .* and not its logarithm"),
        (table.assign(value=table["value"] / 86400), "the median of column value is"),
        (table[["value"]], "goes15-2016-2018 needs time, horizon, value"),
        (table.set_axis(table.index - pd.Timedelta("9000D")), "no row has a time"),
    ):
        with pytest.raises(FluxError, match=message):
            read_submission(write(tmp_path, wrong.rename_axis("time")), task, truth)
    with pytest.raises(FluxError, match="not a readable CSV"):
        read_submission(tmp_path / "absent.csv", task, truth)


def test_the_times_asked_for_are_written_and_the_page_tells_of_a_leak(
    task, truth, dataset, persisted, tmp_path
):
    asked = pd.read_csv(write_template(task, truth, tmp_path))
    assert len(asked) == 3 * len(truth.log_values)
    path = write(tmp_path, persisted[["horizon", "value"]], "a<b.csv")
    found = score_submission(task, truth, read_submission(path, task, truth))
    page = write_score_page(tmp_path / "out", task, truth, found, path, dataset).read_text()
    assert "a&lt;b.csv" in page
    assert truth.checksum in page
    assert "No sign was found" in page
    found.leaks.append("it knew")
    page = write_score_page(tmp_path / "out", task, truth, found, path, dataset).read_text()
    assert "<li>it knew</li>" in page
