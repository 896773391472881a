"""Trapped electrons at geostationary orbit, driven by the solar wind, for the simulator.

A chain of populations, each fed by the one below it and slower than it: substorms inject a seed,
which is accelerated to 0.6 MeV, to 2 MeV and to 4 MeV (Li et al. 2001,
doi 10.1029/2000GL012681, for diffusion and loss driven by the solar wind; Jaynes et al. 2015,
doi 10.1002/2015JA021234, for the chain from seed to source). In each population j

    dj/dt = (a(t) * source - j) / tau - j * loss(t)

is linear in j, so the whole record is solved at once. Strengths and times are set so that the
statistics of the real record come out; they are not measurements.
"""

import numpy as np

from fluxlib.simulation.indices import rotate_to_gsm
from fluxlib.simulation.random_processes import STEP_HOURS, Span, recur, smooth

# Days in which each population follows what feeds it
TAU = {"low": 1.5, "e2": 2.3, "e4": 3.0}
# log10 of the flux in e/(cm2 s sr) where the chain, without a unit, is 1
LEVEL = {"e0.6": 5.2, "e0.8": 4.5, "e2": 2.65, "e4": 1.5}
# Kennel-Petschek limit, in the same measure
LIMIT = {"low": 9.0, "e2": 300.0, "e4": 1000.0}
# How much of the local-time wave and of adiabatic change each population shows
STEEPNESS = {"low": 0.7, "e2": 1.0, "e4": 1.15}


def magnetopause(P: np.ndarray, Bz: np.ndarray) -> np.ndarray:
    """Return the standoff distance of the magnetopause in Earth radii.

    Shue et al. 1998, doi 10.1029/98JA01103; P in nPa, Bz in nT, GSM.
    """
    return (10.22 + 1.29 * np.tanh(0.184 * (Bz + 8.14))) * P ** (-1 / 6.6)


def loss_rate(P: np.ndarray, Bz: np.ndarray) -> np.ndarray:
    """Return the rate, per day, at which electrons are lost through the magnetopause.

    It sets in smoothly as the standoff falls to some 8.5 Earth radii, by pressure and southward
    field together (magnetopause shadowing with outward diffusion; Turner et al. 2012,
    doi 10.1038/nphys2185).
    """
    return 17 / (1 + np.exp((magnetopause(P, Bz) - 8.5) / 0.4))


def accelerate(span: Span, V: np.ndarray) -> np.ndarray:
    """Return the strength of acceleration, 1 on average: waves that fast wind drives.

    Paulikas & Blake 1979, doi 10.1029/GM021p0180, found the flux to follow the speed; part of
    the strength is random here, as what drives it is only partly seen in the wind.
    """
    hidden = 0.27 * span.wander("acceleration", 60) + 0.22 * span.drift("seed")
    return smooth((V / 420) ** 4.6, 18) * 10**hidden


def trap_electrons(span: Span, wind: dict, indices: dict) -> dict[str, np.ndarray]:
    """Simulate the populations that all satellites share, at local noon and midnight alike.

    Parameters
    ----------
    span : Span
    wind, indices : dict of ndarray
        From `blow_wind` and `disturb`.

    Returns
    -------
    dict of ndarray
        log10 of ``low``, ``e2`` and ``e4``, without a unit: 0 is an ordinary day.
    """
    _, Bz = rotate_to_gsm(span.days, wind["By"], wind["Bz"])
    lost = loss_rate(smooth(wind["P"], 0.5), smooth(Bz, 1.0))
    strength = accelerate(span, wind["V"])
    source = smooth(indices["AE"] / 180, 20) ** 1.75
    populations = {}
    for name, tau in TAU.items():
        rate = (1 / tau + lost) / 24
        kept = np.exp(-rate * STEP_HOURS)
        gain = (strength * source + 1e-5) * STEP_HOURS / (24 * tau)
        trapped = recur(kept, gain)
        # Kennel & Petschek 1966, doi 10.1029/JZ071i001p00001: waves that intense fluxes grow
        # themselves scatter what is above a limit
        source = trapped / (1 + trapped / LIMIT[name])
        # Kim & Chan 1997, doi 10.1029/97JA01814: fields that fall and rise again carry
        # electrons out and back
        adiabatic = 0.004 * STEEPNESS[name] * np.minimum(indices["SYM_H"], 10)
        populations[name] = np.log10(source + 1e-9) + adiabatic
    return populations


def turn_local_time(span: Span, longitude: float, level: np.ndarray, Kp: np.ndarray) -> np.ndarray:
    """Return the daily wave of log10 flux at a longitude: high at noon, low at midnight.

    The orbit crosses stretched field lines at night, the more so in disturbed times, and steep
    or low fluxes vary more (Paulikas & Blake 1979).

    Parameters
    ----------
    span : Span
    longitude : float
        Degrees east.
    level : ndarray of shape (n,)
        log10 of the population, 0 on an ordinary day.
    Kp : ndarray of shape (n,)
    """
    hour = 24 * (span.days % 1) + longitude / 15 - 11.4
    wave = np.cos(2 * np.pi * hour / 24) - 0.15 * np.cos(4 * np.pi * hour / 24)
    size = 0.42 - 0.06 * np.clip(level, -2, 2) + 0.03 * (Kp - 2)
    return size * wave


def stretch_tail(span: Span, position: str, longitude: float, Kp: np.ndarray) -> np.ndarray:
    """Return by how much log10 flux dips at night while the tail is stretched.

    Minutes to hours before substorms the night side maps to field lines with few electrons
    (Sauvaud & Winckler 1980, doi 10.1029/JA085iA05p02043); more so in disturbed times.

    Parameters
    ----------
    span : Span
    position : str
        Satellites of one position see the same dips.
    longitude : float
        Degrees east.
    Kp : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,), not negative
    """
    hour = 24 * (span.days % 1) + longitude / 15
    night = np.maximum(np.cos(2 * np.pi * hour / 24), 0)
    spell = np.maximum(span.wander(f"stretched tail {position}", 1.5) - 0.9, 0)
    return 0.22 * spell * night * (1 + Kp)
