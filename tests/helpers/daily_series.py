"""Daily series whose best forecast is known."""

import numpy as np
import pandas as pd

from fluxlib.evaluation.metrics import scores

MEMORY, RESPONSE, NOISE = 0.7, 0.4, 0.15


def make_series(n_days=1200, *, seed=0, start="2001-01-01"):
    """Draw log10 fluence that answers the speed of the same day; a frame a day.

    log e2(d + 1) = 6 + MEMORY (log e2(d) - 6) + RESPONSE v(d) + NOISE e: at the end of day d,
    only the last term is unknown.
    """
    rng = np.random.default_rng(seed)
    v = rng.normal(size=n_days)
    log = np.zeros(n_days)
    for d in range(n_days - 1):
        log[d + 1] = MEMORY * log[d] + RESPONSE * v[d] + NOISE * rng.normal()
    days = pd.date_range(start, periods=n_days, freq="D", name="time")
    return pd.DataFrame({"e2": 10 ** (6 + log), "V": 450 + 80 * v}, index=days)


def make_noise(n_days=1200, *, seed=0):
    """Draw fluence and speed that nothing foretells."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2001-01-01", periods=n_days, freq="D", name="time")
    log, v = rng.normal(size=(2, n_days))
    return pd.DataFrame({"e2": 10 ** (6 + log), "V": 450 + 80 * v}, index=days)


def find_best_pe(frame, horizon):
    """Return the PE of the best forecast of `make_series` on these very days."""
    log, v = np.log10(frame["e2"]) - 6, (frame["V"] - 450) / 80
    best = MEMORY ** (horizon - 1) * (MEMORY * log + RESPONSE * v).shift(horizon)
    error = (log - best).dropna()
    return 1 - (error**2).sum() / ((log - log.mean()) ** 2).sum()


def score_horizon(frame, table, horizon):
    """Return the PE of forecasts of one horizon."""
    part = table[table["horizon"] == horizon]
    return scores(np.log10(frame["e2"].reindex(part.index)), np.log10(part["value"]))["PE"]


def make_bent_pair(noise=0.0):
    """Return log10 fluence of goes13 and goes15: the slope is 0.8 below 7 and 1.3 above."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2014-01-01", periods=500, freq="D", name="time")
    x = pd.Series(rng.uniform(5, 9, len(days)), days, name="goes15")
    y = 1.4 + 0.8 * x + 0.5 * np.maximum(x - 7, 0)
    return (y + noise * rng.normal(size=len(x))).rename("goes13"), x
