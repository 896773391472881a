"""Load a dataset's folder onto one regular grid of time, with an account of every row.

The tables are kept in a cache under a hash of what they were made from: the manifest, the files,
the grid and the code that reads them.
"""

import errno
import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from filelock import FileLock

from fluxlib.datasets.dataset import ACCOUNT, Dataset
from fluxlib.datasets.manifest import NAME, Entry, Manifest, list_formats, read_manifest
from fluxlib.datasets.plausibility import check_overlap, check_rows, check_values
from fluxlib.datasets.series import daily_fluence
from fluxlib.errors import FluxError
from fluxlib.io.text import ReadResult
from fluxlib.satellites import FIRST_WITH_E08, LOW_CHANNELS, find_number
from fluxlib.utils.files import WRITING, atomic_folder, cache_folder, hash_code, write_text
from fluxlib.utils.time_grid import DAY, format_cadence, parse_cadence

CHANNELS = (*LOW_CHANNELS, "e2", "e4")
# The chapters whose change may change a table that was made from the same files.
READING_CODE = ("satellites", "utils", "io", "datasets")
DONE = "done"


def load(folder: str | Path, cadence: str = "1h") -> Dataset:
    """Load all that a dataset's folder contains onto one grid.

    Finer series are averaged over each interval; flux coarser than the grid is left out, and
    coarser drivers are repeated within their interval. Tables are cached as Parquet, so a second
    call is quick.

    Parameters
    ----------
    folder : path
        A folder with a `dataset.toml`.
    cadence : str
        The grid's step, such as "5min" or "1h"; a length of time that divides a day.

    Returns
    -------
    Dataset

    Raises
    ------
    FluxError
        If the manifest or a file cannot be used; the message says which, where and what to do.
    """
    step = parse_cadence(cadence, "cadence")
    manifest = read_manifest(folder)
    key = _hash_texts(dataset_key(manifest), str(step), hash_code(*READING_CODE))
    tables = read_cache(key)
    if tables is None:
        tables = _read_all(manifest, step)
        write_cache(key, tables)
    return Dataset(
        manifest=manifest,
        cadence=step,
        flux=_select_tables(tables, "flux"),
        fluence=_select_tables(tables, "fluence"),
        drivers=tables["drivers"],
        account=tables["account"],
        flags={name: table["flags"] for name, table in _select_tables(tables, "flags").items()},
    )


def dataset_key(dataset: Manifest | str | Path) -> str:
    """Return a hash of a dataset's manifest, its files, and other packages that read them.

    Parameters
    ----------
    dataset : Manifest or path
        The manifest, or the folder that contains it.
    """
    manifest = dataset if isinstance(dataset, Manifest) else read_manifest(dataset)
    entries, formats = (*manifest.flux, *manifest.drivers), list_formats()
    paths = {path for entry in entries for path in entry.paths}
    files = hash_files(manifest.folder, [manifest.folder / NAME, *sorted(paths)])
    readers = {f"{entry.format} {formats[entry.format].version}" for entry in entries}
    return _hash_texts(files, *sorted(readers))


def _select_tables(tables: dict[str, pd.DataFrame], kind: str) -> dict[str, pd.DataFrame]:
    prefix = f"{kind}-"
    return {name.removeprefix(prefix): t for name, t in tables.items() if name.startswith(prefix)}


def _read_all(manifest: Manifest, step: pd.Timedelta) -> dict[str, pd.DataFrame]:
    """Return the tables of a dataset by the names that the cache gives them."""
    accounts: list[dict] = []
    flux: dict[str, list] = {}
    fluence: dict[str, list] = {}
    flags: dict[str, list] = {}
    for entry in manifest.flux:
        _check_grid(entry, step)
        frame, marks = read_entry(entry, manifest.folder, accounts)
        regular = _put_on_grid(frame, entry.cadence, entry.cadence)
        # Coverage is counted in the files' own samples, whatever the grid.
        daily = regular if entry.cadence == DAY else daily_fluence(regular)
        fluence.setdefault(entry.series, []).append(daily)
        if entry.cadence <= step and entry.cadence < DAY:
            flux.setdefault(entry.series, []).append(_put_on_grid(regular, entry.cadence, step))
            if marks is not None:
                flags.setdefault(entry.series, []).append(_join_bits(marks, entry.cadence, step))
    drivers = _read_drivers(manifest, step, accounts)
    if not any(entry.trust for entry in manifest.drivers):
        check_overlap(fluence, drivers, manifest.folder / NAME)
    return {
        **{f"flux-{series}": _join_in_time(frames, step) for series, frames in flux.items()},
        **{f"fluence-{series}": _join_in_time(frames, DAY) for series, frames in fluence.items()},
        **{
            f"flags-{series}": _combine_bits(parts).to_frame("flags")
            for series, parts in flags.items()
        },
        "drivers": drivers,
        "account": pd.DataFrame(accounts, columns=ACCOUNT),
    }


def _read_drivers(manifest: Manifest, step: pd.Timedelta, accounts: list[dict]) -> pd.DataFrame:
    """Merge the driver entries; where two have a value, that of the earlier entry counts."""
    merged: pd.DataFrame | None = None
    for entry in manifest.drivers:
        _check_grid(entry, step)
        frame, _ = read_entry(entry, manifest.folder, accounts)
        frame = _put_on_grid(frame, entry.cadence, step)
        columns = [] if merged is None else list(merged)
        merged = frame if merged is None else merged.combine_first(frame)
        merged = merged[list(dict.fromkeys([*columns, *frame]))]
    if merged is None:
        return pd.DataFrame(index=pd.DatetimeIndex([], name="time"))
    grid = pd.date_range(merged.index[0], merged.index[-1], freq=step, name="time")
    return merged.reindex(grid)


def _check_grid(entry: Entry, step: pd.Timedelta) -> None:
    """Raise if neither the entry's cadence nor the step is a multiple of the other."""
    if max(entry.cadence, step) % min(entry.cadence, step):
        own = format_cadence(entry.cadence)
        raise FluxError(
            f"cadence is {format_cadence(step)}, which does not fit the {own} of {entry.label} of "
            f"the manifest; choose a multiple or a fraction of {own}."
        )


def _put_on_grid(frame: pd.DataFrame, cadence: pd.Timedelta, step: pd.Timedelta) -> pd.DataFrame:
    """Return the frame averaged to the grid, or repeated within intervals coarser than it."""
    if cadence < step:
        return frame.resample(step).mean()
    last = frame.index[-1] + cadence - step
    grid = pd.date_range(frame.index[0], last, freq=step, name="time")
    return frame.reindex(grid.floor(cadence)).set_axis(grid)


def _join_in_time(frames: list[pd.DataFrame], step: pd.Timedelta) -> pd.DataFrame:
    """Return one regular grid from the frames of a series, which share no time."""
    joined = pd.concat(frames).sort_index()
    # Two entries may each have a part of the coarser interval in which one follows the other.
    joined = joined.groupby(level=0).mean() if joined.index.has_duplicates else joined
    grid = pd.date_range(joined.index[0], joined.index[-1], freq=step, name="time")
    return joined.reindex(grid)[[name for name in CHANNELS if name in joined]]


def _join_bits(marks: pd.Series, cadence: pd.Timedelta, step: pd.Timedelta) -> pd.Series:
    """Return flags on a grid: every bit that a sample of its interval has."""
    if cadence >= step:
        grid = pd.date_range(marks.index[0], marks.index[-1] + cadence - step, freq=step)
        return marks.reindex(grid.floor(cadence), fill_value=0).set_axis(grid)
    return _combine_bits([marks.set_axis(marks.index.floor(step))])


def _combine_bits(parts: list[pd.Series]) -> pd.Series:
    """Return the bits that flags have at each time, a time once."""
    marks = pd.concat(parts).sort_index()
    starts = np.flatnonzero(~marks.index.duplicated())
    bits = np.bitwise_or.reduceat(marks.to_numpy(np.uint8), starts)
    return pd.Series(bits, marks.index[starts].rename("time"))


def read_entry(
    entry: Entry, folder: Path, accounts: list[dict]
) -> tuple[pd.DataFrame, pd.Series | None]:
    """Read an entry's files; return the usable rows in order of time, and their flags if any.

    Parameters
    ----------
    entry : Entry
    folder : path
        The dataset's.
    accounts : list of dict
        A row of `Dataset.account` is appended for each file.

    Raises
    ------
    FluxError
        If a file contradicts the entry or another of its files, or no row can be used.
    """
    results = [_read_file(entry, path) for path in entry.paths]
    _check_products(results, entry)
    counts = [result.account for result in results]
    unread = [sum(count.rejected.values()) - count.left_out for count in counts]
    _drop_repeated(results)
    rows = []
    for path, result, count in zip(entry.paths, results, unread, strict=True):
        account = result.account
        rows.append(
            {
                "source": entry.label,
                "series": entry.series or "drivers",
                "file": path.relative_to(folder).as_posix(),
                "product": result.product,
                "read": account.read,
                "kept": account.kept,
                "rejected": sum(account.rejected.values()),
                "why": account.explain(),
                "filled": ", ".join(f"{name} {n}" for name, n in account.filled.items()),
                "unread": count,
            }
        )
    check_rows(entry, rows, folder)
    accounts += [{key: row[key] for key in ACCOUNT} for row in rows]
    joined = pd.concat([result.frame for result in results]).sort_index()
    if joined.empty:
        raise FluxError(
            f"{folder / NAME}: no row of {entry.label} ({entry.files}) can be used: "
            f"{accounts[-1]['why']}; check the entry and the files."
        )
    check_values(joined, entry, folder)
    marks = [
        pd.Series(result.flags, result.frame.index)
        for result in results
        if result.flags is not None and len(result.frame)
    ]
    return joined, pd.concat(marks).sort_index() if marks else None


def _check_products(results: list[ReadResult], entry: Entry) -> None:
    """Raise if an entry's files are of two products, whose levels differ.

    What follows a semicolon is a note, in which files of one product may differ.
    """
    for path, result in zip(entry.paths, results, strict=True):
        if result.product.partition(";")[0] != results[0].product.partition(";")[0]:
            raise FluxError(
                f"{path}: is of the product {result.product!r}, and {entry.paths[0].name} of "
                f"{results[0].product!r}; give each product its own entry, with a series or a "
                "period of its own."
            )


def _read_file(entry: Entry, path: Path) -> ReadResult:
    """Read a file of an entry; check it against the entry, and reject rows that do not fit it."""
    # The low channel of Daily Particle Data depends on the satellite, which may change in the file.
    options = {"satellite": entry.satellite} if entry.format == "dpd" else entry.options
    result = list_formats()[entry.format].read(path, **options)
    of_manifest = f"{entry.label} of the manifest"
    if result.format != entry.format:
        raise FluxError(
            f"{path}: the file is of format {result.format!r}; {of_manifest} says {entry.format!r}."
        )
    if entry.format == "swpc-json" and bool(result.satellite) != (entry.kind == "flux"):
        found, table = ("electrons", "flux") if result.satellite else ("solar wind", "drivers")
        raise FluxError(
            f"{path}: contains {found}; {of_manifest} is {entry.kind}. Put it under [[{table}]]."
        )
    if result.satellite and result.satellite != entry.satellite:
        raise FluxError(
            f"{path}: the file is of {result.satellite}; {of_manifest} says {entry.satellite}."
        )
    if entry.kind == "flux":
        _check_channels(result.frame, entry, path)
        if entry.is_log:
            result.frame = 10**result.frame
        # Flux that is not above the background has no logarithm.
        below = (result.frame <= 0).sum()
        result.account.filled.update({name: int(n) for name, n in below.items() if n})
        result.frame = result.frame.where(result.frame > 0)
    _check_cadence(result.frame.index, entry, path)
    _reject_outside(result, entry)
    return result


def _check_channels(flux: pd.DataFrame, entry: Entry, path: Path) -> None:
    unknown = sorted(set(flux) - set(CHANNELS))
    if unknown:
        raise FluxError(
            f"{path}: line 1 has the column {unknown[0]!r}; expected flux columns named "
            f"{', '.join(CHANNELS)} (integral flux above that energy in MeV)."
        )
    if find_number(entry.satellite) >= FIRST_WITH_E08 and "e0.6" in flux:
        raise FluxError(
            f"{path}: column e0.6 for {entry.satellite}, but GOES-{FIRST_WITH_E08} and later "
            "measure >0.8 MeV; name the column e0.8."
        )


def _check_cadence(index: pd.DatetimeIndex, entry: Entry, path: Path) -> None:
    """Raise if the file's usual step is not the entry's cadence."""
    if len(index) < 3:
        return
    steps, counts = np.unique(np.diff(index.values), return_counts=True)
    usual = pd.Timedelta(steps[np.argmax(counts)])
    if usual != entry.cadence:
        raise FluxError(
            f"{path}: its usual step is {format_cadence(usual)!r}; {entry.label} of the manifest "
            f"says cadence {format_cadence(entry.cadence)!r}."
        )


def _reject_outside(result: ReadResult, entry: Entry) -> None:
    """Reject the rows outside the entry's period and off its grid."""
    if entry.period is not None:
        first, end = entry.period
        period = f"{first:%Y-%m-%d} to {end - DAY:%Y-%m-%d}"
        index = result.frame.index
        result.drop((index < first) | (index >= end), f"outside {period}", sound=True)
    index = result.frame.index
    off = index != index.floor(entry.cadence)
    result.drop(off, f"off the {format_cadence(entry.cadence)} grid")


def _drop_repeated(results: list[ReadResult]) -> None:
    """Reject the rows whose time an earlier file has too."""
    times = pd.DatetimeIndex(np.concatenate([result.frame.index for result in results]))
    ends = np.cumsum([len(result.frame) for result in results])
    for result, again in zip(results, np.split(times.duplicated(), ends[:-1]), strict=True):
        result.drop(again, "in an earlier file too")


def read_cache(key: str) -> dict[str, pd.DataFrame] | None:
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


def write_cache(key: str, tables: dict[str, pd.DataFrame]) -> None:
    """Keep tables under a key; of two processes that do so at once, the first one's stay."""
    cache = cache_folder()
    folder = cache / key
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / ".lock"):
            if (folder / DONE).exists():
                return
            for left in (folder, *cache.glob(f"{WRITING}*")):  # damaged, or of one that was killed
                shutil.rmtree(left, ignore_errors=True)
            with atomic_folder(folder) as temporary:
                for name, table in tables.items():
                    table.to_parquet(temporary / f"{name}.parquet", compression="lz4")
                (temporary / DONE).write_text(json.dumps(list(tables)))
    except (OSError, FluxError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise FluxError(
            f"{folder}: the cache cannot be written ({error}); FLUX_CACHE names another folder."
        ) from None


def hash_files(root: Path, paths: Iterable[Path]) -> str:
    """Return a hash of the files' names below `root` and their content.

    The hash of a file is kept with its size and time of change, as git does, so that unchanged
    files are not read again.
    """
    memo_path = cache_folder() / "hashes.json"
    try:
        memo = dict(json.loads(memo_path.read_text()))
    except (OSError, ValueError, TypeError):
        memo = {}  # without it, every file is hashed again, which is only slower
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


def _hash_texts(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:32]


def _read_parquet(path: Path) -> pd.DataFrame:
    table = pq.ParquetFile(path).read().to_pandas()
    if isinstance(table.index, pd.DatetimeIndex) and len(table) > 2:
        # Parquet keeps times but not the grid's step.
        table.index.freq = table.index[1] - table.index[0]
    return table
