"""Readers for NCEI's 5-minute averages of the GOES 8-15 electron flux (CSV).

Two layouts share the netCDF-like preamble that ends with the line ``data:``. GOES 8-12 (EPS) has
one telescope and thresholds >0.6, >2 and >4 MeV; GOES 13-15 (EPEAD) has two, looking east and
west, and thresholds >0.8 and >2 MeV.
"""

import re
from pathlib import Path

import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.parsing import Account, Layout, parse_iso_times, parse_rows, read_body, set_missing

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
    layout = Layout(names=names, wanted=wanted, time=["time_tag"])
    rows = body[header_end + 1 :] if header_end >= 0 else b""
    if not rows.strip():
        raise FluxError(f"{path}: the file ends after its header, line {line}; fetch it again.")
    raw, account = parse_rows(
        rows, layout, lambda t: parse_iso_times(t["time_tag"]), path=path, first_line=line + 1
    )
    frame = _select_eps(raw, account) if eps else _average_telescopes(raw, account)
    satellite = _SATELLITE.search(body[: start.start()])
    frame.attrs["account"] = account
    frame.attrs["satellite"] = f"goes{int(satellite[1])}" if satellite else None
    return frame


def _select_eps(raw: pd.DataFrame, account: Account) -> pd.DataFrame:
    frame = raw.rename(columns=EPS_COLUMNS)
    return set_missing(frame, ~(frame >= 0), account)


def _epead_columns(names: list[str]) -> list[str]:
    """Return the flux and flag columns of EPEAD, none if any is absent."""
    wanted = [
        f"{channel}{telescope}_{what}"
        for channel in EPEAD_CHANNELS
        for telescope in TELESCOPES
        for what in ("COR_FLUX", "DQF")
    ]
    return wanted if set(wanted) <= set(names) else []


def _average_telescopes(raw: pd.DataFrame, account: Account) -> pd.DataFrame:
    columns = {}
    for channel, name in EPEAD_CHANNELS.items():
        pair = [
            raw[f"{channel}{t}_COR_FLUX"].where(
                (raw[f"{channel}{t}_COR_FLUX"] >= 0) & (raw[f"{channel}{t}_DQF"] == 0)
            )
            for t in TELESCOPES
        ]
        # Where both are good their mean, else the one that is.
        columns[name] = ((pair[0] + pair[1]) / 2).fillna(pair[0]).fillna(pair[1])
    frame = pd.DataFrame(columns)
    return set_missing(frame, frame.isna(), account)
