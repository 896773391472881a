"""From a control's event to its new picture, and memory after many changes.

    python benchmarks/bench_widgets.py [folder of a dataset] [changes]

Every fast control of notebooks 01 to 05 is moved `changes` times to and fro in this process, as a
message of the browser's would move it; the browser's own part is not in it. The resident memory
after all changes is compared with that after 20 of each. Wants an idle machine.
"""

import gc
import itertools
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

import fluxlib
from fluxlib.calibration.fleet import calibrate_fleet
from fluxlib.datasets import series
from fluxlib.observations import gaps
from fluxlib.offsets import features
from fluxlib.plotting import style as plots
from fluxlib.widgets import calibration as widgets_calibration
from fluxlib.widgets import imputation as widgets_imputation
from fluxlib.widgets import observations as widgets_observations
from fluxlib.widgets import offsets as widgets_offsets
from fluxlib.workflow.notebooks import SAMPLE

BEGIN = 20  # changes of each control before memory is measured first
SEARCH = {"population": 20, "generations": 20, "bits": (5, 4, 4)}
DRIVERS = ["V", "N", "P", "B", "Bz", "SYM_H", "Dst", "AE", "AU", "AL", "Kp"]


def make_panels(dataset):
    """Yield each notebook's panel, with values to move its controls between."""
    channels = gaps.list_channels(dataset, "e2")
    months = gaps.list_months(channels)
    yield (
        widgets_observations.explore_coverage(channels),
        {
            "satellite": ["all", *channels],
            "period": [(months[0], months[-1]), (months[12], months[-1]), (months[0], months[24])],
            "large_scale_days": [5.0, 10.0, 15.0],
        },
    )
    fluence = series.log_fluence(dataset)
    pairs = calibrate_fleet(fluence, dataset.manifest.reference).pairs
    panel = widgets_calibration.explore_calibration(fluence, pairs)
    moved = panel.controls["breakpoint"].options[5:30:5]
    yield (
        panel,
        {
            "breakpoint": [value for _, value in moved],
            "kind": ["linear", "piecewise", "auto"],
            "pair": list(panel.controls["pair"].options)[:3],
        },
    )
    targets = {name: series.choose_target(dataset, name) for name in dataset.flux}
    targets = {name: series for name, series in targets.items() if series is not None}
    drivers = dataset.drivers[[name for name in DRIVERS if name in dataset.drivers]]
    drivers = drivers.assign(Bz=features.half_day_mean(drivers["Bz"]))
    panel = widgets_offsets.explore_offsets(drivers, targets, satellite=next(iter(targets)))
    panel.warm_up.join()
    yield (
        panel,
        {
            "satellite": list(targets),
            "threshold": [0.2, 0.3, 0.4],
            "offset_step": [2, 3, 1],
            "max_offset": [72, 96, 120, 144, 192],
            "drivers": [tuple(drivers), ("V", "N"), ("V", "Kp", "Dst")],
        },
    )
    panel = widgets_imputation.explore_search(make_surface(), **SEARCH)
    panel.run_row.start_button.click()
    panel.run_row.job.wait()
    yield (
        panel,
        {
            "population": [20, 40, 60],
            "generations": [20, 50, 100],
            "crossover": [0.5, 0.7],
            "mutation": [0.01, 0.05],
            "elitism": [True, False],
            "random_state": [0, 1, 2],
        },
    )


def make_surface(n=2000, p=6):
    """Return a surface of drawn rows: the replay's time does not depend on what they mean."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, p))
    y = X[:, 0] + X[:, 1] ** 2 + 0.5 * rng.normal(size=n)
    half = n // 2
    return fluxlib.ForestSurface(X[:half], y[:half], X[half:], y[half:], max_depth=16)


def move(panel, moves, changes):
    """Move each control so many times; return milliseconds by control."""
    took = {}
    for name, values in moves.items():
        control, took[name] = panel.controls[name], []
        before = panel.output.value
        for value in itertools.islice(itertools.cycle(values), changes + 1):
            if control.value == value:
                continue
            began = time.perf_counter()
            control.value = value
            took[name].append(1000 * (time.perf_counter() - began))
            assert panel.output.value != before or name in ("kind", "elitism"), (name, value)
            assert "flux-error" not in panel.output.value, panel.output.value
            before = panel.output.value
        control.value = values[0]
    return took


def read_memory():
    """Return this process's resident memory in MB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE
    changes = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    plots.use_style()
    rows, memory = [], []
    for panel, moves in make_panels(fluxlib.load(folder)):
        move(panel, moves, BEGIN)
        early = read_memory()
        took = move(panel, moves, changes)
        memory.append((panel.notebook, early, read_memory()))
        for name, times in took.items():
            median, high = np.percentile(times, [50, 95])
            rows.append((panel.notebook, name, len(times), median, high))
    columns = ["notebook", "control", "changes", "median (ms)", "95th percentile (ms)"]
    print(pd.DataFrame(rows, columns=columns).round(0).to_string(index=False))
    table = pd.DataFrame(memory, columns=["notebook", f"MB after {BEGIN}", f"MB after {changes}"])
    table["more (%)"] = 100 * (table.iloc[:, 2] / table.iloc[:, 1] - 1)
    print(table.round(1).to_string(index=False))


if __name__ == "__main__":
    main()
