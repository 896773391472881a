"""Score imputation on known truth: months held out, gaps by length, every competitor.

    python benchmarks/bench_imputation.py FOLDER [--satellite goes15] [--other goes13]
        [--tenths] [--evaluations 20] [--names ridge RF XGBoost BP ELM LSTM IterativeImputer]

Hourly, five folds of whole months, each month tested once, or, as published, two tenths of the
time, five times (here in blocks). GA-RF searches at the published budget; each competitor tries so
many settings on the same inner blocks. Scores are given over all hours, with block-bootstrap
intervals and tests against the full imputation, and for the hours with and without the other
satellite's >2 MeV flux, which is missing when the flux is low.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import pandas as pd

import fluxlib
from fluxlib.datasets.series import choose_target
from fluxlib.evaluation import phases
from fluxlib.evaluation.skill import score_groups, score_intervals
from fluxlib.imputation import hidden_gaps, make_imputer
from fluxlib.imputation import holdout as held
from fluxlib.imputation.inputs import satellite_features
from fluxlib.observations.gaps import find_gaps

HOURS = (6, 12, 24, 72, 240)
DEFAULTS = ("ridge", "RF", "XGBoost", "BP", "ELM", "LSTM", "IterativeImputer")


def run_repeat(holdout, inputs, options):
    """Fit all methods to one holdout; return predictions, interval, scores of gaps, notes."""
    imputer = make_imputer(
        holdout.features, other=options.other, inputs=inputs, every=options.every
    ).fit_log(holdout.train_log_flux)
    garf = held.fit_garf(
        holdout,
        other=options.other,
        search={"generations": options.generations, "bits": tuple(options.bits)},
        with_trend=inputs == "full",
        every=options.every,
    )
    names = options.names if inputs == "full" else ("RF",)
    predictions = held.predict_holdout(
        holdout, imputer, garf, other=options.other, names=names, evaluations=options.evaluations
    )
    interval = held.fill_hidden(holdout, imputer, holdout.test)[["lower", "upper"]]
    hidden = hidden_gaps.draw_hidden_gaps(holdout, HOURS, options.gaps)
    record = find_gaps(choose_record(holdout, options))["hours"]
    hidden["as the record's"] = hidden_gaps.draw_gaps_like(
        holdout, record[record <= 240], options.gaps
    )
    _, filled = hidden_gaps.score_gaps(holdout, imputer, predictions, hidden)
    notes = vars(garf.best_) | {"training": held.score_training(holdout, garf, every=options.every)}
    return predictions, interval, filled, notes


def choose_record(holdout, options):
    """Return the series whose gaps are drawn from: what the other satellite lacks."""
    flux = holdout.features[(f"{options.other} e2", 0)]
    return flux[holdout.log_flux.index[0] : holdout.log_flux.index[-1]]


def run_all(dataset, inputs, options):
    features = satellite_features(dataset, options.other, inputs=inputs)
    truth = choose_target(dataset, options.satellite)
    parts, gaps = [], {}
    split = held.hold_out_tenths if options.tenths else partial(held.hold_out_months, repeats=5)
    for number, holdout in enumerate(split(features, truth)):
        start = time.perf_counter()
        predictions, interval, filled, notes = run_repeat(holdout, inputs, options)
        parts.append(predictions.join(interval))
        for label, table in filled.items():
            gaps.setdefault(label, []).append(table)
        print(f"repeat {number}: {time.perf_counter() - start:.0f} s; {notes}", flush=True)
        if options.out:
            pd.concat(parts).to_parquet(Path(options.out) / f"{options.satellite}-{inputs}.parquet")
    known = truth.dropna()
    show(known, pd.concat(parts), features[(f"{options.other} e2", 0)], dataset.drivers)
    show_gaps(known, {label: pd.concat(tables) for label, tables in gaps.items()})


def show(truth, table, other, drivers):
    """Print scores over all hours and by group."""
    interval, methods = table[["lower", "upper"]], table.drop(columns=["lower", "upper"])
    pd.set_option("display.width", 200)
    scores = score_intervals(truth, methods)
    columns = [c for c in scores if c.split()[0] in ("RMSE", "worse", "PE", "LC", "MAE", "n")]
    print(scores[columns].round(4).T.to_string())
    seen = other.reindex(table.index).notna().map({True: "other seen", False: "other silent"})
    groups = {
        "the other satellite": seen,
        "year": pd.Series(table.index.year, table.index),
        "level": phases.label_levels(truth),
        "storm": phases.label_storms(phases.storm_index(drivers)),
    }
    for name, labels in groups.items():
        print(f"\nRMSE by {name}")
        print(score_groups(truth, methods, labels).round(3).to_string())
        inside = truth[table.index].between(interval["lower"], interval["upper"])
        print(inside.groupby(labels.reindex(table.index)).mean().round(3).to_dict(), "covered")
    print(f"\n90 % interval covers {100 * hidden_gaps.interval_coverage(truth, interval):.1f} %")


def show_gaps(truth, filled):
    rows = {}
    for label, table in filled.items():
        rows[label] = held.score_methods(truth, table.drop(columns=["lower", "upper"]))["RMSE"]
        rows[label]["coverage"] = hidden_gaps.interval_coverage(truth, table[["lower", "upper"]])
        rows[label]["samples"] = len(table)
    print("\nRMSE by length of gap (hours)")
    print(pd.DataFrame(rows).T.round(3).to_string())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--satellite", default="goes15")
    parser.add_argument("--other", default="goes13")
    parser.add_argument("--inputs", nargs="*", default=["paper", "full"])
    parser.add_argument("--tenths", action="store_true", help="hold out tenths, not months")
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--generations", type=int, default=100)
    parser.add_argument("--bits", type=int, nargs=3, default=(9, 5, 5))
    parser.add_argument("--every", type=int, default=2, help="of the training hours, one in")
    parser.add_argument("--gaps", type=int, default=30, help="of each length in each repeat")
    parser.add_argument("--names", nargs="*", default=DEFAULTS)
    parser.add_argument("--out", help="folder for the predictions, as Parquet")
    options = parser.parse_args()
    dataset = fluxlib.load(options.folder, "1h")
    for inputs in options.inputs:
        print(f"\n=== {options.satellite} from {options.other}, {inputs} inputs")
        run_all(dataset, inputs, options)


if __name__ == "__main__":
    main()
