"""What more cores bring, and what the papers' scale takes.

    python benchmarks/bench_scale.py surface [--data data/sample] [--rows 20000] [--trees 64]
    python benchmarks/bench_scale.py sweep [--params params/sweep.yaml]
    python benchmarks/bench_scale.py paper [--folder data/raw/paper-scale]

`surface`: a GA-RF surface grown by one and by two local workers, the overhead of a task, and from
these the time that the published search takes on 2, 16 and 128 cores. `sweep`: the same sweep by
one and by two workers, against the sum of its steps. `paper`: notebooks 01-04 on the simulated
fleet at 5 minutes, 1999-2016, minutes and peak memory each. On an idle machine only.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from bench_garf import BITS, load_matrix, split_matrix
from distributed import Client, LocalCluster
from sklearn.ensemble import HistGradientBoostingRegressor
from timing import time_call

import fluxlib
from fluxlib.commands.notebooks import describe_dataset
from fluxlib.reports.runs import place_run, run_plan
from fluxlib.utils import parallel
from fluxlib.workflow.engine import Machine
from fluxlib.workflow.notebooks import NOTEBOOKS, PROJECT, SAMPLE
from fluxlib.workflow.parameters import read_parameters
from fluxlib.workflow.plan import plan_run, plan_sweep
from fluxlib.workflow.store import RunFolder, StepStore

CORES = (2, 16, 128)
LEAVES = range(1, 9)
PAPER_ROWS = 1_500_000  # samples known of 1.9 million in 18 years of one satellite at 5 min


@contextmanager
def start_workers(count):
    """Run a scheduler and workers, a process each, on this machine for a while."""
    with (
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.ERROR,
            env=parallel.limit_threads(1),
            memory_limit=0,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        os.environ[parallel.SCHEDULER_VARIABLE] = cluster.scheduler_address
        yield client


def grow(data, trees):
    """Grow all leaf sizes on workers; return seconds and RMSE of all forests."""
    surface = fluxlib.ForestSurface(*data, max_features=1 / 3, n_jobs=1)
    seconds, _ = time_call(lambda: surface.grow([(trees, 32, leaf) for leaf in LEAVES]))
    planes = {leaf: surface.rmse_table(leaf, trees) for leaf in LEAVES}
    return seconds, planes


def measure_overhead(client, tasks=500):
    """Return the seconds that a task takes beside its own work."""
    seconds, _ = time_call(
        lambda: client.gather([client.submit(abs, i, pure=False) for i in range(tasks)])
    )
    return seconds / tasks


def show_surface(options):
    data = split_matrix(*load_matrix(options.data), options.rows)
    times, planes = {}, {}
    for workers in (1, 2):
        with start_workers(workers) as client:
            grow([part[:500] for part in data], 4)  # imports, and the data's way there
            times[workers], planes[workers] = grow(data, options.trees)
            overhead = measure_overhead(client)
        print(f"{workers} workers: {times[workers]:.1f} s, {overhead * 1e3:.2f} ms a task")
    same = all(planes[1][leaf].equals(planes[2][leaf]) for leaf in LEAVES)
    gain = times[1] / times[2]
    print(f"two workers are {gain:.2f} times as fast as one; the same to the last digit: {same}")
    show_extrapolation(options, times[1], gain, overhead)


def show_extrapolation(options, seconds, gain, overhead):
    """Print the time of the published search's whole surface by cores."""
    all_trees, all_leaves = 2 ** BITS[0], 2 ** BITS[2]
    trees = options.trees * len(LEAVES)
    growth = PAPER_ROWS / options.rows * np.log(PAPER_ROWS) / np.log(options.rows)
    work = seconds / trees * all_trees * all_leaves * growth
    lost = 2 / gain - 1  # a worker's share that a second one cost
    rows = []
    for cores in CORES:
        busy = min(cores, all_leaves)  # a leaf size is a task
        rows.append(
            {
                "cores": cores,
                "hours": (work * (1 + lost) / busy + all_leaves * overhead) / 3600,
                "hours, pessimist": (work * (1 + lost * (busy - 1)) / busy) / 3600,
            }
        )
    print(f"\nThe whole surface of {all_trees} trees, 32 depths, {all_leaves} leaf sizes")
    print(f"at {PAPER_ROWS} rows, from {trees} trees at {options.rows} rows. Assumed: time goes")
    print("with rows x log rows and with trees; each core has a worker, and no more are busy than")
    print("there are leaf sizes, each of which is a task; what a second worker costs")
    print("is paid once, or (pessimist) again for each further one. A search visits less than all.")
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.1f}".format))


def work_alone():
    """Keep one core busy with what notebooks do: trees, a rolling median, Python."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 48))
    for _ in range(4):
        HistGradientBoostingRegressor(max_iter=60).fit(X, X[:, 0])
    for _ in range(20):
        pd.Series(X[:, :20].ravel()).rolling(50).median()


def measure_machine():
    """Return how much more two processes do here than one, though they share nothing."""
    command = [sys.executable, "-c", "import bench_scale; bench_scale.work_alone()"]
    options = {"env": os.environ | parallel.limit_threads(1), "cwd": Path(__file__).parent}

    def run_crew(n):
        crew = [subprocess.Popen(command, **options) for _ in range(n)]
        return [one.wait() for one in crew]

    one, two = (min(time_call(lambda n=n: run_crew(n))[0] for _ in range(2)) for n in (1, 2))
    return 2 * one / two


def show_sweep(options):
    print(f"two processes that share nothing do {measure_machine():.2f} times as much as one")
    times = {}
    for workers in (1, 2):
        with tempfile.TemporaryDirectory(dir=PROJECT) as folder:
            plan = plan_sweep(
                options.params,
                notebooks=NOTEBOOKS,
                sample=lambda: SAMPLE,
                describe=describe_dataset,
            )
            sweep = Path(folder, "sweep")
            call = partial(
                run_plan,
                plan,
                {run.name: place_run(sweep, run) for run in plan.runs},
                sweep=sweep,
                store=StepStore(Path(folder, "steps")),
                machine=Machine(workers=workers),
            )
            times[workers], result = time_call(call)
            steps = sum(outcome.seconds for outcome in result.outcomes)
            again, _ = time_call(call)
        print(f"{workers} workers: {len(plan.runs)} runs, {len(plan.nodes)} steps", end=", ")
        print(f"{times[workers]:.0f} s; sum of steps / workers {steps / workers:.0f} s", end=", ")
        print(f"ratio {times[workers] * workers / steps:.3f}; again {again:.1f} s", flush=True)
    print(f"two workers are {times[1] / times[2]:.2f} times as fast as one")


def show_paper(options):
    folder = Path(options.folder)
    if not (folder / "dataset.toml").exists():
        seconds, _ = time_call(
            lambda: fluxlib.write_dataset(
                fluxlib.simulate("1999-01-01", "2017-01-01", "5min", seed=1), folder
            )
        )
        print(f"simulated and written in {seconds / 60:.1f} min", flush=True)
    command = [sys.executable, __file__, "notebooks", "--folder", str(folder)]
    subprocess.run(command, check=True)  # a process of its own: this one still holds the fleet


def run_paper(options):
    with tempfile.TemporaryDirectory(dir=PROJECT) as place:
        os.environ["FLUX_CACHE"] = f"{place}/cache"
        source = describe_dataset(options.folder)
        plan = plan_run(
            source,
            notebooks=NOTEBOOKS,
            parameters=read_parameters(PROJECT / "params/paper-scale.yaml"),
            only=["01", "02", "03", "04"],
        )
        run = run_plan(
            plan,
            {"run-1": RunFolder(source, Path(place, "reports"), Path(place, "figures"))},
            store=StepStore(Path(place, "steps")),
        )
        for outcome in run.outcomes:
            words = {"minutes": outcome.seconds / 60, "GiB": (outcome.memory or 0) * 1e6 / 2**30}
            print(json.dumps({"step": outcome.step, "status": outcome.status, **words}))
        print("\n".join(run.failures))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["surface", "sweep", "paper", "notebooks"])
    parser.add_argument("--data", default=SAMPLE)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--trees", type=int, default=64)
    parser.add_argument("--params", default=PROJECT / "params" / "sweep.yaml")
    parser.add_argument("--folder", default=PROJECT / "data" / "raw" / "paper-scale")
    options = parser.parse_args()
    run = {"surface": show_surface, "sweep": show_sweep}
    run |= {"paper": show_paper, "notebooks": run_paper}
    run[options.what](options)


if __name__ == "__main__":
    main()
