"""Inputs that predict a satellite's flux: another satellite, drivers, time of day and year."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.offsets.features import (
    NEAR_DRIVERS,
    half_day_mean,
    list_selection,
    offset_features,
    paper_inputs,
)
from fluxlib.satellites import LOW_CHANNELS
from fluxlib.utils.time_grid import DAY, DAY_HOURS

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

NEIGHBOURS = (-24, -12, -9, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 9, 12, 24)
CLOCK = ("UT sine", "UT cosine", "year sine", "year cosine")
MEAN_DRIVERS = ("V", "N", "P", "Bz", "SYM_H", "Dst", "AE", "Kp")
LONG_DAYS = (3, 7, 27)  # of means around, of the other satellite's channels
PAST_DAYS = (3, 10)  # of means before, of drivers
PROTONS = "p10"  # the driver that tells when protons are in the electrons' counts


def satellite_features(dataset: "Dataset", other: str, *, inputs: str = "full") -> pd.DataFrame:
    """Lay out the inputs of an imputation.

    Parameters
    ----------
    dataset : Dataset
        With `other`'s flux and the drivers on one grid.
    other : str
        The series to impute from.
    inputs : {"full", "paper"}
        "paper" is our reconstruction of the published 48: see `offsets.features.paper_inputs`.
        "full" adds the other satellite's neighbouring hours, days and weeks, later ones included,
        since imputation may look ahead, and how long it is silent; has drivers as means of hours
        to days, which are less noisy; and adds the time of day and year, since satellites at two
        longitudes are hours apart in local time, and the flux of protons where it is known. It
        does with the channels and drivers that there are.

    Returns
    -------
    DataFrame
        On the grid of `other`; flux as log10. Columns have the levels `quantity` and `offset`,
        the hours by which the quantity precedes the flux, NaN for the clock.

    Raises
    ------
    FluxError
        If there is no such series.
    NotApplicable
        If the series has no >2 MeV flux; with "paper", if it lacks the channel of lower energy, or
        the dataset a driver.
    """
    if inputs not in ("full", "paper"):
        raise FluxError(f"inputs is {inputs!r}; expected 'full' or 'paper'.")
    if inputs == "full":
        channels = _get_channels(dataset, other)
        drivers = dataset.drivers.reindex(channels.index)
        return _make_full(channels, drivers, dataset.cadence)
    channels = _get_channels(dataset, other, needs_low=True)
    drivers = _get_drivers(dataset).reindex(channels.index)
    columns = drivers.assign(Bz=half_day_mean(drivers["Bz"])).join(channels)
    return _lay_out(
        columns,
        # Dst, the hourly index of the same current, stands in where SYM-H is not there.
        {
            "Dst" if name == "SYM_H" and name not in columns else name: offsets
            for name, offsets in paper_inputs(tuple(channels)).items()
        },
    )


def trend_quantities(features: pd.DataFrame, other: str) -> list[str]:
    """Return the quantities to which flux is linear: the other satellite's, and the clock's.

    Drivers are left out: years differ, and a straight line extrapolates badly to a new one.
    """
    names = features.columns.unique("quantity")
    return [name for name in names if name.startswith((f"{other} ", *CLOCK))]


def get_series(dataset: "Dataset", series: str) -> pd.DataFrame:
    """Return a series' flux, or raise a FluxError that names the series that there are."""
    if series not in dataset.flux:
        raise FluxError(
            f"dataset {dataset.name!r} has no series {series!r} on its grid of "
            f"{dataset.cadence}; it has {', '.join(dataset.flux) or 'none'}."
        )
    return dataset.flux[series]


def _make_full(
    channels: pd.DataFrame, drivers: pd.DataFrame, cadence: pd.Timedelta
) -> pd.DataFrame:
    protons = drivers.get(PROTONS)
    drivers = drivers[[name for name in MEAN_DRIVERS if name in drivers]]
    if "SYM_H" in drivers:
        drivers = drivers.drop(columns="Dst", errors="ignore")  # the same index, hourly
    day = round(DAY / cadence)
    around = channels.rolling(day, center=True, min_periods=max(1, day // 4))
    parts = {
        " day": around.mean(),
        " day max": around.max(),
        " day min": around.min(),
        # The fraction of the day with samples: GOES-13's >2 MeV flux is absent when it is low.
        " day known": channels.notna().rolling(day, center=True, min_periods=1).mean(),
    }
    means = {
        f" {hours} h": drivers.rolling(steps, min_periods=max(1, steps // 4)).mean()
        for hours in (6, DAY_HOURS)
        if (steps := round(pd.Timedelta(hours=hours) / cadence)) >= 1
    }
    columns = pd.concat(
        [channels] + [part.add_suffix(suffix) for suffix, part in (parts | means).items()],
        axis=1,
    )
    near = [h for h in NEIGHBOURS if not pd.Timedelta(hours=h) % cadence]
    offsets = {
        name: [DAY_HOURS * k for k in range(6)] + [h for h in near if h != DAY_HOURS]
        for name in channels
    }
    offsets |= {f"{name} day": [DAY_HOURS * k for k in range(-3, 4)] for name in channels}
    offsets |= {
        f"{name}{part}": [0] for name in channels for part in (" day max", " day min", " day known")
    }
    offsets |= {f"{name} 24 h": [DAY_HOURS * k for k in range(-1, 5)] for name in drivers}
    offsets |= {name: [0] for name in columns if name.endswith(" 6 h")}
    features = _lay_out(columns, offsets)
    more = _make_wide(channels, drivers, day)
    if protons is not None:
        flux = np.log10(protons.clip(lower=0.01))
        more |= {PROTONS: flux, f"{PROTONS} day max": flux.rolling(day, min_periods=1).max()}
    more |= _clock(channels.index)
    plain = pd.DataFrame(more, channels.index)
    plain.columns = _columns([(name, np.nan if name in CLOCK else 0) for name in plain])
    return pd.concat([features, plain], axis=1)


def _make_wide(
    channels: pd.DataFrame, drivers: pd.DataFrame, day: int
) -> dict[str, pd.Series | np.ndarray]:
    """Return means of days to weeks, how the flux changes, how long it is silent, and protons."""

    def around(values: pd.Series, days: int) -> pd.Series:
        return values.rolling(days * day, center=True, min_periods=day // 2 or 1).mean()

    wide: dict[str, pd.Series | np.ndarray] = {}
    half, quarter = max(1, day // 2), max(1, day // 6)
    for name, values in channels.items():
        wide |= {f"{name} {days} days": around(values, days) for days in LONG_DAYS}
        spread = values.rolling(day, center=True, min_periods=day // 3 or 1).std()
        ends = values.rolling(half, min_periods=quarter).mean()
        wide |= {f"{name} spread": spread, f"{name} change": ends.shift(-half) - ends.shift(1)}
    high = channels.iloc[:, -1]
    if len(channels.columns) > 1:
        other = str(high.name).rsplit(" ", 1)[0]
        ratio = high - channels.iloc[:, 0]
        wide[f"{other} hardness"] = ratio.rolling(day, center=True, min_periods=quarter).mean()
    wide |= _describe_silence(high, day)
    for name, values in drivers.items():
        for days in PAST_DAYS:
            wide[f"{name} {days} days"] = values.rolling(days * day, min_periods=day).mean()
        wide[f"{name} ahead"] = values.shift(-day).rolling(day, min_periods=day // 4 or 1).mean()
    return wide


def _describe_silence(flux: pd.Series, day: int) -> dict[str, pd.Series | np.ndarray]:
    """Return the last and the next known value, how far they are, and how often there is one."""
    position = np.arange(len(flux), dtype=float)
    known = pd.Series(np.where(flux.notna(), position, np.nan), flux.index)
    return {
        f"{flux.name} since": np.log1p((position - known.ffill()) / day),
        f"{flux.name} until": np.log1p((known.bfill() - position) / day),
        f"{flux.name} last": flux.ffill(),
        f"{flux.name} next": flux.bfill(),
        f"{flux.name} 27 days known": flux.notna()
        .rolling(LONG_DAYS[-1] * day, center=True, min_periods=1)
        .mean(),
    }


def _lay_out(columns: pd.DataFrame, offsets: dict[str, list[int]]) -> pd.DataFrame:
    features = offset_features(columns, offsets)
    features.columns = _columns(list_selection(offsets))
    return features


def _columns(pairs: list[tuple[str, float]]) -> pd.MultiIndex:
    return pd.MultiIndex.from_tuples(pairs, names=["quantity", "offset"])


def _clock(index: pd.DatetimeIndex) -> dict[str, np.ndarray]:
    day = 2 * np.pi * (index.hour + index.minute / 60) / 24
    year = 2 * np.pi * index.day_of_year / 365.25
    return dict(zip(CLOCK, (np.sin(day), np.cos(day), np.sin(year), np.cos(year)), strict=True))


def _get_channels(dataset: "Dataset", series: str, *, needs_low: bool = False) -> pd.DataFrame:
    """Return a series' channel of lower energy, if any, and e2, as log10 flux, named after it."""
    flux = get_series(dataset, series)
    low = next((name for name in LOW_CHANNELS if name in flux), None)
    if "e2" not in flux or (needs_low and low is None):
        wanted = f"e2 and one of {', '.join(LOW_CHANNELS)}" if needs_low else "e2"
        raise NotApplicable(
            f"series {series!r} has {', '.join(flux) or 'no channel'}; imputation from it needs "
            f"{wanted}."
        )
    names = [low, "e2"] if low else ["e2"]
    return np.log10(flux[names]).add_prefix(f"{series} ")


def _get_drivers(dataset: "Dataset") -> pd.DataFrame:
    """Return the drivers, if all that the inputs need are there."""
    missing = {"V", "Vx", *NEAR_DRIVERS} - set(dataset.drivers)
    if "Dst" in dataset.drivers:
        missing -= {"SYM_H"}
    if missing:
        lacking = ", ".join(sorted(missing))
        raise NotApplicable(f"it lacks drivers that imputation needs: {lacking}.")
    return dataset.drivers
