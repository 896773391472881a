"""Files of any HAPI server: CSV under a header in JSON, as ``include=header`` gives it.

HAPI is a protocol that many archives of heliophysics speak
(https://github.com/hapi-server/data-specification): ``info`` says what a dataset has, ``data``
gives the rows of a time range. With the header in front, the answer is a file that tells its own
columns, units and fills. iSWA has the electrons of the primary GOES since 2010 so
(`goesp_part_flux_P5M`), and CDAWeb its hundreds of datasets.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.io.text import Layout, ReadResult, make_frame, parse_rows, read_body

FORMAT = "hapi"
NO_DATA = 1201  # the status of a range in which the dataset has no row
_DAY_OF_YEAR = re.compile(rb"^(\d{4})-(\d{3})(?=[T,])", re.MULTILINE)


def read_hapi(path: str | Path, *, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read what a HAPI server answered to ``data?...&format=csv&include=header``.

    Parameters
    ----------
    path : path
        The answer, also gzipped.
    columns : mapping of str to str, optional
        The names wanted, each with the parameter that has it: ``{"e2": "E2_0", "p10": "P10"}``.
        The parts of a vector are called ``B_GSE[0]``, ``B_GSE[1]``, ... By default all numeric
        parameters by their own names.

    Returns
    -------
    DataFrame
        float64, NaN where a value is the parameter's fill, index `time` (UTC).

    Raises
    ------
    FluxError
        If the file has no such header, lacks a parameter, or no row of it can be read.

    See Also
    --------
    read : the same with the account of every row.
    """
    return read(path, columns=columns).frame


def read(path: str | Path, *, columns: Mapping[str, str] | None = None) -> ReadResult:
    """Read as `read_hapi`, with the account of every row; the product names the parameters."""
    path = Path(path)
    body = read_body(path)
    header, rows, first_line = _split(body, path)
    names, fills, numeric = _list_columns(header, path)
    columns = {name: name for name in numeric} if columns is None else dict(columns)
    for name in columns.values():
        if name not in numeric:
            raise FluxError(
                f"{path}: the header has no numeric parameter {name!r}; expected one of "
                f"{', '.join(numeric)[:300]}."
            )
    if not columns:
        raise FluxError(f"{path}: the header has no numeric parameter.")
    rows = _DAY_OF_YEAR.sub(_to_calendar, rows)
    wanted = list(dict.fromkeys(columns.values()))
    layout = Layout(names, wanted=wanted, time={"time": names[0]}, zoned=True)
    times, values, account = parse_rows(rows, layout, path=path, first_line=first_line)
    for row, name in zip(values, wanted, strict=True):
        # A server may write the fill with fewer digits than the header does.
        fill = fills[name]
        row[~np.isfinite(row) | np.isclose(row, fill, rtol=1e-6, atol=0, equal_nan=True)] = np.nan
    order = [wanted.index(name) for name in columns.values()]
    frame = make_frame(times, list(columns), values[order], account)
    product = ", ".join(columns.values()) if len(columns) < 20 else f"{len(columns)} parameters"
    return ReadResult(frame, account, FORMAT, product=product)


def _split(body: bytes, path: Path) -> tuple[dict, bytes, int]:
    """Return the header, the rows, and the number of the rows' first line."""
    lines = body.split(b"\n")
    count = next((i for i, line in enumerate(lines) if not line.startswith(b"#")), len(lines))
    text = b"\n".join(line[1:] for line in lines[:count])
    try:
        header = json.loads(text.decode())
        status = header.get("status", {}).get("code", 1200)
    except (ValueError, RecursionError, AttributeError):
        raise FluxError(
            f"{path}: does not begin with a HAPI header; expected lines of JSON after '#', which "
            "a server gives with format=csv&include=header."
        ) from None
    if status == NO_DATA:
        raise FluxError(f"{path}: the server has no data in this range; remove the file.")
    if not isinstance(header.get("parameters"), list):
        raise FluxError(f"{path}: the HAPI header has no list of parameters; fetch it again.")
    return header, b"\n".join(lines[count:]), count + 1


def _list_columns(header: dict, path: Path) -> tuple[list[str], dict[str, float], list[str]]:
    """Return the names of a row's fields, the fill of each, and which of them are numbers."""
    names: list[str] = []
    fills: dict[str, float] = {}
    numeric: list[str] = []
    try:
        for parameter in header["parameters"]:
            size = int(np.prod(parameter.get("size") or [1]))
            name = parameter["name"]
            if not isinstance(name, str) or not 0 < size <= 10_000:
                raise ValueError
            parts = [name] if not parameter.get("size") else [f"{name}[{i}]" for i in range(size)]
            names += parts
            # iSWA says "float" of some, which the specification does not know.
            if parameter.get("type") in ("double", "integer", "float"):
                numeric += parts
                fill = parameter.get("fill")
                fills |= dict.fromkeys(parts, np.nan if fill is None else float(fill))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise FluxError(
            f"{path}: the HAPI header describes a parameter without name, size or fill as the "
            "specification has them; fetch it again."
        ) from None
    if not names or len(set(names)) < len(names):
        raise FluxError(f"{path}: the HAPI header names a parameter twice, or none.")
    if names[0] in numeric:
        raise FluxError(
            f"{path}: the HAPI header's first parameter is {names[0]!r}, a number; expected the "
            "time, which the specification puts first; fetch it again."
        )
    return names, fills, numeric


def _to_calendar(found: re.Match) -> bytes:
    """Return a day of the year as a date; HAPI allows both."""
    try:
        return f"{pd.to_datetime(found[0].decode(), format='%Y-%j'):%Y-%m-%d}".encode()
    except ValueError:
        return found[0]
