"""Readers for OMNI: hourly OMNI2 and the 1- and 5-minute high-resolution (HRO) files.

Fields and fills are those of SPDF's format descriptions (omni2.text and hroformat.txt).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.parsing import Layout, parse_integers, parse_rows, read_body, set_missing

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
}
OMNI2_WIDTHS = (55, 57)
HRO_WIDTHS = (46, 49)


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
        angles. `attrs["account"]` tells what became of every row.

    Raises
    ------
    FluxError
        If the file is no such file or no row of it can be read.
    """
    path = Path(path)
    body = read_body(path)
    stripped = body.lstrip(b"\n")
    first_line = 1 + len(body) - len(stripped)
    width = len(stripped.split(b"\n", 1)[0].split())
    if width in OMNI2_WIDTHS:
        fields, clock, unit = OMNI2_FIELDS, ["hour"], 60
    elif width in HRO_WIDTHS:
        fields, clock, unit = HRO_FIELDS, ["hour", "minute"], 1
    else:
        raise FluxError(
            f"{path}: line {first_line} has {width} fields; expected {OMNI2_WIDTHS[0]} or "
            f"{OMNI2_WIDTHS[1]} (OMNI2) or {HRO_WIDTHS[0]} or {HRO_WIDTHS[1]} (OMNI HRO)."
        )
    names = [str(number) for number in range(1, width + 1)]
    for number, name in enumerate(["year", "day", *clock]):
        names[number] = name
    for name, (number, _) in fields.items():
        names[number - 1] = name
    layout = Layout(names, wanted=list(fields), time=names[: 2 + len(clock)], delimiter=" ")
    raw, account = parse_rows(stripped, layout, _make_time, path=path, first_line=first_line)
    fills = pd.Series({name: fill for name, (_, fill) in fields.items()})
    # Fills are the largest value that a field can print, so anything from there on is one.
    frame = set_missing(raw, (raw >= fills - 1e-6) | ~np.isfinite(raw), account)
    frame = _derive_vx_and_kp(frame) if unit == 60 else frame
    frame.attrs["account"] = account
    frame.attrs["kind"] = "omni2" if unit == 60 else "omni-hro"
    return frame


def _make_time(fields: dict) -> np.ndarray:
    year, day, hour = (parse_integers(fields[name]) for name in ("year", "day", "hour"))
    minute = parse_integers(fields["minute"]) if "minute" in fields else np.zeros_like(hour)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    sound = (year >= 1900) & (year < 2200) & (day >= 1) & (day <= 365 + leap)
    sound &= (hour >= 0) & (hour < 24) & (minute >= 0) & (minute < 60)
    start = (np.where(sound, year, 1970) - 1970).astype("datetime64[Y]").astype("datetime64[m]")
    time = start + (((day - 1) * 24 + hour) * 60 + minute).astype("timedelta64[m]")
    return np.where(sound, time, np.datetime64("NaT")).astype("datetime64[ms]")


def _derive_vx_and_kp(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with Kp in 0..9 and Vx = -V cos(theta) cos(phi), as OMNI2 defines it."""
    direction = np.cos(np.radians(frame["theta"])) * np.cos(np.radians(frame["phi"]))
    # Kp*10 is 3, 7, 10, 13, ...: thirds, rounded.
    kp = (frame["Kp"] / 10 * 3).round() / 3
    result = frame.assign(Vx=-frame["V"] * direction, Kp=kp)
    return result[["V", "Vx", "N", "T", "B", "Bx", "By", "Bz", "P", "Dst", "AE", "AL", "AU", "Kp"]]
