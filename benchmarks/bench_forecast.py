"""Score the daily forecast on real data, and time it.

    python benchmarks/bench_forecast.py FOLDER scores [--years 2008 2009 2010] [--walk-forward]
    python benchmarks/bench_forecast.py FOLDER goes13
    python benchmarks/bench_forecast.py FOLDER times

`scores`: PE on log10 fluence by year, pooled and mean of years, of an ensemble, of its single
networks (mean of five seeds), and of the baselines; coverage of the 90 % intervals; alerts.
`goes13`: daily means of log10 flux of GOES-13, as Zhang et al. 2020 (doi 10.1029/2020SW002445)
have them. `times`: training against Keras's defaults, and a forecast of one day.
"""

import argparse
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd

import fluxlib
from fluxlib import FluxForecaster, baselines, network
from fluxlib.alerts import count_alerts, trace_roc
from fluxlib.protocols import leave_one_year_out, score_forecasts, walk_forward

SEEDS = range(5)
ALERT = 1e8


def make_models(members):
    """Make every model that is compared; single networks by seed."""
    models = {
        "persistence": baselines.Persistence(),
        "recurrence": baselines.Recurrence(),
        "ridge": baselines.RidgeFilter(),
        "trees": baselines.BoostedTrees(),
        "MLP": baselines.PlainNetwork(),
        "ensemble": FluxForecaster(members=members),
    }
    singles = {f"single {s}": FluxForecaster(members=1, random_state=100 + s) for s in SEEDS}
    return models | singles


def print_scores(table):
    """Print PE by model, horizon and year, pooled and mean; coverage; alerts."""
    pe = score_forecasts(table).pivot_table("PE", ["model", "horizon"], "year")
    pe["mean of years"] = pe.mean(axis=1)
    pe["pooled"] = score_forecasts(table, by=("model", "horizon"))["PE"]
    single = pe.index.get_level_values("model").str.startswith("single")
    if single.any():
        mean = pe[single].groupby(level="horizon").mean()
        pe = pd.concat([pe[~single], pd.concat({"mean of singles": mean}, names=["model"])])
    print(pe.round(3).to_string())
    known = table[(table["model"] == "ensemble") & table["observed"].notna()]
    inside = known.assign(inside=known["observed"].between(known["lower"], known["upper"]))
    print("share inside the 90 % interval")
    print(inside.pivot_table("inside", "horizon", "year").round(3).to_string())
    print("alerts at 1e8, forecast where their probability is above a half")
    for horizon, part in known.groupby("horizon"):
        came = part["observed"] > ALERT
        counts = count_alerts(came, part["alert"] > 0.5)
        area = trace_roc(came, part["alert"])[1]
        shares = ", ".join(f"{k} {counts[k]:.3f}" for k in ("POD", "FAR", "HSS"))
        print(f"  {horizon} days: {shares}, ROC area {area:.3f}, {counts['hits']} hits")


def run_scores(data, options):
    """Forecast the test years by every model, and print."""
    models = make_models(options.members)
    models = {k: m for k, m in models.items() if not options.only or k in options.only}
    protocol = walk_forward if options.walk_forward else leave_one_year_out
    start = time.perf_counter()

    def report(year, name):
        print(f"{time.perf_counter() - start:7.0f} s  {year} {name}", flush=True)

    table = protocol(data, models, options.years, report=report)
    if options.out:
        table.to_parquet(options.out)
    print_scores(table)


def run_goes13(data, options):
    """Score daily means of log10 flux of GOES-13, leave one year out."""
    flux = data.flux["goes13"]
    days = np.log10(flux).resample("1D")
    enough = days.count() >= 12
    daily = (10 ** days.mean().where(enough)).assign(series="goes13")
    part = SimpleNamespace(daily=daily, drivers=data.drivers)
    run_scores(part, options)


def run_times(data, options):
    """Compare training with Keras's defaults, same network and epochs; time one forecast."""
    import keras

    forecaster = FluxForecaster(members=1).fit(data)
    windows = forecaster._make_windows(data)
    windows = windows.take(np.isfinite(windows.target).all(axis=1))
    inputs, target = forecaster._scale_inputs(windows), forecaster._scale_target(windows)
    shape = forecaster.get_config()
    epochs = 5
    keywords = {"epochs": epochs, "batch_size": forecaster.batch_size}
    start = time.perf_counter()
    network.train_network(shape, inputs, target, learning_rate=3e-3, seed=0, **keywords)
    ours = (time.perf_counter() - start) / epochs
    plain = keras.models.clone_model(
        network.build_network(*shape),
        clone_function=lambda layer: layer.__class__.from_config(
            layer.get_config() | ({"unroll": False} if isinstance(layer, keras.layers.LSTM) else {})
        ),
    )
    plain.compile(optimizer="adam", loss=network.mix_losses)
    plain.fit(inputs, target, epochs=1, batch_size=forecaster.batch_size, verbose=0)
    start = time.perf_counter()
    plain.fit(inputs, target, verbose=0, **keywords)
    theirs = (time.perf_counter() - start) / epochs
    print(f"an epoch: {ours * 1e3:.0f} ms; Keras's defaults {theirs * 1e3:.0f} ms")
    newest = SimpleNamespace(daily=data.daily.iloc[-60:], drivers=data.drivers.iloc[-61 * 24 :])
    forecaster.predict_newest(newest)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        forecaster.predict_newest(newest)
        times.append(time.perf_counter() - start)
    print(f"one day's forecast, warm: {np.median(times) * 1e3:.0f} ms")


def main():
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("what", choices=["scores", "goes13", "times"])
    parser.add_argument("--years", type=int, nargs="*", default=None)
    parser.add_argument("--only", nargs="*", help="names of models")
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--walk-forward", action="store_true")
    parser.add_argument("--out", help="Parquet file for the forecasts")
    options = parser.parse_args()
    run = {"scores": run_scores, "goes13": run_goes13, "times": run_times}[options.what]
    run(fluxlib.load(options.folder), options)


if __name__ == "__main__":
    main()
