"""The 5-minute MPS-HI files of GOES-16 and later (level 2, netCDF).

Names and units are those that users of the files report: `AvgIntElectronFlux` (time, telescope),
>2 MeV in e/(cm2 s sr), and `time`, up to version 1 `L2_SciData_TimeStamp`, seconds since
2000-01-01 12:00 at the start of the average. The file's order of the five electron telescopes is
north to south: 3, 1, 4, 2, 5; the number that SWPC publishes is telescope 4 alone.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.io.goes import average_telescopes
from fluxlib.io.text import (
    NO_TIME,
    Account,
    Quality,
    ReadResult,
    flag_counts,
    make_flags,
    make_frame,
    order_rows,
)

FORMAT = "goes-netcdf"
EPOCH = np.datetime64("2000-01-01T12:00", "us")
TIMES = ("time", "L2_SciData_TimeStamp")
FLUX = "AvgIntElectronFlux"
ORDER = (3, 1, 4, 2, 5)
# Valid one-second samples in the average of a telescope: releases differ in how the name begins.
VALID = "ValidL1bSamplesInAvg"
# Sums, over an average, of what the samples' data quality flags say: dead time, out of bounds,
# errors, loss of signal.
SUMS = ("DQFdtcSum", "DQFoobSum", "DQFerrSum", "DQFlosSum")
YAW_FLIP = "yaw_flip_flag"
RECORDS = "L1bRecordsInAvg"
MOST_ROWS = 100_000  # a year of 5 min, if days have been joined
_SATELLITE = re.compile(r"g(\d\d)", re.IGNORECASE)


def read_goesr(path: str | Path, *, telescope: int | None = None) -> pd.DataFrame:
    """Read a day of MPS-HI 5-minute averages of GOES-16 to GOES-19.

    Parameters
    ----------
    path : path
        Such as `sci_mpsh-l2-avg5m_g16_d20221230_v2-0-0.nc`.
    telescope : int, optional
        The number of one of the five telescopes, such as 4, which SWPC publishes.

    Returns
    -------
    DataFrame
        `e2`, integral flux above 2 MeV, e/(cm2 s sr), of the telescope or the mean of those that
        are good (a number >= 0, from at least one valid sample where the file counts them), index
        `time` (UTC, start of the interval).

    Raises
    ------
    FluxError
        If the file is not of this format or no row of it can be read.

    See Also
    --------
    read : the same with the account of every row, the satellite and the flags.
    """
    return read(path, telescope=telescope).frame


def read(path: str | Path, *, telescope: int | None = None) -> ReadResult:
    """Read as `read_goesr`, with the account of every row and what the file says of itself.

    That is the satellite, and the flags: `Quality.YAW_FLIP` where the satellite is turned round,
    `Quality.ARCHIVE` where more than half an average's samples are flagged, and
    `Quality.FEW_SAMPLES` where an average has fewer than half the usual number. The product says
    which telescopes were read, and whether the file counts its valid samples.
    """
    path = Path(path)
    if telescope is not None and telescope not in ORDER:
        raise FluxError(f"telescope is {telescope!r}; expected 1, 2, 3, 4 or 5.")
    seconds, flux, valid, flags, platform = _read_variables(path, telescope)
    sound = np.isfinite(seconds) & (np.abs(seconds) < 1e10)
    microseconds = np.round(np.where(sound, seconds, 0) * 1e6).astype("timedelta64[us]")
    times = np.where(sound, EPOCH + microseconds, NO_TIME)
    account = Account(read=len(times), kept=len(times))
    if not sound.all():
        example = f"row {int(np.argmin(sound)) + 1}"
        account.reject("no valid time", example, int((~sound).sum()))
    if account.kept == 0:
        raise FluxError(f"{path}: no row of the file has a valid time; fetch it again.")
    good = np.ones(flux.shape, bool) if valid is None else valid > 0
    mean = average_telescopes(flux, good, axis=1)
    times, values = order_rows(times[sound], np.stack([mean, flags])[:, sound], account)
    flags, values = values[1].astype(np.uint8), values[:1]
    found = _SATELLITE.fullmatch(platform) or re.search(r"_g(\d\d)_", path.name)
    return ReadResult(
        make_frame(times, ["e2"], values, account),
        account,
        FORMAT,
        f"goes{int(found[1])}" if found else None,
        ("mean of the telescopes" if telescope is None else f"telescope {telescope}")
        + ("" if valid is not None else "; valid samples not counted"),
        flags,
    )


def _read_variables(
    path: Path, telescope: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray, str]:
    """Return seconds (n), flux and valid samples (n, telescopes), flags (n) and the platform."""
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
            if telescope is not None and flux.shape[1] != len(ORDER):
                raise FluxError(
                    f"{path}: {FLUX} has {flux.shape[1]} telescopes; expected {len(ORDER)}, of "
                    f"which number {telescope} was asked for."
                )
            valid = _read_like(file, _find_names(file, VALID), flux.shape)
            flags = _read_flags(file, flux.shape, valid)
            if telescope is not None:
                column = [ORDER.index(telescope)]
                flux = flux[:, column]
                valid = None if valid is None else valid[:, column]
            platform = _read_platform(file)
    except FluxError:
        raise
    except Exception as error:  # h5py raises whatever a damaged byte makes it trip over
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FluxError(f"{path}: not a readable netCDF file: {reason}; fetch it again.") from None
    return seconds, flux, valid, flags, platform


def _read_platform(file) -> str:
    """Return the attribute `platform`, "" if it is not text of a fixed length.

    Of variable length, as some writers have it, the text is in a heap, in which the HDF5 library
    may go round for ever if the file is damaged.
    """
    import h5py

    if "platform" not in file.attrs:
        return ""
    text = h5py.check_string_dtype(file.attrs.get_id("platform").dtype)
    if text is None or text.length is None:
        return ""
    value = file.attrs["platform"]
    return value.decode() if isinstance(value, bytes) else str(value)


def _find_names(file, ending: str) -> list[str]:
    """Return the variables whose names end so, those of the integral electron flux first."""
    names = [name for name in file if name.endswith(ending)]
    return sorted(names, key=lambda name: "IntElectron" not in name)


def _read_like(file, names: list[str], shape: tuple) -> np.ndarray | None:
    """Return the first of some variables that is there and has a shape, or None."""
    same = [name for name in names if name in file and file[name].shape == shape]
    return _read_filled(file[same[0]]) if same else None


def _read_flags(file, shape: tuple, valid: np.ndarray | None) -> np.ndarray:
    """Return the `Quality` bits of each row."""
    flags = np.zeros(shape[0], np.uint8)
    flip = _read_like(file, [YAW_FLIP], shape[:1])
    if flip is not None:
        flags |= make_flags(flip > 0, Quality.YAW_FLIP)
    records = _read_like(file, [RECORDS], shape[:1])
    if records is not None:
        flags |= flag_counts(records)
    if valid is not None:
        flags |= flag_counts(valid.max(axis=1))
    most = np.nanmax(records, initial=1) if records is not None else 1
    for kind in SUMS:
        sums = _read_like(file, _find_names(file, kind), shape)
        if sums is not None:
            flags |= make_flags((sums > most / 2).any(axis=1), Quality.ARCHIVE)
    return flags


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
