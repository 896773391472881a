"""OMNI: hourly OMNI2 and high-resolution (HRO) files of the solar wind and the indices."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.io.text import Layout, ReadResult, make_frame, parse_rows, read_body, write_gzip
from fluxlib.utils.time_grid import find_cadence, format_cadence

# Field number in the description (from 1), and the fill.
OMNI2_FIELDS = {
    "B": (9, 999.9),
    "Bx": (13, 999.9),
    "By": (14, 999.9),
    "Bz": (15, 999.9),
    "T": (23, 9999999.0),
    "N": (24, 999.9),
    "V": (25, 9999.0),
    "phi": (26, 999.9),
    "theta": (27, 999.9),
    "P": (29, 99.99),
    "Kp": (39, 99),
    "Dst": (41, 99999),
    "AE": (42, 9999),
    "p10": (46, 99999.99),
    "AL": (53, 99999),
    "AU": (54, 99999),
}
HRO_FIELDS = {
    "B": (14, 9999.99),
    "Bx": (15, 9999.99),
    "By": (16, 9999.99),
    "Bz": (17, 9999.99),
    "V": (22, 99999.9),
    "Vx": (23, 99999.9),
    "N": (26, 999.99),
    "T": (27, 9999999.0),
    "P": (28, 99.99),
    "AE": (38, 99999),
    "AL": (39, 99999),
    "AU": (40, 99999),
    "SYM_H": (42, 99999),
    "p10": (47, 99999.99),  # only in 5-min files, which have 49 fields
}
FIELDS = {"omni2": OMNI2_FIELDS, "omni-hro": HRO_FIELDS}
WIDTHS = {"omni2": (55, 57), "omni-hro": (46, 49)}
CLOCK = {"omni2": ("year", "day", "hour"), "omni-hro": ("year", "day", "hour", "minute")}
NEVER_NEGATIVE = ("B", "T", "N", "V", "P", "Kp", "p10")


def read_omni(path: str | Path) -> pd.DataFrame:
    """Read an OMNI2 hourly file (55 or 57 fields) or an OMNI HRO file (46 or 49 fields).

    Parameters
    ----------
    path : path
        Such as `omni2_2014.dat` or `omni_5min2014.asc`, also gzipped.

    Returns
    -------
    DataFrame
        Drivers, index `time` (UTC, start of the interval): `V Vx` km/s, `N` cm-3, `T` K,
        `B Bx By Bz` nT in GSE, `P` nPa, `AE AL AU` nT; OMNI2 also `Dst` nT and `Kp` 0..9, HRO
        also `SYM_H` nT. Fills are NaN. OMNI2's `Vx` is made from the speed and the two flow
        angles. Where the file holds any, `p10` is the flux of protons above 10 MeV,
        1/(cm2 s sr): not a driver of the electrons, but what contaminates their detectors.

    Raises
    ------
    FluxError
        If the file is not of these formats or no row of it can be read.

    See Also
    --------
    read : the same with the account of every row, and the format.
    """
    return read(path).frame


def read(path: str | Path) -> ReadResult:
    """Read as `read_omni`, with the account of every row and the format, omni2 or omni-hro."""
    path = Path(path)
    body = read_body(path)
    rows = body.lstrip(b"\n")
    first_line = 1 + len(body) - len(rows)
    width = len(rows.split(b"\n", 1)[0].split())
    kind = next((kind for kind, widths in WIDTHS.items() if width in widths), None)
    if kind is None:
        raise FluxError(
            f"{path}: line {first_line} has {width} fields; expected "
            f"{' or '.join(map(str, WIDTHS['omni2']))} (OMNI2) or "
            f"{' or '.join(map(str, WIDTHS['omni-hro']))} (OMNI HRO)."
        )
    fields = {name: field for name, field in FIELDS[kind].items() if field[0] <= width}
    names = [str(number) for number in range(1, width + 1)]
    for name, (number, _) in fields.items():
        names[number - 1] = name
    layout = Layout(
        names,
        wanted=list(fields),
        time=dict(zip(CLOCK[kind], names, strict=False)),
        delimiter=" ",
    )
    times, values, account = parse_rows(rows, layout, path=path, first_line=first_line)
    for row, (name, (_, fill)) in zip(values, fields.items(), strict=True):
        # A fill is the largest value that its field can print.
        least = 0 if name in NEVER_NEGATIVE else -np.inf
        row[~((row < fill - 1e-6) & (row >= least))] = np.nan
    columns = dict(zip(fields, values, strict=True))
    if kind == "omni2":
        columns = _derive_vx_and_kp(columns)
    if np.isnan(columns.get("p10", 0)).all():
        columns.pop("p10")
    frame = make_frame(times, list(columns), np.stack(list(columns.values())), account)
    return ReadResult(frame, account, kind)


def _derive_vx_and_kp(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return OMNI2's columns with Kp in 0..9 and Vx = -V cos(theta) cos(phi), in their order."""
    direction = np.cos(np.radians(columns["theta"])) * np.cos(np.radians(columns["phi"]))
    # Kp*10 is 3, 7, 10, 13, ...: thirds, rounded.
    derived = {"Vx": -columns["V"] * direction, "Kp": np.round(columns["Kp"] / 10 * 3) / 3}
    names = ["V", "Vx", "N", "T", "B", "Bx", "By", "Bz", "P", "Dst", "AE", "AL", "AU", "Kp", "p10"]
    return {name: (columns | derived)[name] for name in names}


# The fields of a row as SPDF's format statements print them: a driver's name in braces, the fill
# or a constant for all that a dataset has no column of.
OMNI2_ROW = (
    "{year:4d}{day:4d}{hour:3d} 9999 99 99 999 999{B:6.1f} 999.9 999.9 999.9"
    "{Bx:6.1f}{By:6.1f}{Bz:6.1f} 999.9 999.9 999.9 999.9 999.9 999.9 999.9{T:8.0f}."
    "{N:6.1f}{V:5.0f}.{phi:6.1f}{theta:6.1f} 9.999{P:6.2f} 9999999. 999.9 9999. 999.9 999.9"
    " 9.999 999.99 999.99 999.9{Kp:3.0f} 999{Dst:6.0f}{AE:5.0f} 999999.99 99999.99 99999.99"
    "{p10:9.2f} 99999.99 99999.99{flag:3d} 999 999.9 999.9{AL:6.0f}{AU:6.0f} 99.9"
)
HRO_ROW = (
    "{year:4d}{day:4d}{hour:3d}{minute:3d} 99 99 999 999 999 999999 999999 99.99 999999{B:8.2f}"
    "{Bx:8.2f}{By:8.2f}{Bz:8.2f} 9999.99 9999.99 9999.99 9999.99{V:8.1f}{Vx:8.1f} 99999.9 99999.9"
    "{N:7.2f}{T:8.0f}.{P:6.2f} 999.99 999.99 999.9 9999.99 9999.99 9999.99 9999.99 9999.99 9999.99"
    "{AE:6.0f}{AL:6.0f}{AU:6.0f} 99999{SYM_H:6.0f} 99999 99999 999.99 99.9"
    "{p10:9.2f} 99999.99 99999.99"
)


def write(folder: Path, kind: str, drivers: pd.DataFrame) -> dict:
    """Write drivers as OMNI2 (`kind` "omni2") or OMNI HRO ("omni-hro"), a gzipped file a year.

    Returns
    -------
    dict
        `format`, `files` and `cadence` of a manifest's entry.
    """
    cadence = format_cadence(find_cadence(drivers.index, kind))
    stem = "omni2_" if kind == "omni2" else f"omni_{cadence}"
    suffix = ".dat.gz" if kind == "omni2" else ".asc.gz"
    (folder / kind).mkdir(exist_ok=True)
    for year, part in drivers.groupby(drivers.index.year):
        write_gzip(folder / kind / f"{stem}{year}{suffix}", format_omni(kind, part))
    return {"format": kind, "files": f"{kind}/{stem}*{suffix}", "cadence": cadence}


def format_omni(kind: str, drivers: pd.DataFrame) -> str:
    """Return the rows of an OMNI2 (`kind` "omni2") or OMNI HRO ("omni-hro") file.

    Drivers that `drivers` lacks, and NaN, are printed as the format's fills.
    """
    if kind == "omni2":
        return "".join(_format_rows(_derive_angles(drivers), kind, OMNI2_ROW))
    return "".join(_format_rows(drivers, kind, HRO_ROW))


def _derive_angles(drivers: pd.DataFrame) -> pd.DataFrame:
    """Return the drivers with Kp * 10 and the flow angles that give Vx back."""
    columns = {"theta": drivers.get("V", np.nan) * 0}
    if "Vx" in drivers and "V" in drivers:
        ratio = (-drivers["Vx"] / drivers["V"]).clip(-1, 1)
        columns["phi"] = np.degrees(np.arccos(ratio))
    if "Kp" in drivers:
        columns["Kp"] = (drivers["Kp"] * 10).round()
    return drivers.assign(**columns)


def _format_rows(part: pd.DataFrame, kind: str, row: str) -> Iterator[str]:
    index = part.index
    columns = {"year": index.year, "day": index.day_of_year, "hour": index.hour}
    columns = {name: values.tolist() for name, values in columns.items()}
    columns["minute"] = index.minute.tolist()
    for name, (_, fill) in FIELDS[kind].items():
        values = part[name].fillna(fill) if name in part else pd.Series(fill, index)
        columns[name] = values.astype(float).tolist()
    # OMNI2's flag of the proton fluxes: 0 where they are fills, -1 where they were not assessed.
    columns["flag"] = [0 if value == FIELDS[kind]["p10"][1] else -1 for value in columns["p10"]]
    for values in zip(*columns.values(), strict=True):
        yield row.format(**dict(zip(columns, values, strict=True))) + "\n"
