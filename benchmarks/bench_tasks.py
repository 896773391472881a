"""Score our own submissions, and spoiled ones, on each task that a dataset holds.

    python benchmarks/bench_tasks.py FOLDER [--members 8] [--tasks daily-2008-2010 ...]

Ours are the ensemble, each year forecast by networks that learned from the others, and the default
imputer, which learned from what the task leaves known. Beside them: persistence, a file shifted by
a day, one with holes, one with log10 values and one with a row twice.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import fluxlib
from fluxlib.benchmark import TASKS, make_truth, read_submission, score_submission
from fluxlib.datasets.series import choose_pair
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.prediction import Persistence, leave_one_year_out
from fluxlib.prediction.windows import DailyData

COLUMNS = ["horizon", "value", "lower", "upper"]


def forecast_days(task, truth, dataset, members):
    """Return the ensemble's forecasts, and persistence's."""
    fluence = (10**truth.known).rename("e2").to_frame().asfreq("D")
    data = DailyData(fluence, dataset.drivers)
    models = {"ours": fluxlib.FluxForecaster(members=members), "persistence": Persistence()}
    years = sorted(set(truth.log_values.index.year))
    table = leave_one_year_out(data, models, years).rename_axis("time")
    return {name: part[COLUMNS].dropna(subset="value") for name, part in table.groupby("model")}


def forecast_rolling(task, truth):
    """Return persistence; we have no model of rolling fluence."""
    times = truth.log_values.index
    parts = [
        pd.DataFrame(
            {"horizon": horizon, "value": 10 ** truth.known.reindex(ago).to_numpy()}, times
        )
        for horizon in task.horizons
        for ago in [times - task.lead(horizon)]
    ]
    return {"persistence": pd.concat(parts).rename_axis("time").dropna()}


def fill_hours(truth, dataset):
    """Return the default imputer's values, and a straight line's."""
    satellite, other = choose_pair(dataset)
    imputer = fluxlib.GARFImputer.for_satellite(dataset, satellite, other=other)
    filled = imputer.fit(10**truth.known).impute(10**truth.known)
    asked = filled.reindex(truth.log_values.index)[COLUMNS[1:]].rename_axis("time")
    line = (10 ** fluxlib.interpolate(truth.known)).reindex(asked.index).to_frame("value")
    return {"ours": asked.dropna(subset="value"), "straight line": line.dropna()}


def spoil(table, horizon_unit):
    """Return files with faults, by what is wrong."""
    shifted = table.set_axis(table.index - horizon_unit)
    kept = np.random.default_rng(0).random(len(table)) < 0.7
    one = {"holes": table[kept], "log10": table.assign(value=np.log10(table["value"]))}
    return one | {"shifted": shifted, "a row twice": pd.concat([table, table[-1:]])}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--tasks", nargs="*", default=list(TASKS))
    options = parser.parse_args()
    dataset = fluxlib.load(options.folder, "1h")
    folder = Path(tempfile.mkdtemp())
    for name in options.tasks:
        task = TASKS[name]
        try:
            truth = make_truth(task, dataset)
        except NotApplicable as reason:
            print(f"\n{name}: {reason}")
            continue
        print(f"\n{name}: {len(truth.log_values)} values, frozen on {truth.frozen}")
        if task.kind == "forecast":
            files = forecast_days(task, truth, dataset, options.members)
        elif task.kind == "rolling":
            files = forecast_rolling(task, truth)
        else:
            files = fill_hours(truth, dataset)
        best = next(iter(files.values()))
        files |= spoil(best, pd.Timedelta("6h" if task.kind == "rolling" else "1D"))
        for label, table in files.items():
            path = folder / f"{name} {label}.csv"
            table.to_csv(path)
            try:
                submission = read_submission(path, task, truth)
            except FluxError as error:
                print(f"{label}: {str(error).removeprefix(str(folder))[:160]}")
                continue
            judged = dataset if label == "ours" else None
            found = score_submission(task, truth, submission, judged)
            print(f"{label}:\n{found.scores.round(3).to_string()}")
            if len(found.rivals):
                print(found.rivals.round(3).to_string())
            for line in found.leaks:
                print("Leak?", line)


if __name__ == "__main__":
    main()
