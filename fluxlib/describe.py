"""Describe what was fetched: the `dataset.toml` of the files that the archives had."""

from pathlib import Path

from fluxlib.errors import FluxError
from fluxlib.feeds import ELECTRON_FEEDS, WIND_FEEDS, read_swpc_json
from fluxlib.manifest import Manifest
from fluxlib.recipes import DRIVERS, Request
from fluxlib.writers import write_manifest

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
        satellite = read_swpc_json(folder / path).attrs["satellite"]
        entry = {"satellite": satellite, "series": f"{satellite}-recent"}
        if satellite in STATIONS:
            entry["position"] = STATIONS[satellite]
        entry |= {"format": "swpc-json", "files": path, "cadence": "5min"}
        entries.setdefault(satellite, entry)
    return list(entries.values())
