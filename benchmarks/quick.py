"""Measure the quick ratios, and append them to the table of docs/speed.md.

    python benchmarks/quick.py [--dry-run]

A minute. Each ratio compares with the obvious alternative in the same process, so that it can be
followed from commit to commit on whatever machine; wants an idle one.
"""

import argparse
import os
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from bench_forecast import train_by_defaults, train_together
from bench_offsets import correlate_pandas, make_data
from timing import time_call

import fluxlib
from fluxlib.datasets import write_dataset

TABLE = Path(__file__).parents[1] / "docs" / "speed.md"


def compare_offsets():
    """Correlate 12 drivers at 481 offsets, four years of 5 min, and by pandas' shift and corr."""
    drivers, target = make_data(4)
    hours = np.arange(481) / 4
    ours, _ = time_call(lambda: fluxlib.spearman_offsets(drivers, target, hours))
    cells = [(f"d{i}", hours[i * 150]) for i in range(3)]
    theirs = [time_call(lambda c=c: correlate_pandas(drivers, target, *c))[0] for c in cells]
    return np.mean(theirs) * drivers.shape[1] * len(hours) / ours


def compare_calibration():
    """Fit a line with 1,000 bootstrap replicates, against fitting each replicate anew."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2010", periods=1500)
    latent = 7 + np.sin(np.arange(1500) / 20)
    first, second = (pd.Series(latent + 0.1 * rng.normal(size=1500), days) for _ in range(2))
    ours, _ = time_call(lambda: fluxlib.fit_calibration(first, second))
    theirs = [
        time_call(lambda: fluxlib.fit_calibration(first, second, n_boot=2))[0] for _ in range(5)
    ]
    return 1000 * np.median(theirs) / ours


def compare_loading():
    """Load a year of two satellites at 5 min from the cache, against reading its files."""
    simulated = fluxlib.simulate("2013-01-01", "2014-01-01", "5min")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FLUX_CACHE"] = f"{folder}/cache"
        write_dataset(simulated, Path(folder) / "data")
        cold, _ = time_call(lambda: fluxlib.load(f"{folder}/data", "5min"))
        warm, _ = time_call(lambda: fluxlib.load(f"{folder}/data", "5min"))
    return cold / warm


def compare_training():
    """Train eight networks, five epochs, with compiling, against Keras's defaults in turn."""
    forecaster = fluxlib.FluxForecaster(epochs=5)
    windows = forecaster.make_windows(fluxlib.simulate("2008-01-01", "2012-01-01", "1h"))
    windows = windows.take(np.isfinite(windows.target).all(axis=1))
    forecaster._learn_scales(windows)
    inputs, target = forecaster.scale_inputs(windows), forecaster.scale_target(windows)
    known = forecaster, inputs, target, np.arange(len(target))
    ours, _ = time_call(lambda: train_together(*known))
    theirs, _ = time_call(lambda: train_by_defaults(*known))
    return theirs / ours


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="print the row, and keep nothing")
    options = parser.parse_args()
    compared = [compare_offsets, compare_calibration, compare_loading, compare_training]
    ratios = [f"{compare():.3g}" for compare in compared]
    git = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    commit = subprocess.run(git, capture_output=True, text=True, cwd=TABLE.parent).stdout.strip()
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    row = f"| {date} | `{commit}` | {os.cpu_count()} | {' | '.join(ratios)} |"
    print(row)
    if not options.dry_run:
        with TABLE.open("a", encoding="utf-8") as file:
            file.write(row + "\n")


if __name__ == "__main__":
    main()
