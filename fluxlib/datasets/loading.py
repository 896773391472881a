"""Read the files of one manifest entry: the rows that are of use, and an account of all."""

from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.datasets.manifest import NAME, Entry, parse_cadence, print_cadence
from fluxlib.errors import FluxError
from fluxlib.io.goes import read_goes
from fluxlib.io.goes_r import read_goesr
from fluxlib.io.omni import read_omni
from fluxlib.io.swpc import read_dpd, read_swpc_json
from fluxlib.io.table import read_table
from fluxlib.satellites import FIRST_WITH_E08, LOW_CHANNELS, find_number
from fluxlib.utils.time_grid import DAY

CHANNELS = (*LOW_CHANNELS, "e2", "e4")
# Readers of files that may say which satellite they are of.
NAMING_SATELLITE = {
    "goes-csv": read_goes,
    "goes-netcdf": read_goesr,
    "swpc-json": read_swpc_json,
}
ACCOUNT = ["source", "series", "file", "read", "kept", "rejected", "why", "filled"]


def read_entry(entry: Entry, folder: Path, accounts: list[dict]) -> pd.DataFrame:
    """Read an entry's files, keep the usable rows in order of time, account for every row."""
    frames = []
    for path in entry.paths:
        frame = _read_file(entry, path)
        _check_cadence(frame.index, entry, path)
        frames.append(_drop_unusable(frame, entry))
    _drop_repeated(frames)
    accounts += [
        _describe(entry, path, folder, frame)
        for path, frame in zip(entry.paths, frames, strict=True)
    ]
    for frame in frames:
        frame.attrs = {}
    joined = pd.concat(frames).sort_index()
    if joined.empty:
        raise FluxError(
            f"{folder / NAME}: no row of {entry.label} ({entry.files}) is of use: "
            f"{accounts[-1]['why']}; check the entry and the files."
        )
    return joined


def _drop_repeated(frames: list[pd.DataFrame]) -> None:
    """Drop, in place of the list, the rows whose time an earlier file has too."""
    times = pd.DatetimeIndex(np.concatenate([frame.index for frame in frames]))
    if times.is_unique:
        return
    ends = np.cumsum([len(frame) for frame in frames])
    for i, again in enumerate(np.split(times.duplicated(), ends[:-1])):
        if again.any():
            first = str(frames[i].index[again][0])
            frames[i].attrs["account"].reject("in an earlier file too", first, int(again.sum()))
            frames[i] = frames[i][~again]


def _describe(entry: Entry, path: Path, folder: Path, frame: pd.DataFrame) -> dict:
    account = frame.attrs["account"]
    return {
        "source": entry.label,
        "series": entry.series or "drivers",
        "file": path.relative_to(folder).as_posix(),
        "read": account.read,
        "kept": account.kept,
        "rejected": sum(account.rejected.values()),
        "why": account.explain(),
        "filled": ", ".join(f"{name} {count}" for name, count in account.filled.items()),
    }


def _read_file(entry: Entry, path: Path) -> pd.DataFrame:
    if entry.format in NAMING_SATELLITE:
        frame = NAMING_SATELLITE[entry.format](path)
        found = frame.attrs["satellite"]
        if entry.format == "swpc-json" and bool(found) != (entry.kind == "flux"):
            raise FluxError(
                f"{path}: holds {'electrons' if found else 'solar wind'}; {entry.label} of the "
                f"manifest is {entry.kind}. Put it under [[{'flux' if found else 'drivers'}]]."
            )
        if found and found != entry.satellite:
            raise FluxError(
                f"{path}: the file says that it is of {found}; {entry.label} of the manifest "
                f"says {entry.satellite}."
            )
    elif entry.format == "dpd":
        frame = read_dpd(path, satellite=entry.satellite)
    elif entry.format == "table":
        frame = read_table(path)
    else:
        frame = read_omni(path)
        if frame.attrs["kind"] != entry.format:
            raise FluxError(
                f"{path}: the file is of format {frame.attrs['kind']!r}; {entry.label} of the "
                f"manifest says {entry.format!r}."
            )
    if entry.kind == "flux" and not set(frame.columns) <= set(CHANNELS):
        unknown = sorted(set(frame.columns) - set(CHANNELS))
        raise FluxError(
            f"{path}: line 1 has the column {unknown[0]!r}; expected flux columns named "
            f"{', '.join(CHANNELS)} (integral flux above that energy in MeV)."
        )
    if entry.kind == "flux":
        if find_number(entry.satellite) >= FIRST_WITH_E08 and "e0.6" in frame:
            raise FluxError(
                f"{path}: column e0.6 for {entry.satellite}, but GOES-{FIRST_WITH_E08} and later "
                "measure >0.8 MeV; name the column e0.8."
            )
        # Flux that is not above the background has no logarithm.
        account = frame.attrs["account"]
        below = (frame <= 0).sum()
        account.filled.update({name: int(count) for name, count in below.items() if count})
        frame = frame.where(frame > 0)
    return frame


def _check_cadence(index: pd.DatetimeIndex, entry: Entry, path: Path) -> None:
    """Raise if the file's usual step is not the manifest's cadence."""
    if len(index) < 3:
        return
    steps = np.diff(np.sort(index.values))
    values, counts = np.unique(steps[steps > np.timedelta64(0)], return_counts=True)
    usual = pd.Timedelta(values[np.argmax(counts)])
    if usual != parse_cadence(entry.cadence, entry.label):
        raise FluxError(
            f"{path}: its usual step is {print_cadence(usual)!r}; {entry.label} of the manifest "
            f"says cadence {entry.cadence!r}."
        )


def _drop_unusable(frame: pd.DataFrame, entry: Entry) -> pd.DataFrame:
    """Return the rows within the entry's period and on its grid; account for the others."""
    account = frame.attrs["account"]
    outside = np.zeros(len(frame), bool)
    if entry.period is not None:
        outside = (frame.index < entry.period[0]) | (frame.index >= entry.period[1])
    if outside.any():
        account.reject(
            f"outside {_print_period(entry)}", str(frame.index[outside][0]), int(outside.sum())
        )
        frame = frame[~outside]
    off = frame.index != frame.index.floor(parse_cadence(entry.cadence, entry.label))
    if off.any():
        account.reject(f"off the {entry.cadence} grid", str(frame.index[off][0]), int(off.sum()))
        frame = frame[~off]
    return frame


def _print_period(entry: Entry) -> str:
    first, end = entry.period
    return f"{first:%Y-%m-%d} to {end - DAY:%Y-%m-%d}"
