"""Drivers as the text of an OMNI file, in the columns of SPDF's format statements."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from fluxlib.omni import FIELDS

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
