"""NCEI's 5-minute averages of the GOES 8-15 electron flux (CSV).

Two layouts share a preamble like that of netCDF, which ends with the line ``data:``. GOES 8-12
(EPS) have one telescope and thresholds >0.6, >2 and >4 MeV; GOES 13-15 (EPEAD) have two, looking
east and west, and thresholds >0.8 and >2 MeV.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.io.text import Layout, ReadResult, make_frame, parse_rows, read_body
from fluxlib.satellites import FIRST_WITH_E08

FORMAT = "goes-csv"
EPS_COLUMNS = {"e1_flux_ic": "e0.6", "e2_flux_ic": "e2", "e3_flux_ic": "e4"}
EPEAD_CHANNELS = {"E1": "e0.8", "E2": "e2"}
TELESCOPES = ("W", "E")
FILL = -99999.0

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
        are NaN.

    Raises
    ------
    FluxError
        If the file is not of this format or no row of it can be read.

    See Also
    --------
    read : the same with the account of every row, and the satellite.
    """
    return read(path).frame


def read(path: str | Path) -> ReadResult:
    """Read as `read_goes`, with the account of every row and the satellite that the file names."""
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
        time={"time": "time_tag"},
    )
    rows = body[header_end + 1 :] if header_end >= 0 else b""
    times, values, account = parse_rows(rows, layout, path=path, first_line=line + 1)
    if eps:
        columns = list(EPS_COLUMNS.values())
        values[~_is_flux(values)] = np.nan
    else:
        columns = list(EPEAD_CHANNELS.values())
        values = values.reshape(len(columns), len(TELESCOPES), 2, -1)
        values = average_telescopes(values[:, :, 0], values[:, :, 1] == 0, axis=1)
    satellite = _SATELLITE.search(body, 0, start.start())
    return ReadResult(
        make_frame(times, columns, values, account),
        account,
        FORMAT,
        f"goes{int(satellite[1])}" if satellite else None,
    )


def average_telescopes(flux: np.ndarray, good: np.ndarray, *, axis: int) -> np.ndarray:
    """Return the mean over the telescopes along an axis whose flux is good and a number >= 0.

    NaN where there is no such telescope.
    """
    good = good & _is_flux(flux)
    count = good.sum(axis=axis)
    total = np.where(good, flux, 0).sum(axis=axis)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def _is_flux(values: np.ndarray) -> np.ndarray:
    return (values >= 0) & (values < np.inf)


def _epead_columns(names: list[str]) -> list[str]:
    """Return the flux and flag columns of EPEAD, or none if one of them is absent."""
    wanted = [
        f"{channel}{telescope}_{what}"
        for channel in EPEAD_CHANNELS
        for telescope in TELESCOPES
        for what in ("COR_FLUX", "DQF")
    ]
    return wanted if set(wanted) <= set(names) else []


def write(folder: Path, subfolder: str, number: int, frame: pd.DataFrame) -> dict:
    """Write 5-minute flux as NCEI's CSV, one file a month below a folder.

    Parameters
    ----------
    folder : path
    subfolder : str
    number : int
        The satellite's, such as 13: EPS up to GOES-12, EPEAD from GOES-13 on, both telescopes with
        the same flux.
    frame : DataFrame
        `e0.6 e0.8 e2 e4` as the satellite has them, e/(cm2 s sr).

    Returns
    -------
    dict
        `format`, `files` and `cadence` of a manifest's entry.
    """
    kind = "epead_e13ew_5m" if number >= FIRST_WITH_E08 else "eps_5m"
    columns = _make_epead(frame) if number >= FIRST_WITH_E08 else _make_eps(frame)
    (folder / subfolder).mkdir(exist_ok=True)
    for month, part in columns.groupby(columns.index.to_period("M")):
        first, last = month.start_time, month.end_time
        name = f"g{number:02d}_{kind}_{first:%Y%m%d}_{last:%Y%m%d}"
        head = (
            f"File name: {name}\nMetadata Description:\n\n// global attributes\n"
            f':satellite_id = "GOES-{number:02d}"\n:sample-time = "5"\n:sample-unit = "minutes"\n'
            f':records_present = "{len(part)}"\n\ndata: \n'
        )
        text = part.to_csv(date_format="%Y-%m-%d %H:%M:%S.000", float_format="%.4E")
        (folder / subfolder / f"{name}.csv").write_text(head + text, encoding="ascii")
    return {"format": FORMAT, "files": f"{subfolder}/g{number:02d}_{kind}_*.csv", "cadence": "5min"}


def _make_eps(frame: pd.DataFrame) -> pd.DataFrame:
    names = {ours: theirs for theirs, ours in EPS_COLUMNS.items()}
    columns = frame.reindex(columns=list(names)).rename(columns=names).fillna(FILL)
    return columns.rename_axis("time_tag")


def _make_epead(frame: pd.DataFrame) -> pd.DataFrame:
    columns = {}
    for channel, name in EPEAD_CHANNELS.items():
        flux = frame.get(name, pd.Series(np.nan, frame.index))
        for telescope in TELESCOPES:
            columns[f"{channel}{telescope}_COR_FLUX"] = flux.fillna(FILL)
            columns[f"{channel}{telescope}_DQF"] = flux.isna().astype(int)
    return pd.DataFrame(columns).rename_axis("time_tag")
