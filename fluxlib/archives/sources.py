"""The archives: which files each has for a request, and how a manifest describes them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pandas as pd

from fluxlib.archives.download import Item, RetryPolicy, read_page
from fluxlib.errors import FluxError
from fluxlib.io.swpc import ELECTRON_FEEDS, FEEDS, WIND_FEEDS, read_feed
from fluxlib.satellites import FIRST_WITH_E08, find_number

SATELLITES = tuple(f"goes{number}" for number in range(8, 20))
FIRST_GOESR = 16
POSITIONS = {
    **dict.fromkeys(("goes8", "goes12", "goes13", "goes16", "goes19"), "east"),
    **dict.fromkeys(("goes10", "goes11", "goes15", "goes17", "goes18"), "west"),
}
# By format, the address below the archive and the cadence.
DRIVERS = {
    "omni2": ("low_res_omni/omni2_{year}.dat", "1h"),
    "omni-hro": ("high_res_omni/omni_5min{year}.asc", "5min"),
}
# Whose electrons SWPC's Daily Particle Data give, as the files' notes and steps show.
DAILY = (
    ("goes9", "1998-01-01", "1998-12-31"),
    ("goes8", "1999-01-01", "2003-04-07"),
    ("goes12", "2003-05-14", "2007-12-31"),
    ("goes11", "2008-01-01", "2008-03-02"),
    ("goes12", "2008-03-03", "2008-11-30"),
    ("goes11", "2008-12-01", "2010-04-13"),
    ("goes13", "2010-04-14", "2017-12-14"),
)
# Of EPEAD: averages of 5 minutes as they were computed in operation, or the corrected minutes.
PRODUCTS = ("operational", "science")
# GOES-R's folders: the newer name first, which is the only one for the newest days.
MPSH_FOLDERS = ("mpsh-l2-avg5m_science", "mpsh-l2-avg5m")


@dataclass(frozen=True)
class HapiSource:
    """A dataset of a HAPI server, and what of it is wanted.

    Attributes
    ----------
    dataset : str
        Its id, such as "goesp_part_flux_P5M".
    months : PeriodIndex
    columns : mapping of str to str
        Our names, each with the parameter that has it: ``{"e2": "E2_0"}``.
    entry : dict
        What else the manifest's entry says: `cadence`; and `satellite` if it is flux.
    server : str, optional
        Its address, up to ``hapi``; by default iSWA's.
    """

    dataset: str
    months: pd.PeriodIndex
    columns: Mapping[str, str]
    entry: Mapping[str, str]
    server: str = ""


@dataclass(frozen=True)
class Request:
    """What to fetch: months of each satellite, years of drivers, years of daily fluence, feeds.

    `product` is one of `PRODUCTS`, for GOES-13 to GOES-15.
    """

    name: str
    title: str
    flux: tuple[tuple[str, pd.PeriodIndex], ...] = ()
    drivers: tuple[str, tuple[int, ...]] | None = None
    daily: tuple[int, ...] = ()
    recent: bool = False
    product: str = PRODUCTS[0]
    hapi: tuple[HapiSource, ...] = ()


class Archive(NamedTuple):
    """Where an archive is, what it has for a request, and the manifest's entries for its files.

    `list_items` takes a request, the archive's address and a RetryPolicy. `describe` takes a
    request, the dataset's folder and the paths below it that were fetched.
    """

    url: str
    list_items: Callable[[Request, str, RetryPolicy], Iterator[Item]]
    describe: Callable[[Request, Path, set[str]], list[dict]]


def _list_ncei(request: Request, base: str, policy: RetryPolicy) -> Iterator[Item]:
    for satellite, months in request.flux:
        number = find_number(satellite)
        for month in months if number < FIRST_GOESR else ():
            # The folder's number has two digits: goes08.
            folder = f"{base}/{month:%Y/%m}/goes{number:02d}/csv/"
            if number >= FIRST_WITH_E08 and request.product == "science":
                # The longer name is CDAWeb's, and may be found here too.
                pattern = (
                    rf"g{number:02d}_epead(?:[-_]science[-_]electrons)?[-_]e13ew_1m_"
                    rf"({month:%Y%m}\d\d)_\d{{8}}_science_v(\d+)\.(\d+)\.(\d+)\.csv"
                )
                yield from _list_latest([folder], pattern, satellite, month, policy)
                continue
            kind = "epead_e13ew_5m" if number >= FIRST_WITH_E08 else "eps_5m"
            name = f"g{number:02d}_{kind}_{month:%Y%m}01_{month:%Y%m}{month.days_in_month}.csv"
            yield Item(folder + name, f"{satellite}/{name}")


def _list_goesr(request: Request, base: str, policy: RetryPolicy) -> Iterator[Item]:
    for satellite, months in request.flux:
        number = find_number(satellite)
        for month in months if number >= FIRST_GOESR else ():
            folders = [f"{base}/{satellite}/l2/data/{name}/{month:%Y/%m}/" for name in MPSH_FOLDERS]
            pattern = rf"sci_mpsh-l2-avg5m_g{number}_d({month:%Y%m}\d\d)_v(\d+)-(\d+)-(\d+)\.nc"
            yield from _list_latest(folders, pattern, satellite, month, policy)


def _list_latest(
    folders: list[str], pattern: str, satellite: str, month: pd.Period, policy: RetryPolicy
) -> Iterator[Item]:
    """Yield the latest version of each file that the folders' listings name.

    The pattern's first group tells files apart, and the others are the version. Of one version the
    earlier folder counts.
    """
    latest: dict[str, tuple] = {}
    for rank, folder in enumerate(folders):
        for found in re.finditer(pattern, read_page(folder, policy) or ""):
            version = tuple(int(part) for part in found.groups()[1:])
            new = (version, -rank, folder, found[0])
            latest[found[1]] = max(latest.get(found[1], new), new)
    for *_, folder, name in latest.values():
        yield Item(folder + name, f"{satellite}/{name}")
    if not latest:  # an address that is absent, so that the month is reported
        yield Item(folders[0] + "none", f"{satellite}/{month:%Y-%m}")


def _describe_flux(request: Request, paths: set[str], suffix: str, entry: dict) -> list[dict]:
    """Return an entry for each satellite of which there is a file with the suffix."""
    entries = []
    for satellite in dict.fromkeys(satellite for satellite, _ in request.flux):
        if any(path.startswith(f"{satellite}/") and path.endswith(suffix) for path in paths):
            position = {"position": POSITIONS[satellite]} if satellite in POSITIONS else {}
            files = f"{satellite}/{entry['files']}"
            entries.append({"satellite": satellite} | position | entry | {"files": files})
    return entries


def _describe_ncei(request: Request, _: Path, paths: set[str]) -> list[dict]:
    entries = []
    for satellite, months in request.flux:
        science = find_number(satellite) >= FIRST_WITH_E08 and request.product == "science"
        files, cadence = ("g*_science_v*.csv", "1min") if science else ("g*_5m_*.csv", "5min")
        # A series of its own, so that a dataset can have both products.
        entry = {"series": f"{satellite}-science"} if science else {}
        entry |= {"format": "goes-csv", "files": files, "cadence": cadence}
        one = Request(request.name, request.title, ((satellite, months),))
        entries += _describe_flux(one, paths, ".csv", entry)
    return entries


def _describe_goesr(request: Request, _: Path, paths: set[str]) -> list[dict]:
    entry = {"format": "goes-netcdf", "files": "sci_*.nc", "cadence": "5min"}
    return _describe_flux(request, paths, ".nc", entry)


def _list_omni(request: Request, base: str, _: RetryPolicy) -> Iterator[Item]:
    kind, years = request.drivers or ("", ())
    for year in years:
        place = DRIVERS[kind][0].format(year=year)
        yield Item(f"{base}/{place}", f"{kind}/{Path(place).name}")


def _describe_omni(request: Request, _: Path, paths: set[str]) -> list[dict]:
    if not any(path.startswith("omni") for path in paths):
        return []
    kind = request.drivers[0]
    return [{"format": kind, "files": f"{kind}/omni*", "cadence": DRIVERS[kind][1]}]


def _list_daily(request: Request, base: str, _: RetryPolicy) -> Iterator[Item]:
    for year in request.daily:
        yield Item(f"{base}/{year}_DPD.txt", f"dpd/{year}_DPD.txt")


def _describe_daily(_request: Request, _: Path, paths: set[str]) -> list[dict]:
    years = {int(path[4:8]) for path in paths if path.startswith("dpd/")}
    files = {"format": "dpd", "files": "dpd/*_DPD.txt", "cadence": "1D"}
    return [
        {"satellite": satellite, "series": f"{satellite}-dpd", **files, "period": [first, last]}
        for satellite, first, last in DAILY
        if years & set(range(int(first[:4]), int(last[:4]) + 1))
    ]


def _list_feeds(request: Request, base: str, _: RetryPolicy) -> Iterator[Item]:
    for path, place in FEEDS.items() if request.recent else ():
        yield Item(f"{base}/{place}", path, changing=True)


def _describe_feeds(_: Request, folder: Path, paths: set[str]) -> list[dict]:
    """Return an entry for each satellite of the electron feeds, and for each feed of the wind."""
    flux: dict[str, dict] = {}
    for path in ELECTRON_FEEDS:
        if path in paths:
            satellite = read_feed(folder / path).satellite  # SWPC changes it now and then
            entry = {"satellite": satellite, "series": f"{satellite}-recent"}
            if satellite in POSITIONS:
                entry["position"] = POSITIONS[satellite]
            entry |= {"format": "swpc-json", "files": path, "cadence": "5min"}
            flux.setdefault(satellite, entry)
    wind = [path for path in WIND_FEEDS if path in paths]
    return [
        *flux.values(),
        *({"format": "swpc-json", "files": path, "cadence": "1min"} for path in wind),
    ]


def _list_hapi(request: Request, base: str, policy: RetryPolicy) -> Iterator[Item]:
    for source in request.hapi:
        # CDAWeb's ids have slashes and more in them.
        safe = re.sub(r"[^\w.-]+", "-", source.dataset)
        server = (source.server or base).rstrip("/")
        info = _read_info(f"{server}/info?{urlencode({'id': source.dataset})}", source, policy)
        # Of a dataset that two sources name, a file has what both want.
        wanted = {
            re.sub(r"\[\d+\]$", "", name)
            for one in request.hapi
            if (one.dataset, one.server) == (source.dataset, source.server)
            for name in one.columns.values()
        }
        if unknown := sorted(wanted - set(info.names[1:])):
            raise FluxError(
                f"{server}: {source.dataset} has no parameter {unknown[0]!r}; expected "
                f"{', '.join(info.names[1:])[:300]}."
            )
        for month in source.months:
            for first, end, name in info.split(month):
                query = {
                    "id": source.dataset,
                    "time.min": f"{first.ceil('s'):%Y-%m-%dT%H:%M:%SZ}",
                    "time.max": f"{end:%Y-%m-%dT%H:%M:%SZ}",
                    # A server may refuse another order than its own (status 1411).
                    "parameters": ",".join(sorted(wanted, key=info.names.index)),
                    "format": "csv",
                    "include": "header",
                }
                url = f"{server}/data?{urlencode(query, safe=',:')}"
                goes_on = end == info.stop < (month + 1).start_time
                yield Item(url, f"hapi/{safe}/{safe}_{name}.csv", changing=goes_on)


@dataclass(frozen=True)
class _HapiInfo:
    """A dataset's parameters in their order, when it starts and stops, and the longest request."""

    names: list[str]
    start: pd.Timestamp
    stop: pd.Timestamp
    longest: pd.Timedelta

    def split(self, month: pd.Period) -> Iterator[tuple[pd.Timestamp, pd.Timestamp, str]]:
        """Yield the parts of a month to ask for, from one time to another, and their names.

        A server refuses times outside its dataset, and more than it says at once. A month that is
        all outside is asked for as it is, so that the server's answer is reported.
        """
        first, last = month.start_time, (month + 1).start_time
        first, end = max(first, self.start), min(last, self.stop)
        if first >= end:
            yield month.start_time, last, f"{month:%Y%m}"
        elif end - first <= self.longest:
            yield first, end, f"{month:%Y%m}"
        else:
            for part in pd.date_range(first, end, freq=self.longest, inclusive="left"):
                yield part, min(part + self.longest, end), f"{part:%Y%m%d}"


def _read_info(url: str, source: HapiSource, policy: RetryPolicy) -> _HapiInfo:
    page = read_page(url, policy)
    if page is None:
        raise FluxError(f"{url}: the server has no dataset {source.dataset!r}; see its catalog.")
    try:
        info = json.loads(page)
        names = [str(parameter["name"]) for parameter in info["parameters"]]
        # An answer without bounds is asked for whatever is wanted.
        start, stop = (
            pd.to_datetime(info.get(key) or default, utc=True).tz_localize(None)
            for key, default in (("startDate", "1900-01-01"), ("stopDate", "2199-12-31"))
        )
        try:
            longest = pd.Timedelta(info.get("maxRequestDuration") or "P31D")
        except ValueError:  # years and months, which have no fixed length, and are long enough
            longest = pd.Timedelta("P31D")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FluxError(
            f"{url}: not what a HAPI server says of a dataset ({error}); check the address."
        ) from None
    return _HapiInfo(names, start, stop, max(longest, pd.Timedelta("1D")))


def _describe_hapi(request: Request, _: Path, paths: set[str]) -> list[dict]:
    entries = []
    for source in request.hapi:
        folder = re.sub(r"[^\w.-]+", "-", source.dataset)
        if any(path.startswith(f"hapi/{folder}/") for path in paths):
            about = {"format": "hapi", "files": f"hapi/{folder}/*.csv"}
            entries.append({**source.entry, **about, "columns": dict(source.columns)})
    return entries


# A new archive is two functions and a line here. Of drivers, the earlier archive's count.
ARCHIVES = {
    "ncei": Archive(
        "https://www.ncei.noaa.gov/data/goes-space-environment-monitor/access/avg",
        _list_ncei,
        _describe_ncei,
    ),
    "goesr": Archive(
        "https://data.ngdc.noaa.gov/platforms/solar-space-observing-satellites/goes",
        _list_goesr,
        _describe_goesr,
    ),
    "spdf": Archive("https://spdf.gsfc.nasa.gov/pub/data/omni", _list_omni, _describe_omni),
    "swpc": Archive(
        "ftp://ftp.swpc.noaa.gov/pub/indices/old_indices", _list_daily, _describe_daily
    ),
    "feeds": Archive("https://services.swpc.noaa.gov", _list_feeds, _describe_feeds),
    "hapi": Archive("https://iswa.ccmc.gsfc.nasa.gov/hapi", _list_hapi, _describe_hapi),
}
