"""Fetch a dataset from the archives: a request, the files that they have for it, its manifest."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import yaml

from fluxlib.archives.download import FetchResult, Item, RetryPolicy, download_all
from fluxlib.archives.sources import ARCHIVES, DRIVERS, SATELLITES, Request
from fluxlib.datasets.manifest import Manifest, write_manifest
from fluxlib.errors import FluxError
from fluxlib.utils.validation import check_count, check_name, parse_count


def fetch(
    out: str | Path,
    *,
    satellites: Iterable[str] = (),
    start: str | None = None,
    end: str | None = None,
    drivers: str = "omni-hro",
    daily: bool = False,
    recent: bool = False,
    recipe: str | Path | None = None,
    bases: dict[str, str] | None = None,
    workers: int = 4,
    policy: RetryPolicy | None = None,
    progress: bool = True,
) -> FetchResult:
    """Fetch a dataset from the archives and write its `dataset.toml`.

    Files that are there and whole are not fetched again, so the same call continues a fetch that
    was stopped.

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
        Whether to fetch SWPC's Daily Particle Data of the years too (1998 to 2012).
    recent : bool
        Whether to fetch SWPC's JSON feeds too: >2 MeV electrons of the last seven days, and the
        solar wind. They change every few minutes, so each call fetches them anew and replaces
        the last ones. Alone it needs neither satellites nor a period.
    recipe : path, optional
        A YAML file (`params/fetch-*.yaml`) in place of satellites, start, end, drivers and daily.
    bases : dict, optional
        Other addresses for "ncei", "goesr", "spdf", "swpc", "feeds": a mirror.
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
    if recipe is not None:
        request = read_recipe(recipe, recent=recent)
    else:
        request = make_request(
            folder.name, satellites, start, end, drivers=drivers, daily=daily, recent=recent
        )
    # The manifest is written last, and would be refused when all files are there.
    check_name(request.name, f"{recipe or folder}: the dataset's name")
    items = list_items(request, bases=bases, policy=policy)
    folder.mkdir(parents=True, exist_ok=True)
    from tqdm import tqdm

    with tqdm(total=len(items), unit="file", disable=not progress, file=sys.stderr) as bar:
        result = download_all(items, folder, policy=policy, workers=workers, progress=bar.update)
    if result.failed:
        url, reason = next(iter(result.failed.items()))
        raise FluxError(
            f"{len(result.failed)} of {len(items)} files could not be fetched, such as {url}: "
            f"{reason}. The others are kept in {folder}; the same command continues."
        )
    write_description(request, folder, {*result.fetched, *result.present})
    return result


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
    return [
        item
        for name, archive in ARCHIVES.items()
        for item in archive.list_items(
            request, bases.get(name, archive.url).rstrip("/"), policy or RetryPolicy()
        )
    ]


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
    parser.add_argument("--out", required=True, help="folder, such as data/raw/my-set")
    parser.add_argument("--satellites", nargs="+", default=[], help="goes8 to goes19")
    parser.add_argument("--start", help="first month, such as 2014-01")
    parser.add_argument("--end", help="last month")
    parser.add_argument("--drivers", default="omni-hro", help=" or ".join(DRIVERS))
    parser.add_argument("--daily", action="store_true", help="also SWPC's Daily Particle Data")
    parser.add_argument("--recent", action="store_true", help="also SWPC's feeds of the last days")
    parser.add_argument("--recipe", help="YAML file in place of satellites, period and drivers")
    parser.add_argument("--base", action="append", default=[], help="NAME=URL of a mirror")
    parser.add_argument("--workers", type=parse_count, default=4, help="files fetched at once")
    options = vars(parser.parse_args(arguments))
    options["bases"] = dict(word.partition("=")[::2] for word in options.pop("base"))
    result = fetch(options.pop("out"), **options)
    print(f"{len(result.fetched)} files fetched, {len(result.present)} were present.")
    for path in result.absent:
        print(f"The archive has no {path}.")
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
) -> Request:
    """Return the request of one period for all satellites; see `fetch`."""
    satellites = tuple(satellites)
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
        return Request(
            name=str(content["name"]),
            title=str(content["title"]),
            flux=tuple(flux),
            drivers=_check_drivers(
                drivers["format"], tuple(range(drivers["start"], drivers["end"] + 1))
            ),
            daily=daily,
            recent=recent,
        )
    except OSError as error:
        raise FluxError(f"{path}: cannot be read: {error.strerror}.") from None
    except FluxError as error:
        raise FluxError(f"{path}: {error}") from None
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise FluxError(
            f"{path}: not a recipe: {' '.join(str(error).split())}; expected name, title, flux "
            "(satellite, start, end), drivers (format, start, end) and daily (start, end)."
        ) from None


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
