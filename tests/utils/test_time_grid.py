import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.utils.time_grid import (
    align_grids,
    find_cadence,
    find_runs,
    format_cadence,
    offset_steps,
    parse_cadence,
)

FIVE = pd.date_range("2010-01-01", periods=100, freq="5min", name="time")


def test_offsets_are_counted_in_steps_of_the_grid():
    np.testing.assert_array_equal(
        offset_steps([0, 0.25, 24, -1], pd.Timedelta("5min")), [0, 3, 288, -12]
    )


@pytest.mark.parametrize(("hours", "found"), [([1, 1.5], "1.5 h"), ([], "none")])
def test_offsets_off_the_grid_are_refused(hours, found):
    with pytest.raises(FluxError, match=f"multiples of the cadence, .*; found {found}"):
        offset_steps(hours, pd.Timedelta("1h"))


def test_grids_are_joined_from_first_to_last():
    drivers, target = pd.DataFrame({"V": 1.0}, FIVE[:60]), pd.Series(2.0, FIVE[40:])
    hours, steps, wide, long = align_grids(drivers, target, [0.5])
    assert (hours.name, list(hours), list(steps)) == ("offset", [0.5], [6])
    assert wide.index.equals(FIVE)
    assert long.index.equals(FIVE)
    assert wide["V"].count() == 60
    assert long.count() == 60


def test_grids_that_do_not_match_are_named():
    drivers = pd.DataFrame({"V": 1.0}, FIVE)
    with pytest.raises(FluxError, match="drivers come every 0 days 00:05:00, target every"):
        align_grids(drivers, pd.Series(1.0, FIVE[::12]), [0])
    with pytest.raises(FluxError, match="lie between those of drivers"):
        align_grids(drivers, pd.Series(1.0, FIVE + pd.Timedelta("1min")), [0])
    with pytest.raises(FluxError, match="target: the index is not a regular grid"):
        align_grids(drivers, pd.Series(1.0, FIVE.delete(5)), [0])
    with pytest.raises(FluxError, match="drivers is indexed by int64"):
        find_cadence(pd.RangeIndex(3), "drivers")


@pytest.mark.parametrize(
    ("mask", "runs"),
    [
        ("", []),
        ("...", []),
        ("##", [[0, 2]]),
        ("#..##.#", [[0, 1], [3, 5], [6, 7]]),
        (".##.", [[1, 3]]),
    ],
)
def test_runs_are_where_they_begin_and_the_place_after_their_end(mask, runs):
    found = find_runs([one == "#" for one in mask])
    assert found.tolist() == runs
    assert found.shape == (len(runs), 2)


def test_the_cadence_is_the_step_of_a_regular_grid():
    index = pd.DatetimeIndex(["2014-01-01", "2014-01-02", "2014-01-03"])
    assert find_cadence(index, "flux") == pd.Timedelta("1D")


@pytest.mark.parametrize("days", [[], [1], [1, 2, 4], [2, 1], [1, 1]])
def test_an_index_without_one_step_is_refused(days):
    with pytest.raises(FluxError, match="flux: the index"):
        find_cadence(pd.DatetimeIndex([f"2014-01-{day:02}" for day in days]), "flux")


@pytest.mark.parametrize("text", ["5min", "1h", "3h", "1D", "60s"])
def test_a_cadence_divides_a_day(text):
    assert pd.Timedelta("1D") % parse_cadence(text, "cadence") == pd.Timedelta(0)


@pytest.mark.parametrize("text", ["1min", "5min", "90min", "1h", "3h", "1D"])
def test_a_cadence_is_printed_as_it_is_read(text):
    assert format_cadence(parse_cadence(text, "cadence")) == text


@pytest.mark.parametrize("text", ["7min", "0h", "-1h", "2D", "soon", "", None, 3, "NaT"])
def test_what_is_not_a_cadence_is_refused(text):
    with pytest.raises(FluxError, match=r"cadence is .* expected a length of time that divides"):
        parse_cadence(text, "cadence")
