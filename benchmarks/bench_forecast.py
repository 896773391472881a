"""Score the daily forecast on real data, and time it.

    python benchmarks/bench_forecast.py FOLDER scores [--years 2008 2009 2010] [--walk-forward]
    python benchmarks/bench_forecast.py FOLDER goes13
    python benchmarks/bench_forecast.py FOLDER times

`scores`: PE on log10 fluence by year, pooled and mean of years, of an ensemble, of its single
networks (mean of five seeds), and of the baselines; coverage of the 90 % intervals; alerts; skill
against persistence; PE by phase of the solar cycle and of storms.
`goes13`: daily means of log10 flux of GOES-13, as Zhang et al. 2020 (doi 10.1029/2020SW002445)
have them. `times`: training against Keras's defaults, and a forecast of one day.
"""

import argparse
import tempfile
import time

import numpy as np
import pandas as pd
from sklearn.base import clone
from timing import time_call

import fluxlib
from fluxlib import FluxForecaster
from fluxlib.datasets.series import ALERT
from fluxlib.evaluation.folds import blocked_folds
from fluxlib.evaluation.metrics import bin_reliability, count_alerts, trace_roc
from fluxlib.evaluation.phases import label_days
from fluxlib.evaluation.skill import compare_skill
from fluxlib.prediction import baselines
from fluxlib.prediction import lstm as network  # imports TensorFlow
from fluxlib.prediction.cross_validation import (
    PURGE,
    leave_one_year_out,
    score_forecasts,
    tabulate_scores,
    walk_forward,
)
from fluxlib.prediction.windows import DRIVERS, DailyData

SEEDS = range(5)
SECONDS_A_DAY = 86_400


def make_models(members, drivers=None):
    """Make every model that is compared; single networks by seed."""
    alone = {"mixed": False, "debiased": False}
    models = {
        "persistence": baselines.Persistence(),
        "recurrence": baselines.Recurrence(),
        "ridge": baselines.RidgeFilter(drivers=drivers),
        "trees": baselines.BoostedTrees(drivers=drivers),
        "MLP": baselines.MultilayerPerceptron(drivers=drivers),
        "ensemble": FluxForecaster(drivers=drivers, members=members),
        "LSTMs alone": FluxForecaster(drivers=drivers, members=members, **alone),
    }
    single = FluxForecaster(drivers=drivers, members=1, **alone)
    singles = {f"single {s}": clone(single).set_params(random_state=100 + s) for s in SEEDS}
    return models | singles


def print_scores(table, data):
    """Print PE by model, horizon and year, pooled and mean; coverage; alerts; skill; phases.

    Published records often hold only days whose day before is known, so those are pooled too.
    """
    pe = tabulate_scores(score_forecasts(table), "year")
    pe["mean of years"] = pe.mean(axis=1)
    pe["pooled"] = score_forecasts(table, by=("model", "horizon"))["PE"]
    known = DailyData.of(data).fluence["e2"].reindex(table["issued"]).notna().to_numpy()
    pe["after a known day"] = score_forecasts(table[known], by=("model", "horizon"))["PE"]
    single = pe.index.get_level_values("model").str.startswith("single")
    if single.any():
        mean = pe[single].groupby(level="horizon").mean()
        pe = pd.concat([pe[~single], pd.concat({"mean of singles": mean}, names=["model"])])
    print(pe.round(3).to_string())
    groups = table[~table["model"].str.startswith("single")]
    if "persistence" in set(groups["model"]):
        print("skill against persistence, 95 % intervals")
        print(compare_skill(groups).round(3).to_string())
    labelled = label_days(groups, data.drivers)
    for phase in ("cycle", "storm"):
        part = score_forecasts(labelled[labelled[phase].notna()], by=("model", "horizon", phase))
        print(f"PE, pooled, by {phase}")
        print(tabulate_scores(part, phase).round(3).to_string())
    if "ensemble" in set(groups["model"]):
        print_probabilities(groups[(groups["model"] == "ensemble") & groups["observed"].notna()])


def print_probabilities(known):
    """Print the intervals' coverage, and the scores of alerts."""
    inside = known.assign(inside=known["observed"].between(known["lower"], known["upper"]))
    print("share inside the 90 % interval")
    coverage = inside.pivot_table("inside", "horizon", "year")
    coverage["pooled"] = inside.groupby("horizon")["inside"].mean()
    print(coverage.round(3).to_string())
    if not (known["observed"] > ALERT).any():
        return
    print("alerts at 1e8, forecast where their probability is above a half")
    for horizon, part in known.groupby("horizon"):
        came = part["observed"] > ALERT
        counts = count_alerts(came, part["alert"] > 0.5)
        area = trace_roc(came, part["alert"])[1]
        shares = ", ".join(f"{k} {counts[k]:.3f}" for k in ("POD", "FAR", "HSS"))
        print(f"  {horizon} days: {shares}, ROC area {area:.3f}, {counts['hits']} hits")
        bins = bin_reliability(came, part["alert"])
        print("  " + "  ".join(f"{b.probability:.2f}:{b.frequency:.2f}" for b in bins.itertuples()))


def run_scores(data, options):
    """Forecast the test years by every model, and print."""
    models = make_models(options.members, options.drivers)
    models = {k: m for k, m in models.items() if not options.only or k in options.only}
    protocol = walk_forward if options.walk_forward else leave_one_year_out
    start = time.perf_counter()

    def report(year, name):
        print(f"{time.perf_counter() - start:7.0f} s  {year} {name}", flush=True)

    table = protocol(data, models, options.years, purge=options.purge, progress=report)
    if options.out:
        table.to_parquet(options.out)
    print_scores(table, data)


def run_goes13(data, options):
    """Score daily means of log10 flux of GOES-13, leave one year out.

    The years before it are the fluence of earlier satellites, as a mean flux. Its own hours are an
    input, as a driver's are; those of >2 MeV are absent when it is low, so that those of >0.8 MeV
    are there beside them.
    """
    logs = np.log10(data.flux["goes13"]).dropna(how="all")
    days = logs.resample("1D")
    means = (10 ** days.mean().where(days.count() >= 12)).assign(series="goes13")
    earlier = data.daily[data.daily.index < means.index[0]]
    flux = earlier.drop(columns="series") / SECONDS_A_DAY
    daily = pd.concat([flux.assign(series=earlier["series"]), means]).asfreq("D")
    own = logs.add_prefix("flux ")
    options.drivers = [*DRIVERS, *own]
    options.years = options.years or means.index.year.unique()
    run_scores(DailyData(daily, data.drivers.join(own)), options)


def run_times(data, options):
    """Time the training of an ensemble against as many networks by Keras's defaults."""
    forecaster = FluxForecaster(members=options.members, epochs=options.epochs)
    windows = forecaster.make_windows(data)
    windows = windows.take(np.isfinite(windows.target).all(axis=1))
    forecaster._learn_scales(windows)
    inputs, target = forecaster.scale_inputs(windows), forecaster.scale_target(windows)
    train, test = blocked_folds(windows.days, 32, 4, purge="30D")[0]
    held_out = [values[test] for values in inputs]
    known = forecaster, inputs, target, train
    network.build_network(*forecaster.network_config)  # either way, Keras is imported first
    first, _ = time_call(lambda: train_together(*known))
    ours, weights = time_call(lambda: train_together(*known))
    theirs, plain = time_call(lambda: train_by_defaults(*known))
    print(f"{forecaster.members} networks, {len(train)} days, {forecaster.epochs} epochs")
    print(f"side by side {first:.1f} s with compiling; the next test year {ours:.1f} s")
    print(f"Keras's defaults {theirs:.1f} s, {theirs / first:.2f}", end=" and ")
    print(f"{theirs / ours:.2f} times as long")
    masked = network.mask_target(target)
    outputs = network.run_networks(forecaster.network_config, weights, held_out)
    for name, parts in (("ours", outputs), ("defaults", [model(held_out) for model in plain])):
        losses = [float(np.mean(network.mix_losses(masked[test], part))) for part in parts]
        print(f"loss on held-out days, {name}: {np.mean(losses):.4f} +- {np.std(losses):.4f}")
    time_forecast(data)


def train_together(forecaster, inputs, target, train):
    """Train all networks side by side, on the same days."""
    return network.train_networks(
        forecaster.network_config,
        inputs,
        target,
        [train] * forecaster.members,
        epochs=forecaster.epochs,
        batch_size=forecaster.batch_size,
        learning_rate=forecaster.learning_rate,
        random_state=0,
    )


def train_by_defaults(forecaster, inputs, target, train):
    """Train as many networks as Keras does when it is asked for nothing else."""
    import keras

    models = []
    for seed in range(forecaster.members):
        keras.utils.set_random_seed(seed)
        model = network.build_network(*forecaster.network_config)
        model.compile(optimizer="adam", loss=network.mix_losses)
        model.fit(
            [values[train] for values in inputs],
            network.mask_target(target)[train],
            batch_size=forecaster.batch_size,
            epochs=forecaster.epochs,
            callbacks=[network.make_schedule(forecaster.learning_rate, forecaster.epochs)],
            verbose=0,
        )
        models.append(model)
    return models


def time_forecast(data):
    """Time a forecast of the newest day from a saved model, warm."""
    newest = DailyData(data.daily.iloc[-60:], data.drivers.iloc[-61 * 24 :])
    fitted = FluxForecaster(epochs=1).fit(data)
    with tempfile.TemporaryDirectory() as folder:
        loaded = FluxForecaster.load(fitted.save(folder))
    times = [time_call(lambda: loaded.predict_newest(newest))[0] for _ in range(21)]
    print(f"one day's forecast: {np.median(times[1:]) * 1e3:.0f} ms warm, {times[0]:.1f} s cold")


def main():
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("what", choices=["scores", "goes13", "times"])
    parser.add_argument("--years", type=int, nargs="*", default=None)
    parser.add_argument("--only", nargs="*", help="names of models")
    parser.add_argument("--members", type=int, default=FluxForecaster().members)
    parser.add_argument("--epochs", type=int, default=FluxForecaster().epochs)
    parser.add_argument("--purge", type=int, default=PURGE, help="days beside a test year")
    parser.add_argument("--walk-forward", action="store_true")
    parser.add_argument("--drivers", nargs="*", help="names; default those of the forecaster")
    parser.add_argument("--out", help="Parquet file for the forecasts")
    options = parser.parse_args()
    run = {"scores": run_scores, "goes13": run_goes13, "times": run_times}[options.what]
    run(fluxlib.load(options.folder), options)


if __name__ == "__main__":
    main()
