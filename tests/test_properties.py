"""Whatever bytes a file holds, a reader gives a valid frame or one error that names the file.

``FLUX_EXAMPLES=10000`` tries more than the default 25 of each kind.
"""

import gzip
import io
import json
import os
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fluxlib.errors import FluxError
from fluxlib.io import goes, goes_r, hapi, omni, swpc, table
from fluxlib.io.text import ReadResult
from tests.helpers.datasets import (
    make_dpd,
    make_electron_feed,
    make_epead,
    make_eps,
    make_field_feed,
    make_omni,
    make_propagated_feed,
    make_wind_feed,
    write_goesr,
)
from tests.helpers.public_archive import (
    NOW,
    Hapi,
    write_epead_averages,
    write_epead_science,
    write_mpsh,
)


def make_parquet() -> bytes:
    index = pd.date_range("2014-01-01", periods=4, freq="1h", name="time")
    buffer = io.BytesIO()
    pd.DataFrame({"e2": [1.0, 2.0, np.nan, 4.0]}, index=index).to_parquet(buffer)
    return buffer.getvalue()


def make_netcdf() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_goesr(Path(folder) / "a.nc", np.array([[1.0, 2], [np.nan, 4], [5, -6]]))
        return (Path(folder) / "a.nc").read_bytes()


def cut(body: bytes, first: int) -> bytes:
    """Return a file of NCEI's with the end of its preamble and four of its rows."""
    lines = body.split(b"\r\n")
    data = lines.index(b"data: ")
    kept = [line for line in lines[:data] if b"satellite_id" in line]
    row = data + 2 + first
    return b"\r\n".join([*kept, *lines[data : data + 2], *lines[row : row + 4], b""])


def shrink(body: bytes) -> bytes:
    """Return a netCDF file without what is not read, so that most changes hit what is."""
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(body)) as old, h5py.File(buffer, "w") as new:
        new.attrs["platform"] = old.attrs["platform"]
        for name in [name for name in old if old[name].shape in ((4,), (4, 5))]:
            new[name] = old[name][()]
            if "_FillValue" in old[name].attrs:
                new[name].attrs["_FillValue"] = old[name].attrs["_FillValue"]
    return buffer.getvalue()


def make_hapi(dataset: str, **query: str) -> bytes:
    server = Hapi(until=NOW, longest=pd.Timedelta("92D"), empty="csv")
    asked = {"id": dataset, "time.min": "2022-01-10T02:45Z", "time.max": "2022-01-10T03:10Z"}
    return server.answer("data", asked | {"include": "header"} | query)[2]


# Rows about the first that is missing, on the 10th at 3 h, and that is flagged, on the 11th at 4 h.
MISSING, FLAGGED = 9 * 288 + 36 - 2, 10 * 288 + 48 - 2
OPERATIONAL = cut(write_epead_averages(13, 2014, 1, "g13_epead_e13ew_5m"), FLAGGED)
BOTH = cut(write_epead_averages(13, 2014, 1, "g13_epead_e13ew_5m", corrected=True), MISSING)
SCIENCE = cut(write_epead_science(15, 2014, 1, "g15_epead_e13ew_1m"), 5 * FLAGGED + 8)
VECTOR = (
    b'#{"HAPI": "3.1", "status": {"code": 1200}, "parameters": [\n'
    b'#{"name": "Time", "type": "isotime", "fill": null, "length": 18},\n'
    b'#{"name": "B", "type": "double", "fill": "-1e31", "size": [3]},\n'
    b'#{"name": "flag", "type": "integer", "fill": "-1"},\n'
    b'#{"name": "who", "type": "string", "length": 4}], "format": "csv"}\n'
    b"2014-032T00:00:00Z,1.5,2,-1.0E31,0,ACE\n2014-032T00:01:00Z,1,2,3,-1,DSCO\n"
)
EPEAD = make_epead("1,0,3,0,2,0,4,0", "1,1,3,0,2,0,4,1", "1,0,3,0,-99999,1,4,0")
DPD = make_dpd(("1.5e+09", "2.0e+07"), ("-1.0e+05", "3.0e+07"), ("1.6e+09", "3.0e+07"))
TABLE = "time,e0.8,e2\n2014-01-01T00:00:00Z,517.968,\n2014-01-01T01:00:00Z,502.151,7.3\n"
HRO = make_omni("omni-hro", rows=4, V=[400, 410, 420, np.nan], Bz=[-1, 2, -3, 4])
OMNI2 = make_omni("omni2", rows=4, V=[400, 410, 420, np.nan], Kp=[1, 2, 3, 4], Bz=-2)
FEEDS = {
    "feed-electrons": make_electron_feed(167.5, None, 0.5, 3),
    "feed-wind": make_wind_feed(400, 410.5, None)
    + make_wind_feed(1, 2, source="ACE", active=False),
    "feed-field": make_field_feed(4, 5.5, None),
    "feed-propagated": make_propagated_feed("400.5", None, "410.0"),
}
READERS = {
    "eps": (goes.read, "file.csv", make_eps().encode()),
    "epead": (
        goes.read,
        "file.csv",
        make_epead("1,0,3,0,2,0,4,0", "1,1,3,0,2,0,4,1").encode(),
    ),
    "epead-operational": (goes.read, "file.csv", OPERATIONAL),
    "epead-corrected": (goes.read, "file.csv", BOTH),
    "epead-science": (goes.read, "file.csv", SCIENCE),
    "hapi": (hapi.read, "file.csv", make_hapi("goesp_part_flux_P5M", parameters="P10,E2_0")),
    "hapi-float": (hapi.read, "file.csv", make_hapi("swpc_rtsw_mag_P1M")),
    "hapi-vector": (hapi.read, "file.csv", VECTOR),
    "omni2": (omni.read, "file.dat", OMNI2.encode()),
    "omni-hro": (omni.read, "file.asc", HRO.encode()),
    "omni2-gz": (omni.read, "file.dat.gz", gzip.compress(OMNI2.encode(), mtime=0)),
    "dpd": (swpc.read_daily, "file.txt", DPD.encode()),
    "table": (table.read, "file.csv", TABLE.encode()),
    "table-gz": (table.read, "file.csv.gz", gzip.compress(TABLE.encode(), mtime=0)),
    "netcdf": (goes_r.read, "file.nc", make_netcdf()),
    "netcdf-flags": (
        goes_r.read,
        "file.nc",
        shrink(write_mpsh(19, pd.Timestamp("2025-12-11 03:50"), rows=4)),
    ),
    "netcdf-flags-v1": (
        goes_r.read,
        "file.nc",
        shrink(write_mpsh(16, pd.Timestamp("2018-02-10 02:50"), version="v1-0-0", rows=4)),
    ),
    "parquet": (table.read, "file.parquet", make_parquet()),
} | {
    kind: (swpc.read_feed, "file.json", json.dumps(rows, indent=0).encode())
    for kind, rows in FEEDS.items()
}
FRAGMENTS = [b"\n", b"\r", b"\r\n", b",", b'"', b" ", b"-", b".", b"\x00", b"\xff", b"nan", b"inf"]
FRAGMENTS += [b"9" * 30, b"1e999", b"data:\n", b"\xef\xbb\xbf", b"#", b"60", b"9999-12-31", b"Z"]
FRAGMENTS += [b"null", b"NaN", b"[", b"{}", b"true", b'"\\ud800"']


@st.composite
def mutate(draw, body: bytes) -> bytes:
    """Draw a body with pieces taken out, put in, repeated, moved, or cut off."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.one_of(st.just(start), st.integers(start, min(len(body), start + 40))))
        piece = body[start:end]
        change = draw(st.sampled_from(["replace", "repeat", "move", "cut", "lines"]))
        if change == "replace":
            new = draw(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=6)))
            body = body[:start] + new + body[end:]
        elif change == "repeat":
            body = body[:end] + piece * draw(st.integers(1, 3)) + body[end:]
        elif change == "move":
            rest = body[:start] + body[end:]
            place = draw(st.integers(0, len(rest)))
            body = rest[:place] + piece + rest[place:]
        elif change == "cut":
            body = body[:start]
        else:
            lines = body.splitlines(keepends=True)
            body = b"".join(draw(st.permutations(lines))) if len(lines) < 20 else body
    return body


def check(kind: str, body: bytes) -> None:
    read, name, _ = READERS[kind]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(body)
        try:
            result = read(path)
        except FluxError as error:
            message = str(error)
        else:
            check_result(result)
            return
    assert str(path) in message
    assert "\n" not in message


def check_result(result: ReadResult) -> None:
    frame, account = result.frame, result.account
    assert account.read == account.kept + sum(account.rejected.values())
    assert account.kept == len(frame) > 0
    assert min(account.rejected.values(), default=1) > 0
    assert set(account.examples) == set(account.rejected)
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert frame.index.name == "time"
    assert frame.index.tz is None
    assert frame.index.is_monotonic_increasing
    assert frame.index.is_unique
    assert not frame.index.hasnans
    assert set(frame.dtypes) == {np.dtype(float)}
    assert not np.isinf(frame.to_numpy()).any()
    if result.flags is not None:
        assert result.flags.dtype == np.uint8
        assert result.flags.shape == (len(frame),)
    assert dict(account.filled) == {n: c for n, c in frame.isna().sum().items() if c}


tried_often = settings(
    max_examples=int(os.environ.get("FLUX_EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.mark.parametrize("kind", READERS)
def test_the_files_that_are_changed_below_are_sound(kind):
    check(kind, READERS[kind][2])


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
@tried_often
def test_a_changed_file_gives_a_valid_frame_or_one_error(kind, data):
    check(kind, data.draw(mutate(READERS[kind][2])))


@pytest.mark.parametrize("kind", READERS)
@given(body=st.binary(max_size=300))
@example(body=b"")
@example(body=b"\x00")
@example(body=b"\xef\xbb\xbf")
@example(body=b"data:\n")
@tried_often
def test_any_bytes_give_a_valid_frame_or_one_error(kind, body):
    check(kind, body)
