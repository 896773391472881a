"""Readers for NCEI's 5-minute averages of the GOES 8-15 electron flux (CSV).

Two layouts share the netCDF-like preamble that ends with the line ``data:``. GOES 8-12 (EPS) has
one telescope and thresholds >0.6, >2 and >4 MeV; GOES 13-15 (EPEAD) has two, looking east and
west, and thresholds >0.8 and >2 MeV.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from fluxlib.errors import FluxError
from fluxlib.io.text import Layout, make_frame, parse_iso_times, parse_rows, read_body

EPS_COLUMNS = {"e1_flux_ic": "e0.6", "e2_flux_ic": "e2", "e3_flux_ic": "e4"}
EPEAD_CHANNELS = {"E1": "e0.8", "E2": "e2"}
TELESCOPES = ("W", "E")

_DATA = re.compile(rb"^data:[ \t]*\n", re.MULTILINE)
_SATELLITE = re.compile(rb'satellite_id\s*=\s*"GOES-?0*(\d+)"', re.IGNORECASE)


def read_goes(path: str | Path) -> pd.DataFrame:
    """Read a NCEI 5-minute CSV file of GOES 8-12 (EPS) or GOES 13-15 (EPEAD).

    Parameters
    ----------
    path : path
        Such as `g10_eps_5m_20031001_20031031.csv` or
        `g13_epead_e13ew_5m_20140101_20140131.csv`, also gzipped.

    Returns
    -------
    DataFrame
        Integral electron flux, e/(cm2 s sr), index `time` (UTC, start of the interval). EPS:
        `e0.6 e2 e4`. EPEAD: `e0.8 e2`, the corrected flux, mean of the two telescopes where
        both are good (`*_DQF` 0) and the good one where only one is. Fills and negative values
        are NaN. `attrs["account"]` tells what became of every row, `attrs["satellite"]` which
        satellite the preamble names.

    Raises
    ------
    FluxError
        If the file is no such file or no row of it can be read.
    """
    path = Path(path)
    body = read_body(path)
    start = _DATA.search(body)
    if start is None:
        raise FluxError(f"{path}: found no line 'data:'; expected a NCEI 5-minute CSV file.")
    header_end = body.find(b"\n", start.end())
    header = body[start.end() : header_end if header_end >= 0 else len(body)]
    names = [name.strip() for name in header.decode("latin-1").split(",")]
    line = body[: start.end()].count(b"\n") + 1
    eps = all(name in names for name in EPS_COLUMNS)
    wanted = list(EPS_COLUMNS) if eps else _epead_columns(names)
    if not wanted or "time_tag" not in names or len(set(names)) < len(names):
        raise FluxError(
            f"{path}: line {line} names the columns {', '.join(names)[:200]!r}; expected time_tag "
            f"and {', '.join(EPS_COLUMNS)} (GOES 8-12) or E1W_COR_FLUX, E1W_DQF, ... (GOES 13-15)."
        )
    layout = Layout(
        names,
        wanted=wanted,
        time=["time_tag"],
        make_time=lambda texts: parse_iso_times(texts["time_tag"]),
        time_type=pa.timestamp("us"),
    )
    rows = body[header_end + 1 :] if header_end >= 0 else b""
    times, values, account = parse_rows(rows, layout, path=path, first_line=line + 1)
    if eps:
        values[~_is_flux(values)] = np.nan
        frame = make_frame(times, list(EPS_COLUMNS.values()), values, account)
    else:
        frame = make_frame(times, list(EPEAD_CHANNELS.values()), _average(values), account)
    satellite = _SATELLITE.search(body, 0, start.start())
    frame.attrs["satellite"] = f"goes{int(satellite[1])}" if satellite else None
    return frame


def _is_flux(values: np.ndarray) -> np.ndarray:
    return (values >= 0) & (values < np.inf)


def _epead_columns(names: list[str]) -> list[str]:
    """Return the flux and flag columns of EPEAD, none if any is absent."""
    wanted = [
        f"{channel}{telescope}_{what}"
        for channel in EPEAD_CHANNELS
        for telescope in TELESCOPES
        for what in ("COR_FLUX", "DQF")
    ]
    return wanted if set(wanted) <= set(names) else []


def _average(values: np.ndarray) -> np.ndarray:
    """Return each channel's mean over the telescopes that are good, NaN where none is."""
    pairs = values.reshape(len(EPEAD_CHANNELS), len(TELESCOPES), 2, -1)
    flux, flag = pairs[:, :, 0], pairs[:, :, 1]
    good = _is_flux(flux) & (flag == 0)
    count = good.sum(axis=1)
    total = np.where(good, flux, 0).sum(axis=1)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
