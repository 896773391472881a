"""A cache of tables as Parquet, keyed by the content of what they were made from."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from fluxlib.errors import FluxError
from fluxlib.utils.files import atomic_folder, cache_folder, hash_code, write_text

# A change in any of these may change a table that was made from the same files.
READING = ("satellites", "utils", "io", "datasets")
DONE = "done"


def hash_parts(*parts: str) -> str:
    """Return a hash of texts and of the code that reads files."""
    digest = hashlib.sha256()
    for part in (*parts, hash_code(*READING)):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:32]


def recall(key: str) -> dict[str, pd.DataFrame] | None:
    """Return the tables kept under a key, or None if there are none."""
    folder = cache_folder() / key
    if not (folder / DONE).exists():
        return None
    try:
        names = json.loads((folder / DONE).read_text())
        return {name: _read_parquet(folder / f"{name}.parquet") for name in names}
    except (OSError, ValueError):  # pyarrow.ArrowInvalid is a ValueError
        # Damaged on the disk: what it was made from is still there.
        shutil.rmtree(folder, ignore_errors=True)
        return None


def remember(key: str, tables: dict[str, pd.DataFrame]) -> None:
    """Keep tables under a key; of two processes that do so at once, the first one's stay."""
    folder = cache_folder() / key
    if not (folder / DONE).exists():
        shutil.rmtree(folder, ignore_errors=True)
    try:
        with atomic_folder(folder) as temporary:
            for name, table in tables.items():
                table.to_parquet(temporary / f"{name}.parquet", compression="lz4")
            (temporary / DONE).write_text(json.dumps(list(tables)))
    except (OSError, FluxError):
        if not (folder / DONE).exists():
            raise


def hash_files(root: Path, paths: Iterable[Path]) -> str:
    """Return a hash of the files' names below `root` and their content.

    The hash of a file is kept with its size and time of change, as git does, so that unchanged
    files are not read again.
    """
    memo_path = cache_folder() / "hashes.json"
    memo = _read_memo(memo_path)
    digest, changed = hashlib.sha256(), False
    for path in paths:
        stat = path.stat()
        place = str(path.resolve())
        known = memo.get(place)
        if not isinstance(known, list) or known[:2] != [stat.st_size, stat.st_mtime_ns]:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            memo[place] = [stat.st_size, stat.st_mtime_ns, content]
            changed = True
        digest.update(f"{path.relative_to(root).as_posix()}\0{memo[place][2]}\0".encode())
    if changed:
        write_text(memo_path, json.dumps(memo))
    return digest.hexdigest()


def _read_memo(path: Path) -> dict[str, list]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        # Without it every file is hashed anew, which is only slower.
        return {}


def _read_parquet(path: Path) -> pd.DataFrame:
    table = pq.ParquetFile(path).read().to_pandas()
    if isinstance(table.index, pd.DatetimeIndex) and len(table) > 2:
        # Parquet keeps times but not the grid's step.
        table.index.freq = table.index[1] - table.index[0]
    return table
