"""SWPC's products: Daily Particle Data, and the JSON feeds of the last days.

SWPC retired `products/solar-wind` in April 2026 (Service Change Notice 26-21). The solar wind is in
`json/rtsw` now: the last day only, newest row first, a row a minute for each spacecraft, of which
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
    ReadResult,
    make_frame,
    order_rows,
    parse_iso_times,
    parse_rows,
    read_body,
)
from fluxlib.satellites import FIRST_WITH_E08, LOW_CHANNELS, find_number

DAILY_FORMAT, FEED_FORMAT = "dpd", "swpc-json"
DAILY_FILL = -1e5
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
        day). Values <= 0 are fills and NaN.

    Raises
    ------
    FluxError
        If the file is not of this format or no row of it can be read.

    See Also
    --------
    read_daily : the same with the account of every row.
    """
    return read_daily(path, satellite=satellite).frame


def read_daily(path: str | Path, *, satellite: str | None = None) -> ReadResult:
    """Read as `read_dpd`, with the account of every row."""
    path = Path(path)
    body = read_body(path)
    lines = body.split(b"\n")
    first = next((i for i, line in enumerate(lines) if _ROW.match(line)), None)
    header = (body if first is None else b"\n".join(lines[:first])).decode("latin-1")
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
        time={part: part for part in ("year", "month", "day")},
        delimiter=" ",
    )
    times, values, account = parse_rows(rows, layout, path=path, first_line=first + 1)
    values[~((values > 0) & (values < np.inf))] = np.nan
    return ReadResult(make_frame(times, layout.wanted, values, account), account, DAILY_FORMAT)


def _name_low_channel(header: str, satellite: str | None) -> str:
    found = _ELECTRONS.search(header)
    number = find_number(satellite or (found[1] if found else ""))
    return LOW_CHANNELS[number >= FIRST_WITH_E08]


def write_daily(folder: Path, subfolder: str, number: int, fluence: pd.DataFrame) -> dict:
    """Write daily fluence as Daily Particle Data, one file a year, two significant digits.

    Parameters
    ----------
    folder : path
    subfolder : str
    number : int
        The satellite's, such as 13.
    fluence : DataFrame
        `e0.6` or `e0.8`, and `e2`, e/(cm2 day sr), one row a day.

    Returns
    -------
    dict
        `format`, `files` and `cadence` of a manifest's entry.
    """
    low = next((name for name in LOW_CHANNELS if name in fluence), LOW_CHANNELS[0])
    (folder / subfolder).mkdir(exist_ok=True)
    for year, part in fluence.groupby(fluence.index.year):
        header = (
            f":Product: Daily Particle Data        {year}_DPD.txt\n#\n"
            f"#              GOES-{number} Proton Fluence     GOES-{number} Electron Fluence\n"
            f"#  Date       >1 MeV  >10 MeV  >100 MeV  >{low[1:]} MeV   >2 MeV   % of bkgd\n"
        )
        values = part.reindex(columns=[low, "e2"]).fillna(DAILY_FILL)
        rows = [
            f"{day:%Y %m %d}   -1.0e+05 -1.0e+05 -1.0e+05   {first:7.1e}    {second:7.1e}"
            "          -999.99\n"
            for day, first, second in values.itertuples()
        ]
        path = folder / subfolder / f"{year}_DPD.txt"
        path.write_text(header + "".join(rows), encoding="ascii")
    return {"format": DAILY_FORMAT, "files": f"{subfolder}/*_DPD.txt", "cadence": "1D"}


# The address below the server, by the path below a dataset's folder.
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

# By column, the field and the least value that is not a fill (-999.9, -9999.9, -99999).
FEED_COLUMNS = {
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
    # GSE and GSM share the x axis. The product does not say in which of them y and z are.
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
# Only the rows of SOLAR1 have components; those of ACE and IMAP are none the worse.
OPTIONAL = {"proton_vx_gse"}


class _UnusableRow(Exception):  # noqa: N818 - it never leaves this module
    """A row cannot be used, for a reason and with an example."""


class _OtherRow(_UnusableRow):
    """A row is of another energy or spacecraft."""


def read_swpc_json(path: str | Path) -> pd.DataFrame:
    """Read one of SWPC's JSON feeds, which are told apart by their fields.

    Parameters
    ----------
    path : path
        Such as `integral-electrons-7-day.json`, `rtsw_wind_1m.json`, `rtsw_mag_1m.json` or
        `propagated-solar-wind.json`.

    Returns
    -------
    DataFrame
        Index `time` (UTC). Electrons: `e2`, e/(cm2 s sr), every 5 min, of the satellite of the
        newest row. Wind: `V Vx` km/s, `N` cm-3 and `T` K; field: `B Bx By Bz` nT in GSE; both
        every minute, of the active spacecraft. Propagated wind: `V Vx N T B Bx`. Solar wind is at
        the time of its measurement near L1, whereas OMNI's is shifted to the bow shock. Nulls and
        fills are NaN.

    Raises
    ------
    FluxError
        If the file is not one of these feeds or no row of it can be used.

    See Also
    --------
    read_feed : the same with the account of every row, and the satellite.
    """
    return read_feed(path).frame


def read_feed(path: str | Path) -> ReadResult:
    """Read as `read_swpc_json`, with the account of every row; electrons have a satellite."""
    path = Path(path)
    rows = _read_rows(path)
    kind = _find_kind(rows, path)
    account = Account(read=len(rows), kept=len(rows))
    numbers, values = [], []
    for number, row in enumerate(rows, 1):
        try:
            values.append(_read_values(row, kind))
            numbers.append(number)
        except _UnusableRow as error:
            reason, detail = error.args
            sound = isinstance(error, _OtherRow)
            account.reject(reason, f"row {number}{detail}", sound=sound)
    rows = [rows[number - 1] for number in numbers]
    times = _read_times(rows)
    if kind != "electrons":
        # Spacecraft stamp the same minute some seconds apart.
        times = times.astype("datetime64[m]").astype("datetime64[us]")
    table = np.array(values, dtype=float).reshape(len(rows), len(FEED_COLUMNS[kind])).T
    least = np.array([least for _, least in FEED_COLUMNS[kind].values()])[:, None]
    table = np.where((table >= least) & (table < np.inf), table, np.nan)
    keep = ~np.isnat(times)
    if not keep.all():
        account.reject("no valid time", f"row {numbers[np.argmin(keep)]}", int((~keep).sum()))
    satellite = None
    if kind == "electrons" and keep.any():
        satellite, same = _choose_satellite(rows, times, keep)
        if (keep & ~same).any():
            first = f"row {numbers[np.argmax(keep & ~same)]}"
            count = int((keep & ~same).sum())
            account.reject(f"not of goes{satellite}", first, count, sound=True)
            keep &= same
    if account.kept == 0:
        raise FluxError(f"{path}: no row can be used: {account.explain()}; fetch it again.")
    times, table = order_rows(times[keep], table[:, keep], account)
    return ReadResult(
        make_frame(times, list(FEED_COLUMNS[kind]), table, account),
        account,
        FEED_FORMAT,
        f"goes{satellite}" if satellite is not None else None,
    )


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
    except (ValueError, RecursionError) as error:  # not UTF-8, a number too long, nested too deep
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


def _find_kind(rows: list, path: Path) -> str:
    for row in rows:
        for kind, columns in FEED_COLUMNS.items():
            needed = {field for field, _ in columns.values()} - OPTIONAL
            if isinstance(row, dict) and needed <= set(row):
                return kind
    fields = ", ".join(rows[0])[:200] if rows and isinstance(rows[0], dict) else ""
    raise FluxError(
        f"{path}: the first row has the fields {fields!r}; expected those of SWPC's feeds "
        f"{', '.join(sorted({Path(name).name for name in FEEDS}))}."
    )


def _read_values(row, kind: str) -> list[float]:
    """Return a row's numbers, null as NaN; raise `_UnusableRow` if it is not to be used."""
    fields = [field for field, _ in FEED_COLUMNS[kind].values()]
    if not isinstance(row, dict) or not set(fields) - OPTIONAL <= set(row):
        raise _UnusableRow("fields missing", "")
    if kind == "electrons":
        if row.get("energy") != ENERGY:
            raise _OtherRow(f"not of {ENERGY}", f": {row.get('energy')!r}"[:60])
        if type(row.get("satellite")) is not int or not 0 < row["satellite"] < 100:
            raise _UnusableRow("no satellite number", f": {row.get('satellite')!r}"[:60])
    if kind in ("wind", "field"):
        if row.get("active") is not True:
            raise _OtherRow("spacecraft not active", f": {row.get('source')!r}"[:60])
        quality = row.get("overall_quality")
        # Negative is "not reported".
        if isinstance(quality, (int, float)) and quality > 0:
            raise _UnusableRow("doubtful quality", "")
    return [_read_number(row.get(field), field) for field in fields]


def _read_number(value, field: str) -> float:
    try:
        if value is None or value == "":
            return np.nan
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise _UnusableRow("not a number", f", field {field}: {value!r}"[:80])


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
