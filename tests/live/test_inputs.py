import json

import numpy as np
import pandas as pd
import pytest

from fluxlib.archives.download import RetryPolicy
from fluxlib.errors import FluxError
from fluxlib.live import fetch_newest, read_inputs, read_refm
from tests.helpers import feeds as swpc
from tests.helpers import public_archive

QUICK = RetryPolicy(timeout=5, tries=2, pause=0.01)


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


def test_the_key_knows_what_earlier_calls_have_seen_and_is_equal_at_the_next_call(serve, tmp_path):
    feeds = serve("2015-03-10 09:00", days=7)
    alone = read_inputs(feeds, tmp_path / "new")
    assert read_inputs(feeds, tmp_path / "new").key == alone.key
    read_inputs(serve("2015-03-05 09:00", days=20), tmp_path / "old")
    feeds = serve("2015-03-10 09:00", days=7)
    longer = read_inputs(feeds, tmp_path / "old")
    assert longer.newest == alone.newest
    assert longer.key != alone.key
    assert read_inputs(feeds, tmp_path / "old").key == longer.key


def test_a_day_of_which_a_feed_has_a_part_keeps_the_fluence_of_all_its_hours(serve, tmp_path):
    whole = read_inputs(serve("2015-03-10 00:00", days=7), tmp_path).data.fluence["e2"]
    late = read_inputs(serve("2015-03-13 04:00", days=7), tmp_path).data.fluence["e2"]
    assert late["2015-03-06"] == whole["2015-03-06"]


@pytest.fixture
def call(future, tmp_path):
    """Return a function that fetches feeds, after a change, and reads them with the history."""
    with swpc.Server(tmp_path / "served") as server:

        def fetch(now, change=lambda feeds: None, answers=(), protons=True, **satellites):
            feeds = swpc.make_feeds(future, now, **satellites)
            change(feeds)
            bases = server.serve(feeds, now, answers, protons=protons)
            notes = fetch_newest(tmp_path / "data", bases=bases, policy=QUICK)
            return read_inputs(tmp_path / "data", tmp_path / "history"), notes

        yield fetch


def test_feeds_of_a_satellite_are_those_that_the_archives_name(call, future):
    inputs, notes = call("2015-03-10 09:00")
    assert notes == inputs.notes == []
    assert set(inputs.flux) == {"goes13", "goes15"}
    assert set(inputs.data.fluence["series"].dropna()) == {"goes13"}
    assert (inputs.series.flux.name, inputs.series.position) == ("goes13", "east")
    expected = future.flux["goes13"]["e2"]["2015-03-09":"2015-03-10 08:00"]
    np.testing.assert_allclose(inputs.series.flux[expected.index], expected, rtol=1e-6)


def test_one_feed_that_fails_or_cannot_be_used_leaves_the_others(call):
    inputs, notes = call("2015-03-10 09:00", answers={"rtsw_wind_1m.json": ["500"] * 4, "none": []})
    assert len(notes) == 1
    assert "rtsw_wind_1m.json" in notes[0]
    assert inputs.ages["V"] == pd.Timedelta(0)  # of the propagated wind

    def spoil(feeds):
        feeds[swpc.FIELD][0]["time_tag"] = "2099-03-10T08:59:00"
        feeds[swpc.SECONDARY] = [{"flux": 1}]

    inputs, notes = call("2015-03-10 10:00", spoil)
    assert inputs.newest == pd.Timestamp("2015-03-10 10:00")
    assert any("its times span 2015-03-09" in note for note in notes)
    assert inputs.issue_day == pd.Timestamp("2015-03-09")
    assert inputs.series.flux.last_valid_index() == pd.Timestamp("2015-03-10 09:00")


def test_another_primary_satellite_is_taken_as_it_comes(call):
    call("2015-03-10 09:00")
    lack = {"rtsw_mag_1m.json": ["500"] * 4}
    inputs, _ = call("2015-03-11 09:00", answers=lack, primary="goes15", secondary="goes13")
    assert inputs.issue_day == pd.Timestamp("2015-03-10")
    assert inputs.data.fluence["series"].iloc[-1] == "goes15"


def test_a_newest_sample_that_turns_out_to_be_a_spike_is_forgotten(call):
    def spike(feeds):
        for place in (swpc.PRIMARY, swpc.SECONDARY):
            for row in feeds[place]:
                if row["time_tag"].startswith("2015-03-09T21"):
                    row["flux"] = 5e5

    before, _ = call("2015-03-09 22:00", spike)
    hour = pd.Timestamp("2015-03-09 21:00")
    assert before.flux["goes13"][hour] == 5e5  # nothing after it tells yet
    after, _ = call("2015-03-10 03:00", spike)
    assert any("doubtful hours" in note for note in after.notes)
    assert np.isnan(after.flux["goes13"][hour])
    assert after.data.fluence["e2"].iloc[-1] < 1e9


def test_electrons_of_a_proton_event_are_left_out_and_unknown_protons_are_told(call, monkeypatch):
    def storm(times):
        return np.where((times >= "2015-03-09 06:00") & (times < "2015-03-09 20:00"), 500.0, 0.2)

    quiet, notes = call("2015-03-10 09:00")
    assert notes == []
    assert "p10" in quiet.ages
    monkeypatch.setattr(public_archive, "proton_flux", storm)
    inputs, _ = call("2015-03-10 10:00")
    assert "goes13: 14 doubtful hours of late are left out." in inputs.notes
    assert inputs.flux["goes13"]["2015-03-09 06:00":"2015-03-09 19:00"].isna().all()
    assert inputs.data.fluence["e2"].isna().iloc[-1]
    _, notes = call("2015-03-10 11:00", protons=False)
    assert any(note.startswith("protons are not known") for note in notes)


def test_without_new_electrons_the_wind_goes_on_and_their_age_is_told(call):
    def drop(feeds):
        del feeds[swpc.PRIMARY], feeds[swpc.SECONDARY]

    call("2015-03-10 09:00")
    inputs, notes = call("2015-03-12 09:00", drop)
    assert "no feed of electrons could be used." in notes
    assert inputs.issue_day == pd.Timestamp("2015-03-11")
    assert inputs.ages["electrons"] == pd.Timedelta("48h")
    assert "electrons: the newest sample is 48 h older than the newest." in inputs.notes
    assert inputs.drivers["Bz"]["2015-03-12 00:00":].notna().all()
    assert inputs.data.fluence["e2"].iloc[-2:].isna().all()


def test_when_nothing_arrives_what_is_known_stays_and_is_told(call):
    before, _ = call("2015-03-10 09:00")
    after, notes = call("2015-03-10 19:00", dict.clear)
    assert notes
    assert any("no new electrons could be read" in note for note in after.notes)
    assert after.newest == before.newest
    pd.testing.assert_frame_equal(after.data.fluence, before.data.fluence)


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
