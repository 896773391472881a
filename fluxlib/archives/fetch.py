"""Describe what was fetched: the `dataset.toml` of the files that the archives had."""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from fluxlib.archives.download import Item, Outcome, Patience, download_all, read_page
from fluxlib.archives.request import DRIVERS, Request, make_request, read_recipe
from fluxlib.datasets.manifest import Manifest, write_manifest
from fluxlib.errors import FluxError
from fluxlib.io.swpc import ELECTRON_FEEDS, FEEDS, WIND_FEEDS, read_feed
from fluxlib.satellites import FIRST_WITH_E08, find_number
from fluxlib.utils.validation import check_count, check_name, parse_count

BASES = {
    "ncei": "https://www.ncei.noaa.gov/data/goes-space-environment-monitor/access/avg",
    "goesr": "https://data.ngdc.noaa.gov/platforms/solar-space-observing-satellites/goes",
    "spdf": "https://spdf.gsfc.nasa.gov/pub/data/omni",
    "swpc": "ftp://ftp.swpc.noaa.gov/pub/indices/old_indices",
    "feeds": "https://services.swpc.noaa.gov",
}
FIRST_GOESR = 16


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
    patience: Patience | None = None,
    progress: bool = True,
) -> Outcome:
    """Fetch a dataset from the archives and write its `dataset.toml`.

    What is there is not fetched again, so a fetch that was stopped goes on where it was.

    Parameters
    ----------
    out : path
        The dataset's folder, such as `data/raw/my-set`. Without a recipe the dataset is called
        as it is.
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
        the last ones. Alone it needs no satellites and no period.
    recipe : path, optional
        A YAML file (`params/fetch-*.yaml`) in place of satellites, start, end, drivers and daily.
    bases : dict, optional
        Other addresses for "ncei", "goesr", "spdf", "swpc", "feeds": a mirror.
    workers : int
        Files fetched at once.
    patience : Patience, optional
        Timeout, tries and pauses.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Outcome
        Paths fetched, present and absent: what the archives do not have is no error.

    Raises
    ------
    FluxError
        If a word is wrong, nothing was found, or files failed after all tries; those that came
        are kept, and the same call goes on.
    """
    check_count(workers, "workers")
    folder = Path(out).resolve()  # "." has a name too
    patience = patience or Patience()
    if recipe is not None:
        request = read_recipe(recipe)
    else:
        request = make_request(
            folder.name, satellites, start, end, drivers=drivers, daily=daily, recent=recent
        )
    # The manifest comes last, and would be refused when all is there.
    check_name(request.name, f"{recipe or folder}: the dataset's name")
    addresses = _check_bases(bases or {})
    folder.mkdir(parents=True, exist_ok=True)
    items = list(list_items(request, addresses, patience))
    if recent:
        items += [
            Item(f"{addresses['feeds']}/{place}", path, changing=True)
            for path, place in FEEDS.items()
        ]
    outcome = _download(items, folder, patience, workers, progress)
    if outcome.failed:
        url, reason = next(iter(outcome.failed.items()))
        raise FluxError(
            f"{len(outcome.failed)} of {len(items)} files could not be fetched, such as {url}: "
            f"{reason}. The others are kept in {folder}; the same command goes on."
        )
    write_description(request, folder, {*outcome.fetched, *outcome.present})
    return outcome


def list_items(request: Request, bases: dict[str, str], patience: Patience) -> Iterator[Item]:
    """Yield the files of a request; GOES-16 and later need a look at the archive's listings."""
    for satellite, months in request.flux:
        number = find_number(satellite)
        for month in months:
            if number >= FIRST_GOESR:
                yield from _list_goesr(satellite, month, bases["goesr"], patience)
                continue
            kind = "epead_e13ew_5m" if number >= FIRST_WITH_E08 else "eps_5m"
            name = f"g{number:02d}_{kind}_{month:%Y%m}01_{month:%Y%m}{month.days_in_month}.csv"
            yield Item(
                f"{bases['ncei']}/{month:%Y/%m}/{satellite}/csv/{name}", f"{satellite}/{name}"
            )
    if request.drivers:
        kind, years = request.drivers
        for year in years:
            place = DRIVERS[kind][0].format(year=year)
            yield Item(f"{bases['spdf']}/{place}", f"{kind}/{Path(place).name}")
    for year in request.daily:
        yield Item(f"{bases['swpc']}/{year}_DPD.txt", f"dpd/{year}_DPD.txt")


def _list_goesr(satellite: str, month: pd.Period, base: str, patience: Patience) -> Iterator[Item]:
    """Yield the latest version of each day's file; one address that is absent if there is none."""
    number = find_number(satellite)
    folder = f"{base}/{satellite}/l2/data/mpsh-l2-avg5m/{month:%Y/%m}/"
    pattern = rf"sci_mpsh-l2-avg5m_g{number}_d({month:%Y%m}\d\d)_v(\d+)-(\d+)-(\d+)\.nc"
    latest: dict[str, tuple] = {}
    for found in re.finditer(pattern, read_page(folder, patience) or ""):
        version = tuple(int(part) for part in found.groups()[1:])
        latest[found[1]] = max(latest.get(found[1], ((), "")), (version, found[0]))
    if not latest:
        yield Item(folder + "none", f"{satellite}/{month:%Y-%m}")
    for _, name in latest.values():
        yield Item(folder + name, f"{satellite}/{name}")


def _download(
    items: list[Item], folder: Path, patience: Patience, workers: int, progress: bool
) -> Outcome:
    from tqdm import tqdm

    with tqdm(total=len(items), unit="file", disable=not progress, file=sys.stderr) as bar:
        return download_all(items, folder, patience=patience, workers=workers, tell=bar.update)


def _check_bases(bases: dict[str, str]) -> dict[str, str]:
    unknown = sorted(set(bases) - set(BASES))
    if unknown:
        raise FluxError(f"bases has {unknown[0]!r}; expected {', '.join(BASES)}.")
    return {name: url.rstrip("/") for name, url in (BASES | bases).items()}


def fetch_from_arguments(arguments: list[str]) -> int:
    """Fetch as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="run_all.sh fetch", description="Fetch a dataset from the archives."
    )
    parser.add_argument("--out", required=True, help="folder, such as data/raw/my-set")
    parser.add_argument("--satellites", nargs="+", default=[], help="goes8 to goes19")
    parser.add_argument("--start", help="first month, such as 2014-01")
    parser.add_argument("--end", help="last month")
    parser.add_argument("--drivers", default="omni-hro", help=" or ".join(DRIVERS))
    parser.add_argument("--daily", action="store_true", help="SWPC's Daily Particle Data too")
    parser.add_argument("--recent", action="store_true", help="SWPC's feeds of the last days too")
    parser.add_argument("--recipe", help="YAML file in place of satellites, period and drivers")
    parser.add_argument("--base", action="append", default=[], help="NAME=URL of a mirror")
    parser.add_argument("--workers", type=parse_count, default=4, help="files fetched at once")
    options = vars(parser.parse_args(arguments))
    options["bases"] = dict(word.partition("=")[::2] for word in options.pop("base"))
    outcome = fetch(options.pop("out"), **options)
    print(f"{len(outcome.fetched)} files fetched, {len(outcome.present)} were there.")
    for path in outcome.absent:
        print(f"The archive has no {path}.")
    return 0


STATIONS = {
    **dict.fromkeys(("goes8", "goes12", "goes13", "goes16", "goes19"), "east"),
    **dict.fromkeys(("goes10", "goes11", "goes15", "goes17", "goes18"), "west"),
}
# Whose electrons SWPC's Daily Particle Data hold, as the files' notes and steps show.
DAILY = (
    ("goes9", "1998-01-01", "1998-12-31"),
    ("goes8", "1999-01-01", "2003-04-07"),
    ("goes12", "2003-05-14", "2007-12-31"),
    ("goes11", "2008-01-01", "2008-03-02"),
    ("goes12", "2008-03-03", "2008-11-30"),
    ("goes11", "2008-12-01", "2010-04-13"),
    ("goes13", "2010-04-14", "2012-12-31"),
)


def write_description(request: Request, folder: Path, paths: set[str]) -> None:
    """Write `dataset.toml` for the files that there are."""
    entries = []
    for satellite in dict.fromkeys(satellite for satellite, _ in request.flux):
        names = [path for path in paths if path.startswith(f"{satellite}/")]
        if names:
            goesr = names[0].endswith(".nc")
            entry = {"satellite": satellite}
            if satellite in STATIONS:
                entry["position"] = STATIONS[satellite]
            entries.append(
                entry
                | {
                    "format": "goes-netcdf" if goesr else "goes-csv",
                    "files": f"{satellite}/{'sci_*.nc' if goesr else 'g*.csv'}",
                    "cadence": "5min",
                }
            )
    entries += _describe_daily(paths) + _describe_electrons(folder, paths)
    if not entries:
        raise FluxError(
            f"the archives have no file of {request.title}; check the satellites and the period."
        )
    series = list(dict.fromkeys(entry.get("series", entry["satellite"]) for entry in entries))
    if request.drivers and any(path.startswith("omni") for path in paths):
        kind = request.drivers[0]
        entries.append({"format": kind, "files": f"{kind}/omni*", "cadence": DRIVERS[kind][1]})
    entries += [
        {"format": "swpc-json", "files": path, "cadence": "1min"}
        for path in WIND_FEEDS
        if path in paths
    ]
    reference = "goes11" if "goes11" in series else series[0]
    order = sorted(series, key=lambda name: not name.endswith("-dpd"))
    manifest = Manifest(folder, request.name, request.title, False, reference, tuple(order), (), ())
    write_manifest(folder, manifest, entries)


def _describe_daily(paths: set[str]) -> list[dict]:
    years = {int(path[4:8]) for path in paths if path.startswith("dpd/")}
    return [
        {
            "satellite": satellite,
            "series": f"{satellite}-dpd",
            "format": "dpd",
            "files": "dpd/*_DPD.txt",
            "cadence": "1D",
            "period": [first, last],
        }
        for satellite, first, last in DAILY
        if years & set(range(int(first[:4]), int(last[:4]) + 1))
    ]


def _describe_electrons(folder: Path, paths: set[str]) -> list[dict]:
    """Return an entry for each satellite of the feeds, which change theirs now and then."""
    entries: dict[str, dict] = {}
    for path in ELECTRON_FEEDS:
        if path not in paths:
            continue
        satellite = read_feed(folder / path).satellite
        entry = {"satellite": satellite, "series": f"{satellite}-recent"}
        if satellite in STATIONS:
            entry["position"] = STATIONS[satellite]
        entry |= {"format": "swpc-json", "files": path, "cadence": "5min"}
        entries.setdefault(satellite, entry)
    return list(entries.values())
