"""How often the 95 % intervals of a calibration hold the truth, and how long a fit takes.

    python benchmarks/bench_calibration.py [simulations]

Three years of days. The latent log10 flux is an AR(1) series with two humps; both satellites err
with an AR(1) series of their own. Censored: the other satellite has a floor that hides a fifth of
its days, of which half are missing and half at the floor; the reference one that hides a tenth.
"""

import sys
import time

import numpy as np
import pandas as pd
from scipy import signal

import fluxlib

DAYS, NOISE, MEMORY = 1095, 0.1, 0.6
TRUTH = {"intercept": 0.4, "slope": 0.8, "slope_above": 1.1, "breakpoint": 2.2}


def draw_memory(rng, memory):
    """Draw an AR(1) series of unit variance."""
    noise = rng.normal(scale=np.sqrt(1 - memory**2), size=DAYS + 100)
    return signal.lfilter([1], [1, -memory], noise)[100:]


def simulate_pair(seed, bend):
    """Draw reference and other, log10."""
    rng = np.random.default_rng(seed)
    humps = draw_memory(rng, 0.85)
    truth = 2.2 + 0.5 * humps + 0.45 * np.tanh(3 * humps)
    response = TRUTH["intercept"] + TRUTH["slope"] * truth
    if bend:
        above = TRUTH["slope_above"] - TRUTH["slope"]
        response = response + above * np.maximum(truth - TRUTH["breakpoint"], 0)
    index = pd.date_range("2014-01-01", periods=DAYS, freq="D", name="time")
    reference = pd.Series(response + NOISE * draw_memory(rng, MEMORY), index)
    return reference, pd.Series(truth + NOISE * draw_memory(rng, MEMORY), index)


def hide_low(reference, other):
    """Censor both; gives the series and the options that say so."""
    floor_other, floor_reference = other.quantile(0.2), reference.quantile(0.1)
    low = other < floor_other
    missing = low & (np.arange(DAYS) % 2 == 0)
    options = {
        "floor_other": floor_other,
        "floor_reference": floor_reference,
        "low_other": missing,
    }
    return (
        reference.clip(lower=floor_reference),
        other.clip(lower=floor_other).mask(missing),
        options,
    )


def measure_coverage(kind, censored, n_simulations):
    """Share of simulations whose interval holds the truth, bias, and seconds a fit."""
    inside, errors, p_values, start = [], [], [], time.perf_counter()
    for seed in range(n_simulations):
        reference, other = simulate_pair(seed, kind == "piecewise")
        options = {}
        if censored:
            reference, other, options = hide_low(reference, other)
        fit = fluxlib.fit_calibration(reference, other, kind, random_state=seed, **options)
        table = fit.coefficients.join(pd.Series(TRUTH, name="truth"))
        inside.append(table["truth"].between(table["lower"], table["upper"]))
        errors.append(table["value"] - table["truth"])
        p_values.append(fit.p_bend)
    seconds = (time.perf_counter() - start) / n_simulations
    errors = pd.DataFrame(errors)
    table = pd.DataFrame(
        {
            "inside_%": 100 * pd.DataFrame(inside).mean(),
            "bias": errors.mean(),
            "sd": errors.std(),
        }
    )
    table["seconds"] = seconds
    if kind == "piecewise":
        table["bend_found_%"] = 100 * np.mean(np.array(p_values) < 0.05)
    return table


def measure_false_bends(n_simulations):
    """Share of simulations with one line in which the test finds two pieces at 5 %."""
    found = [
        fluxlib.fit_calibration(*simulate_pair(seed, False), "piecewise", random_state=seed).p_bend
        for seed in range(n_simulations)
    ]
    return 100 * np.mean(np.array(found) < 0.05)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for kind in ("linear", "piecewise"):
        for censored in (False, True):
            print(f"\n{kind}, {'censored' if censored else 'not censored'}, {n} simulations")
            print(measure_coverage(kind, censored, n).round(4).to_string(), flush=True)
    print(f"\none line, two pieces found at 5 %: {measure_false_bends(n):.1f} %")


if __name__ == "__main__":
    main()
