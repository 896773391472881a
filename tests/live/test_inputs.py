import json

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.live import read_inputs, read_refm


def test_the_newest_sample_tells_the_time_and_the_issue_day_is_the_last_whole_one(serve):
    inputs = read_inputs(serve("2015-03-10 09:00"))
    assert inputs.newest == pd.Timestamp("2015-03-10 09:00")
    assert inputs.issue_day == pd.Timestamp("2015-03-09")
    assert inputs.data.fluence.index[-1] == inputs.issue_day
    assert inputs.data.drivers.index[-1] == pd.Timestamp("2015-03-09 23:00")
    assert inputs.notes == []
    assert set(inputs.ages) == {"electrons", "V", "N", "B", "Bz"}
    assert read_inputs(serve("2015-03-10 00:00")).issue_day == pd.Timestamp("2015-03-09")
    assert read_inputs(serve("2015-03-09 23:00")).issue_day == pd.Timestamp("2015-03-08")


def test_what_is_stale_or_doubtful_is_told_and_left_out(serve):
    def stale(flux, drivers):
        drivers.loc["2015-03-09 20:00":, "V"] = np.nan

    (note,) = read_inputs(serve("2015-03-10 09:00", stale)).notes
    assert note == "V: the newest sample is 13 h older than the newest."

    def stuck(flux, drivers):
        for frame in flux.values():
            frame.loc["2015-03-09", "e2"] = 66.0

    inputs = read_inputs(serve("2015-03-10 09:00", stuck))
    assert any("doubtful hours of late are left out" in note for note in inputs.notes)
    assert inputs.data.fluence["e2"].isna().iloc[-1]


def test_what_earlier_calls_have_seen_is_kept_and_what_is_new_counts(serve, tmp_path):
    history = tmp_path / "history"
    first = read_inputs(serve("2015-03-10 09:00", days=20), history)
    later = read_inputs(serve("2015-03-25 09:00", days=7), history)
    days = later.data.fluence["e2"]
    assert days.index[0] == first.data.fluence.index[0]
    assert days["2015-03-11":"2015-03-17"].isna().all()  # no call was made
    assert days["2015-03-19":].notna().all()
    assert later.data.drivers["V"].loc["2015-03-01":"2015-03-09"].notna().mean() > 0.8
    for path in history.iterdir():
        path.write_bytes(b"PAR1")
    again = read_inputs(serve("2015-03-25 09:00", days=7), history)
    assert again.data.fluence.index[0] >= pd.Timestamp("2015-03-18")


def test_the_key_changes_with_what_is_known_and_with_nothing_else(serve):
    first = read_inputs(serve("2015-03-10 09:00")).key
    assert read_inputs(serve("2015-03-10 09:00")).key == first
    assert read_inputs(serve("2015-03-10 10:00")).key != first


def test_without_a_day_of_electrons_there_is_nothing_to_start_from(serve):
    def silent(flux, drivers):
        for frame in flux.values():
            frame.iloc[3:] = np.nan

    with pytest.raises(FluxError, match="no whole day of >2 MeV electrons"):
        read_inputs(serve("2015-03-10 09:00", silent))


def test_noaas_forecast_is_of_the_newest_date_and_the_days_after_it(tmp_path):
    path = tmp_path / "refm.json"
    rows = [
        {"date": "2015-03-09T00:00:00", "fluence": 1e7, "fluence_day_two": 2e7},
        {"date": "2015-03-10T00:00:00Z", "fluence": "3e7", "fluence_day_two": -1, "speed": 400},
    ]
    path.write_text(json.dumps(rows))
    found = read_refm(path)
    assert found.index.tolist() == [pd.Timestamp("2015-03-10"), pd.Timestamp("2015-03-11")]
    assert found.iloc[0] == 3e7
    assert np.isnan(found.iloc[1])
    for text in ("{", "[]", "{}", '[{"date": "soon"}]', '[{"date": "2015-03-10"}]', "[1]"):
        path.write_text(text)
        assert read_refm(path).empty
    assert read_refm(tmp_path / "absent.json").empty
