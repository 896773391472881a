"""The simulated fleet: trapped electrons, and GOES-8 to GOES-15 that measure them with errors."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.simulation.drivers import (
    gse_to_gsm,
    simulate_indices,
    simulate_protons,
    simulate_solar_wind,
)
from fluxlib.simulation.random_processes import (
    EPOCH,
    STEP_HOURS,
    SimulationSpan,
    linear_recurrence,
    past_mean,
)

LAST = pd.Timestamp("2020-01-01")  # end of the solar cycle's table
# Days in which each population follows its source
TAU = {"low": 1.5, "e2": 2.3, "e4": 3.0}
# log10 of the flux in e/(cm2 s sr) where the population, without a unit, is 1
LEVEL = {"e0.6": 5.2, "e0.8": 4.5, "e2": 2.65, "e4": 1.5}
# Kennel-Petschek limit, without a unit
LIMIT = {"low": 9.0, "e2": 300.0, "e4": 1000.0}
# How strongly each population shows local time and adiabatic change
STEEPNESS = {"low": 0.7, "e2": 1.0, "e4": 1.15}
SPREAD = 1.21  # of log10 flux about an ordinary day, against that of the equations
DRIFT = 0.1  # log10 flux by which a satellite departs from the others for a week or two
PROTON_COUNTS = 0.03  # >2 MeV flux that a proton flux of 1 p/(cm2 s sr) above 10 MeV feigns
_PLASMA, _FIELD = ["V", "Vx", "N", "T", "P"], ["B", "Bx", "By", "Bz"]
_INDICES = ["SYM_H", "Dst", "AE", "AU", "AL", "Kp"]


def magnetopause_distance(P: np.ndarray, Bz: np.ndarray) -> np.ndarray:
    """Return the magnetopause's standoff distance, Earth radii; P in nPa, Bz in nT, GSM.

    Shue et al. 1998, doi 10.1029/98JA01103.
    """
    return (10.22 + 1.29 * np.tanh(0.184 * (Bz + 8.14))) * P ** (-1 / 6.6)


def loss_rate(P: np.ndarray, Bz: np.ndarray) -> np.ndarray:
    """Return the rate, per day, of losses through the magnetopause.

    Shadowing with outward diffusion (Turner et al. 2012, doi 10.1038/nphys2185) begins smoothly
    as the standoff falls to some 8.5 Earth radii.
    """
    return 17 / (1 + np.exp((magnetopause_distance(P, Bz) - 8.5) / 0.4))


def acceleration_strength(span: SimulationSpan, V: np.ndarray) -> np.ndarray:
    """Return the strength of acceleration, 1 on average.

    It follows the wind's speed (Paulikas & Blake 1979, doi 10.1029/GM021p0180); part of it is
    random, as the wind shows only part of what drives it.
    """
    hidden = 0.27 * span.ornstein_uhlenbeck("acceleration", 60) + 0.22 * span.slow_curve("seed")
    return past_mean((V / 420) ** 4.6, 18) * 10**hidden


def simulate_electrons(span: SimulationSpan, wind: dict, indices: dict) -> dict[str, np.ndarray]:
    """Simulate the populations that all satellites share, averaged over local time.

    Each population is fed by the one below it and responds more slowly: substorms inject a seed,
    which is accelerated to 0.6, 2 and 4 MeV (Li et al. 2001, doi 10.1029/2000GL012681, for
    diffusion and loss driven by the solar wind; Jaynes et al. 2015, doi 10.1002/2015JA021234, for
    the chain from seed to source). In each population

        dj/dt = (a(t) * source - j) / tau - j * loss(t)

    is linear in j, so the whole record is solved at once. Strengths and times are set so that the
    statistics of the real record result; they are not measurements.

    Returns
    -------
    dict of ndarray
        log10 of ``low``, ``e2`` and ``e4``, without a unit: 0 is an ordinary day.
    """
    _, Bz = gse_to_gsm(span.days, wind["By"], wind["Bz"])
    lost = loss_rate(past_mean(wind["P"], 0.5), past_mean(Bz, 1.0))
    strength = acceleration_strength(span, wind["V"])
    source = past_mean(indices["AE"] / 180, 20) ** 1.75
    populations = {}
    for name, tau in TAU.items():
        rate = (1 / tau + lost) / 24
        kept = np.exp(-rate * STEP_HOURS)
        gain = (strength * source + 1e-5) * STEP_HOURS / (24 * tau)
        trapped = linear_recurrence(kept, gain)
        # Intense fluxes excite waves that scatter what exceeds a limit: Kennel & Petschek 1966,
        # doi 10.1029/JZ071i001p00001
        source = trapped / (1 + trapped / LIMIT[name])
        # A field that falls and rises again carries electrons out and back: Kim & Chan 1997,
        # doi 10.1029/97JA01814
        adiabatic = 0.004 * STEEPNESS[name] * np.minimum(indices["SYM_H"], 10)
        populations[name] = SPREAD * (np.log10(source + 1e-9) + adiabatic)
    return populations


def local_time_variation(
    span: SimulationSpan, longitude: float, level: np.ndarray, Kp: np.ndarray
) -> np.ndarray:
    """Return the daily variation of log10 flux at a longitude (degrees east), highest near noon.

    The orbit crosses stretched field lines at night, more so in disturbed times, and low fluxes
    vary more (Paulikas & Blake 1979). `level` is log10 of the population, 0 on an ordinary day.
    """
    hour = 24 * (span.days % 1) + longitude / 15 - 11.4
    wave = np.cos(2 * np.pi * hour / 24) - 0.15 * np.cos(4 * np.pi * hour / 24)
    size = 0.42 - 0.06 * np.clip(level, -2, 2) + 0.03 * (Kp - 2)
    return size * wave


def tail_dropout(
    span: SimulationSpan, position: str, longitude: float, Kp: np.ndarray
) -> np.ndarray:
    """Return by how much log10 flux drops at night while the tail is stretched, at least 0.

    Minutes to hours before substorms the night side maps to field lines with few electrons
    (Sauvaud & Winckler 1980, doi 10.1029/JA085iA05p02043). Satellites of one position see the
    same dropouts.
    """
    hour = 24 * (span.days % 1) + longitude / 15
    night = np.maximum(np.cos(2 * np.pi * hour / 24), 0)
    spell = np.maximum(span.ornstein_uhlenbeck(f"stretched tail {position}", 1.5) - 0.9, 0)
    return 0.22 * spell * night * (1 + Kp)


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
        Reading of the >2 MeV detector without electrons, e/(cm2 s sr).
    noise : float
        Standard deviation of log10 flux of a 5-minute sample, without counting noise.
    bend, slope_below : float, optional
        Slope below ``bend`` (log10 flux), where the response stays continuous.
    silent_below : float, optional
        Reading, e/(cm2 s sr), below which the >2 MeV channel mostly has no value: what is left of
        the counts once the background is taken off may be none.
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
    silent_below: float = 0.0

    @property
    def longitude(self) -> float:
        """Degrees east."""
        return {"east": -75.0, "west": -135.0}[self.position]

    @property
    def channels(self) -> list[str]:
        """Columns of this satellite's flux; those up to GOES-12 measure >4 MeV too."""
        return [self.low, "e2", "e4"] if self.low == "e0.6" else [self.low, "e2"]

    def respond(self, log_flux: np.ndarray) -> np.ndarray:
        """Return the detector's reading of a true log10 flux."""
        below = self.slope if self.slope_below is None else self.slope_below
        beyond = log_flux - self.bend
        start = self.intercept + self.slope * self.bend
        return start + np.where(beyond < 0, below, self.slope) * beyond


# Real years and positions, with some months of overlap added so that a chain of pairs links every
# satellite to GOES-11. Responses are invented; backgrounds follow the daily records.
_GOES8 = Satellite("goes8", "east", "1995-03-01", "2003-04-07", "e0.6", -0.06, 1.02, 1.5, 0.03)
_GOES10 = Satellite("goes10", "west", "1999-03-01", "2006-06-27", "e0.6", 0.05, 0.97, 1.0, 0.025)
_GOES11 = Satellite("goes11", "west", "2005-12-01", "2012-02-29", "e0.6", 0.0, 1.0, 0.5, 0.02)
_GOES12 = Satellite("goes12", "east", "2003-01-01", "2010-08-31", "e0.6", 0.08, 0.95, 9.0, 0.03)
_GOES13 = Satellite(
    "goes13", "east", "2010-02-01", "2016-12-31", "e0.8", -0.12, 1.14, 4.0, 0.025, 2.3, 0.87, 52.0
)
_GOES15 = Satellite("goes15", "west", "2011-09-01", "2016-12-31", "e0.8", -0.04, 0.99, 0.5, 0.02)
FLEET = {
    satellite.name: satellite for satellite in [_GOES8, _GOES10, _GOES11, _GOES12, _GOES13, _GOES15]
}


def _draw_short_gaps(span: SimulationSpan, process: str, per_month: float) -> np.ndarray:
    """Mark short gaps of Pareto lengths: most last some samples, few a day."""
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


def _draw_outages(span: SimulationSpan, process: str, chance: float) -> np.ndarray:
    """Mark large-scale gaps: 10 to 20 days are missing in a few calendar months."""
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


def _telemetry_gaps(span: SimulationSpan, name: str) -> np.ndarray:
    """Mark the samples that are missing from a satellite, or from all at once."""
    silent = _draw_short_gaps(span, f"telemetry of {name}", 18)
    silent |= _draw_outages(span, f"outage of {name}", 0.05)
    return silent | _draw_outages(span, "outage of all", 0.012)


def _measure(
    satellite: Satellite,
    span: SimulationSpan,
    trapped: dict,
    Kp: np.ndarray,
    protons: np.ndarray,
) -> pd.DataFrame:
    """Measure the electrons at a satellite: response, noise, background, protons and gaps."""
    name, position, longitude = satellite.name, satellite.position, satellite.longitude
    patches = (
        0.06 * span.ornstein_uhlenbeck(f"{position} of noon", 4)
        + 0.04 * span.ornstein_uhlenbeck(f"{name} alone", 2)
        + DRIFT * span.ornstein_uhlenbeck(f"{name} for days", 240)
    )
    patches += 0.05 if position == "west" else -0.05
    patches -= tail_dropout(span, position, longitude, Kp)
    silent = _telemetry_gaps(span, name)
    columns = {}
    for channel, (population, level) in zip(satellite.channels, trapped.items(), strict=False):
        place = patches + local_time_variation(span, longitude, level, Kp)
        true = LEVEL[channel] + level + STEEPNESS[population] * place
        noise = satellite.noise * span.white_noise(f"{name} {channel}")
        background = satellite.background + PROTON_COUNTS * protons
        flux = 10 ** (satellite.respond(true) + noise) + background * (
            0.1 if channel == "e4" else 1
        )
        counting = span.white_noise(f"{name} {channel} counts") * np.sqrt(flux / 60)
        columns[channel] = np.where(silent, np.nan, np.maximum(flux + counting, 0.02))
    if satellite.silent_below:
        spell = 0.15 * span.ornstein_uhlenbeck(f"{name} silence", 12)
        columns["e2"][columns["e2"] < satellite.silent_below * 10**spell] = np.nan
    return pd.DataFrame(columns, index=span.index)


def _average_to_cadence(frame: pd.DataFrame, start, end, cadence: pd.Timedelta) -> pd.DataFrame:
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

    Everything is computed at 5 minutes and then averaged, so cadences agree with one another, and
    a seed gives the same values (to rounding) for any period.

    Parameters
    ----------
    start, end : str or Timestamp
        Period, UTC, without its end.
    cadence : str
        A multiple of 5 minutes that divides an hour.
    seed : int
        Seed of all random numbers.

    Returns
    -------
    flux : dict of DataFrame
        By satellite in service, on the grid of its own years: the channel below 2 MeV, ``e2``,
        and on GOES-8 to 12 ``e4``, e/(cm2 s sr); NaN in gaps.
    drivers : DataFrame
        ``V Vx N T P B Bx By Bz`` with telemetry gaps, ``SYM_H Dst AE AU AL Kp`` without, and
        ``p10``, protons above 10 MeV, p/(cm2 s sr).

    Raises
    ------
    FluxError
        If the period or the cadence cannot be simulated.

    """
    start, end, step = _check_period(start, end, cadence)
    span = SimulationSpan.cover(start, end, seed)
    wind = simulate_solar_wind(span)
    indices = simulate_indices(span, wind)
    trapped = simulate_electrons(span, wind, indices)
    protons = simulate_protons(span)
    flux = {}
    for satellite in FLEET.values():
        first = max(start, pd.Timestamp(satellite.first))
        last = min(end, pd.Timestamp(satellite.last) + pd.Timedelta(days=1))
        if first < last:
            part = SimulationSpan.cover(first, last, seed)
            cut = part.within(span)
            served = {name: level[cut] for name, level in trapped.items()}
            seen = _measure(satellite, part, served, indices["Kp"][cut], protons[cut])
            flux[satellite.name] = _average_to_cadence(seen, first, last, step)
    for name, columns in [("plasma", _PLASMA), ("field", _FIELD)]:
        silent = _draw_short_gaps(span, f"{name} telemetry", 25)
        for column in columns:
            wind[column] = np.where(silent, np.nan, wind[column])
    known = {name: indices[name] for name in _INDICES} | {"p10": protons}
    drivers = pd.DataFrame(wind | known, index=span.index)
    drivers = _average_to_cadence(drivers, start, end, step)
    drivers["Kp"] = drivers["Kp"].round(1)
    return flux, drivers
