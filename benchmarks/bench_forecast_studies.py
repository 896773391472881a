"""Study the daily forecast on real data: inputs, importance, imputation.

    python benchmarks/bench_forecast_studies.py FOLDER inputs --out study.parquet
    python benchmarks/bench_forecast_studies.py FOLDER importance
    python benchmarks/bench_forecast_studies.py FOLDER filling

`inputs`: PE of the published network by set of inputs and time step. `importance`: PE lost when an
input is shuffled, on test years that the ensemble has not seen. `filling`: forecasts learned from
GOES-15 with parts hidden and filled in several ways, three years, each held out once.
"""

import argparse
import time

import pandas as pd

import fluxlib
from fluxlib import FluxForecaster
from fluxlib.observations.gaps import find_gaps
from fluxlib.prediction.cross_validation import training_days
from fluxlib.prediction.importance import permute_inputs, study_inputs, tabulate_importance
from fluxlib.prediction.imputation_study import make_fillers, score_imputation, study_imputation

START = time.perf_counter()
SERIES, OTHER = "goes15", "goes13"
LARGE = (240, 480)  # hours: the large-scale gaps of the imputation paper


def report(*words):
    """Print what is done."""
    print(f"{time.perf_counter() - START:7.0f} s ", *words, flush=True)


def run_inputs(data, options):
    """Print and keep PE by set of inputs and time step."""
    table = study_inputs(data, options.years, progress=report)
    table.to_parquet(options.out)
    for horizon, part in table.groupby("horizon"):
        print(f"PE, {horizon} days ahead, pooled over {options.years}")
        laid = part.pivot_table("PE", "inputs", "time_step", sort=False)
        print(laid.round(3).to_string())


def run_importance(data, options):
    """Print and keep PE lost by input and day, mean of the test years."""
    parts = []
    for year in options.years:
        train = training_days(data.daily.index, year)
        days = pd.date_range(f"{year}-01-01", f"{year}-12-30")
        fitted = FluxForecaster(members=options.members).fit(data, train)
        parts.append(permute_inputs(fitted, data, days).assign(year=year))
        report(year)
    table = pd.concat(parts)
    table["day"] = table["day"].astype(str)
    table.to_parquet(options.out)
    for horizon in (1, 2, 3):
        print(f"PE lost, {horizon} days ahead, mean of {options.years}")
        print(tabulate_importance(table, horizon).round(3).to_string())


def run_filling(data, options):
    """Print and keep forecasts from series that were filled in several ways."""
    flux = data.flux[SERIES]["e2"]
    real = find_gaps(data.flux[OTHER]["e2"])["hours"].to_numpy()
    fillers = make_fillers(data, SERIES, OTHER, bits=(5, 4, 4), generations=20)
    model = FluxForecaster(members=options.members, blocks=4)
    years = sorted(set(flux.dropna().index.year))
    parts = []
    for kind, hours in (("gaps of GOES-13", real), ("10 and 20 days", LARGE)):
        for share in options.shares:
            report(kind, share)
            table = study_imputation(
                flux,
                data.drivers,
                fillers,
                model,
                years,
                hours=hours,
                share=share,
                repeats=options.repeats,
                progress=report,
            )
            print(f"hidden {share:.0%}, {kind}")
            print(score_imputation(table).round(3).to_string(), flush=True)
            parts.append(table.assign(kind=kind, share=share))
            pd.concat(parts).to_parquet(options.out)


def main():
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("what", choices=["inputs", "importance", "filling"])
    parser.add_argument("--years", type=int, nargs="*", default=[2008, 2009, 2010])
    parser.add_argument("--members", type=int, default=FluxForecaster().members)
    parser.add_argument("--shares", type=float, nargs="*", default=[0.1, 0.3, 0.5])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", required=True, help="Parquet file for the table")
    options = parser.parse_args()
    runs = {"inputs": run_inputs, "importance": run_importance, "filling": run_filling}
    runs[options.what](fluxlib.load(options.folder), options)


if __name__ == "__main__":
    main()
