"""The record itself: its columns, its flags, and its files in netCDF (CF) and Parquet."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntFlag
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.io.text import Quality
from fluxlib.utils.files import atomic_folder

COVERAGE = 0.9  # of the truth that intervals aim to hold
COLUMNS = ["value", "lower", "upper", "source", "calibrated_by", "flags", "imputed"]
CADENCES = {"5min": "5min", "hourly": "1h", "daily": "1D"}
ABOUT = "about.json"
VERSION = 1
_LONG_NAMES = {
    "value": "{quantity} above 2 MeV, on the scale of {reference}",
    "lower": "lower end of the 90 % interval",
    "upper": "upper end of the 90 % interval",
    "source": "series that measured the value; of a filled one, none",
    "calibrated_by": "series through which it was put on the scale, the last one the reference",
    "flags": "why the sample that was measured is doubtful",
    "imputed": "1 where the value was filled",
}


class Flag(IntFlag):
    """What is doubtful about a sample of the record, as bits; 0 for none.

    The first six are those of `fluxlib.io.Quality`. A sample that is a spike, stuck, or
    contaminated by protons, or that its archive doubts, is filled like a gap and keeps its flag.
    """

    SPIKE = Quality.SPIKE
    STUCK = Quality.STUCK
    PROTONS = Quality.PROTONS
    ARCHIVE = Quality.ARCHIVE
    YAW_FLIP = Quality.YAW_FLIP
    FEW_SAMPLES = Quality.FEW_SAMPLES
    UNCALIBRATED = 64  # no chain of satellites leads to the reference: its own scale
    EXTRAPOLATED = 128  # outside the range of fluence in which its calibration was fitted


@dataclass
class Record:
    """One series a place, on one scale, each value with its source, its flags and its interval.

    Attributes
    ----------
    tables : dict of DataFrame
        By place ("east", "west", "fleet") and cadence ("5min", "hourly", "daily"), on a regular
        grid of time: `value`, `lower`, `upper` (90 %), `source`, `calibrated_by`, `flags` (bits of
        `Flag`) and `imputed`. Flux in e/(cm2 s sr); daily, fluence in e/(cm2 day sr).
    about : dict
        Where it came from: dataset, reference, calibrations, how well gaps are filled, files with
        their checksums, version.

    Examples
    --------
    >>> import fluxlib
    >>> record = fluxlib.make_record(fluxlib.simulate("2013-01-01", "2013-03-01", "1h"))
    >>> sorted(record.tables)[0]
    ('east', 'daily')
    >>> record["east", "daily"]["value"].isna().sum()
    np.int64(0)
    """

    tables: dict[tuple[str, str], pd.DataFrame]
    about: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, key: tuple[str, str]) -> pd.DataFrame:
        if key not in self.tables:
            there = ", ".join(f"{place} {cadence}" for place, cadence in self.tables)
            raise FluxError(f"the record has no {' '.join(key)}; it has {there}.")
        return self.tables[key]

    @property
    def places(self) -> list[str]:
        """East, west and fleet, those that there are."""
        return list(dict.fromkeys(place for place, _ in self.tables))

    def write(self, folder: str | Path) -> Path:
        """Write the record to a new folder, or over an older record.

        It holds ``<cadence>.nc`` (netCDF 4, CF-1.8), ``<place>_<cadence>.parquet`` and
        ``about.json``. The same record gives the same bytes.

        Raises
        ------
        FluxError
            If the folder holds something else than a record.
        """
        folder = Path(folder)
        if folder.is_dir() and any(folder.iterdir()) and not (folder / ABOUT).is_file():
            raise FluxError(f"{folder}: holds files and no record; name a new folder.")
        with atomic_folder(folder, replace=True) as writing:
            for (place, cadence), table in self.tables.items():
                table.to_parquet(writing / f"{place}_{cadence}.parquet")
            for cadence in dict.fromkeys(cadence for _, cadence in self.tables):
                self._write_netcdf(writing / f"{cadence}.nc", cadence)
            text = json.dumps({"version": VERSION, **self.about}, indent=1)
            (writing / ABOUT).write_text(text + "\n", encoding="utf-8")
        return folder

    def _write_netcdf(self, path: Path, cadence: str) -> None:
        import xarray as xr

        tables = {place: table for (place, found), table in self.tables.items() if found == cadence}
        index = _join_indices(table.index for table in tables.values())
        daily = cadence == "daily"
        names = {
            "quantity": "fluence of electrons" if daily else "flux of electrons",
            "reference": self.about.get("reference") or "each satellite",
        }
        places = list(tables)
        step = pd.Timedelta(CADENCES[cadence])
        seconds = (index - pd.Timestamp("1970-01-01")) // pd.Timedelta("1s")
        seconds = seconds.to_numpy(float)  # CF-1.8 has no 64-bit integers
        edges = np.column_stack([seconds, seconds + step // pd.Timedelta("1s")])
        variables: dict[str, Any] = {
            "time": ("time", seconds, _TIME | {"bounds": "time_bounds"}),
            "time_bounds": (("time", "edge"), edges, {}),
            "place": ("place", np.arange(len(places), dtype=np.int8), _name_flags(places) | _PLACE),
        }
        encoding: dict[str, dict] = {name: {"_FillValue": None} for name in ("time", "time_bounds")}
        for column in COLUMNS:
            stacked = {place: table[column].reindex(index) for place, table in tables.items()}
            text: dict[str, Any] = {"long_name": _LONG_NAMES[column].format(**names)}
            if column in ("value", "lower", "upper"):
                values = np.vstack([one.to_numpy(np.float32) for one in stacked.values()])
                text |= {"units": _UNITS["daily" if daily else "flux"]}
                if column == "value":
                    text |= {"ancillary_variables": " ".join(COLUMNS[1:]), "cell_methods": _MEAN}
            elif column in ("source", "calibrated_by"):
                found = sorted({str(name) for one in stacked.values() for name in one.dropna()})
                codes = [pd.Categorical(one, found).codes for one in stacked.values()]
                values = np.vstack(codes).astype(np.int8)
                text |= _name_flags(found or ["none"]) | {"_FillValue": np.int8(-1)}
            elif column == "flags":
                values = np.vstack([one.fillna(0) for one in stacked.values()])
                values = values.astype(np.int16)
                text |= {
                    "flag_masks": np.array([int(flag) for flag in Flag], np.int16),
                    "flag_meanings": " ".join(flag.name.lower() for flag in Flag),
                }
            else:
                values = np.vstack([one.eq(True) for one in stacked.values()])
                values = values.astype(np.int8)
                text |= _name_flags(["measured", "imputed"])
            variables[column] = (("place", "time"), values, text)
            encoding[column] = {"zlib": True, "complevel": 4}
        about = {
            key: self.about[key] for key in ("title", "source", "history") if key in self.about
        }
        dataset = xr.Dataset(
            {name: xr.Variable(*parts) for name, parts in variables.items()},
            attrs={"Conventions": "CF-1.8", **about},
        )
        _make_without_times(path)
        dataset.set_coords("time_bounds").to_netcdf(
            path, "a", engine="h5netcdf", encoding=encoding, format="NETCDF4"
        )


_TIME = {
    "standard_name": "time",
    "long_name": "start of the interval, UTC",
    "units": "seconds since 1970-01-01 00:00:00",
    "calendar": "standard",
    "axis": "T",
}
_PLACE = {"long_name": "place: east is 75 W, west is 135 W, fleet is one series of all satellites"}
_UNITS = {"daily": "cm-2 sr-1 day-1", "flux": "cm-2 sr-1 s-1"}
_MEAN = "time: mean"


def _make_without_times(path: Path) -> None:
    """Make an empty file whose root keeps no time of its own, so that equal content is equal bytes.

    Like netCDF's own library it keeps the order in which things were added.
    """
    import h5py

    settings = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    settings.set_obj_track_times(False)
    order = h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED
    settings.set_link_creation_order(order)
    settings.set_attr_creation_order(order)
    h5py.h5f.create(str(path).encode(), h5py.h5f.ACC_TRUNC, fcpl=settings).close()


def _name_flags(names: list[str]) -> dict[str, Any]:
    words = [name.replace(" > ", "_to_").replace(" ", "_") for name in names]
    return {
        "flag_values": np.arange(len(names), dtype=np.int8),
        "flag_meanings": " ".join(words),
    }


def _join_indices(indices: Iterable[pd.DatetimeIndex]) -> pd.DatetimeIndex:
    indices = list(indices)
    first, last = min(i[0] for i in indices), max(i[-1] for i in indices)
    return pd.date_range(first, last, freq=indices[0].freq or indices[0][1] - indices[0][0])


def read_record(folder: str | Path) -> Record:
    """Read a record that `Record.write` wrote.

    Parameters
    ----------
    folder : path

    Raises
    ------
    FluxError
        If there is no record, it is of another version, or one of its files is damaged.
    """
    folder = Path(folder)
    path = folder / ABOUT
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        version = about.pop("version")
    except (OSError, ValueError, KeyError, AttributeError):
        raise FluxError(f"{folder}: no record, as {ABOUT} is absent or damaged.") from None
    if version != VERSION:
        raise FluxError(f"{path}: version is {version!r}; this fluxlib reads {VERSION}: make anew.")
    tables = {}
    for file in sorted(folder.glob("*.parquet")):
        place, _, cadence = file.stem.partition("_")
        try:
            tables[place, cadence] = pd.read_parquet(file)
        except Exception as error:  # whatever pyarrow says of damaged bytes
            raise FluxError(f"{file}: damaged ({type(error).__name__}); make anew.") from None
    return Record(tables, about)
