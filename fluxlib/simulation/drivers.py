"""Simulated drivers: the solar wind, and the geomagnetic indices that follow from it.

The wind follows the textbook picture rather than any one event: slow wind that carries recurrent
high-speed streams with a compression region ahead (Gosling & Pizzo 1999,
doi 10.1023/A:1005291711900; Tsurutani et al. 2006, doi 10.1029/2005JA011273), coronal mass
ejections made of a sheath and a cloud whose field rotates (Burlaga et al. 1981,
doi 10.1029/JA086iA08p06673), and a Parker spiral in magnetic sectors. The level of streams and
ejections by year is set after the OMNI record. The indices follow from published couplings.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from fluxlib.simulation.random_processes import (
    BLOCK_DAYS,
    EPOCH,
    PER_HOUR,
    STEP_HOURS,
    SimulationSpan,
    linear_recurrence,
    past_mean,
)

SYNODIC_ROTATION = 27.27  # days, of the Sun as seen from the Earth
SHOCK_SPEED = 120  # km/s above the wind: ejections that are faster accelerate protons
_LONGEST_LIFE = 18  # rotations during which a stream may return

# Year (its middle), strength of streams, ejections a year, field of the undisturbed wind in nT
_CYCLE = np.array(
    [
        (1995, 0.95, 8, 4.6),
        (1996, 0.60, 5, 4.1),
        (1997, 0.30, 13, 4.3),
        (1998, 0.42, 26, 4.8),
        (1999, 0.62, 30, 4.9),
        (2000, 0.58, 38, 5.0),
        (2001, 0.42, 38, 4.9),
        (2002, 0.62, 32, 5.4),
        (2003, 1.90, 24, 5.3),
        (2004, 0.85, 22, 4.8),
        (2005, 1.00, 22, 4.5),
        (2006, 0.85, 12, 3.9),
        (2007, 1.00, 5, 3.5),
        (2008, 1.10, 4, 3.2),
        (2009, 0.10, 5, 3.3),
        (2010, 0.58, 10, 3.7),
        (2011, 0.72, 18, 3.9),
        (2012, 0.60, 24, 4.2),
        (2013, 0.52, 21, 3.9),
        (2014, 0.50, 22, 4.6),
        (2015, 0.85, 20, 4.9),
        (2016, 0.98, 10, 4.7),
        (2017, 1.00, 8, 4.3),
        (2018, 0.75, 5, 3.9),
        (2019, 0.60, 4, 3.7),
    ]
)


def solar_cycle(days: npt.ArrayLike) -> tuple[np.ndarray, ...]:
    """Return stream strength (about 1 in declining years), ejections a year and field (nT)."""
    years = EPOCH.year + np.asarray(days) / 365.25
    return tuple(np.interp(years, _CYCLE[:, 0] + 0.5, column) for column in _CYCLE[:, 1:].T)


def draw_streams(span: SimulationSpan) -> pd.DataFrame:
    """Draw the passages of high-speed streams, which form, drift, grow and fade.

    Returns
    -------
    DataFrame
        A row for each passage: ``onset`` (days since 1995-01-01, the stream interface), ``rise``
        (km/s above slow wind), ``plateau`` and ``tail`` (days), ``squeeze`` (compression).
    """
    passages = []
    for block in range(span.first - _LONGEST_LIFE, span.last + 1):
        rng = span.generator("streams", block)
        strength = float(solar_cycle(block * BLOCK_DAYS)[0])
        for _ in range(rng.poisson(0.40 + 0.40 * strength)):
            life = min(1 + rng.geometric(1 / (2.0 + 3.0 * strength)), _LONGEST_LIFE)
            turn = np.arange(life)
            onset = block * BLOCK_DAYS + rng.uniform(0, SYNODIC_ROTATION) + turn * SYNODIC_ROTATION
            onset = onset + turn * rng.normal(0, 0.25) + rng.normal(0, 0.5, life)
            envelope = np.sqrt(np.sin(np.pi * (turn + 1) / (life + 1)))
            now = solar_cycle(onset)[0]
            rise = rng.uniform(150, 310) * (0.25 + 0.95 * now) * envelope
            passages.append(
                pd.DataFrame(
                    {
                        "onset": onset,
                        "rise": np.minimum(rise * rng.lognormal(0, 0.15, life), 450),
                        "plateau": rng.uniform(0.4, 2.2) * rng.lognormal(0, 0.2, life),
                        "tail": rng.uniform(1.2, 2.6) * rng.lognormal(0, 0.15, life),
                        "squeeze": rng.lognormal(0, 0.35, life),
                    }
                )
            )
    return pd.concat(passages, ignore_index=True).sort_values("onset", ignore_index=True)


def draw_ejections(span: SimulationSpan) -> pd.DataFrame:
    """Draw the coronal mass ejections that reach the Earth, at the rate of the solar cycle.

    Returns
    -------
    DataFrame
        A row for each ejection: ``onset`` of the shock (days since 1995-01-01), ``jump`` in speed
        (km/s), ``sheath`` and ``cloud`` (days), ``field`` of the cloud (nT), ``angle`` at which
        its Bz starts and ``turn`` by which it rotates (radians).
    """
    rows = []
    for block in range(span.first - 1, span.last):
        rng = span.generator("ejections", block)
        rate = float(solar_cycle(block * BLOCK_DAYS)[1])
        count = rng.poisson(rate * BLOCK_DAYS / 365.25)
        jump = rng.lognormal(4.6, 0.7, count).clip(20, 600)
        rows.append(
            pd.DataFrame(
                {
                    "onset": block * BLOCK_DAYS + rng.uniform(0, BLOCK_DAYS, count),
                    "jump": jump,
                    "sheath": rng.uniform(0.25, 0.6, count),
                    "cloud": rng.uniform(0.6, 1.5, count),
                    "field": (8 + 0.035 * jump) * rng.lognormal(0, 0.25, count),
                    "angle": rng.uniform(-np.pi, np.pi, count),
                    "turn": rng.choice([-1, 1], count) * rng.uniform(0.6, 1.1, count) * np.pi,
                }
            )
        )
    return pd.concat(rows, ignore_index=True).sort_values("onset", ignore_index=True)


def _window(
    span: SimulationSpan, onset: float, before: float, after: float
) -> tuple[slice, np.ndarray]:
    """Return the steps around an onset and their days since it."""
    lower, upper = np.searchsorted(span.days, [onset - before, onset + after])
    return slice(lower, upper), span.days[lower:upper] - onset


def add_streams(span: SimulationSpan) -> dict[str, np.ndarray]:
    """Put the streams on the grid: speed above slow wind, compression of plasma and of field."""
    rise, dense, strong = np.zeros(span.size), np.zeros(span.size), np.zeros(span.size)
    for passage in draw_streams(span).itertuples():
        where, day = _window(span, passage.onset, 2, 14)
        fall = np.exp(-((np.maximum(day - passage.plateau - 0.6, 0) / passage.tail) ** 1.2))
        speed = passage.rise * fall / (1 + np.exp(-(day - 0.35) / 0.17))
        power = min(passage.squeeze * passage.rise / 220, 2.5)
        np.maximum(rise[where], speed, out=rise[where])
        ahead = power * np.exp(-(((day + 0.15) / 0.45) ** 2))
        np.maximum(dense[where], ahead, out=dense[where])
        np.maximum(strong[where], power * np.exp(-(((day - 0.2) / 0.5) ** 2)), out=strong[where])
    return {"rise": rise, "dense": dense, "strong": strong}


def add_ejections(span: SimulationSpan) -> dict[str, np.ndarray]:
    """Put the ejections on the grid: speed, sheath, and the cloud's field and angle."""
    names = ["rise", "sheath", "cloud", "field", "angle"]
    grid = {name: np.zeros(span.size) for name in names}
    for event in draw_ejections(span).itertuples():
        where, day = _window(span, event.onset, 0, 6)
        end = event.sheath + event.cloud
        speed = event.jump * np.exp(-np.maximum(day - event.sheath, 0) / 1.1)
        np.maximum(grid["rise"][where], speed, out=grid["rise"][where])
        in_sheath = day < event.sheath
        grid["sheath"][where] = np.where(in_sheath, event.jump / 200, grid["sheath"][where])
        inside = (day >= event.sheath) & (day < end)
        part = (day - event.sheath) / event.cloud
        bell = np.sin(np.pi * np.clip(part, 0, 1)) ** 0.7
        grid["cloud"][where] = np.where(inside, np.minimum(4 * bell, 1), grid["cloud"][where])
        grid["field"][where] = np.where(inside, event.field * bell, grid["field"][where])
        angle = event.angle + event.turn * part
        grid["angle"][where] = np.where(inside, angle, grid["angle"][where])
    return grid


def alfvenic_fluctuations(span: SimulationSpan, component: str) -> np.ndarray:
    """Return fluctuations of unit variance whose autocorrelation is that of OMNI's hourly Bz."""
    parts = [(0.40, 0.35), (0.42, 2.0), (0.18, 10.0)]
    return sum(
        np.sqrt(share) * span.ornstein_uhlenbeck(f"{component} {hours} h", hours)
        for share, hours in parts
    )


def magnetic_polarity(span: SimulationSpan) -> np.ndarray:
    """Return the polarity of two to four sectors: -1 toward the Sun, 1 away from it."""
    turns = 2 * np.pi * span.days / SYNODIC_ROTATION
    two = np.sin(turns + 0.8 * span.slow_curve("two sectors"))
    four = np.sin(2 * turns + 1.2 * span.slow_curve("four sectors"))
    return np.tanh((two + 0.8 * four) / 0.15)


def _simulate_plasma(span: SimulationSpan, streams: dict, ejections: dict) -> dict[str, np.ndarray]:
    """Return V, Vx, N, T and P."""
    base = 332 + 26 * np.minimum(solar_cycle(span.days)[0], 1.2)
    slow = base + 22 * span.slow_curve("slow wind") + 28 * span.ornstein_uhlenbeck("V slow", 30)
    V = slow + np.maximum(streams["rise"], ejections["rise"])
    V = np.maximum(V * (1 + 0.022 * span.ornstein_uhlenbeck("V", 3)), 240)
    N = (
        4.2
        * (V / 400) ** -1.9
        * np.exp(0.36 * span.ornstein_uhlenbeck("N", 18) + 0.10 * span.ornstein_uhlenbeck("n", 0.5))
    )
    N = N * (1 + 3.0 * streams["dense"] + 1.8 * ejections["sheath"])
    N = np.clip(N * (1 - 0.3 * ejections["cloud"]), 0.1, 90)
    # Lopez 1987, doi 10.1029/JA092iA10p11189, cooler in clouds
    T = 1e3 * np.maximum(0.031 * V - 5.1, 2.5) ** 2 * (1 - 0.65 * ejections["cloud"])
    T = T * (1 + 0.8 * streams["strong"]) * np.exp(0.4 * span.ornstein_uhlenbeck("T", 4))
    sideways = 24 * np.hypot(span.ornstein_uhlenbeck("Vy", 6), span.ornstein_uhlenbeck("Vz", 6))
    Vx = -np.sqrt(V**2 - np.minimum(sideways, 0.5 * V) ** 2)
    return {"V": V, "Vx": Vx, "N": N, "T": T, "P": 2e-6 * N * V**2}


def _simulate_field(
    span: SimulationSpan, V: np.ndarray, streams: dict, ejections: dict
) -> dict[str, np.ndarray]:
    """Return B, Bx, By and Bz (GSE)."""
    change = np.exp(0.20 * span.ornstein_uhlenbeck("B", 20) + 0.1 * span.ornstein_uhlenbeck("b", 2))
    B = 1.06 * solar_cycle(span.days)[2] * change
    B = B * (1 + 1.4 * streams["strong"] + 1.1 * np.minimum(ejections["sheath"], 2.5))
    B = np.hypot(B * (1 - 0.5 * ejections["cloud"]), ejections["field"])
    polarity = magnetic_polarity(span)
    spiral = np.arctan(405 / V)
    unrest = 0.52 + 0.36 * np.clip((V - 350) / 250, 0, 1) + 0.2 * streams["strong"].clip(0, 1)
    unrest = unrest * (1 - 0.8 * ejections["cloud"])
    cloud = 1.5 * ejections["cloud"]
    x = -polarity * np.cos(spiral) * (1 - ejections["cloud"]) + unrest * alfvenic_fluctuations(
        span, "Bx"
    )
    y = polarity * np.sin(spiral) * (1 - ejections["cloud"]) + unrest * alfvenic_fluctuations(
        span, "By"
    )
    y = y + cloud * np.cos(ejections["angle"])
    z = 0.85 * unrest * alfvenic_fluctuations(span, "Bz") + cloud * np.sin(ejections["angle"])
    scale = B / np.sqrt(x**2 + y**2 + z**2)
    return {"B": B, "Bx": x * scale, "By": y * scale, "Bz": z * scale}


def simulate_solar_wind(span: SimulationSpan) -> dict[str, np.ndarray]:
    """Simulate the solar wind at the Earth on the span's 5-minute grid.

    Returns
    -------
    dict of ndarray
        ``V`` and ``Vx`` (km/s), ``N`` (cm-3), ``T`` (K), ``P`` (nPa, OMNI's formula with its
        share of helium), ``B Bx By Bz`` (nT, GSE).
    """
    streams, ejections = add_streams(span), add_ejections(span)
    plasma = _simulate_plasma(span, streams, ejections)
    return plasma | _simulate_field(span, plasma["V"], streams, ejections)


def simulate_protons(span: SimulationSpan) -> np.ndarray:
    """Simulate the integral flux of protons above 10 MeV, p/(cm2 s sr), at the orbit.

    The shocks of fast ejections accelerate them. They arrive a day before the shock and fade
    within days; from one event to the next the peak differs by decades (Reames 1999, doi
    10.1023/A:1005105831781).
    """
    flux = 0.15 * 10 ** (0.08 * span.white_noise("proton background"))
    for event in draw_ejections(span).itertuples():
        if event.jump < SHOCK_SPEED:
            continue
        where, day = _window(span, event.onset - 1, 0, 8)
        luck = span.generator("proton event", int(event.onset * 24)).standard_normal()
        peak = 10 ** (0.5 + 0.006 * (event.jump - SHOCK_SPEED) + 0.7 * luck)
        flux[where] += peak * (1 - np.exp(-day / 0.3)) * np.exp(-day)
    return flux


def gse_to_gsm(days: np.ndarray, By: np.ndarray, Bz: np.ndarray) -> tuple:
    """Rotate By and Bz from GSE to GSM, approximately, by day of year and hour.

    The tilt of the dipole gives sectors a season (Russell & McPherron 1973,
    doi 10.1029/JA078i001p00092): a field toward the Sun has a southward component in spring, one
    away from it in autumn.
    """
    season = np.cos(2 * np.pi * (days - 79) / 365.25)
    hour = np.cos(2 * np.pi * (days % 1 - 22.5 / 24))
    angle = np.deg2rad(23.4 * season + 11.4 * hour)
    return By * np.cos(angle) - Bz * np.sin(angle), Bz * np.cos(angle) + By * np.sin(angle)


def solar_wind_coupling(V: np.ndarray, By: np.ndarray, Bz: np.ndarray) -> np.ndarray:
    """Return the rate at which magnetic flux opens: V^(4/3) B_T^(2/3) sin^(8/3)(angle / 2).

    Newell et al. 2007, doi 10.1029/2006JA012015; V in km/s, By and Bz in nT, GSM.
    """
    across = np.hypot(By, Bz)
    half_sine = np.sqrt(np.maximum(across - Bz, 0) / np.maximum(2 * across, 1e-9))
    return V ** (4 / 3) * across ** (2 / 3) * half_sine ** (8 / 3)


def ring_current(V: np.ndarray, Bz: np.ndarray, P: np.ndarray) -> np.ndarray:
    """Return Dst by injection and decay, nT, at 5-minute steps.

    Burton et al. 1975, doi 10.1029/JA080i031p04204, with the coefficients of O'Brien &
    McPherron 2000, doi 10.1029/1998JA000437: injection and decay time both follow V*Bs. V in
    km/s, Bz in nT (GSM), P in nPa.
    """
    electric = 1e-3 * V * np.maximum(-Bz, 0)
    injection = -4.4 * np.maximum(electric - 0.49, 0)
    hours = 2.40 * np.exp(9.74 / (4.69 + electric))
    current = linear_recurrence(np.exp(-STEP_HOURS / hours), injection * STEP_HOURS)
    return current + 7.26 * np.sqrt(P) - 11


def _hold(values: np.ndarray, hours: int) -> np.ndarray:
    """Replace each block of `hours` by its mean."""
    length = hours * PER_HOUR
    return np.repeat(values.reshape(-1, length).mean(axis=1), length)


def _to_thirds(values: np.ndarray) -> np.ndarray:
    """Round to 0, 0.3, 0.7, 1.0 ... 9.0, as Kp is published."""
    return np.round(np.round(np.clip(values, 0, 9) * 3) / 3, 1)


def simulate_indices(span: SimulationSpan, wind: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Simulate the geomagnetic indices that follow from a solar wind.

    Dst by `ring_current`; the auroral electrojets as the smoothed coupling of `solar_wind_coupling`
    times log-normal noise; Kp by the regression of Newell et al. 2008,
    doi 10.1029/2007JA012825, on the coupling and the viscous term sqrt(N) V^2.

    Returns
    -------
    dict of ndarray
        ``SYM_H AE AU AL`` (nT) at every step, ``Dst`` (nT) constant by hour and ``Kp`` by three
        hours.
    """
    By, Bz = gse_to_gsm(span.days, wind["By"], wind["Bz"])
    coupling = solar_wind_coupling(wind["V"], By, Bz)
    storm = ring_current(wind["V"], past_mean(Bz, 0.5), wind["P"]) + 2.5 * span.ornstein_uhlenbeck(
        "Dst", 12
    )
    noise = np.exp(0.5 * span.ornstein_uhlenbeck("AL", 0.6) - 0.12)
    AL = -np.round(4 + 95 * (past_mean(coupling, 0.5) / 4000) ** 1.3 * noise)
    noise = np.exp(0.25 * span.ornstein_uhlenbeck("AU", 2.0) - 0.03)
    AU = np.round(6 + 58 * (past_mean(coupling, 1.2) / 4000) ** 1.2 * noise)
    viscous = np.sqrt(wind["N"]) * wind["V"] ** 2
    level = 0.05 + 2.244e-4 * past_mean(coupling, 1.0) + 2.844e-6 * viscous
    return {
        "SYM_H": np.round(storm + 2 * span.ornstein_uhlenbeck("SYM_H", 0.3)),
        "Dst": np.round(_hold(storm, 1)),
        "AE": AU - AL,
        "AU": AU,
        "AL": AL,
        "Kp": _to_thirds(_hold(level, 3) + 0.3 * _hold(span.ornstein_uhlenbeck("Kp", 3), 3)),
    }
