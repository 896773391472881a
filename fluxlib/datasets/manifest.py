"""The manifest of a dataset: `dataset.toml`, read, checked and written.

Everything that differs between data (satellites, positions, formats, cadence, periods) stands in
the manifest and nowhere in the code.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import tomlkit
from tomlkit.exceptions import TOMLKitError

from fluxlib.errors import FluxError
from fluxlib.io import goes, goes_r, hapi, omni, swpc
from fluxlib.io import table as plain_table
from fluxlib.io.text import ReadResult
from fluxlib.utils.files import write_text
from fluxlib.utils.time_grid import DAY, parse_cadence
from fluxlib.utils.validation import check_choice, check_keys, check_name, get_value, read_toml

NAME = "dataset.toml"
POSITIONS = ("east", "west")

Period = tuple[pd.Timestamp, pd.Timestamp]


class Format(NamedTuple):
    """A format of files: the function that reads one, and the kinds of entries it is for.

    `options` are the keys of an entry that the function takes, each with its type; `version` is
    that of the package that offers the format, if it is not this one.
    """

    read: Callable[..., ReadResult]
    kinds: tuple[str, ...]
    options: Mapping[str, type] = {}
    version: str = ""


# A new format is a module of fluxlib.io and a line here, or another package's entry point.
PLUGINS = "fluxlib.formats"
FORMATS = {
    "goes-csv": Format(goes.read, ("flux",)),
    "goes-netcdf": Format(goes_r.read, ("flux",), {"telescope": int}),
    "hapi": Format(hapi.read, ("flux", "drivers"), {"columns": dict}),
    "swpc-json": Format(swpc.read_feed, ("flux", "drivers")),
    "dpd": Format(swpc.read_daily, ("flux",)),
    "omni2": Format(omni.read, ("drivers",)),
    "omni-hro": Format(omni.read, ("drivers",)),
    "table": Format(plain_table.read, ("flux", "drivers")),
}


@cache
def list_formats() -> dict[str, Format]:
    """Return the formats by name, those that installed packages offer among them.

    Raises
    ------
    FluxError
        If a package's entry point is no `Format`.
    """
    formats = dict(FORMATS)
    for point in entry_points(group=PLUGINS):
        found = point.load()
        if not isinstance(found, Format):
            raise FluxError(
                f"the package {point.dist.name} offers the format {point.name!r} as {point.value}, "
                "which is no fluxlib.datasets.Format."
            )
        formats.setdefault(point.name, found._replace(version=point.dist.version))
    return formats


@dataclass(frozen=True)
class Entry:
    """One `[[flux]]` or `[[drivers]]` table: files of one format, cadence and satellite.

    Attributes
    ----------
    kind : {"flux", "drivers"}
    label : str
        What messages call it: "[[flux]] number 2".
    format : str
        A name that `list_formats` has.
    files : str
        A glob pattern below the dataset's folder.
    cadence : Timedelta
        The step of the files' rows.
    paths : tuple of Path
        The files that the pattern names, sorted.
    satellite, series, position : str or None
        Of flux only; `series` is the satellite unless the manifest says otherwise.
    period : (Timestamp, Timestamp) or None
        First instant, and the first instant after the last; None means all that the files have.
    options : dict
        What the format's reader takes besides the path.
    is_log : bool
        Of flux: the files hold log10 of it (``scale = "log10"``).
    trust : bool
        Values are taken as they are, however odd; see `fluxlib.datasets.plausibility`.
    """

    kind: str
    label: str = ""
    format: str = ""
    files: str = ""
    cadence: pd.Timedelta = DAY
    paths: tuple[Path, ...] = ()
    satellite: str | None = None
    series: str | None = None
    position: str | None = None
    period: Period | None = None
    options: dict[str, Any] = field(default_factory=dict)
    is_log: bool = False
    trust: bool = False


@dataclass(frozen=True)
class Manifest:
    """A dataset's name, its series and the files that they come from; see `read_manifest`."""

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
        """Return the periods in which a series is in service; periods that touch are joined.

        Each is the first instant and the first instant after the last; (None, None) means all
        that the files have.
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
        If there is no manifest, it is not TOML, a key is unknown or missing, a value is of the
        wrong type, no file matches a pattern, or two entries of a series overlap in time.
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
    flux = _read_entries(content, "flux", path)
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
        drivers=_read_entries(content, "drivers", path),
    )


def write_manifest(folder: Path, manifest: Manifest, entries: Iterable[dict]) -> None:
    """Write a `dataset.toml`, or add to the one that is there.

    What is there stays as it is, comments too: entries of files that it does not name yet are added
    at its end, and their series to `daily`.

    Parameters
    ----------
    folder : path
    manifest : Manifest
        Gives the table `[dataset]`; its own entries are not written.
    entries : iterable of dict
        The tables `[[flux]]` (those with a satellite) and `[[drivers]]`.
    """
    path = folder / NAME
    about = {"name": manifest.name, "title": manifest.title, "synthetic": manifest.synthetic}
    if manifest.reference:
        about["reference"] = manifest.reference
    content: Any = tomlkit.document()
    if path.exists():
        try:
            content = tomlkit.parse(path.read_text(encoding="utf-8"))
            daily = content["dataset"].get("daily")
            if daily is not None:
                daily.extend(name for name in manifest.daily if name not in daily)
        except (TOMLKitError, KeyError, AttributeError, UnicodeDecodeError):
            raise FluxError(
                f"{path}: cannot be added to, as it is not a manifest; mend or remove it."
            ) from None
    else:
        content["dataset"] = about | {"daily": list(manifest.daily)}
    for entry in entries:
        kind = "flux" if "satellite" in entry else "drivers"
        tables = content.setdefault(kind, tomlkit.aot())
        same = ("files", "period", "satellite")
        if not any(all(one.get(key) == entry.get(key) for key in same) for one in tables):
            tables.append(tomlkit.item(entry))
    write_text(path, tomlkit.dumps(content))


def _read_entries(content: dict, kind: str, path: Path) -> tuple[Entry, ...]:
    tables = get_value(content, kind, list, path, "the top level", default=[])
    return tuple(
        _read_entry(table, kind, f"[[{kind}]] number {number}", path)
        for number, table in enumerate(tables, 1)
    )


def _read_entry(table: dict, kind: str, where: str, path: Path) -> Entry:
    if not isinstance(table, dict):
        raise FluxError(f"{path}: {where} is {table!r}; expected a table under [[{kind}]].")
    format_ = get_value(table, "format", str, path, where)
    formats = {name: one for name, one in list_formats().items() if kind in one.kinds}
    check_choice(format_, formats, path, f"{where} format")
    known = {"format", "files", "cadence", "period", "trust", *formats[format_].options}
    only_flux = {"satellite", "series", "position", "scale"}
    check_keys(table, known | only_flux if kind == "flux" else known, path, where)
    options = {
        key: get_value(table, key, type_, path, where)
        for key, type_ in formats[format_].options.items()
        if key in table
    }
    pattern = get_value(table, "files", str, path, where)
    cadence = get_value(table, "cadence", str, path, where)
    fields: dict[str, Any] = {}
    if kind == "flux":
        satellite = get_value(table, "satellite", str, path, where)
        position = get_value(table, "position", str, path, where, default=None)
        if position is not None:
            check_choice(position, POSITIONS, path, f"{where} position")
        series = get_value(table, "series", str, path, where, default=satellite)
        check_name(series, f"{path}: {where} series")
        scale = get_value(table, "scale", str, path, where, default="linear")
        check_choice(scale, ("linear", "log10"), path, f"{where} scale")
        fields = {
            "satellite": satellite,
            "series": series,
            "position": position,
            "is_log": scale == "log10",
        }
    return Entry(
        kind=kind,
        label=where,
        format=format_,
        files=pattern,
        cadence=parse_cadence(cadence, f"{path}: {where} cadence"),
        paths=_find_files(pattern, path, where),
        period=_read_period(table, path, where),
        options=options,
        trust=get_value(table, "trust", bool, path, where, default=False),
        **fields,
    )


def _find_files(pattern: str, path: Path, where: str) -> tuple[Path, ...]:
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise FluxError(
            f"{path}: {where} files is {pattern!r}; expected a pattern below the dataset's folder."
        )
    try:
        matches = list(path.parent.glob(pattern))
    except (ValueError, IndexError, OSError):  # "", "." and, up to 3.12, "a**"; a name too long
        raise FluxError(
            f"{path}: {where} files is {pattern!r}; expected a pattern such as 'goes13/*.csv'."
        ) from None
    # Hidden files are half-written ones, or an operating system's notes beside the data.
    found = tuple(sorted(p for p in matches if p.is_file() and not p.name.startswith(".")))
    if not found:
        raise FluxError(
            f"{path}: {where} files is {pattern!r}, but no file in {path.parent} matches; "
            "check the spelling, or remove the entry."
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
                    f"{path}: {one.label} and {other.label} are both of series {one.series!r} and "
                    "their periods overlap; give each its own period, or rename one series."
                )
