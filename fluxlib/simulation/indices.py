"""Geomagnetic indices from the solar wind: Dst and SYM-H, the auroral indices, Kp."""

import numpy as np

from fluxlib.simulation.random_processes import PER_HOUR, STEP_HOURS, Span, recur, smooth


def rotate_to_gsm(days: np.ndarray, By: np.ndarray, Bz: np.ndarray) -> tuple:
    """Turn By and Bz from GSE to GSM, roughly, by day of year and hour.

    The dipole's lean gives sectors their season (Russell & McPherron 1973,
    doi 10.1029/JA078i001p00092): a field towards the Sun acts southward in spring, one away
    from it in autumn.

    Parameters
    ----------
    days : ndarray of shape (n,)
        Days since 1995-01-01.
    By, Bz : ndarray of shape (n,)
        Field, nT, GSE.
    """
    season = np.cos(2 * np.pi * (days - 79) / 365.25)
    hour = np.cos(2 * np.pi * (days % 1 - 22.5 / 24))
    angle = np.deg2rad(23.4 * season + 11.4 * hour)
    return By * np.cos(angle) - Bz * np.sin(angle), Bz * np.cos(angle) + By * np.sin(angle)


def couple_field(V: np.ndarray, By: np.ndarray, Bz: np.ndarray) -> np.ndarray:
    """Return the rate at which magnetic flux opens: V^(4/3) B_T^(2/3) sin^(8/3)(angle / 2).

    Newell et al. 2007, doi 10.1029/2006JA012015; V in km/s, By and Bz in nT, GSM.
    """
    across = np.hypot(By, Bz)
    half_sine = np.sqrt(np.maximum(across - Bz, 0) / np.maximum(2 * across, 1e-9))
    return V ** (4 / 3) * across ** (2 / 3) * half_sine ** (8 / 3)


def ring_current(V: np.ndarray, Bz: np.ndarray, P: np.ndarray) -> np.ndarray:
    """Return Dst by injection and decay, nT, at 5-minute steps.

    Burton et al. 1975, doi 10.1029/JA080i031p04204, with the coefficients of O'Brien &
    McPherron 2000, doi 10.1029/1998JA000437: injection and decay time both follow V*Bs.

    Parameters
    ----------
    V, Bz, P : ndarray of shape (n,)
        Speed (km/s), GSM field (nT) and pressure (nPa) of the wind.
    """
    electric = 1e-3 * V * np.maximum(-Bz, 0)
    injection = -4.4 * np.maximum(electric - 0.49, 0)
    hours = 2.40 * np.exp(9.74 / (4.69 + electric))
    current = recur(np.exp(-STEP_HOURS / hours), injection * STEP_HOURS)
    return current + 7.26 * np.sqrt(P) - 11


def _hold(values: np.ndarray, hours: int) -> np.ndarray:
    """Replace each stretch of `hours` by its mean."""
    length = hours * PER_HOUR
    return np.repeat(values.reshape(-1, length).mean(axis=1), length)


def _to_thirds(values: np.ndarray) -> np.ndarray:
    """Round to 0, 0.3, 0.7, 1.0 ... 9.0, as Kp is published."""
    return np.round(np.round(np.clip(values, 0, 9) * 3) / 3, 1)


def disturb(span: Span, wind: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Simulate the indices that a solar wind causes.

    Dst by `ring_current`; the auroral electrojets as the smoothed coupling of `couple_field`
    times log-normal noise; Kp by the regression of Newell et al. 2008,
    doi 10.1029/2007JA012825, on the coupling and the viscous term sqrt(N) V^2.

    Parameters
    ----------
    span : Span
    wind : dict of ndarray
        From `blow_wind`.

    Returns
    -------
    dict of ndarray
        ``SYM_H AE AU AL`` (nT) at every step, ``Dst`` (nT) constant by hour and ``Kp`` by three
        hours.
    """
    By, Bz = rotate_to_gsm(span.days, wind["By"], wind["Bz"])
    coupling = couple_field(wind["V"], By, Bz)
    storm = ring_current(wind["V"], smooth(Bz, 0.5), wind["P"]) + 2.5 * span.wander("Dst", 12)
    noise = np.exp(0.5 * span.wander("AL", 0.6) - 0.12)
    AL = -np.round(4 + 95 * (smooth(coupling, 0.5) / 4000) ** 1.3 * noise)
    noise = np.exp(0.25 * span.wander("AU", 2.0) - 0.03)
    AU = np.round(6 + 58 * (smooth(coupling, 1.2) / 4000) ** 1.2 * noise)
    viscous = np.sqrt(wind["N"]) * wind["V"] ** 2
    level = 0.05 + 2.244e-4 * smooth(coupling, 1.0) + 2.844e-6 * viscous
    return {
        "SYM_H": np.round(storm + 2 * span.wander("SYM_H", 0.3)),
        "Dst": np.round(_hold(storm, 1)),
        "AE": AU - AL,
        "AU": AU,
        "AL": AL,
        "Kp": _to_thirds(_hold(level, 3) + 0.3 * _hold(span.wander("Kp", 3), 3)),
    }
