"""Score a saved imputer on a year that it never saw, in a process of its own.

    python benchmarks/bench_new_year.py FOLDER [--satellite goes15] [--other goes13]
        [--until 2015-12]

The imputer learns from all months until the given one, is saved, and read again by another process,
which hides each later month in turn and fills it, then gaps of 6 to 240 hours. Boosted trees with
the same inputs, learned from the same hours, stand beside it.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from xgboost import XGBRegressor

import fluxlib
from fluxlib.datasets.series import choose_target
from fluxlib.evaluation.skill import score_intervals
from fluxlib.imputation.hidden_gaps import interval_coverage
from fluxlib.imputation.imputer import SatelliteImputer, interpolate
from fluxlib.observations.gaps import draw_gaps

HOURS = (6, 12, 24, 72, 240)
STATES = ["known", "partly known", "silent"]


def train(dataset, options):
    """Fit on the months until the given one, and save; return CPU seconds and bytes."""
    truth = choose_target(dataset, options.satellite)
    imputer = fluxlib.GARFImputer.for_satellite(dataset, options.satellite, other=options.other)
    start = time.process_time()
    imputer.fit_log(truth[: options.until])
    seconds = time.process_time() - start
    return seconds, imputer.save(options.file).stat().st_size


def fill(imputer, truth, hidden):
    """Return what fills the hidden times, and what was known of the other satellite there."""
    series = truth.drop(hidden).reindex(imputer.features.index)
    filled = imputer.impute_log(series).loc[hidden]
    return filled.assign(state=imputer.tell_known().loc[hidden])


def test(dataset, options):
    """Print the scores of months and of gaps after the given month."""
    truth = choose_target(dataset, options.satellite)
    imputer = SatelliteImputer.load(options.file, dataset)
    features = imputer.features
    known = truth.dropna()
    known = known[known.index.isin(features.index)]
    old, new = known[: options.until], known[pd.Period(options.until, "M").end_time :]
    rivals = {}
    for name, model in {
        "HistGradientBoosting": HistGradientBoostingRegressor(random_state=0),
        "XGBoost": XGBRegressor(random_state=0, n_jobs=2),
    }.items():
        start = time.process_time()
        columns = features.to_numpy(float)
        rows = features.index.isin(old.index)
        model.fit(columns[rows], old)
        rivals[name] = pd.Series(model.predict(columns), features.index)
        print(f"{name}: {time.process_time() - start:.1f} CPU s")
    months = [part.index for _, part in new.groupby(new.index.to_period("M"))]
    table = pd.concat([fill(imputer, known, month) for month in months])
    show("months", known, table, rivals)
    grid = new.reindex(features.loc[new.index[0] :].index)
    for hours in HOURS:
        gaps = draw_gaps(grid, hours, options.gaps)
        if gaps:
            hidden = gaps[0].append(gaps[1:])
            more = {kind: interpolate(known.drop(hidden).reindex(features.index), kind)
                    for kind in ("linear", "cubic")}  # fmt: skip
            show(f"{hours} h", known, fill(imputer, known, hidden), rivals | more)


def show(label, truth, filled, rivals):
    """Print one row a method, and how much the interval covers by what was known."""
    methods = pd.DataFrame({"ours": filled["value"]})
    for name, series in rivals.items():
        methods[name] = series.reindex(filled.index)
    scores = score_intervals(truth, methods)
    columns = ["RMSE", "worse", "worse lower", "worse upper", "PE", "LC"]
    print(f"\n{label}: {len(filled)} hours")
    print(scores[columns].round(4).to_string())
    covered = {"all": interval_coverage(truth, filled[["lower", "upper"]])}
    for number, part in filled.groupby("state"):
        inside = interval_coverage(truth, part[["lower", "upper"]])
        covered[f"other {STATES[number]} ({len(part)} h)"] = round(inside, 3)
    print("90 % interval covers", covered)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--satellite", default="goes15")
    parser.add_argument("--other", default="goes13")
    parser.add_argument("--until", default="2015-12", help="last month to learn from")
    parser.add_argument("--gaps", type=int, default=200, help="of a length")
    parser.add_argument("--file", help="a saved imputer to test; else one is trained")
    options = parser.parse_args()
    dataset = fluxlib.load(options.folder, cadence="1h")
    if options.file:
        test(dataset, options)
        return
    with tempfile.TemporaryDirectory() as folder:
        options.file = Path(folder) / "imputer.npz"
        seconds, size = train(dataset, options)
        print(f"fitted in {seconds:.0f} CPU s, saved in {size / 1e6:.1f} MB", flush=True)
        subprocess.run([sys.executable, *sys.argv, "--file", str(options.file)], check=True)


if __name__ == "__main__":
    main()
