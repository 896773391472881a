"""A local copy of the public archives, as their own documents and other programs describe them.

It shares no code with fluxlib's readers and was written without having read them, from what the
formats' documents say and from how public programs (SPEDAS and pyspedas, NOAA's own scripts,
el-paso, models of particle events, the HAPI specification) address and read the archives. All is
computed from a smooth, known flux (`electron_flux`), with the same faults every month: samples
missing on the 10th, samples that only a flag marks as bad on the 11th, one of several detectors out
on the 12th.

Attested, where it matters:

- NCEI averages: folder `goes08`, not `goes8`; ``data: `` with a blank before the table; CRLF.
- Operational averages of GOES-13 to 15: flag, points, uncorrected flux of E1E, E1W, E2E, E2W.
- Their science minutes lie beside them as ``gNN_epead_e13ew_1m_*_science_v1.0.0.csv`` (three
  programs); ``epead-science-electrons-e13ew`` is how CDAWeb calls them.
- GOES-R: folder renamed in February 2026, names of files not; telescopes stand in the order
  3, 1, 4, 2, 5, so that telescope 4 is index 2 (SPEDAS, and a script of NOAA's instrument team).
- iSWA's HAPI: ends of rows (which satellite) are absent from older records.
"""

from __future__ import annotations

import calendar
import io
import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache, partial
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import h5py
import numpy as np
import pandas as pd

#: The clock of the stand-in: feeds end here, HAPI's data too.
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: First date of which GOES-R files are in the folder with the new name.
RENAMED = pd.Timestamp("2026-02-01")
#: Months in which NCEI has averages.
EPS = {8: (199501, 200306), 9: (199604, 199807), 10: (199807, 200912), 11: (200006, 201102)}
EPS[12] = (200301, 201008)
EPEAD = {13: (201005, 201712), 14: (200912, 202003), 15: (201009, 202003)}
MPSH = {16: (201702, 202612), 17: (201806, 202301), 18: (202209, 202612), 19: (202410, 202612)}
#: Of the telescopes of MPS-HI, in the order of the files; the mean is 1, telescope 4 is not.
TELESCOPES = {3: 0.8, 1: 0.9, 4: 1.05, 2: 1.1, 5: 1.15}
#: Looking east and west.
HEADS = {"E": 0.9, "W": 1.1}
#: What a flag alone marks as bad reads so.
GARBAGE = 7.77e6
FILL = -99999.0
HAPI_FILL = -100000.0
Table = dict[str, Callable[[], bytes]]


# ------------------------------------------------------------------------------------ the truth


def electron_flux(satellite: int, times, energy: float = 2.0) -> np.ndarray:
    """Return the flux above an energy in MeV that a satellite sees, in electrons / (cm2 s sr)."""
    days = np.asarray((pd.DatetimeIndex(times) - pd.Timestamp("2000-01-01")) / pd.Timedelta("1D"))
    noon = 16 if satellite % 2 == 0 else 20  # UT of local noon, east or west
    recurring = 0.7 * np.sin(2 * np.pi * (days / 27.27 + 0.01 * satellite))
    daily = 0.35 * np.cos(2 * np.pi * (days - noon / 24))
    softer = {0.6: 1.8, 0.8: 1.5, 2.0: 0.0, 4.0: -1.6}[energy]
    return 10 ** (2.6 + recurring + daily + softer)


def proton_flux(times) -> np.ndarray:
    """Return protons above 10 MeV: an event from the 20th to the 22nd of each month."""
    times = pd.DatetimeIndex(times)
    return np.where((times.day >= 20) & (times.day <= 22), 150.0, 0.2)


def solar_wind(times) -> pd.DataFrame:
    """Return speed (km/s), density (per cm3), Bz (nT, GSM), Kp, Dst and AE (nT)."""
    days = np.asarray((pd.DatetimeIndex(times) - pd.Timestamp("2000-01-01")) / pd.Timedelta("1D"))
    wave = np.sin(2 * np.pi * days / 13.6)
    return pd.DataFrame(
        {
            "V": 450 + 150 * wave,
            "N": 6 - 3 * wave,
            "Bz": 4 * np.sin(2 * np.pi * days / 1.3),
            "Kp": np.round(3 + 2 * wave, 0),
            "Dst": np.round(-20 - 30 * wave),
            "AE": np.round(200 + 150 * wave),
        },
        index=times,
    )


def is_missing(times) -> np.ndarray:
    """Return where files hold their fill value: 3 h to 5 h of the 10th of each month."""
    times = pd.DatetimeIndex(times)
    return np.asarray((times.day == 10) & (times.hour >= 3) & (times.hour < 5))


def is_flagged(times) -> np.ndarray:
    """Return where a flag alone says that values are bad: 4 h to 5 h of the 11th."""
    times = pd.DatetimeIndex(times)
    return np.asarray((times.day == 11) & (times.hour == 4))


def is_halved(times) -> np.ndarray:
    """Return where one of several detectors has no value: 6 h to 7 h of the 12th."""
    times = pd.DatetimeIndex(times)
    return np.asarray((times.day == 12) & (times.hour == 6))


def is_flipped(times) -> np.ndarray:
    """Return where a GOES-R satellite flies upside down: from the 25th of each month."""
    return np.asarray(pd.DatetimeIndex(times).day >= 25)


def _month(year: int, month: int, step: str) -> pd.DatetimeIndex:
    start = pd.Timestamp(year, month, 1)
    return pd.date_range(start, start + pd.offsets.MonthBegin(), freq=step, inclusive="left")


# ------------------------------------------------------------------- NCEI: tables of GOES-8 to 15


def _number(value: float) -> str:
    """Write as NCEI does: 3.1700E+05, and 0.0 or -99999.0 in full."""
    return f"{value:.1f}" if value in (0, FILL) else f"{value:.4E}"


def _ncei_table(name: str, times, columns: dict[str, tuple[np.ndarray, str, str]], **attributes):
    """Write one of NCEI's CSV files: a header in CDL, positions day by day, the table."""
    end = times[-1]
    head = [
        f"File name: {name}",
        "Metadata Description:",
        "dimensions:",
        f"record = UNLIMITED; //({len(times)} currently)",
        f"orbit = {end.day};",
        "",
        "variables:",
    ]
    for variable, dimension in ("time_tag_orbit", "orbit"), ("time_tag", "record"):
        head += [
            f"double {variable}({dimension}) ;",
            f'{variable}:long_name = "Date and time for each observation" ;',
            f'{variable}:units = "Date and time in the format YYYY-mm-dd hh:mm:ss.SSS UTC" ;',
            f'{variable}:calendar = "gregorian" ;',
            "",
        ]
    for column, (values, units, description) in columns.items():
        kind = "float" if values.dtype.kind == "f" else "short"
        head += [
            f"{kind} {column}(record);",
            f'{column}:description = "{description}";',
            f'{column}:long_label = "{description}";',
            f'{column}:units = "{units}";',
            f'{column}:missing_value = "-99999";',
            "",
        ]
    attributes |= {
        "start_date": f"{times[0]:%Y-%m-%d %H:%M:%S}.000 UTC",
        "end_date": f"{end:%Y-%m-%d %H:%M:%S}.000 UTC",
        "records_present": str(len(times)),
        "originating_agency": "DOC/NOAA/NCEP/NWS/SWPC",
        "archiving_agency": "DOC/NOAA/NESDIS/NGDC",
    }
    head += ["// global attributes", ':conventions = "GOES Space Weather"']
    head += [f':{key.replace("_", "-")} = "{value}"' for key, value in attributes.items()]
    head += ["", "satellite location:", "time_tag_orbit,west_longitude,inclination"]
    days = pd.date_range(times[0].normalize(), end, freq="1D")
    head += [f"{day:%Y-%m-%d} 00:00:00.0,75.2,-99999.0" for day in days]
    head += ["", "data: ", ",".join(["time_tag", *columns])]
    stamps = times.strftime("%Y-%m-%d %H:%M:%S.000")
    cells = [
        list(map(_number, v.tolist())) if v.dtype.kind == "f" else list(map(str, v.tolist()))
        for v, _, _ in columns.values()
    ]
    rows = map(",".join, zip(stamps, *cells, strict=True))
    return ("\r\n".join([*head, *rows]) + "\r\n").encode()


ELECTRONS = "e/(cm^2 s sr)"


def write_eps(satellite: int, year: int, month: int, name: str) -> bytes:
    """Write a month of 5-min averages of GOES-8 to 12: columns e1_flux_ic and so on, no flags."""
    times = _month(year, month, "5min")
    columns = {}
    for channel, energy in (("e1", 0.6), ("e2", 2.0), ("e3", 4.0)):
        flux = np.where(is_missing(times), FILL, electron_flux(satellite, times, energy))
        about = f"{channel.upper()} Electron integral flux > {energy} MeV corrected unreliable"
        columns[f"{channel}_flux_ic"] = flux, ELECTRONS, f"{about} during ion storms."
    some = np.where(is_missing(times), FILL, 0.019)
    ions = [f"p{i}_flux" for i in range(1, 8)] + [f"a{i}_flux" for i in range(1, 7)]
    for ion in [*ions, *(f"p{i}_flux_{c}" for c in ("c", "ic") for i in range(1, 8))]:
        columns[ion] = some, "p/(cm^2 s sr MeV)", f"{ion[:2].upper()} flux"
    about = {"title": "GOES Energetic Particle Sensor", "satellite_id": f"GOES-{satellite}"}
    about |= {"process_type": "Time averaged", "sample_time": "5", "sample_unit": "minutes"}
    return _ncei_table(name, times, columns, **about)


def write_epead_averages(
    satellite: int, year: int, month: int, name: str, *, step: str = "5min", corrected: bool = False
) -> bytes:
    """Write a month of operational averages of GOES-13 to 15: flag, points, uncorrected flux.

    A flag is 0 for good data, 16 for bad and 32 for missing; `corrected` adds a column to each.
    """
    times = _month(year, month, step)
    columns = {}
    for channel, energy in (("E1", 0.8), ("E2", 2.0), ("E3", 4.0)):
        for head, share in HEADS.items():
            missing = is_missing(times) | (is_halved(times) if head == "E" else False)
            flag = np.select([missing, is_flagged(times)], [32, 16], 0)
            flux = np.where(flag == 16, GARBAGE, share * electron_flux(satellite, times, energy))
            points = np.where(missing, 0, 73 if channel == "E1" else 18)
            side = {"E": "East", "W": "West"}[head]
            one = f"{channel}{head}"
            about = "quality flag: 0 good data, 16 bad data, 32 missing data"
            columns[f"{one}_QUAL_FLAG"] = flag, "none", f"{one} {about}"
            columns[f"{one}_NUM_PTS"] = points, "count", f"{one} points in the average"
            about = f"Electron integral flux > {energy} MeV, {side}, uncorrected"
            columns[f"{one}_UNCOR_FLUX"] = np.where(missing, FILL, flux), ELECTRONS, about
            if corrected:
                about = about.replace("uncorrected", "corrected")
                columns[f"{one}_COR_FLUX"] = np.where(missing, FILL, 0.95 * flux), ELECTRONS, about
    about = {"title": "GOES Energetic Proton, Electron, and Alpha Detector"}
    about |= {"satellite_id": f"GOES-{satellite}", "process_type": f"{step} Averages"}
    return _ncei_table(name, times, columns, **about)


def write_epead_science(satellite: int, year: int, month: int, name: str) -> bytes:
    """Write a month of science minutes of GOES-13 to 15, 0.95 of the operational flux."""
    times = _month(year, month, "1min")
    columns = {}
    for channel, energy in (("E1", 0.8), ("E2", 2.0)):
        for head, share in HEADS.items():
            one = f"{channel}{head}"
            missing = is_missing(times) | (is_halved(times) if head == "E" else False)
            flux = 0.95 * share * electron_flux(satellite, times, energy)
            flux = np.where(missing, FILL, np.where(is_flagged(times), GARBAGE, flux))
            quality = np.select([missing, is_flagged(times)], [-99999, 4], 0)
            about = f"Electron integral flux > {energy} MeV"
            columns[f"{one}_DTC_FLUX"] = np.where(missing, FILL, flux / 0.95), ELECTRONS, about
            columns[f"{one}_COR_FLUX"] = flux, ELECTRONS, f"{about}, contamination removed"
            columns[f"{one}_COR_ERR"] = np.where(missing, FILL, 0.1 * flux), ELECTRONS, "error"
            columns[f"{one}_DQF"] = quality, "none", "data quality flag, 0 is good"
    about = {"title": "GOES 13-15 EPEAD science electrons", "satellite_id": f"GOES-{satellite}"}
    return _ncei_table(name, times, columns, process_type="1 minute averages", **about)


def _ncei_folder(year: str, month: str, satellite: str) -> Table:
    y, m, s = int(year), int(month), int(satellite)
    days = f"{y}{m:02}01_{y}{m:02}{calendar.monthrange(y, m)[1]}"
    table: Table = {}
    for other in "xrs_1m", "xrs_5m", "magneto_1m":
        table[f"g{s:02}_{other}_{days}.csv"] = lambda: b"not electrons\r\n"
    if s in EPS and EPS[s][0] <= 100 * y + m <= EPS[s][1]:
        name = f"g{s:02}_eps_5m_{days}"
        table[f"g{s:02}_eps_1m_{days}.csv"] = lambda: b"another cadence\r\n"
        table[f"{name}.csv"] = partial(write_eps, s, y, m, name)
    elif s in EPEAD and EPEAD[s][0] <= 100 * y + m <= EPEAD[s][1]:
        for other in "a16ew_5m", "p17ew_5m", "cpflux_5m":
            table[f"g{s}_epead_{other}_{days}.csv"] = lambda: b"not electrons\r\n"
        table[f"g{s}_epead_orientation_flag_1m_{days}_v1.0.0.csv"] = lambda: b"a flag alone\r\n"
        name = f"g{s}_epead_e13ew_1m_{days}_science_v1.0.0"
        table[f"{name}.csv"] = partial(write_epead_science, s, y, m, name)
        for step in "1m", "5m":
            name = f"g{s}_epead_e13ew_{step}_{days}"
            table[f"{name}.csv"] = partial(write_epead_averages, s, y, m, name, step=f"{step}in")
    else:
        return {}
    return dict(sorted(table.items()))


# -------------------------------------------------------------------------- GOES-R: MPS-HI, level 2


def write_mpsh(
    satellite: int, day: pd.Timestamp, *, version: str = "v2-0-2", rows: int = 288
) -> bytes:
    """Write a day of 5-min averages of MPS-HI (netCDF 4).

    Files of version 1 name their times and counts otherwise (as SPEDAS and the sister instrument
    SGPS do).
    """
    old = version.startswith("v1")
    times = pd.date_range(day, periods=rows, freq="5min")
    seconds = np.asarray((times - pd.Timestamp("2000-01-01 12:00")) / pd.Timedelta("1s"))
    fill = np.float32(-1e31)
    out = np.repeat(is_missing(times)[:, None], 5, axis=1)
    out[:, 0] |= is_halved(times)
    bad = np.repeat(is_flagged(times)[:, None], 5, axis=1) & ~out
    share = np.array(list(TELESCOPES.values()))
    flux = electron_flux(satellite, times)[:, None] * share
    flux = np.where(out, fill, np.where(bad, GARBAGE, flux))
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for key, value in {
            "title": "Magnetospheric Particle Sensor - High, 5-minute Flux Averages",
            "platform": f"g{satellite}",
            "instrument": "GOES-R Series Space Environment In-Situ Suite, MPS-HI",
            "processing_level": "National Aeronautics and Space Administration (NASA) L2",
            "algorithm_version": version[1:].replace("-", "."),
            "time_coverage_start": f"{times[0]:%Y-%m-%dT%H:%M:%S.%fZ}",
            "time_coverage_resolution": "PT5M",
            "Conventions": "ACDD-1.3, Spase v2.2.6, CF-1.6",
        }.items():
            file.attrs[key] = value if old else np.bytes_(value)  # of variable length, or fixed
        sizes = {"telescopes": 5, "diff_elec_channels": 10, "diff_prot_channels": 11}
        when = "L2_SciData_TimeStamp" if old else "time"
        file.create_dataset(when, data=seconds, maxshape=(None,)).make_scale(when)
        for dimension, size in sizes.items():
            about = f"This is a netCDF dimension but not a netCDF variable. {size:10}"
            file.create_dataset(dimension, data=np.zeros(size, ">f4")).make_scale(about)
        scales = [when, *sizes]

        def put(name, values, units, missing, dimensions=(0, 1)):
            variable = file.create_dataset(name, data=values, compression="gzip", shuffle=True)
            variable.attrs["_FillValue"] = np.array([missing], values.dtype)
            variable.attrs["units"] = units
            variable.attrs["long_name"] = name
            for axis, which in enumerate(dimensions):
                variable.dims[axis].attach_scale(file[scales[which]])

        file[when].attrs["units"] = "seconds since 2000-01-01 12:00:00 UTC"
        file[when].attrs["long_name"] = "Start of the average"
        none = is_missing(times)
        put("L1bRecordsInAvg", np.where(none, 0, 300).astype("u4"), "count", 2**32 - 1, (0,))
        put("yaw_flip_flag", is_flipped(times).astype("u1"), "1", 255, (0,))
        unit = "electrons/(cm^2 sr s)"
        put("AvgIntElectronFlux", flux.astype("f4"), unit, fill)
        put("AvgIntElectronFluxObserved", flux.astype("f4"), unit, fill)
        error = np.where(out, fill, 0.1 * flux).astype("f4")
        put("AvgIntElectronFluxUncert", error, unit, fill)
        kind = "Int" if old else "IntElectron"
        samples = np.where(out, 0, np.where(bad, 20, 300))
        put(f"{kind}ValidL1bSamplesInAvg", samples.astype("u4"), "count", 2**32 - 1)
        for what in "dtc", "oob", "err", "los":
            wrong = np.where(bad & (what == "err"), 280, 0)
            put(f"{kind}DQF{what}Sum", wrong.astype("u4"), "count", 2**32 - 1)
        some = np.full((rows, 5, 11), 0.5, "f4")
        put("AvgDiffElectronFlux", some[..., :10], f"{unit[:-1]} keV)", fill, (0, 1, 2))
        put("AvgDiffProtonFlux", some, "protons/(cm^2 sr keV s)", fill, (0, 1, 3))
        put("IntElectronEffectiveEnergy", np.full(5, 2000, "f4"), "keV", fill, (1,))
    return buffer.getvalue()


def _mpsh_folder(
    satellite: str, folder: str, year: str, month: str, *, renamed: pd.Timestamp, until: datetime
) -> Table:
    s, y, m = int(satellite), int(year), int(month)
    if s not in MPSH or not MPSH[s][0] <= 100 * y + m <= MPSH[s][1]:
        return {}
    table = {}
    for day in _month(y, m, "1D"):
        if day.tz_localize("UTC") >= until or (day >= renamed) != folder.endswith("_science"):
            continue
        # Reprocessed from time to time; the oldest files are of version 1.
        version = "v1-0-0" if y < 2019 else "v2-0-2" if day.day > 15 else "v2-0-0"
        name = f"sci_mpsh-l2-avg5m_g{s}_d{day:%Y%m%d}_{version}.nc"
        table[name] = partial(write_mpsh, s, day, version=version)
    return table


# ----------------------------------------------------------------------------------- SPDF: OMNI

HRO_FILL = "99 99 999 999 999 999999 999999 99.99 999999 " + "9999.99 " * 8
HRO_FILL += "99999.9 " * 4 + "999.99 9999999. 99.99 999.99 999.99 999.9 " + "9999.99 " * 6
HRO_FILL += "99999 " * 7 + "999.99 99.9 " + "99999.99 " * 3
HRO_FORMAT = "%4d%4d%3d%3d%3d%3d%4d%4d%4d%7d%7d%6.2f%7d" + "%8.2f" * 8 + "%8.1f" * 4
HRO_FORMAT += "%7.2f%8.0f.%6.2f%7.2f%7.2f%6.1f" + "%8.2f" * 6 + "%6d" * 7 + "%7.2f%5.1f"
OMNI2_FORMAT = (
    "%4d%4d%3d%5d%3d%3d%4d%4d" + "%6.1f" * 14 + "%8.0f.%6.1f%5.0f.%6.1f%6.1f%6.3f%6.2f%8.0f."
)
OMNI2_FORMAT += "%6.1f%5.0f.%6.1f%6.1f%6.3f%7.2f%7.2f%6.1f%3d%4d%6d%5d%10.2f" + "%9.2f" * 5
OMNI2_FORMAT += "%3d%4d%6.1f%6.1f%6d%6d%5.1f"
OMNI2_FILL = "9999999 999.9 9999 999.9 999.9 9.999 99.99 9999999 999.9 9999 999.9 999.9 9.999 "
OMNI2_FILL += "999.99 999.99 999.9"


def write_omni_hro(times: pd.DatetimeIndex) -> bytes:
    """Write OMNI's high-resolution text: 49 words a row at 5 min, 46 at 1 min."""
    five = times[1] - times[0] == pd.Timedelta("5min")
    form = HRO_FORMAT + ("%9.2f" * 3 if five else "")
    fill = [float(word) for word in HRO_FILL.split()][: 45 if five else 42]
    wind = solar_wind(times)
    rows = []
    known = zip(times, is_missing(times), proton_flux(times), wind.itertuples(), strict=True)
    for time, out, protons, row in known:
        stamp = time.year, time.day_of_year, time.hour, time.minute
        if out:
            # Indices are of the ground, and go on.
            words = [*fill[:33], row.AE, -row.AE / 2, row.AE / 2, 1, row.Dst, 13, 15, *fill[40:]]
        else:
            v, n, bz = row.V, row.N, row.Bz
            words = [51, 52, 5, 5, 100, 2400, 60, 0.05, 100]
            by, b = -3 - n / 9, 5 + abs(bz)
            words += [b, v / 200, by, bz, by, bz, 0.1, 0.3, v, -v, 5, -5, n, 200 * v]
            words += [1.67e-6 * n * v**2, -v * bz / 1e3, 1.5, 8, 200, 10, 5, 13, 0.5, -0.5]
            words += [row.AE, -row.AE / 2, row.AE / 2, 1, row.Dst, 13, 15, 0.5, 5.5]
            words += [protons, protons / 2, protons / 3] if five else []
        rows.append(form % (*stamp, *words))
    return ("\n".join(rows) + "\n").encode()


def write_omni2(year: int) -> bytes:
    """Write OMNI's hourly text, 55 words a row."""
    times = pd.date_range(f"{year}", f"{year + 1}", freq="1h", inclusive="left")
    rows = []
    wind = solar_wind(times)
    known = zip(times, is_missing(times), proton_flux(times), wind.itertuples(), strict=True)
    for time, out, protons, row in known:
        by, b = -3 - row.N / 9, 5 + abs(row.Bz)
        words = [2461, 51, 52, 60, 60, b, b - 0.5, -10, 90, row.V / 200, by, row.Bz, by, row.Bz]
        words += [0.1, 0.3, 0.2, 0.2, 0.2, 200 * row.V, row.N, row.V, -1, -2, 0.03]
        words += [1.67e-6 * row.N * row.V**2, 9000, 0.3, 6, 0.5, 0.5, 0.001]
        words += [-row.V * row.Bz / 1e3, 1.5, 8]
        if out:
            words = [2461, 99, 99, 999, 999, *[999.9] * 14]
            words += map(float, OMNI2_FILL.split())
        words += [10 * row.Kp, 80, row.Dst, row.AE, 999999.99, 99999.99, 99999.99]
        words += [
            protons,
            protons / 2,
            protons / 3,
            -1,
            12,
            120.0,
            0.5,
            -row.AE / 2,
            row.AE / 2,
            5.5,
        ]
        rows.append(OMNI2_FORMAT % (time.year, time.day_of_year, time.hour, *words))
    return ("\n".join(rows) + "\n").encode()


def _omni_folders(until: datetime) -> dict[str, Table]:
    end = pd.Timestamp(until).tz_localize(None)

    def write(start: str, stop: str, step: str) -> bytes:
        times = pd.date_range(start, stop, freq=step, inclusive="left")
        return write_omni_hro(times[times < end])

    years = range(1995, until.year + 1)
    yearly = {f"omni_5min{y}.asc": partial(write, f"{y}", f"{y + 1}", "5min") for y in years}
    yearly |= {f"omni_min{y}.asc": partial(write, f"{y}", f"{y + 1}", "1min") for y in years}
    months = pd.period_range("1995-01", pd.Period(end, "M"), freq="M")
    monthly = {f"omni_min{m:%Y%m}.asc": partial(write, f"{m}", f"{m + 1}", "1min") for m in months}
    hourly = {f"omni2_{year}.dat": partial(write_omni2, year) for year in range(1963, 2027)}
    root = "/pub/data/omni"
    return {
        f"{root}/high_res_omni/": yearly,
        f"{root}/high_res_omni/monthly_1min/": monthly,
        f"{root}/low_res_omni/": hourly,
    }


# -------------------------------------------------------------------------------- SWPC: text, feeds


def dpd_satellite(day: pd.Timestamp) -> int:
    """Return which satellite the Daily Particle Data are of on a day."""
    changes = {"1994-01-01": 9, "1999-01-01": 8, "2003-05-14": 12, "2008-01-01": 11}
    changes |= {"2008-03-03": 12, "2008-12-01": 11, "2010-04-14": 13, "2018-01-01": 15}
    return [number for start, number in changes.items() if day >= pd.Timestamp(start)][-1]


def daily_fluence(satellite: int, day: pd.Timestamp, energy: float = 2.0) -> float:
    """Return a day's fluence in electrons / (cm2 day sr), not rounded."""
    times = pd.date_range(day, periods=288, freq="5min")
    return float(electron_flux(satellite, times, energy).mean() * 86400)


def write_dpd(name: str, days: pd.DatetimeIndex) -> bytes:
    """Write Daily Particle Data: missing on the 10th; 1998 and 1999 name columns without a #."""
    first = dpd_satellite(days[0])
    of = f"GOES-{first}"
    mark = " " if days[0].year in (1998, 1999) else "#"
    low = ">0.6 MeV" if first < 13 else ">0.8 MeV"
    lines = [
        f":Product: Daily Particle Data        {name}",
        f":Issued: 1900 UTC 02 Jan {days[-1].year + 1}",
        "#",
        "#  Prepared by the U.S. Dept. of Commerce, NOAA, Space Weather Prediction Center",
        "#  Please send comments and suggestions to SWPC.Webmaster@noaa.gov",
        "#",
        f"#               {days[0].year} Daily Particle Data",
        "#",
        f"{mark}              {of} Proton Fluence     {of} Electron Fluence     Neutron",
        f"{mark}            --- Protons/cm2-day-sr ---  -- Electrons/cm2-day-sr --    Monitor",
        f"{mark}  Date       >1 MeV  >10 MeV  >100 MeV  {low}   >2 MeV           % of bkgd",
        *([f"#{'-' * 79}"] if mark == "#" else []),
    ]
    for day in days:
        number = dpd_satellite(day)
        below = daily_fluence(number, day, 0.6 if number < 13 else 0.8)
        pair = f"{below:.1e}    {daily_fluence(number, day):.1e}"
        if day.day == 10:
            pair = "-1.0e+05   -1.0e+05"
        lines.append(f"{day:%Y %m %d}    2.4e+05  1.3e+04  3.3e+03   {pair}          -999.99")
    return ("\n".join(lines) + "\n").encode()


def _dpd_folder(*, until: datetime) -> Table:
    table: Table = {}
    for year in range(1994, until.year):
        days = pd.date_range(f"{year}", f"{year}-12-31", freq="1D")
        table[f"{year}_DPD.txt"] = partial(write_dpd, f"{year}_DPD.txt", days)
        table[f"{year}_DSD.txt"] = lambda: b":Product: Daily Solar Data\n"
    for quarter in range(1, (until.month - 1) // 3 + 1):
        start = pd.Timestamp(until.year, 3 * quarter - 2, 1)
        days = pd.date_range(start, start + pd.DateOffset(months=3), freq="1D", inclusive="left")
        name = f"{until.year}Q{quarter}_DPD.txt"
        table[name] = partial(write_dpd, name, days)
    return table


def _json(value) -> bytes:
    return json.dumps(value, indent=1).encode()


def write_electron_feed(satellite: int, *, until: datetime, energy: str = ">=2 MeV") -> bytes:
    """Write SWPC's last seven days: oldest first, null where there is no value."""
    end = pd.Timestamp(until).tz_localize(None)
    times = pd.date_range(end - pd.Timedelta("7D"), end, freq="5min", inclusive="right")
    flux = np.round(electron_flux(satellite, times), 4)
    rows = []
    for time, out, value in zip(times, is_missing(times), flux.tolist(), strict=True):
        stamp = f"{time:%Y-%m-%dT%H:%M:%SZ}"
        row = {"time_tag": stamp, "satellite": satellite, "flux": None if out else value}
        rows.append(row | {"energy": energy})
    return _json(rows)


#: Spacecraft at L1 and the offsets of their speeds, to tell them apart.
SPACECRAFT = {"SOLAR1": 0.0, "ACE": 7.0, "IMAP": -7.0}


def active_spacecraft(times) -> list[str]:
    """Return which spacecraft SWPC takes: each for eight hours of a day."""
    return [list(SPACECRAFT)[hour // 8] for hour in pd.DatetimeIndex(times).hour]


def _write_rtsw(what: str, *, until: datetime) -> bytes:
    """Write the last day at 1 min: newest first, each minute once for every spacecraft."""
    end = pd.Timestamp(until).tz_localize(None)
    times = pd.date_range(end - pd.Timedelta("1D"), end, freq="1min", inclusive="right")
    wind = solar_wind(times)
    rows = []
    for time, active, truth in zip(times, active_spacecraft(times), wind.itertuples(), strict=True):
        for source, offset in SPACECRAFT.items():
            # In the first minutes of each hour the active one is suspect, of overall quality 1.
            poor = source == active and time.minute < 3
            row = {"time_tag": f"{time:%Y-%m-%dT%H:%M:%S}", "active": source == active}
            row |= {"source": source}
            if what == "wind":
                speed = round(truth.V + offset, 1) if not poor else 9.9
                parts = ("vx", "vy", "vz")
                row |= {"proton_speed": speed, "proton_density": round(truth.N, 2)}
                row |= {
                    "proton_temperature": round(200 * truth.V),
                    "alpha_speed": None,
                    "alpha_density": None,
                }
                for frame in "gse", "gsm":
                    known = (-speed, 5.0, -5.0) if source == "SOLAR1" else (None, None, None)
                    keys = (f"proton_{part}_{frame}" for part in parts)
                    row |= dict(zip(keys, known, strict=True))
                row |= {"proton_sample_size": 15, "alpha_sample_size": None}
                row |= {"max_convergence_flag": 0, "max_error_count_flag": 0, "max_range_flag": 0}
            else:
                bz = round(truth.Bz + offset / 10, 2) if not poor else 99.9
                row |= {"bt": round(abs(bz) + 3, 2)}
                for frame in "gse", "gsm":
                    parts = round(truth.V / 200, 2), round(-3 - truth.N / 9, 2), bz
                    row |= dict(zip((f"b{axis}_{frame}" for axis in "xyz"), parts, strict=True))
                row |= {"theta_gse": 0.0}
                row |= {"phi_gse": 0.0, "sample_size": 60, "range": None, "manual_mode": False}
            row |= {"max_data_flag": 0, "max_telemetry_flag": 0, "overall_quality": int(poor)}
            rows.append(row)
    return _json(rows[::-1])


def _forecast(*, until: datetime) -> bytes:
    days = pd.date_range(end=pd.Timestamp(until).tz_localize(None).normalize(), periods=30)
    rows = []
    for day in days[::-1]:
        ahead = [daily_fluence(19, day + pd.Timedelta(days=d)) for d in range(4)]
        row = {"date": f"{day:%Y-%m-%dT%H:%M:%S}", "speed": float(solar_wind([day]).V.iloc[0])}
        names = "fluence", "fluence_day_two", "fluence_day_three", "fluence_day_four"
        rows.append(row | dict(zip(names, map(round, ahead), strict=True)))
    return _json(rows)


def _feeds(*, until: datetime) -> dict[str, Table]:
    kinds = "electrons", "euvs", "magnetometers", "protons", "xrays"
    sources = [{"time_tag": f"{until:%Y-%m-%dT%H:%M:%SZ}"}]
    sources[0] |= {kind: {"primary": 19, "secondary": 18} for kind in kinds}
    folders: dict[str, Table] = {
        "/json/": {"electron_fluence_forecast.json": partial(_forecast, until=until)},
        "/json/goes/": {"instrument-sources.json": partial(_json, sources)},
        "/json/rtsw/": {
            f"rtsw_{what}_1m.json": partial(_write_rtsw, what, until=until)
            for what in ("wind", "mag")
        },
    }
    for role, satellite in ("primary", 19), ("secondary", 18):
        make = partial(write_electron_feed, satellite, until=until)
        folders[f"/json/goes/{role}/"] = {"integral-electrons-7-day.json": make}
    return folders


# --------------------------------------------------------------------------------- iSWA: HAPI

PROTONS = "Protons/cm^2 - s^-1 - sr"
CHANNELS = {
    **dict.fromkeys(("P1", "P5", "P10", "P30", "P50", "P100"), PROTONS),
    **dict.fromkeys(("E_8", "E2_0", "E4_0"), "Electrons/cm^2 - s^-1 - sr"),
    **dict.fromkeys(("P60", "P500"), PROTONS),
}


def _particles(satellite_of: Callable[[pd.Timestamp], int], times: pd.DatetimeIndex) -> list[list]:
    days = times.normalize()
    of_day = {day: satellite_of(day) for day in days.unique()}
    satellites = [of_day[day] for day in days]
    known = {s: (electron_flux(s, times, 0.8), electron_flux(s, times)) for s in set(satellites)}
    rows = []
    marks = zip(times, is_missing(times), proton_flux(times), strict=True)
    for i, (time, out, protons) in enumerate(marks):
        low, high = (flux[i] for flux in known[satellites[i]])
        values = [protons] * 6 + [low, high, HAPI_FILL] + [protons] * 2
        cells = [f"{HAPI_FILL if out else value:.6g}" for value in values]
        # Older records end before the columns that name the satellites.
        names = [f"GOES-{satellites[i]}"] * 2 if time >= pd.Timestamp("2020-03-08") else []
        rows.append([f"{time:%Y-%m-%dT%H:%M:%SZ}", *cells, *names])
    return rows


def _primary(time: pd.Timestamp) -> int:
    changes = {"2010-04-14": 13, "2017-12-14": 15, "2020-03-08": 16, "2025-04-07": 19}
    return [number for start, number in changes.items() if time >= pd.Timestamp(start)][-1]


def _secondary(time: pd.Timestamp) -> int:
    return 15 if time < pd.Timestamp("2020-03-08") else 18


def _plasma(times: pd.DatetimeIndex) -> list[list]:
    wind = solar_wind(times)
    return [
        [f"{t:%Y-%m-%dT%H:%M:%SZ}", f"{w.N:.4g}", f"{w.V:.6g}", f"{200 * w.V:.6g}"]
        for t, w in zip(times, wind.itertuples(), strict=True)
    ]


def _field(times: pd.DatetimeIndex) -> list[list]:
    return [
        [f"{t:%Y-%m-%dT%H:%M:%SZ}", "2", "-3", f"{bz:.4f}", f"{abs(bz) + 3:.4f}"]
        for t, bz in zip(times, solar_wind(times).Bz, strict=True)
    ]


_NAMES = {"satelliteElectron": "string", "satelliteProton": "string"}
DATASETS: dict[str, tuple[str, str, dict[str, str], Callable]] = {
    "goesp_part_flux_P5M": ("2010-04-14", "5min", CHANNELS | _NAMES, partial(_particles, _primary)),
    "goess_part_flux_P5M": (
        "2010-04-14",
        "5min",
        CHANNELS | _NAMES,
        partial(_particles, _secondary),
    ),
    "swpc_rtsw_plasma_P1M": (
        "2016-08-01",
        "1min",
        {"ProtonDensity": "1/cm^3", "BulkSpeed": "km/s", "IonTemperature": "K"},
        _plasma,
    ),
    # Some of iSWA's data sets declare "float", which the specification does not know.
    "swpc_rtsw_mag_P1M": (
        "2016-08-01",
        "1min",
        dict.fromkeys(("B_x", "B_y", "B_z", "B_t"), "nT"),
        _field,
    ),
}
STATUS = {
    1200: "OK",
    1201: "OK - no data for time range",
    1400: "Bad request - user input error",
    1401: "Bad request - unknown API parameter name",
    1402: "Bad request - syntax error in start time",
    1403: "Bad request - syntax error in stop time",
    1404: "Bad request - start equal to or after stop",
    1405: "Bad request - start < startDate and/or stop > stopDate",
    1406: "Bad request - unknown dataset id",
    1407: "Bad request - unknown dataset parameter",
    1408: "Bad request - too much time or data requested",
    1409: "Bad request - unsupported output format",
    1411: "Bad request - out-of-order or duplicate parameters",
}


class HapiError(Exception):
    """A request that the HAPI specification answers with a code."""


class Hapi:
    """The part of a HAPI server that gives catalogues, descriptions and CSV.

    Parameters
    ----------
    until
        Where data end.
    longest
        A longer request is refused with code 1408.
    empty
        What a time without data gives: "csv" no row, below a header if one was asked for,
        "nothing" not even that, "json" the status 1201.
    """

    version = "2.0"

    def __init__(self, *, until: datetime, longest: timedelta, empty: str) -> None:
        self.until, self.longest, self.empty = pd.Timestamp(until), pd.Timedelta(longest), empty

    def answer(self, endpoint: str, query: dict[str, str]) -> tuple[int, str, bytes]:
        """Return an HTTP status, a type and a body."""
        try:
            if endpoint in ("capabilities", "about"):
                more = {"outputFormats": ["csv"], "id": "ISWA", "title": "iSWA"}
            elif endpoint == "catalog":
                more = {"catalog": [{"id": name} for name in DATASETS]}
            elif endpoint == "info":
                more = self.describe(query)
            elif endpoint == "data":
                return 200, "text/csv;charset=utf-8", self.rows(query)
            else:
                raise HapiError(1400)
            return 200, "application/json", self.state(1200, more)
        except HapiError as error:
            code = error.args[0]
            status = {1201: 200, 1406: 404, 1407: 404}.get(code, 400)
            return status, "application/json", self.state(code, {})

    def state(self, code: int, more: dict) -> bytes:
        status = {"code": code, "message": STATUS[code]}
        return _json({"HAPI": self.version, "status": status} | more)

    def describe(self, query: dict[str, str]) -> dict:
        unknown = query.keys() - {"id", "dataset", "parameters", "time.min", "time.max", "start"}
        if unknown - {"stop", "format", "include"}:
            raise HapiError(1401)
        name = query.get("id") or query.get("dataset")
        if name not in DATASETS:
            raise HapiError(1406)
        start, step, units, _ = DATASETS[name]
        number = "float" if name == "swpc_rtsw_mag_P1M" else "double"
        about = [{"name": "Time", "type": "isotime", "units": "UTC", "fill": None, "length": 20}]
        for parameter, unit in units.items():
            one = {"name": parameter, "type": number, "units": unit, "fill": str(HAPI_FILL)}
            if unit == "string":
                one |= {"type": "string", "units": None, "length": 7, "fill": "null"}
            about.append(one)
        if wanted := query.get("parameters"):
            order = [one["name"] for one in about]
            names = wanted.split(",")
            if unknown := set(names) - set(order):
                raise HapiError(1407)
            if names != sorted(set(names), key=order.index):
                raise HapiError(1411)
            about = [one for one in about if one["name"] in {*names, "Time"}]
        return {
            "startDate": f"{start}T00:00:00.0Z",
            "stopDate": f"{self.until:%Y-%m-%dT%H:%M:%S}.0Z",
            "cadence": f"PT{pd.Timedelta(step).seconds // 60}M",
            "maxRequestDuration": f"P{self.longest.days}D",
            "parameters": about,
            "resourceURL": "https://ccmc.gsfc.nasa.gov/tools/ISWA/",
        }

    def rows(self, query: dict[str, str]) -> bytes:
        about = self.describe(query)
        start, step, units, make = DATASETS[query.get("id") or query["dataset"]]
        if query.get("format", "csv") != "csv":
            raise HapiError(1409)
        bounds = []
        for code, names in (1402, ("time.min", "start")), (1403, ("time.max", "stop")):
            text = next((query[name] for name in names if name in query), None)
            if text is None or not re.match(r"\d{4}-?\d\d\d?", text):
                raise HapiError(code)
            try:
                bounds.append(pd.to_datetime(text, utc=True))
            except ValueError:
                raise HapiError(code) from None
        low, high = bounds
        if low >= high:
            raise HapiError(1404)
        if low < pd.Timestamp(start, tz="UTC") or high > self.until:
            raise HapiError(1405)
        if high - low > self.longest:
            raise HapiError(1408)
        first = low.tz_localize(None).ceil(step)
        times = pd.date_range(first, high.tz_localize(None), freq=step, inclusive="left")
        columns = ["Time", *units]
        kept = [columns.index(one["name"]) for one in about["parameters"]]
        # Nothing reached iSWA on the 13th from noon on, and in all of August 2015.
        lost = (times.day == 13) & (times.hour >= 12)
        times = times[~(lost | ((times >= "2015-08") & (times < "2015-09")))]
        if not len(times) and self.empty == "json":
            raise HapiError(1201)
        lines = [",".join(row[i] for i in kept if i < len(row)) for row in make(times)]
        head = []
        if query.get("include") == "header":
            text = self.state(1200 if lines else 1201, about | {"format": "csv"}).decode()
            head = [f"#{line}" for line in text.splitlines()]
        if not lines and self.empty == "nothing":
            return b""
        return "".join(f"{line}\n" for line in [*head, *lines]).encode()


# ------------------------------------------------------------------------------------ the server


class PublicArchive:
    """All the archives on one port of this machine, as a context.

    A path may begin with the name of the archive's host: ``URL/www.ncei.noaa.gov/data/...``.

    Parameters
    ----------
    until
        Its clock: feeds, GOES-R and HAPI have nothing later.
    renamed
        First day of which GOES-R files are in the new folder.
    longest, empty
        As `Hapi` has them.

    Attributes
    ----------
    url : str
        Where it answers.
    requests : list of (str, str, int)
        Method, path and status of what was asked.
    """

    def __init__(
        self,
        *,
        until: datetime = NOW,
        renamed: pd.Timestamp = RENAMED,
        longest: timedelta = timedelta(days=92),
        empty: str = "csv",
    ) -> None:
        self.requests: list[tuple[str, str, int]] = []
        self.hapi = Hapi(until=until, longest=longest, empty=empty)
        fixed = {
            **_omni_folders(until),
            "/pub/indices/old_indices/": _dpd_folder(until=until),
            **_feeds(until=until),
        }
        root = "/data/goes-space-environment-monitor/access/avg"
        mpsh = partial(_mpsh_folder, renamed=renamed, until=until)
        self.patterns: list[tuple[str, Callable[..., Table]]] = [
            (rf"{root}/(\d{{4}})/(\d\d)/goes(\d\d)/csv/", _ncei_folder),
            (
                r"/platforms/solar-space-observing-satellites/goes/goes(\d\d)/l2/data"
                r"/(mpsh-l2-avg5m(?:_science)?)/(\d{4})/(\d\d)/",
                mpsh,
            ),
            *((re.escape(path), partial(dict, table)) for path, table in fixed.items()),
        ]
        self.folder = lru_cache(maxsize=256)(self._folder)
        self.file = lru_cache(maxsize=64)(self._file)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> PublicArchive:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _folder(self, path: str) -> Table:
        """Return what is in a folder; nothing where there is none."""
        for pattern, make in self.patterns:
            if match := re.fullmatch(pattern, path):
                return make(*match.groups())
        return {}

    def _file(self, path: str) -> bytes | None:
        folder, slash, name = path.rpartition("/")
        make = self.folder(folder + slash).get(name)
        return make() if make else None


class _Handler(BaseHTTPRequestHandler):
    """Answers as Apache does: listings, ranges, dates."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Apache", ""

    def __init__(self, archive: PublicArchive, *arguments) -> None:
        self.archive = archive
        super().__init__(*arguments)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = re.sub(r"^/[\w-]+(\.[\w-]+)+(?=/)", "", unquote(url.path))
        if match := re.fullmatch(r"(?:/IswaSystemWebApp)?/hapi/(\w+)", path):
            query = {key: values[-1] for key, values in parse_qs(url.query).items()}
            self.reply(*self.archive.hapi.answer(match[1], query), ranges=False)
        elif path.endswith("/"):
            table = self.archive.folder(path)
            if not table:
                return self.reply(404, "text/html", b"<title>404 Not Found</title>")
            self.reply(200, "text/html;charset=UTF-8", _list_folder(path, table), ranges=False)
        elif self.archive.folder(f"{path}/"):
            self.reply(301, "text/html", b"", Location=f"{self.path}/")
        elif (body := self.archive.file(path)) is None:
            self.reply(404, "text/html", b"<title>404 Not Found</title>")
        else:
            kinds = {"csv": "text/csv", "json": "application/json", "nc": "application/x-netcdf"}
            self.reply(200, kinds.get(path.rpartition(".")[2], "text/plain"), body)

    do_HEAD = do_GET  # noqa: N815

    def reply(self, status: int, kind: str, body: bytes, *, ranges: bool = True, **headers) -> None:
        if ranges and status == 200:
            headers["Accept-Ranges"] = "bytes"
            headers["Last-Modified"] = format_datetime(MODIFIED, usegmt=True)
            headers["ETag"] = f'"{len(body):x}"'
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if wanted and self.headers.get("If-Range", headers["ETag"]) == headers["ETag"]:
                size, first = len(body), int(wanted[1])
                if first >= size:
                    status, headers["Content-Range"], body = 416, f"bytes */{size}", b""
                else:
                    body = body[first : int(wanted[2]) + 1 if wanted[2] else None]
                    status = 206
                    headers["Content-Range"] = f"bytes {first}-{first + len(body) - 1}/{size}"
        self.archive.requests.append((self.command, self.path, status))
        self.send_response(status)
        for key, value in {"Content-Type": kind, "Content-Length": len(body), **headers}.items():
            self.send_header(key, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


MODIFIED = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def _list_folder(path: str, table: Table) -> bytes:
    """Show a folder as Apache does: long names are cut in what is shown, not in the link."""
    parent = path.rstrip("/").rpartition("/")[0]
    lines = [
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">',
        f"<html>\n <head>\n  <title>Index of {escape(path)}</title>\n </head>\n <body>",
        f"<h1>Index of {escape(path)}</h1>",
        '  <table>\n   <tr><th><a href="?C=N;O=D">Name</a></th>'
        '<th><a href="?C=M;O=A">Last modified</a></th><th><a href="?C=S;O=A">Size</a></th></tr>',
        '   <tr><th colspan="3"><hr></th></tr>',
        f'<tr><td><a href="{escape(parent)}/">Parent Directory</a></td>'
        '<td>&nbsp;</td><td align="right">  - </td></tr>',
    ]
    for name in table:
        shown = escape(name if len(name) <= 23 else f"{name[:20]}..>")
        lines.append(
            f'<tr><td><a href="{escape(name)}">{shown}</a></td>'
            f'<td align="right">{MODIFIED:%Y-%m-%d %H:%M}  </td><td align="right">1.2M</td></tr>'
        )
    lines.append('   <tr><th colspan="3"><hr></th></tr>\n</table>\n</body></html>\n')
    return "\n".join(lines).encode()
