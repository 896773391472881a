"""Reader for SWPC's Daily Particle Data: daily electron fluence since 1997."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.parsing import Layout, make_frame, parse_rows, read_body
from fluxlib.satellites import FIRST_WITH_E08, LOW_CHANNELS, find_number
from fluxlib.times import make_times, parse_integers

_ROW = re.compile(rb"^[ \t]*\d{4}[ \t]+\d")
_ELECTRONS = re.compile(r"GOES-(\d+)\s+Electron", re.IGNORECASE)


def read_dpd(path: str | Path, *, satellite: str | None = None) -> pd.DataFrame:
    """Read one year of SWPC Daily Particle Data.

    Parameters
    ----------
    path : path
        Such as `2008_DPD.txt`.
    satellite : str, optional
        Such as "goes11": which satellite's days are meant. It decides whether the low channel is
        called `e0.6` or `e0.8`; by default the satellite in the file's header does, whatever
        threshold that header prints. A file whose satellite changes within the year needs it.

    Returns
    -------
    DataFrame
        Daily electron fluence, e/(cm2 day sr): `e0.6` or `e0.8`, and `e2`, index `time` (the UTC
        day). Values <= 0 are fills and NaN. `attrs["account"]` tells what became of every row.

    Raises
    ------
    FluxError
        If the file is no such file or no row of it can be read.
    """
    path = Path(path)
    body = read_body(path)
    lines = body.split(b"\n")
    first = next((i for i, line in enumerate(lines) if _ROW.match(line)), None)
    header = body if first is None else b"\n".join(lines[:first])
    header = header.decode("latin-1")
    if first is None or ("Electron" not in header and satellite is None):
        raise FluxError(
            f"{path}: found {'no row' if first is None else 'no electron columns in the header'}; "
            "expected SWPC Daily Particle Data, rows such as '2008 01 01  1.0e+05 ...'."
        )
    name = _name_low_channel(header, satellite)
    # Notes may follow the rows as they precede them.
    rows = b"\n".join(b"" if line.startswith((b"#", b":")) else line for line in lines[first:])
    layout = Layout(
        names=["year", "month", "day", "p1", "p10", "p100", name, "e2", "neutrons"],
        wanted=[name, "e2"],
        time=["year", "month", "day"],
        make_time=_make_day,
        delimiter=" ",
    )
    times, values, account = parse_rows(rows, layout, path=path, first_line=first + 1)
    values[~((values > 0) & (values < np.inf))] = np.nan
    return make_frame(times, layout.wanted, values, account)


def _name_low_channel(header: str, satellite: str | None) -> str:
    found = _ELECTRONS.search(header)
    number = find_number(satellite or (found[1] if found else ""))
    return LOW_CHANNELS[number >= FIRST_WITH_E08]


def _make_day(texts: dict[str, np.ndarray]) -> np.ndarray:
    year, month, day = (parse_integers(texts[name]) for name in ("year", "month", "day"))
    return make_times(year, day, np.zeros_like(year), month=month)
