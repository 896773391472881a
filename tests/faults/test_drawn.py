"""Whatever a manifest or a file of parameters says, it is taken, or refused in one line.

``FLUX_EXAMPLES=5000 ./run_all.sh test tests/faults/test_drawn.py`` draws more often than CI does.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tomlkit
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import fluxlib
from fluxlib.datasets.manifest import FORMATS, read_manifest
from fluxlib.errors import FluxError
from fluxlib.workflow.notebooks import NOTEBOOKS, find_steps
from fluxlib.workflow.parameters import assign_parameters, read_parameters

STEPS = find_steps(NOTEBOOKS)
ODD = ["", ".", "..", "**", "a**", "/etc/*", "x" * 300, "[", "*.csv", "goes13", "east", "log10"]
ODD += ["1h", "7min", "0h", "-1h", "1e400h", "9" * 30 + "D", "nan", "1e-3", "\u0661h", "a\nb", "é"]
ODD += ["2014-01-01", "9999-12-31", "0001-01-01", "2262-04-11", "2014-01-01T00:00Z", "table"]
SCALARS = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
    st.sampled_from([0, -1, 1, 3, 2**31, -(2**63), 2**63 - 1]),
    st.sampled_from([0.5, -1.0, 1e-300, 1e308, float("inf"), float("nan")]),
    st.booleans(),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.lists(st.lists(SCALARS, max_size=2), max_size=2),
    st.dictionaries(st.sampled_from(["V", "time", "e2", "x"]), SCALARS, max_size=2),
)
tried_often = settings(
    max_examples=int(os.environ.get("FLUX_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
KEYS = ["format", "files", "cadence", "satellite", "series", "position", "scale", "period"]
KEYS += ["trust", "telescope", "columns"]


def check_error(error, *parts):
    message = str(error)
    assert "\n" not in message
    assert len(message) < 2000
    assert all(str(part) in message for part in parts)


@st.composite
def draw_manifest(draw):
    """Draw a sound manifest of which up to three values are replaced, and some keys removed."""
    flux = {"format": "table", "files": "*.csv", "cadence": "1h", "satellite": "goes13"}
    tables = {
        "dataset": {"name": "toy", "synthetic": True},
        "flux": [flux, flux | {"satellite": "goes15"}],
        "drivers": [{"format": "table", "files": "*.csv", "cadence": "1h"}],
    }
    tables = {key: [dict(t) for t in v] if key != "dataset" else v for key, v in tables.items()}
    if draw(st.booleans()):  # options of readers
        telescope = draw(st.one_of(VALUES, st.sampled_from([0, 5])))
        columns = draw(VALUES)
        tables["flux"][0] |= draw(
            st.sampled_from(
                [
                    {"format": "goes-netcdf", "telescope": telescope},
                    {"format": "hapi", "columns": columns},
                ]
            )
        )
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        kind = draw(st.sampled_from(["dataset", "flux", "drivers", "top"]))
        if kind == "top":
            tables[draw(st.sampled_from(["dataset", "flux", "drivers", "x"]))] = draw(VALUES)
            break
        known = KEYS if kind != "dataset" else ["name", "title", "synthetic", "reference", "daily"]
        table = tables[kind] if kind == "dataset" else draw(st.sampled_from(tables[kind]))
        key = draw(st.sampled_from(known))
        if draw(st.integers(0, 5)) == 0:
            table.pop(key, None)
        elif key == "format" and draw(st.booleans()):
            table[key] = draw(st.sampled_from(sorted(FORMATS)))
        else:
            table[key] = draw(VALUES)
    return tomlkit.dumps(tables)


def write_flux(folder, values):
    index = pd.date_range("2014-01-01", periods=len(values), freq="1h", name="time")
    pd.DataFrame({"e2": values}, index).to_csv(folder / "a.csv")


@given(text=draw_manifest())
@tried_often
def test_any_manifest_is_loaded_or_refused_in_one_line(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        write_flux(path, np.geomspace(1, 1000, 48))
        (path / "dataset.toml").write_text(text, encoding="utf-8")
        try:
            dataset = fluxlib.load(path)
        except FluxError as error:
            check_error(error)
            return
    assert dataset.manifest.series
    assert all(len(flux) for flux in dataset.flux.values())


@given(
    given_=st.dictionaries(
        st.sampled_from(
            sorted({name for step in STEPS for name in step.parameters} | {s.name for s in STEPS})
        ),
        VALUES,
        min_size=1,
        max_size=3,
    )
)
@example(given_={"random_state": -1, "train_every": 0})
@example(given_={"drivers": ["V", "V"]})
@example(given_={"bits": [60, 60, 60]})
@tried_often
def test_any_parameters_are_taken_or_refused_in_one_line(given_):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.yaml"
        path.write_text(yaml.safe_dump(given_, allow_unicode=True), encoding="utf-8")
        try:
            assigned = assign_parameters(STEPS, read_parameters(path), source=str(path))
        except FluxError as error:
            check_error(error, path)
            return
    for step in STEPS:
        for name, value in assigned[step.name].items():
            default = step.parameters[name].default
            assert default is None or type(value) is type(default)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 3000, "nested too deep"),
        ("a = " + "9" * 5000, "not valid TOML: .*digits"),
        ("[dataset]\nname = '" + "x" * 300 + "'\nsynthetic = true", "at most 100,"),
        ("\x00", "not valid TOML"),
    ],
    ids=["nested", "digits", "long name", "NUL"],
)
def test_a_manifest_beyond_all_measure_is_refused(tmp_path, text, message):
    (tmp_path / "dataset.toml").write_text(text)
    with pytest.raises(FluxError, match=message) as caught:
        read_manifest(tmp_path)
    check_error(caught.value, tmp_path / "dataset.toml")


def test_a_manifest_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "dataset.toml").mkdir()
    with pytest.raises(FluxError, match=r"cannot be read: Is a directory") as caught:
        read_manifest(tmp_path)
    check_error(caught.value)
