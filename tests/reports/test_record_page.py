from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from fluxlib.record import Flag, Record
from fluxlib.reports.record_page import list_warnings, summarise, write_record_page


def make_record(**about):
    days = pd.date_range("2014-01-01", periods=365, freq="1D", name="time")
    filled = np.zeros(365, bool)
    filled[30:45] = True
    table = pd.DataFrame(
        {
            "value": 1e7,
            "lower": 8e6,
            "upper": 2e7,
            "source": pd.Categorical(np.where(filled, None, np.where(days.month < 7, "a", "b"))),
            "calibrated_by": pd.Categorical(np.where(filled, None, "b > a")),
            "flags": np.int16(0),
            "imputed": filled,
        },
        days,
    )
    text = {
        "title": "Toy <record>",
        "history": "made by hand",
        "dataset": "toy",
        "synthetic": False,
        "reference": "a",
        "compared with": {"a": "b at its position", "b": "a at its position"},
        "filling": {
            "east": {
                "by distance": [
                    {"to the nearest sample": "0 to 3 h", "n": 9, "RMSE": 0.1, "coverage": 0.9}
                ]
            }
        },
        "not filled": {},
        "handovers": [
            {
                "time": "2014-07-01",
                "before": "a",
                "after": "b",
                "n": 40,
                "step before": 0.3,
                "step after": 0.01,
            }
        ],
        "paths": [{"satellite": "b", "path": "b > a", "steps": 1, "error": 0.01}],
        "pairs": [
            {
                "reference": "a",
                "other": "b",
                "RMSE before": 0.3,
                "RMSE after": 0.1,
                "better": True,
            }
        ],
    }
    return Record({("fleet", "daily"): table}, text | about)


def test_the_summary_counts_what_is_there():
    text = summarise(make_record())
    assert text.startswith("365 days from 2014-01-01 to 2014-12-31, measured by 2 series")
    assert "15 days (4.1%) are filled" in text
    assert text.endswith("on the scale of a.")
    assert "each is on its own scale" in summarise(make_record(reference=None))


def test_a_record_without_a_fault_is_warned_of_its_long_gap_alone():
    (line,) = list_warnings(make_record())
    assert line == "fleet: gaps of 10 days or more: 1, the longest from 2014-01-31 (15 days)."


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"synthetic": True}, "The data are simulated."),
        (
            {
                "pairs": [
                    {
                        "reference": "a",
                        "other": "b",
                        "RMSE before": 0.1,
                        "RMSE after": 0.2,
                        "better": False,
                    }
                ]
            },
            "b and a differ by 0.200 decades after calibration and by 0.100 before.",
        ),
        (
            {"handovers": [make_record().about["handovers"][0] | {"step after": -0.07}]},
            "Handover a to b: a step of -0.070 decades is left.",
        ),
        (
            {"handovers": [make_record().about["handovers"][0] | {"step after": None}]},
            "Handover a to b: no common days nearby, so its step is not known.",
        ),
        (
            {"compared with": {"a": "b at its position", "b": "a satellite at another position"}},
            "b: no other satellite at its position, so that intervals of measured values are an "
            "upper bound.",
        ),
        (
            {"compared with": {"a": "b at its position"}},
            "b: nothing to compare with, so measured values have none.",
        ),
        (
            {"not filled": {"east": "it has one satellite."}},
            "Gaps of east are not filled: it has one satellite.",
        ),
    ],
)
def test_each_fault_is_said(about, expected):
    assert expected in list_warnings(make_record(**about))


def test_years_that_are_filled_and_series_off_scale_and_beyond_their_range_are_said():
    record = make_record()
    table = record["fleet", "daily"]
    table.loc[table.index[:100], "imputed"] = True
    table["flags"] = np.int16(Flag.UNCALIBRATED | Flag.EXTRAPOLATED)
    text = " ".join(list_warnings(record))
    assert "many days are filled: 2014 (27%)" in text
    assert "a, b: on the detector's own scale" in text
    assert "100.0% of the samples are outside the range" in text


def test_a_day_of_a_year_is_measured_or_filled_or_missing(tmp_path):
    record = make_record()
    record["fleet", "daily"].loc["2014-12-31", ["value", "lower", "upper"]] = np.nan
    record.write(tmp_path / "record")
    page = BeautifulSoup(write_record_page(record, tmp_path / "record").read_text(), "html.parser")
    table = page.find("th", string="measured (%)").find_parent("table")
    head, year = (
        [cell.get_text(strip=True) for cell in row(["th", "td"])] for row in table("tr")[:2]
    )
    shares = dict(zip(head, year, strict=True))
    # Of 365 days 15 are filled and one is missing.
    assert float(shares["measured (%)"]) == pytest.approx(100 * 349 / 365, abs=0.1)
    assert float(shares["filled (%)"]) == pytest.approx(100 * 15 / 365, abs=0.1)
    assert float(shares["missing (%)"]) == pytest.approx(100 / 365, abs=0.1)


def test_the_page_is_one_file_that_escapes_names_and_links_the_records_files(tmp_path):
    record = make_record()
    record.write(tmp_path / "record")
    page = write_record_page(record, tmp_path / "record").read_text()
    assert "Toy &lt;record&gt;" in page
    links = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            links.extend(value for name, value in attrs if name in ("href", "src"))

    Reader().feed(page)
    outside = [link for link in links if not link.startswith(("data:", "#"))]
    assert sorted(outside) == ["about.json", "daily.nc", "fleet_daily.parquet"]
    assert all((tmp_path / "record" / link).is_file() for link in outside)
