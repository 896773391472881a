"""Spearman correlation at many offsets: seconds and memory, against pandas.

    python benchmarks/bench_offsets.py [years]

Twelve drivers, 1,441 offsets of 5 min (0..120 h), 18 years of 5-min samples with a fifth missing
in long gaps. pandas and ``exact`` are timed on a few cells in the same process and extrapolated.
"""

import sys
import time

import numpy as np
import pandas as pd
from scipy import signal
from timing import read_peak, time_call

import fluxlib

N_DRIVERS, N_OFFSETS, MEASURED = 12, 1441, 5


def make_data(years, seed=0):
    """Draw drivers that decorrelate in a day, every third a rounded index, and their target."""
    rng = np.random.default_rng(seed)
    index = pd.date_range("1999-01-01", periods=int(years * 105_192), freq="5min", name="time")
    drivers = pd.DataFrame(index=index)
    for i in range(N_DRIVERS):
        values = signal.lfilter([0.05], [1, -0.995], rng.normal(size=len(index)))
        values = np.round(20 * values) if i % 3 == 2 else values
        drivers[f"d{i}"] = punch_gaps(values, rng)
    smooth = signal.lfilter([1 / 288], [1, -287 / 288], drivers["d0"].fillna(0))
    target = smooth + rng.normal(scale=smooth.std(), size=len(index))
    return drivers, pd.Series(punch_gaps(target, rng), index)


def punch_gaps(values, rng, share=0.1):
    """Take out stretches of ten days on average."""
    while np.isnan(values).mean() < share:
        start = rng.integers(len(values))
        values[start : start + int(rng.exponential(2880))] = np.nan
    return values


def read_clocks():
    """Seconds on the clock, and of the processor; all of it is one thread."""
    return np.array([time.perf_counter(), time.process_time()])


def correlate_pandas(drivers, target, name, hours):
    """One cell as a notebook would have it."""
    shifted = drivers[name].shift(round(hours * 12))
    return shifted.corr(target, method="spearman")


def main():
    years = float(sys.argv[1]) if len(sys.argv) > 1 else 18
    drivers, target = make_data(years)
    before = read_peak()
    offsets = np.arange(N_OFFSETS) / 12
    seconds, table = time_call(
        lambda: fluxlib.spearman_offsets(drivers, target, offsets), read_clocks
    )
    peak = read_peak()
    cells = [(f"d{i % N_DRIVERS}", offsets[i * 359]) for i in range(MEASURED)]
    pandas_seconds, exact_seconds, gaps = [], [], []
    for name, hours in cells:
        took, rho = time_call(
            lambda n=name, h=hours: correlate_pandas(drivers, target, n, h), read_clocks
        )
        pandas_seconds.append(took)
        gaps.append(abs(rho - table.loc[hours, name]))
    for name in ("d0", "d2"):
        took, _ = time_call(
            lambda n=name: fluxlib.spearman_offsets(
                drivers[[n]], target, offsets[::100], method="exact"
            ),
            read_clocks,
        )
        exact_seconds.append(took / len(offsets[::100]))
    total = N_DRIVERS * N_OFFSETS
    per_pandas, per_exact = np.mean(pandas_seconds, axis=0), np.mean(exact_seconds, axis=0)
    rows = [
        ("pandas shift + corr", per_pandas),
        ("exact", per_exact),
        ("fft", seconds / total),
    ]
    print(f"{len(drivers):,} rows, {N_DRIVERS} drivers, {N_OFFSETS:,} offsets")
    print(f"pandas measured on {MEASURED} cells, exact on {2 * len(offsets[::100])}; scaled up")
    print(f"{'all cells':<20} {'seconds':>10} {'of CPU':>10} {'x pandas':>10} {'by CPU':>10}")
    for label, cell in rows:
        (whole, cpu), (ratio, cpu_ratio) = cell * total, per_pandas / cell
        print(f"{label:<20} {whole:>10,.1f} {cpu:>10,.1f} {ratio:>10,.0f} {cpu_ratio:>10,.0f}")
    print(f"peak memory {peak:.2f} GiB, of which data and imports {before:.2f}")
    print(f"largest difference of fft from pandas on those cells {max(gaps):.1e}")


if __name__ == "__main__":
    main()
