"""HAPI's CSV with its header: the specification's rules, and what breaks them."""

import json

import numpy as np
import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.io.hapi import read, read_hapi

TIME = {"name": "Time", "type": "isotime", "length": 24, "fill": None}
VECTOR = {"name": "B", "type": "double", "units": "nT", "fill": "-1e31", "size": [3]}
COUNT = {"name": "n", "type": "integer", "fill": "-1"}
ROWS = ["2014-02-01T00:00:00Z,1.5,2,-1.0E31,7", "2014-032T00:01:00Z,1,2,3,-1"]


@pytest.fixture
def write(tmp_path):
    def write(parameters, rows=ROWS, code=1200):
        header = {"HAPI": "3.1", "status": {"code": code}, "parameters": parameters}
        lines = [f"#{line}" for line in json.dumps(header, indent=1).splitlines()]
        path = tmp_path / "a.csv"
        path.write_text("\n".join([*lines, *rows]) + "\n")
        return path

    return write


def test_vectors_fills_and_days_of_the_year_are_read_as_specified(write):
    result = read(write([TIME, VECTOR, COUNT]))
    frame = result.frame
    assert list(frame) == ["B[0]", "B[1]", "B[2]", "n"]
    assert frame.index.tolist() == [pd.Timestamp("2014-02-01"), pd.Timestamp("2014-02-01 00:01")]
    np.testing.assert_array_equal(frame["B[2]"], [np.nan, 3])
    np.testing.assert_array_equal(frame["n"], [7, np.nan])
    assert (result.account.read, result.account.kept) == (2, 2)


def test_chosen_parameters_get_the_names_that_are_given(write):
    frame = read_hapi(write([TIME, VECTOR, COUNT]), columns={"Bz": "B[2]"})
    assert list(frame) == ["Bz"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([VECTOR, TIME, COUNT], r"first parameter is 'B\[0\]', a number; expected the time"),
        ([TIME, COUNT, COUNT], "names a parameter twice"),
        ([], "names a parameter twice, or none"),
        ([TIME, {"type": "double"}], "a parameter without name, size or fill"),
        ([TIME, VECTOR | {"size": [-3]}], "a parameter without name, size or fill"),
        ([TIME], "no numeric parameter"),
    ],
)
def test_a_header_that_breaks_the_specification_is_one_error(write, parameters, message):
    with pytest.raises(FluxError, match=message):
        read_hapi(write(parameters))


def test_an_unknown_parameter_and_a_range_without_data_are_told(write):
    with pytest.raises(FluxError, match=r"no numeric parameter 'V'; expected one of B\[0\]"):
        read_hapi(write([TIME, VECTOR, COUNT]), columns={"V": "V"})
    with pytest.raises(FluxError, match="the server has no data in this range"):
        read_hapi(write([TIME, VECTOR, COUNT], code=1201))
