"""Score the forecast of the 24 hours that end 6 to 72 hours ahead, each year from those before it.

``python benchmarks/bench_rolling.py DATASET`` prints the table of docs/live.md, and the scores of
each year. Nothing is chosen here: the settings were fixed before any of these years was forecast.
"""

import sys

import numpy as np
import pandas as pd

import fluxlib
from fluxlib.evaluation import block_intervals
from fluxlib.prediction import HourlySeries, RollingForecaster
from fluxlib.prediction.hours import tabulate_truth

FIRST_YEAR = 2013  # two years, at least, to learn from
EVERY = "3h"


def cut(series, end):
    return [HourlySeries(one.flux[: end - pd.Timedelta("1h")], one.position) for one in series]


def forecast_years(dataset):
    """Return all forecasts with what was observed, and a column `year` and `series`."""
    names = [name for name in dataset.flux if "e2" in dataset.flux[name]]
    series = [
        HourlySeries(dataset.flux[name]["e2"].rename(name), dataset.manifest.position(name))
        for name in names
    ]
    last = max(one.flux.index[-1] for one in series).year
    parts = []
    for year in range(FIRST_YEAR, last + 1):
        start = pd.Timestamp(year, 1, 1)
        past = [one for one in cut(series, start) if len(one.flux) > 24 * 365]
        model = RollingForecaster().fit(past, dataset.drivers[: start - pd.Timedelta("1h")])
        for name, one in zip(names, series, strict=True):
            times = pd.date_range(start, f"{year}-12-31 23:00", freq=EVERY, name="time")
            truth = tabulate_truth(one.flux, times)
            if truth.notna().sum().min() < 500:
                continue
            table = model.predict(one, dataset.drivers, times)
            # Rows are by issue, then by lead, as those of the truth are.
            observed = truth.to_numpy().ravel()
            how = "" if name in model.satellites_ else " (not learned from)"
            parts.append(table.assign(observed=observed, year=year, series=name + how))
        print(year, "done", flush=True)
    return pd.concat(parts).dropna(subset=["observed", "value", "persistence"])


def score(part):
    log = np.log10(part[["value", "persistence", "recurrence", "lower", "upper"]])
    truth = part["observed"].to_numpy()
    ours, other = ((log[name].to_numpy() - truth) ** 2 for name in ("value", "persistence"))

    def compute(weights):
        total = weights.sum(axis=1)
        mean = (weights @ truth / total)[:, None]
        spread = (weights * (truth - mean) ** 2).sum(axis=1)
        return np.column_stack(
            [1 - weights @ ours / (weights @ other), 1 - weights @ ours / spread]
        )

    value, lower, upper = block_intervals(compute, pd.DatetimeIndex(part["issued"]), n_boot=300)
    inside = part["observed"].between(np.log10(part["lower"]), np.log10(part["upper"])).mean()
    half = part["observed"].between(np.log10(part["lower_50"]), np.log10(part["upper_50"])).mean()
    came = truth >= 8
    known = part["recurrence"].notna().to_numpy()
    again = (np.log10(part["recurrence"].to_numpy()) - truth) ** 2
    return {
        "n": len(part),
        "RMSE": np.sqrt(ours.mean()),
        "RMSE of persistence": np.sqrt(other.mean()),
        "RMSE of recurrence": np.sqrt(again[known].mean()),
        "skill": f"{value[0]:.2f} ({lower[0]:.2f} to {upper[0]:.2f})",
        "PE": f"{value[1]:.3f} ({lower[1]:.3f} to {upper[1]:.3f})",
        "coverage 90": inside,
        "coverage 50": half,
        "Brier skill": 1
        - ((part["alert"] - came) ** 2).mean() / max(came.mean() * (1 - came.mean()), 1e-9),
    }


def main():
    table = forecast_years(fluxlib.load(sys.argv[1], "1h"))
    for keys in (["series", "lead"], ["series", "year", "lead"]):
        groups = table.groupby(keys)
        rows = {key: score(part.sort_values("issued", kind="stable")) for key, part in groups}
        scores = pd.DataFrame(rows).T.infer_objects().round(3)
        print(scores.rename_axis(keys).to_string(), flush=True)


if __name__ == "__main__":
    main()
