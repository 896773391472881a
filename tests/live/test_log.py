from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.live import (
    ForecastLog,
    issue_forecast,
    issue_newest,
    issue_rolling,
    read_inputs,
    score_log,
    score_rolling,
)
from fluxlib.live.log import SILENCE

ISSUED = pd.date_range("2014-01-01", periods=100, name="time")


@pytest.mark.slow
def test_an_issue_has_three_days_with_two_intervals_and_its_rivals(bundle, serve):
    inputs = read_inputs(serve("2015-03-10 09:00"))
    table = issue_forecast(bundle, inputs)
    assert table.index.tolist() == list(pd.date_range("2015-03-10", periods=3))
    assert (table["issued"] == "2015-03-09").all()
    ends = table[["lower", "lower_50", "value", "upper_50", "upper"]].to_numpy()
    assert (np.diff(ends, axis=1)[:, [0, 3]] > 0).all()
    assert table["alert"].between(0, 1).all()
    fluence = inputs.data.fluence["e2"]
    np.testing.assert_allclose(table["persistence"], fluence.iloc[-1], rtol=1e-5)
    np.testing.assert_allclose(table["recurrence"], fluence["2015-02-11":"2015-02-13"], rtol=1e-5)
    assert table["refm"].isna().all()


@pytest.mark.slow
def test_what_is_missing_widens_the_interval_and_is_told(bundle, serve):
    def width(table):
        return float(np.log10(table["upper"] / table["lower"]).iloc[0])

    whole = issue_forecast(bundle, read_inputs(serve("2015-03-10 09:00")))
    blind = read_inputs(serve("2015-03-10 09:00", lambda flux, drivers: drivers[["N", "B"]]))
    table = issue_forecast(bundle, blind)
    assert "V is missing" in table["note"].iloc[0]
    assert width(table) >= width(whole)

    def late(flux, drivers):
        for frame in flux.values():
            frame.loc["2015-03-01":] = np.nan

    with pytest.raises(FluxError, match="last known fluence is of 2015-02-28, more than 7 days"):
        issue_forecast(bundle, read_inputs(serve("2015-03-10 09:00", late)))


@pytest.mark.slow
def test_the_same_issue_is_kept_once_and_no_part_is_written_again(bundle, serve, tmp_path):
    log = ForecastLog(tmp_path / "log")
    inputs = read_inputs(serve("2015-03-10 09:00"))
    table = issue_forecast(bundle, inputs)
    path = log.append(table, bundle, inputs)
    before = path.stat().st_mtime_ns
    assert log.append(table.assign(value=1.0), bundle, inputs) == path
    assert path.stat().st_mtime_ns == before
    later = read_inputs(serve("2015-03-10 21:00"))
    log.append(issue_forecast(bundle, later), bundle, later)
    assert len(list(log.folder.glob("*.parquet"))) == 2
    # Of one day the first issue counts, however good a later one is.
    kept = log.read()
    assert len(kept) == 3
    assert kept["newest"].eq(inputs.newest).all()
    path.write_bytes(b"PAR1")
    assert log.read().attrs["damaged"] == [path.name]
    log.note(pd.Timestamp("2015-03-11"), "nothing came")
    log.note(pd.Timestamp("2015-03-11"), "nothing came")
    assert log.read_reasons().tolist() == ["nothing came"]
    newer = replace(bundle, about=bundle.about | {"key": "trained anew"})
    assert log.append(table, newer, inputs) not in (path, log.append(table, bundle, inputs))


@pytest.mark.slow
def test_hours_ahead_are_issued_at_the_newest_sample_kept_and_scored(bundle, serve, tmp_path):
    first = issue_newest(bundle, tmp_path, data=serve("2015-03-10 09:00"))
    assert first.rolling["issued"].unique() == [pd.Timestamp("2015-03-10 09:00")]
    assert first.rolling["lead"].tolist() == [6, 12, 24, 48, 72]
    assert first.rolling_scores.empty
    again = issue_newest(bundle, tmp_path, data=serve("2015-03-10 09:00"))
    pd.testing.assert_frame_equal(again.rolling, first.rolling)
    last = issue_newest(bundle, tmp_path, data=serve("2015-03-14 09:00"))
    log = ForecastLog(tmp_path / "log")
    assert len(log.read_rolling()) == 10
    assert len(list(log.folder.glob("rolling-*"))) == 2
    assert last.rolling_scores["lead"].unique().tolist() == [6, 12, 24, 48, 72]
    assert (last.rolling_scores["n"] == 1).all()
    # Between the two, no call saw the 10th, 11th and 12th as the last whole day.
    silent = log.read_reasons()
    assert silent.index.tolist() == list(pd.date_range("2015-03-10", "2015-03-12"))
    assert (silent == SILENCE).all()


@pytest.mark.slow
def test_without_recent_flux_there_is_a_reason_in_place_of_hours_ahead(bundle, serve):
    def late(flux, drivers):
        for frame in flux.values():
            frame.loc["2015-03-06":] = np.nan

    inputs = read_inputs(serve("2015-03-10 09:00", late))
    assert len(issue_forecast(bundle, inputs)) == 3
    with pytest.raises(FluxError, match="no 24 hours of flux are known in the 72 h before"):
        issue_rolling(bundle, inputs)


def test_hours_ahead_are_scored_by_the_satellite_that_they_were_issued_for():
    times = pd.date_range("2014-01-01", "2014-01-10", freq="h", name="time")
    flux = pd.DataFrame({"one": 10.0, "two": 1000.0}, times)
    ends = times[48:-24:5]
    log = pd.DataFrame(
        {"issued": ends, "lead": 6, "value": 2 * 864000.0, "lower": 1.0, "upper": 1e9}
        | {"persistence": 4 * 864000.0, "recurrence": np.nan, "series": "one"},
        ends,
    )
    (row,) = score_rolling(log, flux).to_dict("records")
    assert row["RMSE"] == pytest.approx(np.log10(2))
    assert row["RMSE of it"] == pytest.approx(np.log10(4))
    assert row["skill"] == pytest.approx(0.75)
    assert np.isnan(row["lower"])  # thirty issues of a week are no thirty days
    assert score_rolling(log.assign(series="three"), flux).empty


def make_log(error, other):
    """Issue a hundred days whose truth is 1e7, one day ahead."""
    table = pd.DataFrame(
        {
            "issued": ISSUED,
            "horizon": 1,
            "value": 10 ** (7 + error),
            "lower": 10 ** (6.5 + error),
            "upper": 10 ** (7.5 + error),
            "persistence": 10 ** (7 + other),
            "recurrence": np.nan,
            "refm": np.where(np.arange(100) < 10, 10 ** (7 + other), np.nan),
        },
        ISSUED + pd.Timedelta(days=1),
    )
    return table


def test_scores_compare_on_the_days_that_both_forecast_and_few_have_no_interval():
    rng = np.random.default_rng(0)
    log = make_log(0.2 * rng.normal(size=100), 0.4 * rng.normal(size=100))
    fluence = pd.Series(1e7, ISSUED[:80])
    table = score_log(log, fluence).set_index("against")
    assert set(table.index) == {"persistence", "refm"}
    row = table.loc["persistence"]
    assert row["n"] == 79
    assert row["skill"] == pytest.approx(1 - (row["RMSE"] / row["RMSE of it"]) ** 2)
    assert 0.5 < row["lower"] < row["skill"] < row["upper"] < 0.95
    assert row["coverage"] > 0.95
    assert table.loc["refm", "n"] == 10
    assert np.isnan(table.loc["refm", "lower"])
    assert score_log(log, fluence[:0]).empty
