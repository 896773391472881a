"""The 5-minute MPS-HI files of GOES-16 and later (level 2, netCDF).

Names and units are those that users of the files report: `AvgIntElectronFlux` (time, telescope),
>2 MeV in e/(cm2 s sr), and `time`, up to version 1 `L2_SciData_TimeStamp`, seconds since
2000-01-01 12:00 at the start of the average.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.io.goes import average_telescopes
from fluxlib.io.text import NO_TIME, Account, ReadResult, make_frame, order_rows

FORMAT = "goes-netcdf"
EPOCH = np.datetime64("2000-01-01T12:00", "us")
TIMES = ("time", "L2_SciData_TimeStamp")
FLUX = "AvgIntElectronFlux"
# Valid one-second samples in the average of a telescope.
VALID = "IntElectronValidL1bSamplesInAvg"
MOST_ROWS = 100_000  # a year of 5 min, if days have been joined
_SATELLITE = re.compile(r"g(\d\d)", re.IGNORECASE)


def read_goesr(path: str | Path) -> pd.DataFrame:
    """Read a day of MPS-HI 5-minute averages of GOES-16 to GOES-19.

    Parameters
    ----------
    path : path
        Such as `sci_mpsh-l2-avg5m_g16_d20221230_v2-0-0.nc`.

    Returns
    -------
    DataFrame
        `e2`, integral flux above 2 MeV, e/(cm2 s sr), the mean of the telescopes that are good
        (a number >= 0, from at least one valid sample where the file counts them), index `time`
        (UTC, start of the interval).

    Raises
    ------
    FluxError
        If the file is not of this format or no row of it can be read.

    See Also
    --------
    read : the same with the account of every row, and the satellite.
    """
    return read(path).frame


def read(path: str | Path) -> ReadResult:
    """Read as `read_goesr`, with the account of every row and the satellite of the file."""
    path = Path(path)
    seconds, flux, valid, platform = _read_variables(path)
    sound = np.isfinite(seconds) & (np.abs(seconds) < 1e10)
    microseconds = np.round(np.where(sound, seconds, 0) * 1e6).astype("timedelta64[us]")
    times = np.where(sound, EPOCH + microseconds, NO_TIME)
    account = Account(read=len(times), kept=len(times))
    if not sound.all():
        example = f"row {int(np.argmin(sound)) + 1}"
        account.reject("no valid time", example, int((~sound).sum()))
    if account.kept == 0:
        raise FluxError(f"{path}: no row of the file has a valid time; fetch it again.")
    mean = average_telescopes(flux, valid > 0, axis=1)
    times, values = order_rows(times[sound], mean[None, sound], account)
    found = _SATELLITE.fullmatch(platform) or re.search(r"_g(\d\d)_", path.name)
    return ReadResult(
        make_frame(times, ["e2"], values, account),
        account,
        FORMAT,
        f"goes{int(found[1])}" if found else None,
    )


def _read_variables(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Return seconds (n), flux and valid samples (n, telescopes), and the platform's name."""
    import h5py  # netCDF 4 is HDF5; the netCDF library itself hangs on some damaged files

    try:
        with h5py.File(path, "r") as file:
            time = next((name for name in TIMES if name in file), None)
            if time is None or FLUX not in file:
                raise FluxError(
                    f"{path}: has the variables {', '.join(file)[:200]!r}; expected "
                    f"{FLUX} and {' or '.join(TIMES)}, as MPS-HI level 2 has them."
                )
            _check_shapes(path, file[time].shape, file[FLUX].shape)
            seconds, flux = _read_filled(file[time]), _read_filled(file[FLUX])
            valid = np.ones_like(flux)
            if VALID in file and file[VALID].shape == flux.shape:
                valid = _read_filled(file[VALID])
            platform = file.attrs.get("platform", "")
            platform = platform.decode() if isinstance(platform, bytes) else str(platform)
    except FluxError:
        raise
    except Exception as error:  # h5py raises whatever a damaged byte makes it trip over
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FluxError(f"{path}: not a readable netCDF file: {reason}; fetch it again.") from None
    return seconds, flux, valid, platform


def _check_shapes(path: Path, times: tuple, flux: tuple) -> None:
    """Raise if the shapes are not those of a day; a damaged file may claim any, and fill memory."""
    if len(times) != 1 or len(flux) != 2 or times[0] != flux[0] or max(flux) > MOST_ROWS:
        raise FluxError(
            f"{path}: {FLUX} has the shape {flux} and its time {times}; expected (times, "
            f"telescopes) and (times,), at most {MOST_ROWS} times."
        )


def _read_filled(dataset) -> np.ndarray:
    """Return a dataset as float64, NaN where it holds its fill."""
    values = dataset[()].astype(float)
    fill = dataset.attrs.get("_FillValue")
    return values if fill is None else np.where(values == np.ravel(fill)[0], np.nan, values)
