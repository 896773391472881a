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
        The fields that make the time, to be returned as text (one field) or numbers.
    delimiter : str
        One character; a blank stands for a run of blanks.
    """

    names: Sequence[str]
    wanted: Sequence[str]
    time: Sequence[str]
    delimiter: str = ","


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
    if path.suffix == ".gz":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise FluxError(
                f"{path}: not a whole gzip file ({error}); fetch or copy it again."
            ) from None
    body = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not body.strip():
        raise FluxError(f"{path}: the file is empty; fetch or copy it again.")
    if body[:200].lstrip()[:1] == b"<":
        raise FluxError(f"{path}: line 1 is HTML or XML, not data; fetch or copy the file again.")
    return body


def parse_rows(
    body: bytes,
    layout: Layout,
    make_time: Callable[[dict[str, np.ndarray]], np.ndarray],
    *,
    path: Path,
    first_line: int,
) -> tuple[pd.DataFrame, Account]:
    """Parse the rows of a body.

    Parameters
    ----------
    body : bytes
        Rows only, from the line `first_line` of the file (counted from 1) on.
    make_time : callable
        Maps the time fields, an array each, to datetime64; NaT where they make no time.

    Returns
    -------
    frame : DataFrame
        The wanted columns as float64, index `time`, in the file's order, times unique.
    account : Account

    Raises
    ------
    FluxError
        If no row can be read.
    """
    if layout.delimiter == " ":
        body = _squeeze_blanks(body)
    account = Account()
    try:
        columns = _parse_fast(body, layout)
        account.read = account.kept = len(next(iter(columns.values())))
        lines = None
    except pa.ArrowInvalid:
        columns, lines = _parse_slowly(body, layout, account, first_line)
    times = make_time({name: columns.pop(name) for name in layout.time})
    if lines is None and np.isnat(times).any():
        # Blank lines may lie between rows: only the slow path knows the lines' numbers.
        lines = _parse_slowly(body, layout, Account(), first_line)[1]
    frame = pd.DataFrame(columns, index=pd.DatetimeIndex(times, name="time"))
    frame = _drop_bad_times(frame, account, lines)
    if account.kept == 0:
        reason = account.explain() or "the file has a header and no rows"
        raise FluxError(f"{path}: no row from line {first_line} on can be read: {reason}.")
    return frame, account


def _squeeze_blanks(body: bytes) -> bytes:
    # Halving runs is several times faster than a regular expression.
    body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    return body.replace(b"\n ", b"\n").replace(b" \n", b"\n").strip(b" ")


def _parse_fast(body: bytes, layout: Layout) -> dict[str, np.ndarray]:
    types = dict.fromkeys(layout.wanted, pa.float64())
    types |= {name: pa.string() for name in layout.time}
    table = pa.csv.read_csv(
        pa.BufferReader(body),
        read_options=pa.csv.ReadOptions(column_names=list(layout.names)),
        parse_options=pa.csv.ParseOptions(delimiter=layout.delimiter),
        convert_options=pa.csv.ConvertOptions(
            include_columns=[*layout.time, *layout.wanted],
            column_types=types,
            null_values=["", "NaN", "nan", "NA", "null"],
        ),
    )
    numbers = {name: table[name].to_numpy() for name in layout.wanted}
    return {name: table[name] for name in layout.time} | numbers


def _parse_slowly(body: bytes, layout: Layout, account: Account, first_line: int):
    """Return the columns of the sound lines and their line numbers."""
    width = len(layout.names)
    places = [(name, layout.names.index(name)) for name in layout.wanted]
    times = [layout.names.index(name) for name in layout.time]
    rows, stamps, lines = [], [], []
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
        stamps.append([fields[place] for place in times])
        lines.append(number)
    values = np.array(rows, dtype=float).reshape(len(rows), len(places))
    columns = {name: values[:, i] for i, (name, _) in enumerate(places)}
    for i, name in enumerate(layout.time):
        columns[name] = pa.chunked_array([[stamp[i] for stamp in stamps]], pa.string())
    return columns, lines


def _to_number(text: str, name: str) -> float:
    text = text.strip().strip('"')
    if text in ("", "NaN", "nan", "NA", "null"):
        return math.nan
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except ValueError:
        raise ValueError(f"column {name}: {text[:40]!r}") from None


def _drop_bad_times(frame: pd.DataFrame, account: Account, lines) -> pd.DataFrame:
    bad = frame.index.isna()
    if bad.any():
        account.reject("no valid time", f"line {lines[int(np.argmax(bad))]}", int(bad.sum()))
        frame = frame[~bad]
    repeated = frame.index.duplicated()
    if repeated.any():
        example = str(frame.index[repeated][0])
        account.reject("duplicate time", example, int(repeated.sum()))
        frame = frame[~repeated]
    return frame


def parse_iso_times(text: pa.ChunkedArray) -> np.ndarray:
    """Return datetime64[ms] of ISO 8601 texts, with or without `Z`; NaT where it is none."""
    try:
        stripped = pa.compute.utf8_rtrim(text, "Z ")
        return stripped.cast(pa.timestamp("ms")).to_numpy().astype("datetime64[ms]")
    except pa.ArrowInvalid:
        parsed = pd.to_datetime(
            text.to_pandas(), format="ISO8601", errors="coerce", utc=True
        ).dt.tz_localize(None)
        return parsed.to_numpy().astype("datetime64[ms]")


def parse_integers(text: pa.ChunkedArray) -> np.ndarray:
    """Return int64 of texts, -1 where one is no whole number of at most nine digits."""
    try:
        numbers = pa.compute.utf8_trim_whitespace(text).cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        numbers = pd.to_numeric(text.to_pandas(), errors="coerce").fillna(-1).to_numpy()
    return np.where((numbers >= 0) & (numbers < 1e9), numbers, -1).astype(np.int64)


def set_missing(
    frame: pd.DataFrame, missing: pd.DataFrame | np.ndarray, account: Account
) -> pd.DataFrame:
    """Return the frame with NaN where `missing` is true, counted by column in the account."""
    result = frame.mask(missing)
    gone = result.isna().sum()
    account.filled.update({name: int(count) for name, count in gone.items() if count})
    return result
