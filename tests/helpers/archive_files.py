"""Files and folders as the archives lay them out, by what their readers and documents attest.

Nothing here uses the package's readers or writers: names, headers and columns are typed over.
"""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd

TELESCOPES = ("E1E", "E1W", "E2E", "E2W")


def write_archive(folder: Path, flux: float = 500.0) -> None:
    """Lay out the days that tests fetch: NCEI's folders, GOES-R's, SPDF's, SWPC's."""
    for number, month in [(8, "1996-01"), (9, "1996-01"), (10, "2003-10"), (12, "2005-03")]:
        write_eps(folder / "ncei", number, pd.Period(month), flux)
    for number in (13, 15):
        write_operational(folder / "ncei", number, pd.Period("2014-01"), flux)
        write_science(folder / "ncei", number, pd.Period("2014-01"), flux)
    for number, day, place in [
        (16, "2022-12-30", "mpsh-l2-avg5m"),
        (16, "2026-03-01", "mpsh-l2-avg5m_science"),
        (18, "2026-03-01", "mpsh-l2-avg5m_science"),
        (19, "2026-03-02", "mpsh-l2-avg5m_science"),
    ]:
        write_mpsh(folder / "goesr", number, pd.Timestamp(day), place, flux)
    for year in (1996, 2003, 2005, 2014, 2022, 2026):
        write_omni2(folder / "spdf" / "low_res_omni", year)


def _place(base: Path, number: int, month: pd.Period) -> Path:
    """Return NCEI's folder of a month; the satellite's number has two digits."""
    folder = base / f"{month:%Y}" / f"{month:%m}" / f"goes{number:02d}" / "csv"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _save(path: Path, preamble: list[str], header: str, rows: list[str]) -> None:
    """Write a CSV file with NCEI's preamble and line ends."""
    lines = [f"File name: {path.stem}", "Metadata Description:", "", *preamble, "", "data: "]
    path.write_bytes("\r\n".join([*lines, header, *rows, ""]).encode())


def _times(month: pd.Period, step: str, days: int = 2) -> list[str]:
    end = month.start_time + pd.Timedelta(days=days)
    times = pd.date_range(month.start_time, end, freq=step, inclusive="left")
    return [f"{time:%Y-%m-%d %H:%M:%S}.000" for time in times]


def write_eps(base: Path, number: int, month: pd.Period, flux: float) -> None:
    """Write two days of a GOES 8-12 month."""
    last = month.days_in_month
    name = f"g{number:02d}_eps_5m_{month:%Y%m}01_{month:%Y%m}{last}.csv"
    header = "time_tag,e1_flux_ic,e2_flux_ic,e3_flux_ic,p1_flux,p2_flux,a1_flux"
    rows = [
        f"{time},{100 * flux:.4E},{flux:.4E},-9.9999E+04,1.0E+00,1.0E-01,1.0E-02"
        for time in _times(month, "5min")
    ]
    about = [f':satellite_id = "GOES-{number:02d}" ;', ':sample-time = "5" ;']
    _save(_place(base, number, month) / name, about, header, rows)


def write_operational(base: Path, number: int, month: pd.Period, flux: float) -> None:
    """Write two days of EPEAD's operational averages; in the second row one telescope is bad."""
    last = month.days_in_month
    name = f"g{number}_epead_e13ew_5m_{month:%Y%m}01_{month:%Y%m}{last}.csv"
    fields = ("QUAL_FLAG", "NUM_PTS", "UNCOR_FLUX")
    header = ",".join(["time_tag", *(f"{t}_{what}" for t in TELESCOPES for what in fields)])
    rows = []
    for count, time in enumerate(_times(month, "5min")):
        row = [time]
        for telescope in TELESCOPES:
            level = flux * (1 if telescope.startswith("E2") else 100)
            bad = count == 1 and telescope.endswith("E")
            row += ["4" if bad else "0", "73", f"{level * (50 if bad else 1):.4E}"]
        rows.append(",".join(row))
    about = [f':satellite_id = "GOES-{number}" ;', ':instrument = "EPEAD" ;']
    _save(_place(base, number, month) / name, about, header, rows)


def write_science(base: Path, number: int, month: pd.Period, flux: float) -> None:
    """Write two days of EPEAD's science product, corrected, a row a minute."""
    last = month.days_in_month
    name = f"g{number}_epead-science-electrons-e13ew_1m_{month:%Y%m}01_{month:%Y%m}{last}"
    fields = ("COR_FLUX", "COR_ERR", "DTC_FLUX", "DQF")
    header = ",".join(["time_tag", *(f"{t}_{what}" for t in TELESCOPES for what in fields)])
    rows = []
    for time in _times(month, "1min"):
        row = [time]
        for telescope in TELESCOPES:
            level = 0.9 * flux * (1 if telescope.startswith("E2") else 100)
            row += [f"{level:.4E}", f"{level / 10:.4E}", f"{level * 1.1:.4E}", "0"]
        rows.append(",".join(row))
    about = [f':satellite_id = "GOES-{number}" ;', ':title = "EPEAD science electrons" ;']
    for version in ("v1.0.0", "v0.9.12"):
        path = _place(base, number, month) / f"{name}_science_{version}.csv"
        _save(path, about, header, rows)


def write_mpsh(base: Path, number: int, day: pd.Timestamp, place: str, flux: float) -> None:
    """Write a day of MPS-HI averages; telescope 4, the third of the file, sees twice the flux."""
    folder = base / f"goes{number}" / "l2" / "data" / place / f"{day:%Y}" / f"{day:%m}"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"sci_mpsh-l2-avg5m_g{number}_d{day:%Y%m%d}_v2-0-0.nc"
    values = np.full((288, 5), flux, "f4")
    values[:, 2] *= 2
    seconds = (day - pd.Timestamp("2000-01-01 12:00")).total_seconds() + 300 * np.arange(288)
    with h5py.File(folder / name, "w") as file:
        file.attrs["platform"] = f"g{number}"
        file["time"] = seconds
        file["time"].attrs["units"] = "seconds since 2000-01-01 12:00:00"
        file["AvgIntElectronFlux"] = values
        file["AvgIntElectronFlux"].attrs["_FillValue"] = np.array([-1e31], "f4")
        file["AvgIntElectronFluxUncert"] = values / 10
        file["IntElectronValidL1bSamplesInAvg"] = np.full((288, 5), 300, "u2")
        for kind in ("dtc", "oob", "err", "los"):
            file[f"IntElectronDQF{kind}Sum"] = np.zeros((288, 5), "u2")
        file["IntElectronDQFerrSum"][5, 1] = 280
        file["L1bRecordsInAvg"] = np.r_[np.full(287, 300), 20].astype("u2")
        file["yaw_flip_flag"] = np.r_[np.zeros(144), np.ones(144)].astype("u1")
        file["AvgDiffElectronFlux"] = np.zeros((288, 5, 10), "f4")


def write_omni2(folder: Path, year: int) -> None:
    """Write a year of hourly OMNI2: 55 fields, most of them fills."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (
        "9999 99 99 999 999 999.9 999.9 999.9 999.9 999.9 999.9 999.9 999.9 999.9 999.9 999.9 "
        "999.9 999.9 999.9 9999999. 999.9 9999. 999.9 999.9 9.999 9999999. 999.9 9999. 999.9 999.9 "
        "9.999 99.99 999.99 999.99 999.9 99 999 99999 9999 999999.99 99999.99 99999.99 99999.99 "
        "99999.99 99999.99 0 999 999.9 999.9 99999 99999 99.9"
    )
    fills = text.split(" ")
    fills[21], fills[35], fills[37] = "450.", "20", "-12"  # speed, Kp, Dst
    rows = [
        f"{year} {day:3d} {hour:2d} {' '.join(fills)}"
        for day in range(1, 366)
        for hour in range(24)
    ]
    (folder / f"omni2_{year}.dat").write_text("\n".join(rows) + "\n")


def answer_hapi(query: dict[str, str]) -> tuple[int, bytes]:
    """Return the status and body that iSWA's HAPI server gives for a query of `data`."""
    import json

    parameters = [{"name": "Time", "type": "isotime", "units": "UTC", "fill": None, "length": 24}]
    known = ("E_8", "E2_0", "E4_0", "P10", "satelliteElectron")
    asked = query.get("parameters", "").split(",") if query.get("parameters") else known
    if query.get("id") != "goesp_part_flux_P5M":
        return 404, json.dumps({"status": {"code": 1406, "message": "unknown dataset id"}}).encode()
    if not set(asked) <= set(known):
        return 404, json.dumps({"status": {"code": 1407, "message": "unknown parameter"}}).encode()
    # The order is the dataset's, whatever was asked for.
    parameters += [
        {"name": name, "type": "double", "units": None, "fill": "-100000.0"}
        for name in known
        if name in asked
    ]
    start, end = (pd.Timestamp(query[f"time.{key}"]).tz_localize(None) for key in ("min", "max"))
    times = pd.date_range(start, min(end, start + pd.Timedelta(days=2)), freq="5min")[:-1]
    code = 1200 if start >= pd.Timestamp("2010-04-01") else 1201
    header = {"HAPI": "2.0", "status": {"code": code, "message": "OK"}, "format": "csv"}
    head = "".join(
        f"#{line}\n"
        for line in json.dumps(header | {"parameters": parameters}, indent=1).split("\n")
    )
    values = {"E_8": "5.0e4", "E2_0": "500.0", "E4_0": "1.5", "P10": "0.2"}
    values["satelliteElectron"] = "13"
    rows = [
        f"{time:%Y-%m-%dT%H:%M:%S.000Z},"
        + ",".join("-100000.0" if i == 3 else values[p["name"]] for p in parameters[1:])
        for i, time in enumerate(times)
    ]
    return 200, (head + "\n".join(rows if code == 1200 else []) + "\n").encode()
