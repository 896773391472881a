"""A simulated fleet: GOES-8 to GOES-15 in their years and places, with all their faults."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.simulation.electrons import (
    LEVEL,
    STEEPNESS,
    stretch_tail,
    trap_electrons,
    turn_local_time,
)
from fluxlib.simulation.indices import disturb
from fluxlib.simulation.random_processes import EPOCH, Span
from fluxlib.simulation.solar_wind import blow_wind

LAST = pd.Timestamp("2020-01-01")  # the solar cycle is not known further here
_PLASMA, _FIELD = ["V", "Vx", "N", "T", "P"], ["B", "Bx", "By", "Bz"]
_INDICES = ["SYM_H", "Dst", "AE", "AU", "AL", "Kp"]


@dataclass(frozen=True)
class Satellite:
    """One satellite of the fleet and how its detectors differ from GOES-11's.

    Parameters
    ----------
    name, position : str
        Position is ``"east"`` (75 W) or ``"west"`` (135 W).
    first, last : str
        First and last day of data.
    low : str
        Channel below 2 MeV, ``"e0.6"`` or ``"e0.8"``.
    intercept, slope : float
        log10 flux of this satellite against GOES-11's.
    background : float
        What the >2 MeV detector shows when there are no electrons, e/(cm2 s sr).
    noise : float
        Standard deviation of log10 flux of a 5-minute sample, beside counting noise.
    bend, slope_below : float, optional
        Below ``bend`` (log10 flux) the slope is another; the response stays continuous.
    """

    name: str
    position: str
    first: str
    last: str
    low: str
    intercept: float
    slope: float
    background: float
    noise: float
    bend: float = 0.0
    slope_below: float | None = None

    @property
    def longitude(self) -> float:
        """Degrees east."""
        return {"east": -75.0, "west": -135.0}[self.position]

    @property
    def channels(self) -> list[str]:
        """Columns of this satellite's flux; those up to GOES-12 measure >4 MeV too."""
        return [self.low, "e2", "e4"] if self.low == "e0.6" else [self.low, "e2"]

    def respond(self, log_flux: np.ndarray) -> np.ndarray:
        """Return what the detector makes of a true log10 flux."""
        below = self.slope if self.slope_below is None else self.slope_below
        beyond = log_flux - self.bend
        start = self.intercept + self.slope * self.bend
        return start + np.where(beyond < 0, below, self.slope) * beyond


# Real years and positions, lengthened by some months of overlap so that a chain of pairs joins
# every satellite to GOES-11. Responses are made up; backgrounds follow the daily records.
_GOES8 = Satellite("goes8", "east", "1995-03-01", "2003-04-07", "e0.6", -0.06, 1.02, 1.5, 0.03)
_GOES10 = Satellite("goes10", "west", "1999-03-01", "2006-06-27", "e0.6", 0.05, 0.97, 1.0, 0.025)
_GOES11 = Satellite("goes11", "west", "2005-12-01", "2012-02-29", "e0.6", 0.0, 1.0, 0.5, 0.02)
_GOES12 = Satellite("goes12", "east", "2003-01-01", "2010-08-31", "e0.6", 0.08, 0.95, 9.0, 0.03)
_GOES13 = Satellite(
    "goes13", "east", "2010-02-01", "2016-12-31", "e0.8", -0.1, 1.08, 4.0, 0.025, 2.3, 0.87
)
_GOES15 = Satellite("goes15", "west", "2011-09-01", "2016-12-31", "e0.8", -0.04, 0.99, 0.5, 0.02)
FLEET = {
    satellite.name: satellite for satellite in [_GOES8, _GOES10, _GOES11, _GOES12, _GOES13, _GOES15]
}


def _draw_silence(span: Span, process: str, per_month: float) -> np.ndarray:
    """Mark short gaps: Pareto lengths, most of some samples, few of a day."""
    silent = np.zeros(span.size, dtype=bool)
    per_block = span.size // (span.last - span.first)
    for block in range(span.first, span.last):
        rng = span.generator(process, block)
        count = rng.poisson(per_month)
        starts = (block - span.first) * per_block + rng.integers(0, per_block, count)
        lengths = np.minimum(1 + rng.pareto(0.9, count), 576).astype(int)
        for start, length in zip(starts, lengths, strict=True):
            silent[start : start + length] = True
    return silent


def _draw_outages(span: Span, process: str, chance: float) -> np.ndarray:
    """Mark large-scale gaps: in a few calendar months 10 to 20 days are missing."""
    silent = np.zeros(span.size, dtype=bool)
    index = span.index
    for month in pd.period_range(index[0], index[-1], freq="M"):
        rng = span.generator(process, month.ordinal)
        if rng.uniform() < chance:
            length = rng.uniform(10.2, 20)
            start = (month.start_time - EPOCH).days
            start += rng.uniform(0, month.days_in_month - length)
            silent[slice(*np.searchsorted(span.days, [start, start + length]))] = True
    return silent


def _silence(span: Span, name: str) -> np.ndarray:
    """Mark all samples that a satellite, or the archive of all, did not deliver."""
    silent = _draw_silence(span, f"telemetry of {name}", 18)
    silent |= _draw_outages(span, f"outage of {name}", 0.05)
    return silent | _draw_outages(span, "outage of all", 0.012)


def _observe(satellite: Satellite, span: Span, trapped: dict, Kp: np.ndarray) -> pd.DataFrame:
    """Let a satellite measure the electrons at its place: response, noise, floor and gaps."""
    name, position, longitude = satellite.name, satellite.position, satellite.longitude
    patches = 0.15 * span.wander(f"{position} of noon", 4) + 0.04 * span.wander(f"{name} alone", 2)
    patches += 0.05 if position == "west" else -0.05
    patches -= stretch_tail(span, position, longitude, Kp)
    silent = _silence(span, name)
    columns = {}
    for channel, (population, level) in zip(satellite.channels, trapped.items(), strict=False):
        place = patches + turn_local_time(span, longitude, level, Kp)
        true = LEVEL[channel] + level + STEEPNESS[population] * place
        noise = satellite.noise * span.white(f"{name} {channel}")
        background = satellite.background * (0.1 if channel == "e4" else 1)
        flux = 10 ** (satellite.respond(true) + noise) + background
        counting = span.white(f"{name} {channel} counts") * np.sqrt(flux / 60)
        columns[channel] = np.where(silent, np.nan, np.maximum(flux + counting, 0.02))
    return pd.DataFrame(columns, index=span.index)


def _deliver(frame: pd.DataFrame, start, end, cadence: pd.Timedelta) -> pd.DataFrame:
    """Cut a frame to the period and average it to the cadence."""
    frame = frame[(frame.index >= start) & (frame.index < end)]
    if cadence > pd.Timedelta("5min"):
        frame = frame.resample(cadence).mean()
    return frame.asfreq(cadence)


def _check_period(start, end, cadence) -> tuple[pd.Timestamp, pd.Timestamp, pd.Timedelta]:
    start, end, step = pd.Timestamp(start), pd.Timestamp(end), pd.Timedelta(cadence)
    five = pd.Timedelta("5min")
    if step < five or step % five or pd.Timedelta("1h") % step:
        raise FluxError(
            f"cadence is {cadence!r}; expected a multiple of 5 minutes that divides an hour, "
            "such as '5min' or '1h'."
        )
    for name, time in [("start", start), ("end", end)]:
        if time.tz is not None or time != time.floor(step):
            raise FluxError(
                f"{name} is {time}; expected UTC without a time zone on the {cadence} grid."
            )
        if not EPOCH <= time <= LAST:
            raise FluxError(
                f"{name} is {time}; the simulated fleet and Sun cover {EPOCH:%Y-%m-%d} to "
                f"{LAST:%Y-%m-%d}."
            )
    if start >= end:
        raise FluxError(f"start is {start} and end is {end}; expected start before end.")
    return start, end, step


def simulate_tables(
    start, end, *, cadence: str = "5min", seed: int = 0
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Simulate the fleet's electron flux and its drivers.

    Everything is computed at 5 minutes and then averaged, so cadences agree with one another;
    and a seed gives the same values (to rounding) whichever period is asked for.

    Parameters
    ----------
    start, end : str or Timestamp
        Period, UTC; the start belongs to it, the end does not.
    cadence : str
        A multiple of 5 minutes that divides an hour.
    seed : int
        Seed of everything random.

    Returns
    -------
    flux : dict of DataFrame
        By satellite that served in the period, on its own years' grid: the channel below 2 MeV,
        ``e2`` and on GOES-8 to 12 ``e4``, e/(cm2 s sr); NaN in gaps.
    drivers : DataFrame
        ``V Vx N T P B Bx By Bz`` with telemetry gaps, ``SYM_H Dst AE AU AL Kp`` without.

    Raises
    ------
    FluxError
        If the period or the cadence cannot be simulated.

    Notes
    -----
    The models and their sources are in `fluxlib.simulation.solar_wind`,
    `fluxlib.simulation.indices` and
    `fluxlib.simulation.electrons`.
    """
    start, end, step = _check_period(start, end, cadence)
    span = Span.cover(start, end, seed)
    wind = blow_wind(span)
    indices = disturb(span, wind)
    trapped = trap_electrons(span, wind, indices)
    flux = {}
    for satellite in FLEET.values():
        first = max(start, pd.Timestamp(satellite.first))
        last = min(end, pd.Timestamp(satellite.last) + pd.Timedelta(days=1))
        if first < last:
            part = Span.cover(first, last, seed)
            cut = part.within(span)
            served = {name: level[cut] for name, level in trapped.items()}
            seen = _observe(satellite, part, served, indices["Kp"][cut])
            flux[satellite.name] = _deliver(seen, first, last, step)
    for name, columns in [("plasma", _PLASMA), ("field", _FIELD)]:
        silent = _draw_silence(span, f"{name} telemetry", 25)
        for column in columns:
            wind[column] = np.where(silent, np.nan, wind[column])
    drivers = pd.DataFrame({**wind, **{name: indices[name] for name in _INDICES}}, index=span.index)
    drivers = _deliver(drivers, start, end, step)
    drivers["Kp"] = drivers["Kp"].round(1)
    return flux, drivers
