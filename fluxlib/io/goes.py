"""NCEI's averages of the GOES 8-15 electron flux (CSV).

All share a preamble like that of netCDF, which ends with the line ``data:``. GOES 8-12 (EPS) have
one telescope and thresholds >0.6, >2 and >4 MeV; GOES 13-15 (EPEAD) have two, looking east and
west, and thresholds >0.8 and >2 MeV. EPEAD comes in two products: the *operational* averages of
5 minutes, not corrected for protons and dead time, with a quality flag and a number of points; and
the *science* product of 1 minute, corrected, with a data quality flag (DQF).
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.io.text import (
    Layout,
    Quality,
    ReadResult,
    flag_counts,
    make_flags,
    make_frame,
    parse_rows,
    read_body,
)
from fluxlib.satellites import FIRST_WITH_E08

FORMAT = "goes-csv"
EPS_COLUMNS = {"e1_flux_ic": "e0.6", "e2_flux_ic": "e2", "e3_flux_ic": "e4"}
EPEAD_CHANNELS = {"E1": "e0.8", "E2": "e2"}
TELESCOPES = ("W", "E")
# By product, what the columns of a channel's telescope end in: the flux, the flag, the number of
# points. Of products that one file has, the earlier counts.
PRODUCTS = {
    "science, corrected": ("COR_FLUX", "DQF", None),
    "operational, corrected": ("COR_FLUX", "QUAL_FLAG", "NUM_PTS"),
    "operational, uncorrected": ("UNCOR_FLUX", "QUAL_FLAG", "NUM_PTS"),
}
FILL = -99999.0
POINTS = 73  # of 5 minutes, at a sample in 4.096 s

_DATA = re.compile(rb"^data:[ \t]*\n", re.MULTILINE)
_SATELLITE = re.compile(rb'satellite_id\s*=\s*"GOES-?0*(\d+)"', re.IGNORECASE)


def read_goes(path: str | Path) -> pd.DataFrame:
    """Read a CSV file of NCEI's averages of GOES 8-12 (EPS) or GOES 13-15 (EPEAD).

    Parameters
    ----------
    path : path
        Such as `g10_eps_5m_20031001_20031031.csv`, `g13_epead_e13ew_5m_20140101_20140131.csv` or
        `g13_epead_e13ew_1m_20140101_20140131_science_v1.0.0.csv`, also gzipped.

    Returns
    -------
    DataFrame
        Integral electron flux, e/(cm2 s sr), index `time` (UTC, start of the interval). EPS:
        `e0.6 e2 e4`. EPEAD: `e0.8 e2`, mean of the two telescopes where both are good (the flag
        is 0, and points are in the average) and the good one where only one is. Fills and
        negative values are NaN. The flux is corrected where the file has that: see `read`.

    Raises
    ------
    FluxError
        If the file is not of this format or no row of it can be read.

    See Also
    --------
    read : the same with the account of every row, the satellite, the product and the flags.
    """
    return read(path).frame


def read(path: str | Path) -> ReadResult:
    """Read as `read_goes`, with the account of every row and what the file says of itself.

    That is the satellite, the product (a key of `PRODUCTS`, or "EPS averages"), and the flags:
    `Quality.ARCHIVE` where a telescope's flag is not zero, `Quality.FEW_SAMPLES` where the
    averages have fewer than half the usual number of points.
    """
    path = Path(path)
    body = read_body(path)
    start = _DATA.search(body)
    if start is None:
        raise FluxError(f"{path}: found no line 'data:'; expected a CSV file of NCEI's averages.")
    header_end = body.find(b"\n", start.end())
    header = body[start.end() : header_end if header_end >= 0 else len(body)]
    names = [name.strip() for name in header.decode("latin-1").split(",")]
    line = body[: start.end()].count(b"\n") + 1
    eps = all(name in names for name in EPS_COLUMNS)
    product, fields = ("EPS averages", []) if eps else _find_product(names)
    wanted = list(EPS_COLUMNS) if eps else _name_columns(fields)
    if not wanted or "time_tag" not in names or len(set(names)) < len(names):
        raise FluxError(
            f"{path}: line {line} names the columns {', '.join(names)[:200]!r}; expected time_tag "
            f"and {', '.join(EPS_COLUMNS)} (GOES 8-12) or E1W_COR_FLUX, E1W_DQF, ... or "
            "E1W_UNCOR_FLUX, ... (GOES 13-15), each column once."
        )
    layout = Layout(
        names,
        wanted=wanted,
        time={"time": "time_tag"},
    )
    rows = body[header_end + 1 :] if header_end >= 0 else b""
    times, values, account = parse_rows(rows, layout, path=path, first_line=line + 1)
    flags = None
    if eps:
        columns = list(EPS_COLUMNS.values())
        values[~_is_flux(values)] = np.nan
    else:
        columns = list(EPEAD_CHANNELS.values())
        values, flags = _join_telescopes(dict(zip(wanted, values, strict=True)), fields)
    satellite = _SATELLITE.search(body, 0, start.start())
    return ReadResult(
        make_frame(times, columns, values, account),
        account,
        FORMAT,
        f"goes{int(satellite[1])}" if satellite else None,
        product,
        flags,
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


def _find_product(names: list[str]) -> tuple[str, list[str | None]]:
    """Return the product of a file's columns, and its flux, flag and number of points.

    Corrected flux has a flag. Whether all uncorrected flux has one is not documented: without,
    the product says so.
    """
    for product, (flux, flag, points) in PRODUCTS.items():
        has_flux, has_flag, has_points = (
            what is not None and set(_name_columns([what])) <= set(names)
            for what in (flux, flag, points)
        )
        if has_flux and (has_flag or flux == "UNCOR_FLUX"):
            fields = [flux, flag if has_flag else None, points if has_points else None]
            return product + ("" if has_flag else ", without flags"), fields
    return "", []


def _name_columns(fields: list[str | None]) -> list[str]:
    return [
        f"{channel}{telescope}_{what}"
        for what in fields
        if what is not None
        for channel in EPEAD_CHANNELS
        for telescope in TELESCOPES
    ]


def _join_telescopes(
    columns: dict[str, np.ndarray], fields: list[str | None]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the flux (channels, rows), the mean of the good telescopes, and the rows' flags."""
    flux, flag, points = (
        None
        if what is None
        else np.array([columns[name] for name in _name_columns([what])]).reshape(
            len(EPEAD_CHANNELS), len(TELESCOPES), -1
        )
        for what in fields
    )
    good = np.ones(flux.shape, bool)
    flags = np.zeros(flux.shape[-1], np.uint8)
    if flag is not None:
        good &= flag == 0
        flags |= make_flags((flag != 0).any(axis=(0, 1)), Quality.ARCHIVE)
    if points is not None:
        good &= points > 0
        flags |= flag_counts(points.min(axis=(0, 1)))
    return average_telescopes(flux, good, axis=1), flags


def write(folder: Path, subfolder: str, number: int, frame: pd.DataFrame) -> dict:
    """Write 5-minute flux as NCEI's CSV, one file a month below a folder.

    Parameters
    ----------
    folder : path
    subfolder : str
    number : int
        The satellite's, such as 13: EPS up to GOES-12, operational averages of EPEAD from GOES-13
        on, both telescopes with the same flux.
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
            columns[f"{channel}{telescope}_QUAL_FLAG"] = flux.isna().astype(int)
            columns[f"{channel}{telescope}_NUM_PTS"] = flux.notna() * POINTS
            columns[f"{channel}{telescope}_UNCOR_FLUX"] = flux.fillna(FILL)
    return pd.DataFrame(columns).rename_axis("time_tag")
