"""Whether values can be what the manifest says: units, fill values, series that never change.

Each of these faults once passed every reader and gave a page of results. Who knows better says
``trust = true`` in the entry.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.datasets.manifest import NAME, Entry
from fluxlib.errors import FluxError
from fluxlib.utils.time_grid import DAY

FEW = 100  # values: fewer say little of a unit
LONG = pd.Timedelta("365D")  # in which something changes
MOST_REJECTED = 0.5  # of an entry's rows
MOST_OUTSIDE = 0.01  # of a driver's values
# In log10: what the median of weeks or more lies between, for flux (e/(cm2 s sr)) and for fluence
# (e/(cm2 day sr)). Solar minimum at a background, and years of fast wind with a channel of 0.6 MeV,
# are well inside.
MEDIAN = {"flux": (-3.0, 6.0), "fluence": (2.0, 11.0)}
MEDIAN_E2 = {"flux": (-2.5, 4.5), "fluence": (2.5, 9.5)}
MOST_LOG = {"flux": 6.0, "fluence": 12.0}  # of a logarithm
ENOUGH_TO_TELL = 1000  # values: flux at its background is below that for weeks, and not for longer
HIGHEST = {"flux": 1e9, "fluence": 1e14}  # no detector reads more; fill values do
DRIVERS = {
    "V": (150, 3000),
    "Vx": (-3000, 200),
    "N": (0, 500),
    "B": (0, 300),
    "Bx": (-300, 300),
    "By": (-300, 300),
    "Bz": (-300, 300),
    "P": (0, 500),
    "SYM_H": (-1500, 400),
    "Dst": (-1500, 400),
    "AE": (0, 10_000),
    "AU": (-2000, 6000),
    "AL": (-10_000, 2000),
    "Kp": (0, 9.4),
    "p10": (0, 1e6),
}


def check_rows(entry: Entry, accounts: list[dict], folder: Path) -> None:
    """Raise if most rows of an entry's files cannot be read.

    Rows of something else (see `Account.left_out`), or that another file has too, are not counted.

    Raises
    ------
    FluxError
    """
    unread = sum(account["unread"] for account in accounts)
    read = sum(account["read"] for account in accounts)
    if unread == read:
        return  # no row at all has an error of its own, which no trust helps
    if not entry.trust and unread > MOST_REJECTED * read:
        worst = max(accounts, key=lambda account: account["unread"])
        raise FluxError(
            f"{folder / worst['file']}: {unread} of {read} rows of {entry.label} cannot be read, "
            f"more than half: {worst['why']}. Mend the files, or say trust = true there."
        )


def check_values(frame: pd.DataFrame, entry: Entry, folder: Path) -> None:
    """Raise if an entry's values cannot be what the manifest says.

    Parameters
    ----------
    frame : DataFrame
        All usable rows of the entry; flux that is not above zero is missing.
    entry : Entry
    folder : path
        The dataset's.

    Raises
    ------
    FluxError
        One sentence: which column, what was found, what was expected and what to do.
    """
    if entry.trust:
        return
    for name, values in frame.items():
        known = values.dropna().to_numpy()
        fault = _check_flux(name, known, entry) if entry.kind == "flux" else None
        fault = fault or (_check_driver(name, known) if entry.kind == "drivers" else None)
        lasts = frame.index[-1] - frame.index[0] >= LONG and len(known) >= FEW
        if fault is None and lasts and known.min() == known.max() and name == "e2":
            fault = f"is {known[0]:g} in all its {len(known)} values; expected values that change"
        if fault:
            where = f"{folder / NAME}: {name} of {entry.label} ({entry.files})"
            raise FluxError(f"{where} {fault}. If it is right, say trust = true there.")


def _check_flux(name: str, known: np.ndarray, entry: Entry) -> str | None:
    kind = "fluence" if entry.cadence >= DAY else "flux"
    unit = "e/(cm2 day sr)" if kind == "fluence" else "e/(cm2 s sr)"
    if len(known) == 0:
        return f"has no value above zero; expected {kind} in {unit}" if name == "e2" else None
    middle = float(np.median(known))
    if len(known) >= ENOUGH_TO_TELL and known.max() < MOST_LOG[kind]:
        return (
            f"lies between {known.min():.3g} and {known.max():.3g}, which looks like log10 of "
            f'{kind}; expected {unit}: say scale = "log10" if it is its logarithm'
        )
    low, high = (MEDIAN_E2 if name == "e2" else MEDIAN)[kind]
    if len(known) >= FEW and not low <= np.log10(middle) <= high:
        other = "flux" if kind == "fluence" else "fluence, or flux by m2"
        return (
            f"has the median {middle:.3g}; expected {kind} in {unit}, of which it is between "
            f"{10**low:.0e} and {10**high:.0e}: is it {other}?"
        )
    if known.max() > HIGHEST[kind]:
        count = int((known > HIGHEST[kind]).sum())
        return (
            f"has {count} values above {HIGHEST[kind]:g}, such as {known.max():g}; expected {kind} "
            f"in {unit}, and missing values as empty fields"
        )
    return None


def _check_driver(name: str, known: np.ndarray) -> str | None:
    if name not in DRIVERS or len(known) == 0:
        return None
    low, high = DRIVERS[name]
    outside = (known < low) | (known > high)
    if outside.mean() > MOST_OUTSIDE:
        return (
            f"has {int(outside.sum())} of {len(known)} values outside {low:g} to {high:g}, such as "
            f"{known[outside][0]:g}; expected other units, or missing values as empty fields"
        )
    return None


def check_overlap(flux: dict[str, list[pd.DataFrame]], drivers: pd.DataFrame, where: Path) -> None:
    """Raise if drivers share no time with any series: they are of other years, or the clock is.

    Raises
    ------
    FluxError
    """
    spans = [(frame.index[0], frame.index[-1]) for frames in flux.values() for frame in frames]
    if drivers.empty or not spans:
        return
    first, last = drivers.index[0], drivers.index[-1]
    if not any(start <= last and end >= first for start, end in spans):
        start, end = min(s for s, _ in spans), max(e for _, e in spans)
        raise FluxError(
            f"{where}: the drivers are of {first:%Y-%m-%d} to {last:%Y-%m-%d} and the flux of "
            f"{start:%Y-%m-%d} to {end:%Y-%m-%d}; give drivers of the same time, or remove them."
        )
