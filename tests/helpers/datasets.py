"""Small datasets and native files that tests make and break."""

from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.datasets.dataset import Dataset
from fluxlib.datasets.manifest import Entry, Manifest
from fluxlib.datasets.series import daily_fluence
from fluxlib.io.omni import format_omni

POSITIONS = {"goes12": "east", "goes13": "east", "goes15": "west"}


def make_dataset(start="2014-01-01", days=40, cadence="5min", seed=0) -> Dataset:
    """Return a dataset of plain noise: three satellites and every driver, with gaps."""
    rng = np.random.default_rng(seed)
    samples = days * (pd.Timedelta("1D") // pd.Timedelta(cadence))
    index = pd.date_range(start, periods=samples, freq=cadence)
    index = index.rename("time")
    flux = {}
    for series in POSITIONS:
        low = "e0.6" if series == "goes12" else "e0.8"
        channels = [low, "e2", "e4"] if series == "goes12" else [low, "e2"]
        frame = pd.DataFrame(
            {name: 10 ** rng.normal(3, 1, len(index)) for name in channels}, index=index
        )
        frame.iloc[10:30] = np.nan
        flux[series] = frame
    return Dataset(
        manifest=make_manifest("toy", flux),
        cadence=pd.Timedelta(cadence),
        flux=flux,
        fluence={series: daily_fluence(frame) for series, frame in flux.items()},
        drivers=make_drivers(index, rng),
    )


def make_manifest(name: str, series) -> Manifest:
    entries = tuple(Entry("flux", satellite=s, series=s, position=POSITIONS[s]) for s in series)
    return Manifest(Path(), name, "A toy", True, "goes13", tuple(series), entries, ())


def make_drivers(index: pd.DatetimeIndex, rng: np.random.Generator) -> pd.DataFrame:
    def draw(center, width, digits):
        return np.round(rng.normal(center, width, len(index)), digits)

    speed = draw(450, 40, 0)
    drivers = pd.DataFrame(
        {
            "V": speed,
            "Vx": -speed,
            "N": draw(6, 0.5, 1),
            "T": draw(1e5, 1e3, 0),
            "B": draw(6, 0.5, 1),
            "Bx": draw(0, 3, 1),
            "By": draw(0, 3, 1),
            "Bz": draw(0, 3, 1),
            "P": draw(2, 0.2, 2),
            "AE": draw(200, 20, 0),
            "AL": draw(-120, 20, 0),
            "AU": draw(80, 20, 0),
            "SYM_H": draw(-15, 10, 0),
            "Dst": draw(-15, 10, 0),
            "Kp": rng.integers(0, 28, len(index)) / 3,
        },
        index=index,
    )
    drivers.iloc[100:110] = np.nan
    return drivers


EPS_HEAD = (
    'File name: g10_eps_5m_20140101_20140131\n:satellite_id = "GOES-10"\n\ndata: \n'
    "time_tag,e1_flux_ic,e2_flux_ic,e3_flux_ic,p1_flux\n"
)
EPEAD_HEAD = (
    ':satellite_id = "GOES-13"\n\ndata:\n'
    "time_tag,E1W_COR_FLUX,E1W_DQF,E1E_COR_FLUX,E1E_DQF,E2W_COR_FLUX,E2W_DQF,E2E_COR_FLUX,E2E_DQF\n"
)
DPD_HEAD = (
    ":Product: Daily Particle Data        2008_DPD.txt\n#\n"
    "#              GOES-11 Proton Fluence     GOES-11 Electron Fluence     Neutron\n"
    "#  Date       >1 MeV  >10 MeV  >100 MeV  >0.6 MeV   >2 MeV           % of bkgd\n"
)


def make_eps(rows=6) -> str:
    """Return an EPS file of five-minute rows from 2014-01-01 whose flux is 1, 2, 3, ..."""
    times = pd.date_range("2014-01-01", periods=rows, freq="5min")
    lines = [f"{t:%Y-%m-%d %H:%M:%S}.000,{n}.0E+02,{n},0.{n},7" for n, t in enumerate(times, 1)]
    return EPS_HEAD + "\n".join(lines) + "\n"


def make_epead(*rows: str) -> str:
    """Return an EPEAD file of the given rows, each without its time."""
    times = pd.date_range("2014-01-01", periods=len(rows), freq="5min")
    lines = [f"{t:%Y-%m-%d %H:%M:%S}.000,{row}" for t, row in zip(times, rows, strict=True)]
    return EPEAD_HEAD + "\n".join(lines) + "\n"


def make_dpd(*pairs: tuple[str, str]) -> str:
    """Return Daily Particle Data from 2008-01-01 with the given low and >2 MeV fluence."""
    days = pd.date_range("2008-01-01", periods=len(pairs))
    rows = [
        f"{day:%Y %m %d}    1.0e+05  1.7e+04  4.1e+03   {low}    {high}          -999.99"
        for day, (low, high) in zip(days, pairs, strict=True)
    ]
    return DPD_HEAD + "\n".join(rows) + "\n"


def make_omni(kind: str, rows=6, cadence="5min", **values: float) -> str:
    """Return an OMNI file from 2014-01-01; drivers that are not named are missing."""
    index = pd.date_range("2014-01-01", periods=rows, freq="1h" if kind == "omni2" else cadence)
    drivers = pd.DataFrame(values, index=index.rename("time"), dtype=float)
    return format_omni(kind, drivers)


def make_electron_feed(*fluxes, satellite=19, start="2026-11-14") -> list[dict]:
    """Return rows of SWPC's integral electrons, every five minutes, oldest first."""
    times = pd.date_range(start, periods=len(fluxes), freq="5min")
    return [
        {"time_tag": f"{t:%Y-%m-%dT%H:%M:%SZ}", "satellite": satellite, "flux": flux}
        | {"energy": ">=2 MeV"}
        for t, flux in zip(times, fluxes, strict=True)
    ]


def make_wind_feed(*speeds, source="SOLAR1", active=True, start="2026-11-20", **more) -> list[dict]:
    """Return rows of SWPC's real-time solar wind, every minute, newest first."""
    times = pd.date_range(start, periods=len(speeds), freq="1min")
    same = {"active": active, "source": source, "proton_temperature": 24034, "proton_density": 3.09}
    same |= {"proton_vx_gse": -276.1, "proton_vx_gsm": -276.1, "max_data_flag": -9999}
    same |= {"overall_quality": 0} | more
    rows = [
        {"time_tag": f"{t:%Y-%m-%dT%H:%M:%S}", "proton_speed": speed} | same
        for t, speed in zip(times, speeds, strict=True)
    ]
    return rows[::-1]


def make_field_feed(*totals, source="SOLAR1", active=True, start="2026-11-20") -> list[dict]:
    """Return rows of SWPC's real-time magnetic field, every minute, newest first."""
    times = pd.date_range(start, periods=len(totals), freq="1min")
    same = {"active": active, "source": source, "bx_gse": -2.17, "by_gse": 1.54, "bz_gse": -0.54}
    same |= {"bx_gsm": -2.17, "by_gsm": 1.43, "bz_gsm": -0.78, "overall_quality": 0}
    rows = [
        {"time_tag": f"{t:%Y-%m-%dT%H:%M:%S}", "bt": total} | same
        for t, total in zip(times, totals, strict=True)
    ]
    return rows[::-1]


def make_propagated_feed(*speeds, start="2026-11-14") -> list[list]:
    """Return the table of SWPC's propagated solar wind, every minute, under its header."""
    header = ["time_tag", "speed", "density", "temperature", *("bx", "by", "bz", "bt")]
    header += ["vx", "vy", "vz", "propagated_time_tag"]
    times = pd.date_range(start, periods=len(speeds), freq="1min")
    rest = ["4.5", "90000", "1.5", "2.5", "-3.5", "4.6", "-390.5", "1.0", "2.0"]
    rows = [
        [f"{t:%Y-%m-%d %H:%M:%S}.000", speed, *rest, f"{t + pd.Timedelta('50min')}.000"]
        for t, speed in zip(times, speeds, strict=True)
    ]
    return [header, *rows]


def write_goesr(
    path: Path,
    flux: np.ndarray,
    *,
    seconds: np.ndarray | None = None,
    valid: np.ndarray | None = None,
    time: str = "time",
    name: str = "AvgIntElectronFlux",
    platform: str | bytes | None = b"g16",
) -> None:
    """Write a MPS-HI file of (times, telescopes), every five minutes from 2022-12-30."""
    import h5py

    start = (pd.Timestamp("2022-12-30") - pd.Timestamp("2000-01-01 12:00")).total_seconds()
    with h5py.File(path, "w") as file:
        if platform:
            # Text of Python's has a variable length in the file, bytes of numpy's a fixed one.
            fixed = isinstance(platform, bytes)
            file.attrs["platform"] = np.bytes_(platform) if fixed else platform
        file[time] = start + 300 * np.arange(len(flux)) if seconds is None else seconds
        file[time].attrs["units"] = "seconds since 2000-01-01 12:00:00"
        file[name] = flux.astype("f4")
        file[name].attrs["_FillValue"] = np.array([-1e31], "f4")
        if valid is not None:
            file["IntElectronValidL1bSamplesInAvg"] = valid.astype("u4")
