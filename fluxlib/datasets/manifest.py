"""The manifest of a dataset: `dataset.toml`, read and checked.

Everything that differs between data (satellites, positions, formats, cadence, periods) stands in
the manifest and nowhere in the code.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.utils.time_grid import DAY
from fluxlib.utils.validation import check_choice, check_keys, check_name, get_value, read_toml

NAME = "dataset.toml"
FLUX_FORMATS = ("goes-csv", "goes-netcdf", "swpc-json", "dpd", "table")
DRIVER_FORMATS = ("omni2", "omni-hro", "swpc-json", "table")
POSITIONS = ("east", "west")

Period = tuple[pd.Timestamp, pd.Timestamp]


@dataclass(frozen=True)
class Entry:
    """One `[[flux]]` or `[[drivers]]` table: files of one format, cadence and satellite.

    Attributes
    ----------
    kind : {"flux", "drivers"}
    label : str
        How messages call it: "[[flux]] number 2".
    format, files, cadence : str
        `files` is a glob pattern below the dataset's folder.
    paths : tuple of Path
        The files that the pattern names, sorted.
    satellite, series, position : str or None
        Of flux only; `series` is the satellite unless the manifest says otherwise.
    period : (Timestamp, Timestamp) or None
        First instant, and the first instant after it; None is all that the files have.
    """

    kind: str
    label: str
    format: str
    files: str
    cadence: str
    paths: tuple[Path, ...]
    satellite: str | None = None
    series: str | None = None
    position: str | None = None
    period: Period | None = None


@dataclass(frozen=True)
class Manifest:
    """What a dataset is called and holds; see `read_manifest`."""

    folder: Path
    name: str
    title: str
    synthetic: bool
    reference: str | None
    daily: tuple[str, ...]
    flux: tuple[Entry, ...]
    drivers: tuple[Entry, ...]

    @property
    def series(self) -> tuple[str, ...]:
        """The names of the flux series, each once, in the manifest's order."""
        return tuple(dict.fromkeys(entry.series for entry in self.flux))

    def satellite(self, series: str) -> str:
        """Return which satellite measured a series."""
        return next(e.satellite for e in self.flux if e.series == series)

    def service(self, series: str) -> list[Period | tuple[None, None]]:
        """Return the periods in which a series is in service, those that touch as one.

        Each is the first instant and the first one after; (None, None) is whatever the files
        have.
        """
        periods = [entry.period for entry in self.flux if entry.series == series]
        if None in periods:
            return [(None, None)]
        joined: list[Period] = []
        for start, end in sorted(periods):
            if joined and joined[-1][1] == start:
                joined[-1] = joined[-1][0], end
            else:
                joined.append((start, end))
        return joined

    def position(self, series: str) -> str | None:
        """Return "east", "west" or None, where the manifest does not say."""
        return next((e.position for e in self.flux if e.series == series and e.position), None)


def read_manifest(folder: str | Path) -> Manifest:
    """Read and check the `dataset.toml` of a folder.

    Parameters
    ----------
    folder : path
        A dataset's folder, or the path of its `dataset.toml`.

    Raises
    ------
    FluxError
        If there is no manifest, it is no TOML, a key is unknown or missing, a value is of the
        wrong kind, a pattern names no file, or two entries of a series overlap.
    """
    path = Path(folder)
    path = path if path.name == NAME else path / NAME
    content = read_toml(path)
    check_keys(content, {"dataset", "flux", "drivers"}, path, "the top level")
    about = get_value(content, "dataset", dict, path, "the top level")
    where = "[dataset]"
    check_keys(about, {"name", "title", "synthetic", "reference", "daily"}, path, where)
    name = get_value(about, "name", str, path, where)
    check_name(name, f"{path}: {where} name")
    flux = _read_entries(content, "flux", FLUX_FORMATS, path)
    if not flux:
        raise FluxError(f"{path}: found no [[flux]] table; a dataset needs at least one.")
    _check_overlaps(flux, path)
    series = tuple(dict.fromkeys(entry.series for entry in flux))
    reference = get_value(about, "reference", str, path, where, default=None)
    daily = tuple(get_value(about, "daily", list, path, where, default=list(series)))
    for key, names in (("reference", [reference] if reference else []), ("daily", daily)):
        for value in names:
            check_choice(value, series, path, f"{where} {key}")
    return Manifest(
        folder=path.parent,
        name=name,
        title=get_value(about, "title", str, path, where, default=name),
        synthetic=get_value(about, "synthetic", bool, path, where),
        reference=reference,
        daily=daily,
        flux=flux,
        drivers=_read_entries(content, "drivers", DRIVER_FORMATS, path),
    )


def parse_cadence(text: str, where: str) -> pd.Timedelta:
    """Return the Timedelta of "5min", "1h", "1D"; `where` starts the message if it is none."""
    second = pd.Timedelta("1s")
    try:
        cadence = pd.Timedelta(text) if isinstance(text, str) else pd.NaT
    except ValueError:
        cadence = pd.NaT
    if pd.isna(cadence) or not second <= cadence <= DAY or DAY % cadence or cadence % second:
        raise FluxError(
            f"{where} is {text!r}; expected a length of time that divides a day, "
            'such as "5min", "1h" or "1D".'
        )
    return cadence


def print_cadence(step: pd.Timedelta) -> str:
    """Return the text that `parse_cadence` reads: "5min", "1h", "1D"."""
    if step == DAY:
        return "1D"
    minutes = step.total_seconds() / 60
    return f"{minutes / 60:g}h" if minutes % 60 == 0 else f"{minutes:g}min"


def _read_entries(content: dict, kind: str, formats: Iterable[str], path: Path) -> tuple:
    tables = get_value(content, kind, list, path, "the top level", default=[])
    return tuple(
        _read_entry(table, kind, f"[[{kind}]] number {number}", formats, path)
        for number, table in enumerate(tables, 1)
    )


def _read_entry(table: dict, kind: str, where: str, formats: Iterable[str], path: Path) -> Entry:
    if not isinstance(table, dict):
        raise FluxError(f"{path}: {where} is {table!r}; expected a table under [[{kind}]].")
    known = {"format", "files", "cadence", "period"}
    only_flux = {"satellite", "series", "position"}
    check_keys(table, known | only_flux if kind == "flux" else known, path, where)
    format_ = get_value(table, "format", str, path, where)
    check_choice(format_, formats, path, f"{where} format")
    pattern = get_value(table, "files", str, path, where)
    cadence = get_value(table, "cadence", str, path, where)
    parse_cadence(cadence, f"{path}: {where} cadence")
    fields = {}
    if kind == "flux":
        satellite = get_value(table, "satellite", str, path, where)
        position = get_value(table, "position", str, path, where, default=None)
        if position is not None:
            check_choice(position, POSITIONS, path, f"{where} position")
        series = get_value(table, "series", str, path, where, default=satellite)
        check_name(series, f"{path}: {where} series")
        fields = {"satellite": satellite, "series": series, "position": position}
    return Entry(
        kind=kind,
        label=where,
        format=format_,
        files=pattern,
        cadence=cadence,
        paths=_find_files(pattern, path, where),
        period=_read_period(table, path, where),
        **fields,
    )


def _find_files(pattern: str, path: Path, where: str) -> tuple[Path, ...]:
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise FluxError(
            f"{path}: {where} files is {pattern!r}; expected a pattern below the dataset's folder."
        )
    try:
        matches = list(path.parent.glob(pattern))
    except (ValueError, IndexError):  # "", "." and, up to Python 3.12, "a**"
        raise FluxError(
            f"{path}: {where} files is {pattern!r}; expected a pattern such as 'goes13/*.csv'."
        ) from None
    # Hidden files are half-written ones, or an operating system's notes beside the data.
    found = tuple(sorted(p for p in matches if p.is_file() and not p.name.startswith(".")))
    if not found:
        raise FluxError(
            f"{path}: {where} files = {pattern!r} names no file in {path.parent}; "
            "check the spelling, or take the entry out."
        )
    return found


def _read_period(table: dict, path: Path, where: str) -> Period | None:
    period = get_value(table, "period", list, path, where, default=None)
    if period is None:
        return None
    try:
        first, last = (pd.Timestamp(str(day)) for day in period)
    except (ValueError, TypeError):
        first, last = pd.Timestamp(1), pd.Timestamp(0)
    if first.tz or last.tz or first > last or (first, last) != (first.floor("D"), last.floor("D")):
        raise FluxError(
            f"{path}: {where} period is {period!r}; expected the first and the last day, "
            'such as ["2014-01-01", "2016-12-31"].'
        )
    return first, last + DAY


def _check_overlaps(entries: tuple[Entry, ...], path: Path) -> None:
    for number, one in enumerate(entries):
        for other in entries[number + 1 :]:
            if one.series != other.series:
                continue
            if None in (one.period, other.period) or (
                one.period[0] < other.period[1] and other.period[0] < one.period[1]
            ):
                raise FluxError(
                    f"{path}: {one.label} and {other.label} both hold series {one.series!r} and "
                    "their periods overlap; give each its own period, or one another series name."
                )
