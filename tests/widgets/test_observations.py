import pandas as pd

from fluxlib.observations.gaps import measure_coverage
from fluxlib.widgets.observations import explore_coverage
from fluxlib.workflow.parameters import CONTROLS

HOURS = pd.date_range("2014-01-01", "2014-06-30 23:00", freq="h", name="time")
WHOLE = pd.Series(1.0, HOURS)
COLUMNS = {"goes13": WHOLE, "goes15": WHOLE.where(WHOLE.index.month != 3)}


def test_the_numbers_are_those_of_the_batch_run():
    panel = explore_coverage(COLUMNS)
    for values in (
        {"satellite": "all", "period": ["2014-02", "2014-04"], "large_scale_days": 12.0},
        {"satellite": "goes13", "period": ["2014-01", "2014-06"], "large_scale_days": 0.5},
    ):
        panel.set_values(values)
        found = measure_coverage(COLUMNS, **values)
        expected = f"{len(found.large)} of {found.months} satellite-months miss more than "
        assert expected + f"{values['large_scale_days']:g} days." in panel.output.value


def test_controls_start_at_the_notebooks_parameters():
    panel = explore_coverage(COLUMNS, satellite="goes15", period=("2014-03", ""))
    assert panel.get_values() == {
        "satellite": "goes15",
        "period": ["2014-03", "2014-06"],
        "large_scale_days": 10.0,
    }
    assert "1 of 4 satellite-months" in panel.output.value
    panel.set_values({"period": ["", "2014-03"]})
    assert panel.get_values()["period"] == ["2014-01", "2014-03"]
    assert tuple(panel.controls) == CONTROLS["01_observations"]


def test_controls_may_start_at_a_satellite_whose_series_are_several():
    stretches = {f"goes13 {start}": one for start, one in zip("ab", COLUMNS.values(), strict=True)}
    panel = explore_coverage(stretches, satellite="goes13")
    assert panel.get_values()["satellite"] == "goes13"
    assert "1 of 12 satellite-months" in panel.output.value


def test_the_table_starts_with_the_month_that_misses_most():
    march = (HOURS.month == 3) & (HOURS.day > 10)
    panel = explore_coverage({"goes15": WHOLE.where(~march & (HOURS.month != 4))})
    table = panel.output.value.partition("<table")[2]
    assert 0 < table.index("2014-04") < table.index("2014-03")
