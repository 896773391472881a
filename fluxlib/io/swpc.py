"""Reader for SWPC's JSON feeds: electrons of the last seven days, solar wind of the last one.

Since SWPC retired `products/solar-wind` (Service Change Notice 26-21, April 2026) the solar wind
is in `json/rtsw`: the last day only, newest row first, a row a minute for each spacecraft, of which
one is active. The week before is in the product that feeds SWPC's Geospace model.
"""

import json
import re
from pathlib import Path

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
    parse_iso_times,
    parse_rows,
    read_body,
)
from fluxlib.satellites import FIRST_WITH_E08, LOW_CHANNELS, find_number

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


# Below the archive, by the path below a dataset's folder.
_WEEK = "integral-electrons-7-day.json"
ELECTRON_FEEDS = {
    f"recent/primary/{_WEEK}": f"json/goes/primary/{_WEEK}",
    f"recent/secondary/{_WEEK}": f"json/goes/secondary/{_WEEK}",
}
# In the order of preference: the Geospace product gives no GSE components.
WIND_FEEDS = {
    "recent/rtsw_wind_1m.json": "json/rtsw/rtsw_wind_1m.json",
    "recent/rtsw_mag_1m.json": "json/rtsw/rtsw_mag_1m.json",
    "recent/propagated-solar-wind.json": "products/geospace/propagated-solar-wind.json",
}
FEEDS = ELECTRON_FEEDS | WIND_FEEDS

# By column the field and the least value that is no fill, such as -999.9, -9999.9 or -99999.
KINDS = {
    "electrons": {"e2": ("flux", 0)},
    "wind": {
        "V": ("proton_speed", 0),
        "Vx": ("proton_vx_gse", -9000),
        "N": ("proton_density", 0),
        "T": ("proton_temperature", 0),
    },
    "field": {
        "B": ("bt", 0),
        "Bx": ("bx_gse", -900),
        "By": ("by_gse", -900),
        "Bz": ("bz_gse", -900),
    },
    # GSE and GSM share the x axis. Which of them y and z are in is not said, so they stay out.
    "propagated": {
        "V": ("speed", 0),
        "Vx": ("vx", -9000),
        "N": ("density", 0),
        "T": ("temperature", 0),
        "B": ("bt", 0),
        "Bx": ("bx", -900),
    },
}
ENERGY = ">=2 MeV"


class UnfitRow(Exception):  # noqa: N818 - it never leaves this module
    """A row cannot be used, for a reason and with an example."""


def read_swpc_json(path: str | Path) -> pd.DataFrame:
    """Read one of SWPC's JSON feeds; which one, its fields tell.

    Parameters
    ----------
    path : path
        Such as `integral-electrons-7-day.json`, `rtsw_wind_1m.json`, `rtsw_mag_1m.json` or
        `propagated-solar-wind.json`.

    Returns
    -------
    DataFrame
        Index `time` (UTC) and, of electrons, `e2` in e/(cm2 s sr), every 5 min, of the satellite
        of the newest row (`attrs["satellite"]`, such as "goes19"); of the wind `V Vx` km/s, `N`
        cm-3 and `T` K, of the field `B Bx By Bz` nT in GSE, every minute, of the active
        spacecraft; of the propagated wind `V Vx N T B Bx`. Solar wind is at the time of its
        measurement near L1, where OMNI's is shifted to the bow shock. Nulls and fills are NaN.
        `attrs["account"]` tells what became of every row.

    Raises
    ------
    FluxError
        If the file is no such feed or no row of it can be used.
    """
    path = Path(path)
    rows = _read_rows(path)
    kind = _tell_kind(rows, path)
    account = Account(read=len(rows), kept=len(rows))
    numbers, values = [], []
    for number, row in enumerate(rows, 1):
        try:
            values.append(_read_values(row, kind))
            numbers.append(number)
        except UnfitRow as unfit:
            reason, detail = unfit.args
            account.reject(reason, f"row {number}{detail}")
    rows = [rows[number - 1] for number in numbers]
    times = _read_times(rows)
    if kind != "electrons":
        # Spacecraft stamp the same minute some seconds apart.
        times = times.astype("datetime64[m]").astype("datetime64[us]")
    values = np.array(values, dtype=float).reshape(len(rows), len(KINDS[kind])).T
    least = np.array([least for _, least in KINDS[kind].values()])[:, None]
    values = np.where((values >= least) & (values < np.inf), values, np.nan)
    keep = ~np.isnat(times)
    if not keep.all():
        account.reject("no valid time", f"row {numbers[np.argmin(keep)]}", int((~keep).sum()))
    satellite = None
    if kind == "electrons" and keep.any():
        satellite, same = _choose_satellite(rows, times, keep)
        if (keep & ~same).any():
            first = f"row {numbers[np.argmax(keep & ~same)]}"
            account.reject(f"not of goes{satellite}", first, int((keep & ~same).sum()))
            keep &= same
    if account.kept == 0:
        raise FluxError(f"{path}: no row can be used: {account.explain()}; fetch it again.")
    times, values = order_rows(times[keep], values[:, keep], account)
    frame = make_frame(times, list(KINDS[kind]), values, account)
    frame.attrs["satellite"] = f"goes{satellite}" if satellite is not None else None
    return frame


def _read_rows(path: Path) -> list:
    """Return the rows of a feed, those of a table under a header as objects too."""
    try:
        rows = json.loads(read_body(path).decode())
    except json.JSONDecodeError as error:
        raise FluxError(
            f"{path}: line {error.lineno} column {error.colno} is not valid JSON: {error.msg}; "
            "fetch it again."
        ) from None
    except FluxError:
        raise
    except (ValueError, RecursionError) as error:  # no UTF-8, a number too long, nested too deep
        raise FluxError(f"{path}: not readable as JSON ({error}); fetch it again.") from None
    if not isinstance(rows, list) or not rows:
        found = "no row" if rows == [] else f"a {type(rows).__name__}"
        raise FluxError(f"{path}: holds {found}; expected a list of rows, as SWPC's feeds are.")
    if isinstance(rows[0], list):
        header = [name if isinstance(name, str) else "" for name in rows[0]]
        rows = [
            dict(zip(header, row, strict=True))
            if isinstance(row, list) and len(row) == len(header)
            else row
            for row in rows[1:]
        ]
    return rows


def _tell_kind(rows: list, path: Path) -> str:
    for row in rows:
        for kind, columns in KINDS.items():
            if isinstance(row, dict) and all(field in row for field, _ in columns.values()):
                return kind
    fields = ", ".join(rows[0])[:200] if rows and isinstance(rows[0], dict) else ""
    raise FluxError(
        f"{path}: the first row has the fields {fields!r}; expected those of SWPC's feeds "
        f"{', '.join(sorted({Path(name).name for name in FEEDS}))}."
    )


def _read_values(row, kind: str) -> list[float]:
    """Return a row's numbers, null as NaN; raise `UnfitRow` if it is not to be used."""
    fields = [field for field, _ in KINDS[kind].values()]
    if not isinstance(row, dict) or not all(field in row for field in fields):
        raise UnfitRow("fields missing", "")
    if kind == "electrons":
        if row.get("energy") != ENERGY:
            raise UnfitRow(f"not of {ENERGY}", f": {row.get('energy')!r}"[:60])
        if type(row.get("satellite")) is not int or not 0 < row["satellite"] < 100:
            raise UnfitRow("no satellite's number", f": {row.get('satellite')!r}"[:60])
    if kind in ("wind", "field"):
        if row.get("active") is not True:
            raise UnfitRow("spacecraft not active", f": {row.get('source')!r}"[:60])
        quality = row.get("overall_quality")
        # Negative is "not reported".
        if isinstance(quality, (int, float)) and quality > 0:
            raise UnfitRow("doubtful quality", "")
    return [_read_number(row[field], field) for field in fields]


def _read_number(value, field: str) -> float:
    try:
        if value is None or value == "":
            return np.nan
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise UnfitRow("not a number", f", field {field}: {value!r}"[:80])


def _read_times(rows: list[dict]) -> np.ndarray:
    texts = [row.get("time_tag") for row in rows]
    sound = [text if isinstance(text, str) and text.isascii() else "" for text in texts]
    return parse_iso_times(np.array(sound, dtype=object))


def _choose_satellite(
    rows: list[dict], times: np.ndarray, keep: np.ndarray
) -> tuple[int, np.ndarray]:
    """Return the satellite of the newest row, and which rows are of it: SWPC changes them."""
    satellites = np.array([row["satellite"] for row in rows])
    newest = np.argmax(np.where(keep, times, np.datetime64(-(2**62), "us")))
    return int(satellites[newest]), satellites == satellites[newest]
