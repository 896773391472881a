"""Reader for a plain table: CSV, gzipped CSV or Parquet with `time` and named columns."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from fluxlib.errors import FluxError
from fluxlib.parsing import Account, Layout, parse_iso_times, parse_rows, read_body, set_missing


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
        float64 columns as the file names them, index `time`. `attrs["account"]` tells what
        became of every row.

    Raises
    ------
    FluxError
        If there is no `time` column or no row can be read.
    """
    path = Path(path)
    frame, account = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    frame = set_missing(frame, ~np.isfinite(frame), account)
    frame.attrs["account"] = account
    return frame


def _read_csv(path: Path) -> tuple[pd.DataFrame, Account]:
    body = read_body(path)
    header, _, rows = body.partition(b"\n")
    names = [name.strip().strip('"') for name in header.decode("latin-1").split(",")]
    _check_names(names, path, "line 1")
    if not rows.strip():
        raise FluxError(f"{path}: the file ends after its header, line 1; it has no rows.")
    layout = Layout(names, wanted=[name for name in names if name != "time"], time=["time"])
    return parse_rows(rows, layout, lambda t: parse_iso_times(t["time"]), path=path, first_line=2)


def _read_parquet(path: Path) -> tuple[pd.DataFrame, Account]:
    try:
        frame = pa.parquet.read_table(path).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FluxError(f"{path}: not a readable Parquet file: {reason}") from None
    frame = frame if "time" in frame.columns else frame.reset_index()
    _check_names(list(frame.columns), path, "the schema")
    times = pd.to_datetime(frame.pop("time"), errors="coerce", utc=True).dt.tz_localize(None)
    for name, kind in frame.dtypes.items():
        if not pd.api.types.is_numeric_dtype(kind):
            raise FluxError(f"{path}: column {name!r} is of type {kind}; expected numbers.")
    frame = frame.astype(float).set_index(pd.DatetimeIndex(times, name="time"))
    account = Account(read=len(frame), kept=len(frame))
    bad = frame.index.isna() | frame.index.duplicated()
    if bad.any():
        account.reject("no valid or a duplicate time", f"row {bad.argmax() + 1}", int(bad.sum()))
    if account.kept == 0:
        raise FluxError(f"{path}: the table has no row with a valid time.")
    return frame[~bad], account


def _check_names(names: list[str], path: Path, where: str) -> None:
    if "time" not in names or len(names) < 2 or len(set(names)) < len(names):
        raise FluxError(
            f"{path}: {where} names the columns {', '.join(map(str, names))[:200]!r}; expected "
            "'time' and at least one column of numbers, each name once."
        )
