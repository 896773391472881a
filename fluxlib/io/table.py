"""Plain tables: CSV, gzipped CSV or Parquet with a column `time` and columns of numbers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from fluxlib.errors import FluxError
from fluxlib.io.text import (
    Account,
    Layout,
    ReadResult,
    make_frame,
    order_rows,
    parse_rows,
    read_body,
    write_gzip,
)
from fluxlib.utils.time_grid import find_cadence, format_cadence

FORMAT = "table"
FILL = 1e30  # values as large are CDF's and netCDF's fill values, or not finite


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table of time and numbers.

    Parameters
    ----------
    path : path
        CSV, `.csv.gz` or `.parquet`. One column is called `time`: ISO 8601, UTC, with or without
        `Z`. All others hold numbers; an empty field is missing.

    Returns
    -------
    DataFrame
        float64 columns as the file names them, index `time`.

    Raises
    ------
    FluxError
        If there is no `time` column or no row can be read.

    See Also
    --------
    read : the same with the account of every row.
    """
    return read(path).frame


def read(path: str | Path) -> ReadResult:
    """Read as `read_table`, with the account of every row."""
    path = Path(path)
    read_file = _read_parquet if path.suffix == ".parquet" else _read_csv
    names, times, values, account = read_file(path)
    values[~(np.abs(values) < FILL)] = np.nan
    return ReadResult(make_frame(times, names, values, account), account, FORMAT)


def write(folder: Path, subfolder: str, stem: str, frame: pd.DataFrame) -> dict:
    """Write a table as gzipped CSV, one file a year below a folder, six significant digits.

    Returns
    -------
    dict
        `format`, `files` and `cadence` of a manifest's entry.
    """
    cadence = format_cadence(find_cadence(frame.index, stem))
    (folder / subfolder).mkdir(exist_ok=True)
    for year, part in frame.groupby(frame.index.year):
        text = part.to_csv(float_format="%.6g", date_format="%Y-%m-%dT%H:%M:%SZ")
        write_gzip(folder / subfolder / f"{stem}_{cadence}_{year}.csv.gz", text)
    files = f"{subfolder}/{stem}_{cadence}_*.csv.gz"
    return {"format": FORMAT, "files": files, "cadence": cadence}


def _read_csv(path: Path) -> tuple[Sequence[str], np.ndarray, np.ndarray, Account]:
    # Some programs quote every text, and no number or time needs it.
    body = read_body(path).replace(b'"', b"")
    header, _, rows = body.partition(b"\n")
    names = [name.strip() for name in header.decode("latin-1").split(",")]
    _check_names(names, path, "line 1")
    layout = Layout(
        names,
        wanted=[name for name in names if name != "time"],
        time={"time": "time"},
        zoned=rows[: rows.find(b"\n")].count(b"Z") == 1,
    )
    return layout.wanted, *parse_rows(rows, layout, path=path, first_line=2)


def _read_parquet(path: Path) -> tuple[list[str], np.ndarray, np.ndarray, Account]:
    try:
        # The metadata that pandas adds to a file is not needed here, and may be damaged.
        frame = pa.parquet.ParquetFile(path).read().to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FluxError(f"{path}: not a readable Parquet file: {reason}") from None
    _check_names(list(frame.columns), path, "the schema")
    times = _read_times(frame.pop("time"), path)
    for name, kind in frame.dtypes.items():
        if not pd.api.types.is_numeric_dtype(kind):
            raise FluxError(f"{path}: column {name!r} is of type {kind}; expected numbers.")
    account = Account(read=len(frame), kept=len(frame))
    bad = times.isna().to_numpy()
    if bad.any():
        account.reject("no valid time", f"row {bad.argmax() + 1}", int(bad.sum()))
    if account.kept == 0:
        raise FluxError(f"{path}: the table has no row with a valid time.")
    values = frame.to_numpy(float, na_value=np.nan)[~bad].T
    stamps = times.to_numpy().astype("datetime64[us]")[~bad]
    return list(frame.columns), *order_rows(stamps, values, account), account


def _read_times(column: pd.Series, path: Path) -> pd.Series:
    """Return the times in UTC without a zone; numbers are refused, as their origin is unknown."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        raise FluxError(f"{path}: column 'time' is of type {column.dtype}; expected times.")
    return pd.to_datetime(column, errors="coerce", utc=True).dt.tz_localize(None)


def _check_names(names: list[str], path: Path, where: str) -> None:
    if "time" not in names or len(names) < 2 or len(set(names)) < len(names):
        raise FluxError(
            f"{path}: {where} names the columns {', '.join(map(str, names))[:200]!r}; expected "
            "'time' and at least one column of numbers, each name once."
        )
