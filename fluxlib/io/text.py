"""Text files to columns of numbers, with an account of every row.

The fast path gives the whole body to Arrow's CSV parser. Only if that objects does the slow path
look at the file line by line, keep what is sound and say which line was rejected and why.
"""

import gzip
import math
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from fluxlib.errors import FluxError


@dataclass
class Account:
    """What became of the rows of one file: ``read == kept + sum(rejected.values())``.

    Attributes
    ----------
    rejected : Counter
        Rows by reason.
    examples : dict
        For each reason the first line (or time) that it befell.
    filled : Counter
        Values by column that were a fill or no physical value, and are NaN now.
    """

    read: int = 0
    kept: int = 0
    rejected: Counter = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    filled: Counter = field(default_factory=Counter)

    def reject(self, reason: str, example: str, count: int = 1) -> None:
        """Move `count` kept rows to those rejected for `reason`."""
        self.kept -= count
        self.rejected[reason] += count
        self.examples.setdefault(reason, example)

    def explain(self) -> str:
        """Return the reasons in a line: "2 duplicate time (2014-01-01 00:00)"."""
        return "; ".join(
            f"{count} {reason} ({self.examples[reason]})" for reason, count in self.rejected.items()
        )


NO_TIME = np.datetime64("NaT", "us")
_FIRST, _LAST = 1900, 2199  # years
# The first day of each month of theirs, and of the month after; each, computed anew, takes long.
_MONTHS = np.arange(f"{_FIRST}-01", f"{_LAST + 1}-02", dtype="datetime64[M]").astype(
    "datetime64[D]"
)

_ISO = (
    r"\d{4}-\d{2}-\d{2}"  # a date alone is its midnight
    r"(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?\s*(?:Z|[+-]\d{2}:?\d{2})?)?"
)


def parse_iso_times(texts: np.ndarray) -> np.ndarray:
    """Return datetime64[us] of ISO 8601 texts: UTC, or brought there by the offset they state."""
    series = pd.Series(texts, dtype=str).str.strip()
    # pandas alone would also take "2014" or "20140101" for a time.
    series = series.where(series.str.fullmatch(_ISO), None)
    times = pd.to_datetime(series, format="ISO8601", errors="coerce", utc=True)
    return times.dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def parse_integers(texts: np.ndarray) -> np.ndarray:
    """Return int64 of texts, -1 where one is no whole number of at most nine digits."""
    series = pd.Series(texts, dtype=str)
    sound = series.str.fullmatch(r"[0-9]{1,9}")
    return series.where(sound, "-1").astype("int64").to_numpy()


def make_times(year, day, hour, minute=0, *, month=None) -> np.ndarray:
    """Return datetime64[us] of calendar fields (int64 arrays), the day in the year or month."""
    first = np.ones_like(year) if month is None else month
    sound = (year >= _FIRST) & (year <= _LAST) & (first >= 1) & (first <= 12)
    sound = sound & (hour >= 0) & (hour < 24) & (minute >= 0) & (minute < 60)
    number = np.where(sound, (year - _FIRST) * 12 + first - 1, 0)
    start, end = _MONTHS[number], _MONTHS[number + (12 if month is None else 1)]
    sound = sound & (day >= 1) & (day <= (end - start).astype("int64"))
    minutes = np.where(sound, ((day - 1) * 24 + hour) * 60 + minute, 0)
    times = start.astype("datetime64[us]") + minutes.astype("timedelta64[m]")
    return np.where(sound, times, NO_TIME)


NULLS = ("", "NaN", "nan", "NA", "null")


@dataclass(frozen=True)
class Layout:
    """How the rows of a body are to be read.

    Attributes
    ----------
    names : sequence of str
        Every field of a row, in the file's order.
    wanted : sequence of str
        The numeric fields to return.
    time : sequence of str
        The fields that make the time.
    make_time : callable
        Maps the texts of the time fields, an array each, to datetime64[us]; NaT where they make
        no time.
    delimiter : str
        One character; a blank stands for a run of blanks.
    time_type : DataType
        What Arrow is to read the time fields as: text for `make_time`, or at once a timestamp.
    """

    names: Sequence[str]
    wanted: Sequence[str]
    time: Sequence[str]
    make_time: Callable[[dict[str, np.ndarray]], np.ndarray]
    delimiter: str = ","
    time_type: pa.DataType = pa.string()  # noqa: RUF009 - it cannot change


def read_body(path: str | Path) -> bytes:
    """Return a file's bytes, unzipped where its name ends in `.gz`, with Unix line ends.

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


def parse_rows(
    body: bytes, layout: Layout, *, path: Path, first_line: int
) -> tuple[np.ndarray, np.ndarray, Account]:
    """Parse the rows of a body.

    Parameters
    ----------
    body : bytes
        Rows only, from the line `first_line` of the file (counted from 1) on.

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
        times, values = _parse_fast(body, layout)
        account = Account(read=len(times), kept=len(times))
    except pa.ArrowInvalid:
        times, values, account = _parse_slowly(body, layout, first_line)
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
    """Return times and values (columns, times) in order of time, of equal times the first."""
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
    """Return values (names, times) as columns, their NaN counted, with the account attached."""
    for name, row in zip(names, values, strict=True):
        if missing := int(np.count_nonzero(np.isnan(row))):
            account.filled[name] += missing
    index = pd.DatetimeIndex(times, name="time")
    frame = pd.DataFrame(values.T, index=index, columns=list(names), copy=False)
    frame.attrs["account"] = account
    return frame


def _squeeze_blanks(body: bytes) -> bytes:
    # A few passes that halve the runs, rather than a regular expression, which is slow.
    body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    return body.replace(b"\n ", b"\n").replace(b" \n", b"\n").strip(b" ")


def _parse_fast(body: bytes, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    table = pa.csv.read_csv(
        pa.BufferReader(body),
        read_options=pa.csv.ReadOptions(column_names=list(layout.names)),
        # A quoted field may hold a delimiter, which the slow path would not see.
        parse_options=pa.csv.ParseOptions(delimiter=layout.delimiter, quote_char=False),
        convert_options=pa.csv.ConvertOptions(
            include_columns=[*layout.time, *layout.wanted],
            column_types=dict.fromkeys(layout.wanted, pa.float64())
            | dict.fromkeys(layout.time, layout.time_type),
            null_values=NULLS,
        ),
    )
    if pa.types.is_timestamp(layout.time_type):
        times = table[layout.time[0]].to_numpy().astype("datetime64[us]", copy=False)
    else:
        times = layout.make_time({name: _to_texts(table[name]) for name in layout.time})
    if np.isnat(times).any():
        raise pa.ArrowInvalid("a row has no valid time: only the slow path knows its line")
    return times, np.stack([table[name].to_numpy() for name in layout.wanted])


def _to_texts(column: pa.ChunkedArray) -> np.ndarray:
    return column.fill_null("").to_numpy()


def _parse_slowly(body: bytes, layout: Layout, first_line: int):
    """Return the times and columns of the sound lines, and the account of all."""
    width = len(layout.names)
    places = [(name, layout.names.index(name)) for name in layout.wanted]
    stamps = [layout.names.index(name) for name in layout.time]
    account = Account()
    rows, texts, lines = [], [], []
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
            rows.append([_to_number(fields[place], name) for name, place in places])
        except ValueError as error:
            account.reject("not a number", f"line {number}, {error}")
            continue
        texts.append([fields[place].strip() for place in stamps])
        lines.append(number)
    values = np.array(rows, dtype=float).reshape(len(rows), len(places))
    texts = np.array(texts, dtype=object).reshape(len(rows), len(stamps))
    times = layout.make_time({name: texts[:, i] for i, name in enumerate(layout.time)})
    bad = np.isnat(times)
    if bad.any():
        account.reject("no valid time", f"line {lines[int(np.argmax(bad))]}", int(bad.sum()))
    return times[~bad], values[~bad].T, account


def _to_number(text: str, name: str) -> float:
    text = text.strip()
    if text in NULLS:
        return math.nan
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except ValueError:
        raise ValueError(f"column {name}: {text[:40]!r}") from None
