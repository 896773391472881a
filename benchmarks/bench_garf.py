"""GA-RF at the published budget: over the surface, and as one would write it at first.

    python benchmarks/bench_garf.py [--data data/sample] [--rows 20000] [--no-curve]

GOES-15 >2 MeV at 5 min from GOES-13 and drivers, 48 inputs, blocks of time held out with a
purge. The search over the surface runs in full. The naive searches, DEAP over forests fitted one
by one, are timed on forests drawn at random from those that the search visited; a forest's time
goes with its trees, so the total is extrapolated by trees. Everything runs in this process; the
curve against rows, one process a point so that each has its own peak of memory.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd
import sklearn.ensemble
from timing import read_peak, time_call

import fluxlib
from fluxlib.evaluation.folds import blocked_folds
from fluxlib.imputation.forest import ENGINE, build_forest
from fluxlib.imputation.inputs import satellite_features

BITS = (9, 5, 5)
TREES, DEPTH, LEAVES = (2**bits for bits in BITS)
CURVE = (10_000, 30_000, 100_000, 300_000, 1_000_000)
CURVE_LEAVES = (1, 4, 32)
ENGINES = {
    "scikit-learn": sklearn.ensemble.RandomForestRegressor,
    ENGINE: type(build_forest(1, 1, 1)),
}


def load_matrix(folder):
    """Lay out X (n, 48) and y (n,) where the target is known, in time order."""
    dataset = fluxlib.load(folder, cadence="5min")
    X = satellite_features(dataset, "goes13", inputs="paper")
    y = np.log10(dataset.flux["goes15"]["e2"].reindex(X.index))
    known = np.isfinite(y) & (X.notna().mean(axis=1) > 0.5)
    X, y = X[known], y[known]
    return X.fillna(X.median()), y


def thin(positions, n):
    """Take n positions, evenly spread."""
    return positions[np.linspace(0, len(positions) - 1, n).round().astype(int)]


def split_matrix(X, y, rows):
    train, test = blocked_folds(X.index, purge="5D")[0]
    train, test = thin(train, rows), thin(test, rows // 4)
    X, y = X.to_numpy(np.float32).astype(float), y.to_numpy(float)
    return X[train], y[train], X[test], y[test]


def repeat_rows(data, rows):
    """Make `rows` training rows of fewer, each copy blurred by a twentieth of the spread."""
    rng = np.random.default_rng(0)
    parts = []
    for X, y, n in ((*data[:2], rows), (*data[2:], rows // 4)):
        chosen = np.arange(n) % len(y)
        blurred = rng.standard_normal((n, X.shape[1]), dtype=np.float32)
        blurred *= (0.05 * X.std(axis=0)).astype(np.float32)
        blurred += X.astype(np.float32)[chosen]
        parts += [blurred, y[chosen] + rng.normal(scale=0.05 * y.std(), size=n)]
    return parts


def fit_directly(engine, data, genes, options, seed=0):
    """Fit one forest; return (seconds with its validation, RMSE)."""
    trees, depth, leaf = map(int, genes)
    X, y, X_validation, y_validation = data
    forest = engine(
        n_estimators=trees,
        max_depth=depth,
        min_samples_leaf=leaf,
        random_state=seed,
        n_jobs=-1,
        **options,
    )
    seconds, predicted = time_call(lambda: forest.fit(X, y).predict(X_validation))
    return seconds, np.sqrt(np.mean((predicted - y_validation) ** 2))


def time_naive(engine, data, visited, drawn, options):
    """Extrapolate from the drawn forests to all that a naive search would fit."""
    results = [fit_directly(engine, data, genes, options) for genes in drawn]
    per_tree = sum(seconds for seconds, _ in results) / sum(genes[0] for genes in drawn)
    trees = visited["trees"]
    return {
        "forests timed": len(drawn),
        "seconds a tree": per_tree,
        "each individual": per_tree * (trees * visited["visits"]).sum(),
        "each once": per_tree * trees.sum(),
        "rmse": [rmse for _, rmse in results],
    }


def fit_plainly(data, leaves, options):
    """Fit one full forest for each leaf size: what cannot be avoided."""
    options = options | {"random_state": 0, "n_jobs": -1}
    for leaf in leaves:
        build_forest(TREES, DEPTH, leaf, **options).fit(*data[:2])


def search_small(data, options):
    """Run a small search, naive and over a surface, to the end; return both bests."""
    engine = ENGINES[ENGINE]

    def fitness(*genes):
        return 1 / fit_directly(engine, data, genes, options)[1]

    settings = {"bits": (6, 5, 5), "generations": 15, "random_state": 1}
    surface = fluxlib.ForestSurface(*data, **options)
    _, naive = fluxlib.GeneticSearch(**settings).run(fitness)
    _, ours = fluxlib.GeneticSearch(**settings).run(surface.fitness)
    return naive, ours


def measure_point(rows, matrix, options):
    """Measure one point of the curve; runs in a process of its own."""
    with np.load(matrix) as stored:
        data = repeat_rows(list(stored.values()), rows)
    surface = fluxlib.ForestSurface(*data, **options)
    del data
    start = read_peak()
    surface.rmse(1, 1, 1000)  # the first forest also loads the engine
    times = [time_call(lambda leaf=leaf: surface.rmse(1, 1, leaf))[0] for leaf in CURVE_LEAVES]
    per_tree = np.array(times) / surface.block
    all_leaves = np.arange(1, LEAVES + 1)
    whole = TREES * np.interp(np.log(all_leaves), np.log(CURVE_LEAVES), per_tree).sum()
    columns = {f"s/tree, leaf {leaf}": s for leaf, s in zip(CURVE_LEAVES, per_tree, strict=True)}
    return {
        "rows": rows,
        **columns,
        "whole surface, h": whole / 3600,
        "data GiB": start,
        "peak GiB": read_peak(),
    }


def show_curve(data, arguments):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/matrix.npz", *data)
        command = [sys.executable, __file__, "--max-features", str(arguments.max_features)]
        command += ["--matrix", f"{folder}/matrix.npz", "--point"]
        for point in CURVE:
            done = subprocess.run(
                [*command, str(point)], check=True, capture_output=True, text=True
            )
            rows.append(json.loads(done.stdout.splitlines()[-1]))
    print("\nTime and memory against rows (a quarter as many validated on)")
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.3g}".format))


def show_search(data, options, folder):
    surface = fluxlib.ForestSurface(*data, folder=folder, **options)
    search = fluxlib.GeneticSearch()
    cpu = time.process_time()
    seconds, (history, best) = time_call(lambda: search.run(surface.fitness))
    cpu = time.process_time() - cpu
    peak, grown = read_peak(), surface.trees_grown
    print(f"search: {seconds:.0f} s, peak {peak:.2f} GiB, {grown.sum()} trees, {len(grown)} leaves")
    print(f"        {len(search.evaluations_)} different forests of {len(history) * 20}; {best}")
    leaves = search.evaluations_["leaf"].unique()
    plain_cpu, (plain, _) = time_call(
        lambda: time_call(lambda: fit_plainly(data, leaves, options)), time.process_time
    )
    print(f"plain fits of {TREES} trees for each of these leaves: {plain:.0f} s", end="; ")
    print(f"search / plain fits = {seconds / plain:.2f}, in CPU time {cpu / plain_cpu:.2f}")
    return surface, search, seconds, best


def show_warm(surface, data, options, folder, best):
    seconds, (_, optimum) = time_call(lambda: surface.landscape(BITS))
    print(f"whole surface: {seconds:.0f} s more; optimum {optimum.to_dict()}")
    print(f"        the search ended {100 * (best.rmse / optimum['rmse'] - 1):.2f} % above it")
    warm = fluxlib.GeneticSearch(population=30, mutation=0.02, crossover=0.9, random_state=7)
    seconds, _ = time_call(
        lambda: warm.run(fluxlib.ForestSurface(*data, folder=folder, **options).fitness)
    )
    print(f"warm search with other parameters: {seconds:.2f} s")


def show_naive(data, options, search, seconds, subset):
    visited = search.evaluations_
    genes = visited[["trees", "depth", "leaf"]]
    drawn = genes.sample(subset, weights=visited["visits"], random_state=0).values.tolist()
    table, agreement = {}, pd.DataFrame(drawn, columns=list(genes))
    known = dict(zip(map(tuple, genes.values.tolist()), visited["fitness"], strict=True))
    agreement["surface"] = [1 / known[tuple(one)] for one in drawn]
    for name, engine in ENGINES.items():
        row = time_naive(engine, data, visited, drawn, options)
        agreement[name] = row.pop("rmse")
        table[name] = row | {"times ours": row["each individual"] / seconds}
        table[name]["times ours, once"] = row["each once"] / seconds
    print("\nNaive searches, seconds")
    print(pd.DataFrame(table).T.to_string(float_format="{:.4g}".format))
    print("\nRMSE of the forests drawn")
    print(agreement.to_string(index=False, float_format="{:.4f}".format))


def show_best(data, options, best):
    print("\nFitness of the best forest, fitted directly with three seeds")
    genes = best.trees, best.depth, best.leaf
    for name, engine in ENGINES.items():
        values = [1 / fit_directly(engine, data, genes, options, seed)[1] for seed in range(3)]
        print(f"        {name}: {np.mean(values):.4f} +- {np.std(values):.4f}", end="; ")
        print(f"surface {100 * (best.fitness / np.mean(values) - 1):+.2f} %")
    naive, ours = search_small(data, options)
    print(f"small search (64 trees, 15 generations): naive {naive.fitness:.4f}", end=", ")
    print(f"surface {ours.fitness:.4f}: {100 * (ours.fitness / naive.fitness - 1):+.2f} %")


def show_agreement(surface, data, options, points=30, seeds=3):
    """Compare the surface with forests fitted directly, and these with each other."""
    rng = np.random.default_rng(5)
    genes = rng.integers(1, [TREES + 1, DEPTH + 1, LEAVES + 1], (points, 3)).tolist()
    engine = ENGINES[ENGINE]
    direct = np.array(
        [
            [fit_directly(engine, data, one, options, seed)[1] for seed in range(seeds)]
            for one in genes
        ]
    )
    counted = np.array([surface.rmse(*one) for one in genes])
    print(f"\nSurface against direct fits at {points} random forests, {seeds} seeds each (RMSE)")
    print(f"        mean |surface - direct| {np.abs(counted[:, None] - direct).mean():.5f}")
    print(
        f"        mean |surface - mean of seeds| {np.abs(counted - direct.mean(axis=1)).mean():.5f}"
    )
    print(f"        mean |direct - direct| {np.abs(np.diff(direct)).mean():.5f}", end="; ")
    print(f"range over seeds {np.ptp(direct, axis=1).mean():.5f}", end=", ")
    print(f"standard deviation {direct.std(axis=1, ddof=1).mean():.5f}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/sample")
    parser.add_argument("--rows", type=int, default=20_000, help="training rows")
    parser.add_argument("--max-features", type=float, default=1 / 3)
    parser.add_argument(
        "--subset", type=int, default=6, help="forests timed for the naive searches"
    )
    parser.add_argument("--no-curve", action="store_true")
    parser.add_argument("--point", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--matrix", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    options = {"max_features": arguments.max_features}
    if arguments.point:
        print(json.dumps(measure_point(arguments.point, arguments.matrix, options)))
        return
    data = split_matrix(*load_matrix(arguments.data), arguments.rows)
    print(
        f"{data[0].shape} training, {data[2].shape} validation;",
        f"{ENGINE}; peak {read_peak():.2f} GiB",
    )
    with tempfile.TemporaryDirectory() as folder:
        surface, search, seconds, best = show_search(data, options, folder)
        show_warm(surface, data, options, folder, best)
        show_agreement(surface, data, options)
    show_naive(data, options, search, seconds, arguments.subset)
    show_best(data, options, best)
    if not arguments.no_curve:
        show_curve(data, arguments)


if __name__ == "__main__":
    main()
