"""Drivers as the text of an OMNI file, in the columns of SPDF's format statements."""

import gzip
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.io.text import (
    Account,
    Layout,
    make_frame,
    make_times,
    order_rows,
    parse_integers,
    parse_rows,
    read_body,
)

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
CLOCK = {"omni2": 3, "omni-hro": 4}  # fields that make the time: year, day, hour, minute
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
        1/(cm2 s sr): no driver of the electrons, but what contaminates their detectors.
        `attrs["account"]` tells what became of every row.

    Raises
    ------
    FluxError
        If the file is no such file or no row of it can be read.
    """
    path = Path(path)
    kind, fields, times, values, account = _read_quickly(path) or _read_carefully(path)
    for row, (name, (_, fill)) in zip(values, fields.items(), strict=True):
        # Fills are the largest value that a field can print, so anything from there on is one.
        least = 0 if name in NEVER_NEGATIVE else -np.inf
        np.copyto(row, np.nan, where=~((row < fill - 1e-6) & (row >= least)))
    if kind == "omni2":
        fields, values = _derive_vx_and_kp(dict(zip(fields, values, strict=True)))
    names = list(fields)
    if names[-1] == "p10" and np.isnan(values[-1]).all():
        names, values = names[:-1], values[:-1]
    frame = make_frame(times, names, values, account)
    frame.attrs["kind"] = kind
    return frame


def _tell_kind(line: bytes) -> tuple[str | None, dict[str, tuple[int, float]]]:
    """Return the kind of file that has such a line, and its fields; None if neither has."""
    width = len(line.split())
    kind = next((kind for kind, widths in WIDTHS.items() if width in widths), None)
    fields = FIELDS.get(kind, {})
    return kind, {name: field for name, field in fields.items() if field[0] <= width}


def _open_stream(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return BytesIO(gzip.decompress(path.read_bytes()))
    return path.open("rb")


def _read_quickly(path: Path):
    """Return kind, fields, times, values, account of a sound file of fixed width, else None."""
    from fluxlib.io.fixed_width import parse_fixed  # here, as numba takes a third of a second

    try:
        with _open_stream(path) as stream:
            kind, fields = _tell_kind(stream.readline())
            if kind is None:
                return None
            stream.seek(0)
            places = [*range(CLOCK[kind]), *(number - 1 for number, _ in fields.values())]
            values = parse_fixed(stream, places)
    except (OSError, EOFError, zlib.error):
        return None
    if values is None:
        return None
    times = make_times(*values[: CLOCK[kind]].astype(np.int64))
    if np.isnat(times).any():
        return None
    account = Account(read=len(times), kept=len(times))
    return kind, fields, *order_rows(times, values[CLOCK[kind] :], account), account


def _read_carefully(path: Path):
    """Return kind, fields, times, values and account of any file, or raise."""
    body = read_body(path)
    rows = body.lstrip(b"\n")
    first_line = 1 + len(body) - len(rows)
    line = rows[: rows.find(b"\n") % (len(rows) + 1)]
    kind, fields = _tell_kind(line)
    if kind is None:
        raise FluxError(
            f"{path}: line {first_line} has {len(line.split())} fields; expected "
            f"{' or '.join(map(str, WIDTHS['omni2']))} (OMNI2) or "
            f"{' or '.join(map(str, WIDTHS['omni-hro']))} (OMNI HRO)."
        )
    names = [str(number) for number in range(1, len(line.split()) + 1)]
    clock = names[: CLOCK[kind]]
    for name, (number, _) in fields.items():
        names[number - 1] = name
    layout = Layout(
        names,
        wanted=list(fields),
        time=clock,
        make_time=lambda texts: make_times(*(parse_integers(texts[name]) for name in clock)),
        delimiter=" ",
    )
    return kind, fields, *parse_rows(rows, layout, path=path, first_line=first_line)


def _derive_vx_and_kp(values: dict[str, np.ndarray]) -> tuple[list[str], np.ndarray]:
    """Return names and values with Kp in 0..9 and Vx = -V cos(theta) cos(phi), as OMNI2 has it."""
    direction = np.cos(np.radians(values["theta"])) * np.cos(np.radians(values["phi"]))
    # Kp*10 is 3, 7, 10, 13, ...: thirds, rounded.
    derived = {"Vx": -values["V"] * direction, "Kp": np.round(values["Kp"] / 10 * 3) / 3}
    names = ["V", "Vx", "N", "T", "B", "Bx", "By", "Bz", "P", "Dst", "AE", "AL", "AU", "Kp"]
    names.append("p10")
    return names, np.stack([{**values, **derived}[name] for name in names])


# OMNI2's 55 fields, each as its format statement prints it; a driver's name in braces, the fill
# or a plain constant where the simulator and other sources have nothing to say.
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


def format_omni(kind: str, drivers: pd.DataFrame) -> str:
    """Return the rows of an OMNI2 (`kind` "omni2") or OMNI HRO ("omni-hro") file.

    Drivers that `drivers` lacks, and NaN, are printed as the format's fills.
    """
    if kind == "omni2":
        return "".join(_print_rows(_derive_angles(drivers), kind, OMNI2_ROW))
    return "".join(_print_rows(drivers, kind, HRO_ROW))


def _derive_angles(drivers: pd.DataFrame) -> pd.DataFrame:
    """Return the drivers with Kp * 10 and the flow angles that give Vx back."""
    columns = {"theta": drivers.get("V", np.nan) * 0}
    if "Vx" in drivers and "V" in drivers:
        ratio = (-drivers["Vx"] / drivers["V"]).clip(-1, 1)
        columns["phi"] = np.degrees(np.arccos(ratio))
    if "Kp" in drivers:
        columns["Kp"] = (drivers["Kp"] * 10).round()
    return drivers.assign(**columns)


def _print_rows(part: pd.DataFrame, kind: str, row: str) -> Iterator[str]:
    index = part.index
    columns = {"year": index.year, "day": index.day_of_year, "hour": index.hour}
    columns = {name: values.tolist() for name, values in columns.items()}
    columns["minute"] = index.minute.tolist()
    for name, (_, fill) in FIELDS[kind].items():
        values = part[name].fillna(fill) if name in part else pd.Series(fill, index)
        columns[name] = values.astype(float).tolist()
    # OMNI2's flag of the protons: 0 where there are none, -1 where nobody has judged them.
    columns["flag"] = [0 if value == FIELDS[kind]["p10"][1] else -1 for value in columns["p10"]]
    for values in zip(*columns.values(), strict=True):
        yield row.format(**dict(zip(columns, values, strict=True))) + "\n"
