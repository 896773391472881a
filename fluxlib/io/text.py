"""Text files become columns of numbers, with an account of every row.

The whole body goes to Arrow's CSV parser. Only if that fails is the file read line by line, so
that sound rows are kept and the account can name the line that was rejected, and why.
"""

import gzip
import math
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from fluxlib.errors import FluxError

NULLS = ("", "NaN", "nan", "NA", "null")
NO_TIME = np.datetime64("NaT", "us")


@dataclass
class Account:
    """What became of the rows of one file: ``read == kept + sum(rejected.values())``.

    Attributes
    ----------
    rejected : Counter
        Rejected rows by reason.
    examples : dict
        The first rejected line (or time) by reason.
    filled : Counter
        By column, values that were a fill or not physical, and are NaN now.
    left_out : int
        Of the rejected rows, those that can be read but are of something else: another spacecraft,
        or a time outside the period that the manifest gives.
    """

    read: int = 0
    kept: int = 0
    rejected: Counter = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    filled: Counter = field(default_factory=Counter)
    left_out: int = 0

    def reject(self, reason: str, example: str, count: int = 1, *, sound: bool = False) -> None:
        """Move `count` kept rows to those rejected for `reason`; `sound` ones are only left out."""
        self.kept -= count
        self.left_out += count * sound
        self.rejected[reason] += count
        self.examples.setdefault(reason, example)

    def explain(self) -> str:
        """Return the reasons in one line: "2 duplicate time (2014-01-01 00:00)"."""
        return "; ".join(
            f"{count} {reason} ({self.examples[reason]})" for reason, count in self.rejected.items()
        )


class Quality(IntFlag):
    """Why a sample is doubtful, as bits; 0 for a good one.

    The first three are found in the series by `fluxlib.observations.flag_quality`; the others are
    what the archive's file says of the interval.
    """

    SPIKE = 1
    STUCK = 2
    PROTONS = 4
    ARCHIVE = 8  # its own quality flag or sum of errors is not zero
    YAW_FLIP = 16  # the satellite is turned round, and its telescopes look the other way
    FEW_SAMPLES = 32  # fewer than half the usual number are in the average


@dataclass
class ReadResult:
    """The table that a file holds, the account of its rows, and what the file says it is.

    Attributes
    ----------
    frame : DataFrame
        float64 columns; index `time` (UTC without a zone), ascending, each time once.
    account : Account
    format : str
        The format's name in a manifest, such as "omni2".
    satellite : str or None
        The satellite that the file names, such as "goes13".
    product : str
        Which of an archive's products the file is, where a format has several.
    flags : ndarray of uint8, shape (rows,), or None
        `Quality` bits that the file gives for the rows of `frame`.
    """

    frame: pd.DataFrame
    account: Account
    format: str
    satellite: str | None = None
    product: str = ""
    flags: np.ndarray | None = None

    def drop(self, rows: np.ndarray, reason: str, *, sound: bool = False) -> None:
        """Reject the rows of a mask for a reason, as `Account.reject` does."""
        if rows.any():
            first = str(self.frame.index[rows][0])
            self.account.reject(reason, first, int(rows.sum()), sound=sound)
            self.frame = self.frame[~rows]
            self.flags = None if self.flags is None else self.flags[~rows]


def make_flags(rows: np.typing.ArrayLike, reason: Quality) -> np.ndarray:
    """Return the bit of a reason in some rows of a mask, 0 in the others."""
    return np.where(rows, np.uint8(reason), np.uint8(0))


def flag_counts(counts: np.ndarray) -> np.ndarray:
    """Return `Quality.FEW_SAMPLES` where a number of samples is below half the file's usual one."""
    counts = np.where(np.isfinite(counts), counts, 0)
    usual = np.median(counts[counts > 0]) if (counts > 0).any() else 0
    return make_flags(counts < usual / 2, Quality.FEW_SAMPLES)


@dataclass(frozen=True)
class Layout:
    """How the rows of a body are to be read.

    Attributes
    ----------
    names : sequence of str
        Every field of a row, in the file's order.
    wanted : sequence of str
        The numeric fields to return.
    time : mapping
        The fields that give the time: ``{"time": field}`` of an ISO 8601 text, or the fields of
        "year", "day" (of the year, or of the "month"), "hour" and "minute".
    delimiter : str
        One character; a blank stands for any run of blanks and tabs.
    zoned : bool
        Whether ISO times end in "Z". Those that differ from the others are read all the same.
    """

    names: Sequence[str]
    wanted: Sequence[str]
    time: Mapping[str, str]
    delimiter: str = ","
    zoned: bool = False


def read_body(path: str | Path) -> bytes:
    """Return a file's bytes, unzipped if its name ends in `.gz`, with Unix line ends.

    Raises
    ------
    FluxError
        If the file is missing, empty, a web page, or its compressed data is cut short.
    """
    path = Path(path)
    try:
        body = path.read_bytes()
    except OSError as error:
        raise FluxError(f"{path}: cannot be read: {error.strerror}.") from None
    if path.suffix == ".gz" and body:
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise FluxError(
                f"{path}: not a whole gzip file ({error}); fetch or copy it again."
            ) from None
    body = body.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    start = body[:200].lstrip()
    if not start and not body.strip():
        raise FluxError(f"{path}: the file is empty; fetch or copy it again.")
    if start.startswith(b"<"):
        raise FluxError(f"{path}: line 1 is HTML or XML, not data; fetch or copy the file again.")
    return body


def write_gzip(path: Path, text: str) -> None:
    """Write text compressed; without the time of writing, so that equal text gives equal bytes."""
    path.write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))


def parse_rows(
    body: bytes, layout: Layout, *, path: Path, first_line: int
) -> tuple[np.ndarray, np.ndarray, Account]:
    """Parse the rows of a body.

    Parameters
    ----------
    body : bytes
        Rows only, the first of which is line `first_line` of the file (counted from 1).
    layout : Layout
    path : path
        Named in messages.

    Returns
    -------
    times : ndarray of datetime64[us]
        Ascending, each once.
    values : ndarray of shape (wanted, times)
        float64.
    account : Account

    Raises
    ------
    FluxError
        If no row can be read.
    """
    if layout.delimiter == " ":
        body = _squeeze_blanks(body)
    try:
        times, values = _parse_at_once(body, layout)
        account = Account(read=len(times), kept=len(times))
    except pa.ArrowInvalid:
        times, values, account = _parse_by_line(body, layout, first_line)
    if account.read == 0:
        raise FluxError(f"{path}: the file ends before line {first_line}; fetch or copy it again.")
    if account.kept == 0:
        raise FluxError(
            f"{path}: no row from line {first_line} on can be read: {account.explain()}."
        )
    return *order_rows(times, values, account), account


def order_rows(
    times: np.ndarray, values: np.ndarray, account: Account
) -> tuple[np.ndarray, np.ndarray]:
    """Return times and values (columns, times) in order of time, the first of equal times."""
    if (times[1:] > times[:-1]).all():
        return times, values
    order = np.argsort(times, kind="stable")
    times = times[order]
    again = np.concatenate([[False], times[1:] == times[:-1]])
    if again.any():
        example = str(times[again][0].astype("datetime64[s]"))
        account.reject("duplicate time", example, int(again.sum()))
        times, order = times[~again], order[~again]
    return times, values[:, order]


def make_frame(
    times: np.ndarray, names: Sequence[str], values: np.ndarray, account: Account
) -> pd.DataFrame:
    """Return values (names, times) as columns; count their NaN in the account."""
    for name, row in zip(names, values, strict=True):
        if missing := int(np.count_nonzero(np.isnan(row))):
            account.filled[name] += missing
    index = pd.DatetimeIndex(times, name="time")
    return pd.DataFrame(values.T, index=index, columns=list(names), copy=False)


_ISO = (
    r"\d{4}-\d{2}-\d{2}"  # a date alone is its midnight
    r"(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?\s*(?:Z|[+-]\d{2}:?\d{2})?)?"
)


def parse_iso_times(texts: np.ndarray) -> np.ndarray:
    """Return datetime64[us] of ISO 8601 texts, in UTC; NaT where a text is not a time."""
    series = pd.Series(texts, dtype=str).str.strip()
    # pandas alone would also take "2014" or "20140101" for a time.
    series = series.where(series.str.fullmatch(_ISO), None)
    times = pd.to_datetime(series, format="ISO8601", errors="coerce", utc=True)
    return times.dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def parse_integers(texts: np.ndarray) -> np.ndarray:
    """Return int64 of texts, -1 where a text is not a whole number of at most nine digits."""
    series = pd.Series(texts, dtype=str)
    sound = series.str.fullmatch(r"[0-9]{1,9}")
    return series.where(sound, "-1").astype("int64").to_numpy()


_FIRST, _LAST = 1900, 2199  # years
# The first day of every month of these years, and of the month after them.
_MONTHS = np.arange(f"{_FIRST}-01", f"{_LAST + 1}-02", dtype="datetime64[M]").astype(
    "datetime64[D]"
)


def make_times(
    year: np.ndarray, day: np.ndarray, hour=0, minute=0, *, month: np.ndarray | None = None
) -> np.ndarray:
    """Return datetime64[us] of calendar fields (int64), with the day of the year or of a month.

    NaT where the fields are not a time between 1900 and 2199.
    """
    first = np.ones_like(year) if month is None else month
    sound = (year >= _FIRST) & (year <= _LAST) & (first >= 1) & (first <= 12)
    sound = sound & (hour >= 0) & (hour < 24) & (minute >= 0) & (minute < 60)
    number = np.where(sound, (year - _FIRST) * 12 + first - 1, 0)
    start, end = _MONTHS[number], _MONTHS[number + (12 if month is None else 1)]
    sound = sound & (day >= 1) & (day <= (end - start).astype("int64"))
    minutes = np.where(sound, ((day - 1) * 24 + hour) * 60 + minute, 0)
    times = start.astype("datetime64[us]") + minutes.astype("timedelta64[m]")
    return np.where(sound, times, NO_TIME)


def _squeeze_blanks(body: bytes) -> bytes:
    """Return the body with one blank for each run of blanks and tabs, none at a line's ends."""
    text = np.frombuffer(body.replace(b"\t", b" "), np.uint8)
    is_blank = text == ord(" ")
    # Of a run only the last blank stays, and that not before the end of the line.
    is_spare = is_blank & np.append(is_blank[1:] | (text[1:] == ord("\n")), True)
    return text[~is_spare].tobytes().replace(b"\n ", b"\n").removeprefix(b" ")


def _parse_at_once(body: bytes, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Return times and values; raise ArrowInvalid if any row is not sound."""
    is_iso = "time" in layout.time
    kind = pa.timestamp("us", tz="UTC" if layout.zoned else None) if is_iso else pa.int64()
    fields = list(layout.time.values())
    table = pa.csv.read_csv(
        pa.BufferReader(body),
        read_options=pa.csv.ReadOptions(column_names=list(layout.names)),
        # A quoted field may contain a delimiter, and reading by line does not know quotes.
        parse_options=pa.csv.ParseOptions(delimiter=layout.delimiter, quote_char=False),
        convert_options=pa.csv.ConvertOptions(
            include_columns=[*fields, *layout.wanted],
            column_types=dict.fromkeys(layout.wanted, pa.float64()) | dict.fromkeys(fields, kind),
            null_values=NULLS,
        ),
    )
    times = np.array([NO_TIME])
    if not any(table[name].null_count for name in fields):
        clock = {part: table[name].to_numpy() for part, name in layout.time.items()}
        times = (
            clock["time"].astype("datetime64[us]", copy=False) if is_iso else make_times(**clock)
        )
    if np.isnat(times).any():
        raise pa.ArrowInvalid("a row has no valid time; its line is not known here")
    return times, np.stack([table[name].to_numpy() for name in layout.wanted])


def _parse_by_line(
    body: bytes, layout: Layout, first_line: int
) -> tuple[np.ndarray, np.ndarray, Account]:
    """Return the times and values of the sound lines, and the account of all."""
    width = len(layout.names)
    places = [(name, layout.names.index(name)) for name in layout.wanted]
    clock_places = [layout.names.index(name) for name in layout.time.values()]
    account = Account()
    rows, clocks, lines = [], [], []
    for number, raw in enumerate(body.split(b"\n"), first_line):
        if not raw.strip():
            continue
        account.read += 1
        account.kept += 1
        fields = raw.decode("latin-1").split(layout.delimiter)
        if len(fields) != width:
            account.reject("wrong number of fields", f"line {number}: {len(fields)}, not {width}")
            continue
        try:
            rows.append([_parse_number(fields[place], name) for name, place in places])
        except ValueError as error:
            account.reject("not a number", f"line {number}, {error}")
            continue
        clocks.append([fields[place].strip() for place in clock_places])
        lines.append(number)
    values = np.array(rows, dtype=float).reshape(len(rows), len(places))
    texts = np.array(clocks, dtype=object).reshape(len(rows), len(clock_places)).T
    if "time" in layout.time:
        times = parse_iso_times(texts[0])
    else:
        times = make_times(**dict(zip(layout.time, map(parse_integers, texts), strict=True)))
    bad = np.isnat(times)
    if bad.any():
        account.reject("no valid time", f"line {lines[int(np.argmax(bad))]}", int(bad.sum()))
    return times[~bad], values[~bad].T, account


def _parse_number(text: str, name: str) -> float:
    text = text.strip()
    if text in NULLS:
        return math.nan
    try:
        if "_" in text:  # which Python allows between digits
            raise ValueError
        return float(text)
    except ValueError:
        raise ValueError(f"column {name}: {text[:40]!r}") from None
