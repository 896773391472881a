"""Score the default imputer, as README calls it, where the truth is known.

    python benchmarks/bench_default_imputer.py FOLDER [--satellite goes15] [--other goes13]
        [--until 2015-12] [--gaps 200]

Each month is held out once, in five folds of months. With `--until`, the imputer learns from all
months until that one, is saved, and read again by another process, which fills the later months:
nothing of these was seen. Then gaps of 6 to 240 hours are filled in the held-out months. Boosted
trees with the same inputs, learned from the same hours, stand beside it, and so does interpolation.
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
from fluxlib.evaluation import phases
from fluxlib.evaluation.skill import score_intervals
from fluxlib.imputation.hidden_gaps import interval_coverage
from fluxlib.imputation.holdout import hold_out_months
from fluxlib.imputation.imputer import SatelliteImputer, interpolate
from fluxlib.observations.gaps import draw_gaps

HOURS = (6, 12, 24, 72, 240)
STATES = ["known", "partly known", "silent"]
LEAST = 300  # hours of a class whose coverage is told


def make_imputer(dataset, options):
    return fluxlib.GARFImputer.for_satellite(dataset, options.satellite, other=options.other)


def fit_rivals(features, known):
    """Return what boosted trees, fitted to the known hours, say of every hour."""
    rivals = {}
    for name, model in {
        "HistGradientBoosting": HistGradientBoostingRegressor(random_state=0),
        "XGBoost": XGBRegressor(random_state=0, n_jobs=2),
    }.items():
        start = time.process_time()
        values = features.to_numpy(float)
        model.fit(values[features.index.isin(known.index)], known)
        rivals[name] = pd.Series(model.predict(values), features.index)
        print(f"{name}: {time.process_time() - start:.1f} CPU s", flush=True)
    return rivals


def fill(imputer, known, hidden, rivals):
    """Return what each method says at the hidden times, and what was known there."""
    series = known.drop(hidden).reindex(imputer.features.index)
    filled = imputer.impute_log(series).loc[hidden].rename(columns={"value": "ours"})
    columns = {name: values.loc[hidden] for name, values in rivals.items()}
    return filled.assign(**columns, state=imputer.tell_known().loc[hidden])


def fill_all(imputer, known, new, rivals, options):
    """Fill the new times month by month, then gaps among them; return tables by label."""
    months = [part.index for _, part in new.groupby(new.index.to_period("M"))]
    tables = {"months": pd.concat([fill(imputer, known, month, rivals) for month in months])}
    grid = new.reindex(imputer.features.loc[new.index[0] : new.index[-1]].index)
    for hours in HOURS:
        gaps = draw_gaps(grid, hours, options.gaps)
        if gaps:
            hidden = gaps[0].append(gaps[1:])
            left = known.drop(hidden).reindex(imputer.features.index)
            lines = {kind: interpolate(left, kind) for kind in ("linear", "cubic")}
            tables[f"{hours} h"] = fill(imputer, known, hidden, rivals | lines)
    return tables


def score_folds(dataset, options):
    """Hold out each month once; print the scores."""
    truth = choose_target(dataset, options.satellite)
    features, tables = make_imputer(dataset, options).features, {}
    for holdout in hold_out_months(features, truth, repeats=5):
        imputer, start = make_imputer(dataset, options), time.process_time()
        imputer.fit_log(holdout.train_log_flux)
        print(f"fitted in {time.process_time() - start:.0f} CPU s", flush=True)
        rivals = fit_rivals(features, holdout.train_log_flux)
        new = holdout.log_flux[holdout.test]
        for label, table in fill_all(imputer, holdout.log_flux, new, rivals, options).items():
            tables.setdefault(label, []).append(table)
    show(truth, {label: pd.concat(parts).sort_index() for label, parts in tables.items()}, dataset)


def train(dataset, options):
    """Fit on the months until the given one, and save."""
    imputer, start = make_imputer(dataset, options), time.process_time()
    imputer.fit_log(choose_target(dataset, options.satellite)[: options.until])
    size = imputer.save(options.file).stat().st_size / 1e6
    print(f"fitted in {time.process_time() - start:.0f} CPU s, saved in {size:.1f} MB", flush=True)


def score_later(dataset, options):
    """Read a saved imputer, and print the scores after the given month."""
    truth = choose_target(dataset, options.satellite)
    imputer = SatelliteImputer.load(options.file, dataset)
    known = truth.dropna()
    known = known[known.index.isin(imputer.features.index)]
    rivals = fit_rivals(imputer.features, known[: options.until])
    new = known[pd.Period(options.until, "M").end_time :]
    show(truth, fill_all(imputer, known, new, rivals, options), dataset)


def show(truth, tables, dataset):
    """Print the scores by length of gap, and how much the interval covers by class."""
    for label, table in tables.items():
        methods = table.drop(columns=["lower", "upper", "state"])
        scores = score_intervals(truth, methods)
        columns = ["RMSE", "worse", "worse lower", "worse upper", "PE", "LC"]
        print(f"\n{label}: {len(table)} hours")
        print(scores[columns].round(4).to_string())
        inside = truth[table.index].between(table["lower"], table["upper"])
        groups = {
            "other": table["state"].map(dict(enumerate(STATES))),
            "level": phases.label_levels(truth).reindex(table.index),
            "storm": phases.label_storms(phases.storm_index(dataset.drivers)).reindex(table.index),
        }
        print(f"covered: {interval_coverage(truth, table[['lower', 'upper']]):.3f}", end="")
        for name, labels in groups.items():
            for group, part in inside.groupby(labels.to_numpy()):
                if len(part) >= LEAST:
                    print(f"; {name} {group} {part.mean():.3f}", end="")
        print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--satellite", default="goes15")
    parser.add_argument("--other", default="goes13")
    parser.add_argument("--until", help="last month to learn from; else months are held out")
    parser.add_argument("--gaps", type=int, default=200, help="of a length")
    parser.add_argument("--file", help="a saved imputer to score after --until")
    options = parser.parse_args()
    dataset = fluxlib.load(options.folder, cadence="1h")
    if options.until is None:
        score_folds(dataset, options)
    elif options.file:
        score_later(dataset, options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            options.file = Path(folder) / "imputer.npz"
            train(dataset, options)
            words = [sys.executable, *sys.argv, "--file", str(options.file)]
            subprocess.run(words, check=True)


if __name__ == "__main__":
    main()
