from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from fluxlib.live import Bundle, Issue, LiveInputs, score_log, score_rolling
from fluxlib.prediction import DailyData, FluxForecaster, HourlySeries
from fluxlib.prediction.hours import LEADS
from fluxlib.reports.live_page import write_live_page

NEWEST = pd.Timestamp("2015-03-10 09:00")
HOUR = pd.Timedelta("1h")
ABOUT = {"key": "a" * 64, "dataset": "toy", "first": "2013-01-01", "last": "2014-12-31"}
ABOUT |= {"days": 700, "reference": "goes13", "synthetic": True}


def make_table(times, **more):
    levels = {"value": 1.2e8, "lower": 3e7, "upper": 4e8, "lower_50": 8e7, "upper_50": 2e8}
    more = levels | {"alert": 0.61, "persistence": 9.9e7, "recurrence": np.nan, "note": ""} | more
    return pd.DataFrame(more, times.rename("time"))


@pytest.fixture
def issue():
    hours = pd.date_range("2015-02-01", NEWEST, freq="h", inclusive="left", name="time")
    days = pd.date_range("2015-02-01", "2015-03-09", name="time")
    flux = pd.Series(1000.0, hours, name="goes13")
    drivers = pd.DataFrame({"V": 400.0}, hours)
    inputs = LiveInputs(
        DailyData(pd.DataFrame({"e2": 8.64e7, "series": "goes13"}, days), drivers),
        flux.to_frame(),
        HourlySeries(flux, "east"),
        drivers,
        days[-1],
        NEWEST,
        {"electrons": 0 * HOUR, "V": 5 * HOUR},
        ["V: the newest sample is 5 h older than the newest."],
    )
    table = make_table(
        pd.date_range("2015-03-10", periods=3), issued=days[-1], horizon=[1, 2, 3], refm=7.7e7
    )
    ends = NEWEST + pd.to_timedelta(LEADS, unit="h")
    rolling = make_table(ends, issued=NEWEST, lead=LEADS, series="goes13", note="Bz is <old>")
    past = table.assign(issued=days[0]).set_index(days[1:4])
    before = rolling.set_index(days[0] + (ends - NEWEST) + 24 * HOUR)
    scores = score_log(past, inputs.data.fluence["e2"]), score_rolling(before, inputs.flux)
    return Issue(inputs, table, "", rolling, "", *scores, 2)


class Collector(HTMLParser):
    def __init__(self):
        super().__init__()
        self.images, self.text, self.addresses = 0, [], []

    def handle_starttag(self, tag, attrs):
        self.images += tag == "img"
        self.addresses += [value for name, value in attrs if name in ("src", "srcset", "href")]

    def handle_data(self, data):
        self.text.append(data.strip())


def read(path):
    page = Collector()
    page.feed(path.read_text(encoding="utf-8"))
    return page, " | ".join(filter(None, page.text))


def write(issue, tmp_path):
    bundle = Bundle(FluxForecaster(), None, {}, ABOUT)
    return read(write_live_page(tmp_path / "index.html", bundle, issue))


def test_the_page_has_days_and_hours_with_intervals_rivals_scores_and_ages(issue, tmp_path):
    page, text = write(issue, tmp_path)
    assert page.images == 2
    for day in ("Tue 10 Mar", "Wed 11 Mar", "Thu 12 Mar"):
        assert f"{day} | 1.2e+08 | 61% | 3.0e+07 to 4.0e+08 | 8.0e+07 to 2.0e+08" in text
    ends = ("+6 h: Tue 10, 15:00", "+12 h: Tue 10, 21:00", "+24 h: Wed 11, 09:00")
    for end in (*ends, "+48 h: Thu 12, 09:00", "+72 h: Fri 13, 09:00"):
        assert f"{end} | 1.2e+08 | 61%" in text
    assert text.count("unknown") == 8  # recurrence
    assert text.count("7.7e+07") == 3  # REFM
    assert "Bz is <old>" in text
    assert "V: the newest sample is 5 h older" in text
    assert "learned from simulated data" in text
    assert text.count("persistence | 1 ") == 8
    assert all(address.startswith(("data:", "#")) for address in page.addresses)


def test_what_is_withheld_is_in_words_where_it_would_stand(issue, tmp_path):
    issue.table, issue.reason = None, "the last fluence is of Tuesday"
    _, text = write(issue, tmp_path)
    assert "There is no forecast of days: the last fluence is of Tuesday" in text
    assert "+72 h" in text
    issue.rolling, issue.rolling_reason = None, "no 24 hours are known"
    page, text = write(issue, tmp_path)
    assert "There is no forecast of hours: no 24 hours are known" in text
    assert page.images == 0
