"""Write a dataset in the archives' native formats, with the manifest that describes it."""

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fluxlib.datasets.manifest import NAME, Manifest, print_cadence
from fluxlib.io.goes import EPS_COLUMNS, TELESCOPES
from fluxlib.io.omni import HRO_FIELDS, OMNI2_FIELDS, format_omni
from fluxlib.satellites import FIRST_WITH_E08, LOW_CHANNELS, find_number
from fluxlib.utils.files import atomic_folder
from fluxlib.utils.time_grid import HOUR, find_cadence

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

FIVE_MINUTES = pd.Timedelta("5min")
GOES_FILL = -99999.0


def write_dataset(dataset: "Dataset", folder: str | Path) -> Path:
    """Write a dataset's flux, native fluence and drivers to a new folder.

    Flux at 5 min becomes NCEI CSV, hourly drivers OMNI2, 1- and 5-min drivers OMNI HRO, daily
    fluence without flux SWPC Daily Particle Data, all else plain tables.

    Raises
    ------
    FluxError
        If the folder already holds something.
    """
    with atomic_folder(folder) as writing:
        entries = []
        for series, frame in dataset.flux.items():
            entries.append(write_flux(writing, dataset.manifest, series, frame))
        for series, frame in dataset.fluence.items():
            if series not in dataset.flux:
                entries.append(_write_fluence(writing, dataset.manifest, series, frame))
        entries += write_drivers(writing, dataset.drivers)
        write_manifest(writing, dataset.manifest, entries)
    return Path(folder)


def write_flux(
    folder: Path, manifest: Manifest, series: str, frame: pd.DataFrame, *, subfolder: str = ""
) -> dict:
    """Write a series' flux below `subfolder` (the series' name) and return its manifest entry."""
    subfolder = subfolder or series
    satellite = manifest.satellite(series)
    entry = {"satellite": satellite, "series": series}
    position = manifest.position(series)
    if position:
        entry["position"] = position
    cadence = find_cadence(frame.index, series)
    number = find_number(satellite)
    if cadence == FIVE_MINUTES and number:
        return entry | _write_goes(folder, subfolder, number, frame)
    return entry | _write_tables(folder, subfolder, series, frame)


def write_drivers(folder: Path, drivers: pd.DataFrame) -> list[dict]:
    """Write drivers in OMNI's format of their cadence, and what that lacks as a table."""
    if drivers.empty:
        return []
    cadence = find_cadence(drivers.index, "drivers")
    entries, held = [], []
    if cadence == HOUR:
        entries.append(_write_omni(folder, "omni2", drivers))
        held = [*OMNI2_FIELDS, "Vx"]
    elif cadence in (FIVE_MINUTES, pd.Timedelta("1min")):
        entries.append(_write_omni(folder, "omni-hro", drivers))
        held = list(HRO_FIELDS)
    others = drivers.drop(columns=held, errors="ignore")
    if len(others.columns):
        entries.append(_write_tables(folder, "indices", "indices", others))
    return entries


def write_manifest(folder: Path, manifest: Manifest, entries: list[dict]) -> None:
    """Write `dataset.toml` for the entries, flux (those of a satellite) before drivers."""
    about = {"name": manifest.name, "title": manifest.title, "synthetic": manifest.synthetic}
    if manifest.reference:
        about["reference"] = manifest.reference
    about["daily"] = list(manifest.daily)
    parts = [_print_table("[dataset]", about)]
    for entry in entries:
        parts.append(_print_table("[[flux]]" if "satellite" in entry else "[[drivers]]", entry))
    (folder / NAME).write_text("\n".join(parts), encoding="utf-8")


def _print_table(header: str, table: dict) -> str:
    # TOML's texts, lists of texts and booleans are written as JSON's are, but for the last ASCII.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
    return "\n".join([header, *lines, ""]).replace("\x7f", "\\u007f")


def _write_tables(folder: Path, subfolder: str, stem: str, frame: pd.DataFrame) -> dict:
    """Write a gzipped CSV a year, six significant digits."""
    cadence = print_cadence(find_cadence(frame.index, stem))
    (folder / subfolder).mkdir(exist_ok=True)
    for year, part in frame.groupby(frame.index.year):
        text = part.to_csv(float_format="%.6g", date_format="%Y-%m-%dT%H:%M:%SZ")
        # No time of writing: the same table makes the same bytes.
        path = folder / subfolder / f"{stem}_{cadence}_{year}.csv.gz"
        path.write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))
    return {
        "format": "table",
        "files": f"{subfolder}/{stem}_{cadence}_*.csv.gz",
        "cadence": cadence,
    }


def _write_goes(folder: Path, subfolder: str, number: int, frame: pd.DataFrame) -> dict:
    """Write NCEI 5-minute CSV, a file a month: EPS up to GOES-12, EPEAD from GOES-13 on."""
    kind = "epead_e13ew_5m" if number >= FIRST_WITH_E08 else "eps_5m"
    columns = _make_epead(frame) if number >= FIRST_WITH_E08 else _make_eps(frame)
    (folder / subfolder).mkdir(exist_ok=True)
    for month, part in columns.groupby(columns.index.to_period("M")):
        first, last = month.start_time, month.end_time
        name = f"g{number:02d}_{kind}_{first:%Y%m%d}_{last:%Y%m%d}"
        head = (
            f"File name: {name}\nMetadata Description:\n\n// global attributes\n"
            f':satellite_id = "GOES-{number:02d}"\n:sample-time = "5"\n:sample-unit = "minutes"\n'
            f':records_present = "{len(part)}"\n\ndata: \n'
        )
        text = part.to_csv(date_format="%Y-%m-%d %H:%M:%S.000", float_format="%.4E")
        (folder / subfolder / f"{name}.csv").write_text(head + text, encoding="ascii")
    return {
        "format": "goes-csv",
        "files": f"{subfolder}/g{number:02d}_{kind}_*.csv",
        "cadence": "5min",
    }


def _make_eps(frame: pd.DataFrame) -> pd.DataFrame:
    names = {ours: theirs for theirs, ours in EPS_COLUMNS.items()}
    columns = frame.reindex(columns=list(names)).rename(columns=names).fillna(GOES_FILL)
    return columns.rename_axis("time_tag")


def _make_epead(frame: pd.DataFrame) -> pd.DataFrame:
    """Return both telescopes' columns, each with the same flux; flag 1 where there is none."""
    columns = {}
    for channel, name in (("E1", "e0.8"), ("E2", "e2")):
        flux = frame.get(name, pd.Series(np.nan, frame.index))
        for telescope in TELESCOPES:
            columns[f"{channel}{telescope}_COR_FLUX"] = flux.fillna(GOES_FILL)
            columns[f"{channel}{telescope}_DQF"] = flux.isna().astype(int)
    return pd.DataFrame(columns).rename_axis("time_tag")


def _write_fluence(folder: Path, manifest: Manifest, series: str, frame: pd.DataFrame) -> dict:
    """Write SWPC Daily Particle Data, a file a year, two significant digits."""
    satellite = manifest.satellite(series)
    low = next((name for name in LOW_CHANNELS if name in frame), LOW_CHANNELS[0])
    number = find_number(satellite)
    (folder / series).mkdir(exist_ok=True)
    for year, part in frame.groupby(frame.index.year):
        header = (
            f":Product: Daily Particle Data        {year}_DPD.txt\n#\n"
            f"#              GOES-{number} Proton Fluence     GOES-{number} Electron Fluence\n"
            f"#  Date       >1 MeV  >10 MeV  >100 MeV  >{low[1:]} MeV   >2 MeV   % of bkgd\n"
        )
        values = part.reindex(columns=[low, "e2"]).fillna(-1e5)
        rows = [
            f"{day:%Y %m %d}   -1.0e+05 -1.0e+05 -1.0e+05   {first:7.1e}    {second:7.1e}"
            "          -999.99\n"
            for day, first, second in values.itertuples()
        ]
        (folder / series / f"{year}_DPD.txt").write_text(header + "".join(rows), encoding="ascii")
    return {
        "satellite": satellite,
        "series": series,
        "format": "dpd",
        "files": f"{series}/*_DPD.txt",
        "cadence": "1D",
    }


def _write_omni(folder: Path, kind: str, drivers: pd.DataFrame) -> dict:
    """Write OMNI2 or OMNI HRO, a gzipped file a year."""
    cadence = print_cadence(find_cadence(drivers.index, kind))
    stem = "omni2_" if kind == "omni2" else f"omni_{cadence}"
    suffix = ".dat.gz" if kind == "omni2" else ".asc.gz"
    (folder / kind).mkdir(exist_ok=True)
    for year, part in drivers.groupby(drivers.index.year):
        text = format_omni(kind, part)
        path = folder / kind / f"{stem}{year}{suffix}"
        path.write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))
    return {"format": kind, "files": f"{kind}/{stem}*{suffix}", "cadence": cadence}
