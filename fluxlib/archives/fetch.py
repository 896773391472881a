"""Fetch a dataset from the archives: a request, the files that they have for it, its manifest."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import yaml
from filelock import FileLock

from fluxlib.archives.download import FetchResult, Item, RetryPolicy, download_all
from fluxlib.archives.sources import (
    ARCHIVES,
    DRIVERS,
    PRODUCTS,
    SATELLITES,
    HapiSource,
    Request,
)
from fluxlib.datasets.manifest import Manifest, write_manifest
from fluxlib.errors import FluxError
from fluxlib.utils.files import WRITING
from fluxlib.utils.validation import check_count, check_name, parse_count

LOCK = ".fetch.lock"


def fetch(
    out: str | Path,
    *,
    satellites: Iterable[str] = (),
    start: str | None = None,
    end: str | None = None,
    drivers: str = "omni-hro",
    daily: bool = False,
    recent: bool = False,
    product: str = PRODUCTS[0],
    recipe: str | Path | None = None,
    bases: dict[str, str] | None = None,
    workers: int = 4,
    policy: RetryPolicy | None = None,
    progress: bool = True,
) -> FetchResult:
    """Fetch a dataset from the archives and write its `dataset.toml`.

    Files that are there and whole are not fetched again, so the same call continues a fetch that
    was stopped. A `dataset.toml` that is there keeps what it says; what is new is added to it.
    Of two calls for one folder at once, the second waits.

    Parameters
    ----------
    out : path
        The dataset's folder, such as `data/raw/my-set`. Without a recipe it names the dataset.
    satellites : iterable of str
        "goes8" to "goes19".
    start, end : str
        First and last month, such as "2014-01".
    drivers : {"omni-hro", "omni2"}
        5-minute or hourly OMNI, whole years.
    daily : bool
        Whether to fetch SWPC's Daily Particle Data of the years too (1998 to 2014, at least).
    recent : bool
        Whether to fetch SWPC's JSON feeds too: >2 MeV electrons of the last seven days, and the
        solar wind. They change every few minutes, so each call fetches them anew and replaces
        the last ones. Alone it needs neither satellites nor a period.
    product : {"operational", "science"}
        Of GOES-13 to GOES-15: averages of 5 minutes as computed in operation, not corrected for
        protons and dead time, or the corrected minutes, as series such as "goes13-science".
    recipe : path, optional
        A YAML file (`params/fetch-*.yaml`) in place of satellites, start, end, drivers and daily.
    bases : dict, optional
        Other addresses for "ncei", "goesr", "spdf", "swpc", "feeds", "hapi": a mirror.
    workers : int
        Files fetched at once.
    policy : RetryPolicy, optional
        Timeout, tries and pauses.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    FetchResult
        Paths fetched, present and absent: what the archives do not have is not an error.

    Raises
    ------
    FluxError
        If a parameter is wrong, nothing was found, or files failed after all tries; those that
        arrived are kept, and the same call continues.
    """
    check_count(workers, "workers")
    folder = Path(out).resolve()  # "." has a name too
    policy = policy or RetryPolicy()
    request = _choose_request(
        folder, recipe, satellites, start, end, drivers, daily=daily, recent=recent, product=product
    )
    items = list_items(request, bases=bases, policy=policy)
    folder.mkdir(parents=True, exist_ok=True)
    from tqdm import tqdm

    with (
        FileLock(folder / LOCK),
        tqdm(total=len(items), unit="file", disable=not progress, file=sys.stderr) as bar,
    ):
        for left in folder.rglob(f"{WRITING}*"):  # of a fetch that was killed
            left.unlink(missing_ok=True)
        result = download_all(items, folder, policy=policy, workers=workers, progress=bar.update)
        if result.failed:
            url, reason = next(iter(result.failed.items()))
            raise FluxError(
                f"{len(result.failed)} of {len(items)} files could not be fetched, such as {url}: "
                f"{reason}. The others are kept in {folder}; the same command continues."
            )
        write_description(request, folder, {*result.fetched, *result.present})
    return result


def _choose_request(folder, recipe, satellites, start, end, drivers, **options) -> Request:
    """Return the request of a recipe, or of parameters; the folder can name the dataset."""
    if recipe is not None:
        request = read_recipe(recipe, recent=options["recent"])
    else:
        request = make_request(folder.name, satellites, start, end, drivers=drivers, **options)
    # The manifest is written last, and would be refused when all files are there.
    check_name(request.name, f"{recipe or folder}: the dataset's name")
    return request


def list_items(
    request: Request, *, bases: dict[str, str] | None = None, policy: RetryPolicy | None = None
) -> list[Item]:
    """Return the files to fetch for a request; some archives are asked for listings.

    Raises
    ------
    FluxError
        If `bases` names an unknown archive, or a listing cannot be had.
    """
    bases = bases or {}
    unknown = sorted(set(bases) - set(ARCHIVES))
    if unknown:
        raise FluxError(f"bases has {unknown[0]!r}; expected {', '.join(ARCHIVES)}.")
    items = [
        item
        for name, archive in ARCHIVES.items()
        for item in archive.list_items(
            request, bases.get(name, archive.url).rstrip("/"), policy or RetryPolicy()
        )
    ]
    return list(dict.fromkeys(items))  # two sources may name one file


def write_description(request: Request, folder: Path, paths: set[str]) -> None:
    """Write the `dataset.toml` of the files that were fetched, named by paths below the folder.

    Raises
    ------
    FluxError
        If none of them is of flux or fluence.
    """
    entries = [
        entry for archive in ARCHIVES.values() for entry in archive.describe(request, folder, paths)
    ]
    flux = [entry for entry in entries if "satellite" in entry]
    if not flux:
        raise FluxError(
            f"the archives have no file of {request.title}; check the satellites and the period."
        )
    series = list(dict.fromkeys(entry.get("series", entry["satellite"]) for entry in flux))
    manifest = Manifest(
        folder,
        request.name,
        request.title,
        synthetic=False,
        reference="goes11" if "goes11" in series else series[0],
        daily=tuple(sorted(series, key=lambda name: not name.endswith("-dpd"))),
        flux=(),
        drivers=(),
    )
    write_manifest(folder, manifest, entries)


def fetch_from_arguments(arguments: list[str]) -> int:
    """Fetch what the words of the command line ask for; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="run_all.sh fetch", description="Fetch a dataset from the archives."
    )
    parser.add_argument("--out", help="folder, such as data/raw/my-set; a dry run needs none")
    parser.add_argument("--satellites", nargs="+", default=[], help="goes8 to goes19")
    parser.add_argument("--start", help="first month, such as 2014-01")
    parser.add_argument("--end", help="last month")
    parser.add_argument("--drivers", default="omni-hro", help=" or ".join(DRIVERS))
    parser.add_argument("--daily", action="store_true", help="also SWPC's Daily Particle Data")
    parser.add_argument("--recent", action="store_true", help="also SWPC's feeds of the last days")
    parser.add_argument("--recipe", help="YAML file in place of satellites, period and drivers")
    parser.add_argument("--base", action="append", default=[], help="NAME=URL of a mirror")
    parser.add_argument("--workers", type=parse_count, default=4, help="files fetched at once")
    parser.add_argument(
        "--product", default=PRODUCTS[0], help="of GOES 13-15: " + " or ".join(PRODUCTS)
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="list what would be fetched, and stop"
    )
    options = vars(parser.parse_args(arguments))
    options["bases"] = dict(word.partition("=")[::2] for word in options.pop("base"))
    if options.pop("dry_run"):
        return _list_files(options)
    if options["out"] is None:
        parser.error("--out is needed: the folder for the files, such as --out data/raw/my-set")
    out = Path(options.pop("out"))
    result = fetch(out, **options)
    print(f"{len(result.fetched)} files fetched, {len(result.present)} were present.")
    kinds = {"fetched": result.fetched, "present": result.present, "absent": result.absent}
    counts = [(Path(path).parts[0], kind) for kind, paths in kinds.items() for path in paths]
    for place in sorted({place for place, _ in counts}):
        row = [f"{counts.count((place, kind))} {kind}" for kind in kinds]
        print(f"  {place:<16} {', '.join(row)}")
    for path in result.absent:
        print(f"The archive has no {path}.")
    return 0


def _list_files(options: dict) -> int:
    """Print the addresses that a fetch would ask for, and which files are there."""
    folder = Path(options["out"] or "data/raw/new").resolve()
    names = ("recipe", "satellites", "start", "end", "drivers")
    more = {name: options[name] for name in ("daily", "recent", "product")}
    request = _choose_request(folder, *(options[name] for name in names), **more)
    items = list_items(request, bases=options["bases"])
    for item in items:
        there = (folder / item.path).exists() and not item.changing
        print(f"{'there' if there else 'fetch'}  {item.url}")
    print(f"{len(items)} files in all; nothing was fetched.")
    return 0


def make_request(
    name: str,
    satellites: Iterable[str],
    start: str | None,
    end: str | None,
    *,
    drivers: str = "omni-hro",
    daily: bool = False,
    recent: bool = False,
    product: str = PRODUCTS[0],
) -> Request:
    """Return the request of one period for all satellites; see `fetch`."""
    satellites = tuple(satellites)
    _check_product(product)
    if recent and not satellites and not daily and start is None and end is None:
        return Request(name, "The last days", recent=True)
    months = _make_months(start, end)
    for satellite in satellites:
        if satellite not in SATELLITES:
            raise FluxError(
                f"satellites has {satellite!r}; expected {SATELLITES[0]} to {SATELLITES[-1]}."
            )
    if not satellites and not daily:
        raise FluxError("satellites is empty; name one, such as goes13, or ask for daily data.")
    years = tuple(sorted(set(months.year)))
    title = f"{', '.join(satellites).upper() or 'Daily fluence'}, {months[0]} to {months[-1]}"
    return Request(
        name=name,
        title=title,
        flux=tuple((satellite, months) for satellite in satellites),
        drivers=_check_drivers(drivers, years),
        daily=years if daily else (),
        recent=recent,
        product=product,
    )


def read_recipe(path: str | Path, *, recent: bool = False) -> Request:
    """Read what to fetch from a YAML file.

    Raises
    ------
    FluxError
        If the file is not a recipe.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        flux = [
            (entry["satellite"], _make_months(entry["start"], entry["end"]))
            for entry in content.get("flux", [])
        ]
        drivers = content["drivers"]
        span = content.get("daily")
        daily = tuple(range(span["start"], span["end"] + 1)) if span else ()
        unknown = sorted({satellite for satellite, _ in flux} - set(SATELLITES))
        if unknown:
            raise FluxError(f"flux has the satellite {unknown[0]!r}; expected goes8 to goes19.")
        product = content.get("product", PRODUCTS[0])
        _check_product(product)
        return Request(
            name=str(content["name"]),
            title=str(content["title"]),
            flux=tuple(flux),
            drivers=_check_drivers(
                drivers["format"], tuple(range(drivers["start"], drivers["end"] + 1))
            ),
            daily=daily,
            recent=recent,
            product=product,
            hapi=tuple(_read_hapi(one) for one in content.get("hapi", [])),
        )
    except OSError as error:
        raise FluxError(f"{path}: cannot be read: {error.strerror}.") from None
    except FluxError as error:
        raise FluxError(f"{path}: {error}") from None
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise FluxError(
            f"{path}: not a recipe: {' '.join(str(error).split())}; expected name, title, flux "
            "(satellite, start, end), drivers (format, start, end), daily (start, end) and hapi "
            "(dataset, start, end, columns, cadence; satellite if it is flux)."
        ) from None


def _read_hapi(one: dict) -> HapiSource:
    about = ("satellite", "series", "position", "cadence")
    return HapiSource(
        str(one["dataset"]),
        _make_months(one["start"], one["end"]),
        {str(ours): str(theirs) for ours, theirs in one["columns"].items()},
        {key: str(one[key]) for key in about if key in one or key == "cadence"},
        str(one.get("server", "")),
    )


def _check_product(product: object) -> None:
    if product not in PRODUCTS:
        raise FluxError(f"product is {product!r}; expected {' or '.join(PRODUCTS)}.")


def _make_months(start: object, end: object) -> pd.PeriodIndex:
    try:
        months = pd.period_range(pd.Period(str(start), "M"), pd.Period(str(end), "M"), freq="M")
    except ValueError:
        months = pd.PeriodIndex([], freq="M")
    if len(months) == 0:
        raise FluxError(
            f"start is {start!r} and end {end!r}; expected the first and the last month, such as "
            "2014-01 and 2014-12."
        )
    return months


def _check_drivers(kind: str, years: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    if kind not in DRIVERS:
        raise FluxError(f"drivers is {kind!r}; expected {' or '.join(DRIVERS)}.")
    return kind, years
