"""Sweeps with real workers, and what they survive."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from fluxlib.errors import FluxError
from fluxlib.workflow.sweep import run_sweep
from tests.helpers.notebooks import plan_toys, sweep_toys, write_notebook

pytestmark = pytest.mark.slow
PATIENCE = 120  # seconds

# Each writes without pandas, whose import would be most of its time, and says that it ran.
HEAD = """import json, os, time
from pathlib import Path
name = "{name}"
data, out = Path(dataset_folder), Path(reports_folder, "data")
with open(data / "ran", "a") as file:
    file.write(name + " ")
def read(step):
    return json.loads((out / f"{{step}}.json").read_text())["headline"][0]["value"]
def save(value):
    figure = dict(label=name, value=value)
    scores = [dict(model="m", horizon=h, PE=value / h, n=9) for h in (1, 2)]
    (out / f"{{name}}.json").write_text(json.dumps(dict(headline=[figure], scores=scores)))"""
WAIT = """(data / "started").write_text(str(os.getppid()))
while not (data / "gate").exists():
    time.sleep(0.02)"""
GRID = "grid: {limit: [1, 2, 3, 4], units: [1, 2, 3, 4, 5, 6]}\nparameters: {epochs: 1}"


def write_step(folder, name, *cells, **options):
    write_notebook(
        folder / "notebooks", name, HEAD.format(name=name), *cells, plain=True, **options
    )


def read_results(folder):
    """Return the bytes of all that counts as a result, by run."""
    sweep = folder / "sweeps" / "toys"
    paths = [*sweep.glob("runs/*/reports/data/[0-9]*_*.json"), sweep / "results.parquet"]
    return {
        str(path.relative_to(sweep)): path.read_bytes()
        for path in paths
        if not path.name.endswith(".stamp.json")
    }


def count_runs(folder):
    """Return how often each notebook was run."""
    return pd.Series((folder / "data" / "ran").read_text().split()).value_counts().to_dict()


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept")
    write_step(folder, "01_offsets", "save(limit)", parameters="limit = 1\n")
    write_step(folder, "02_lstm", "save(units + epochs)", parameters="units = 1\nepochs = 2\n")
    write_step(folder, "03_sum", "save(10 * read('02_lstm'))", needs=["02_lstm"])
    sweep, said = sweep_toys(folder, GRID, workers=2)
    return folder, sweep, said


@pytest.fixture
def copy(swept, tmp_path):
    """Lend the sweep's notebooks and steps; keys know a dataset by its content alone."""
    return shutil.copytree(swept[0], tmp_path / "copy")


def test_24_runs_share_their_steps(swept):
    folder, sweep, said = swept
    assert sweep.failures == []
    assert count_runs(folder) == {"01_offsets": 4, "02_lstm": 6, "03_sum": 6}
    assert len(said) == 16
    assert all(outcome.status == "done" for outcome in sweep.outcomes.values())


def test_the_table_has_each_score_of_each_run(swept):
    table = pd.read_parquet(swept[0] / "sweeps" / "toys" / "results.parquet")
    assert table["run"].nunique() == 24
    # Of each of three steps: PE and n at two horizons, and a key figure.
    assert len(table) == 24 * 3 * 5
    one = table[(table["limit"] == 3) & (table["units"] == 5) & (table["step"] == "03_sum")]
    pe = one[one["score"] == "PE"].set_index("horizon")["value"]
    assert pe.to_dict() == {1: 60, 2: 30}
    assert one[one["figure"].notna()]["value"].tolist() == [60]


def test_each_run_is_a_report_of_its_own(swept):
    runs = swept[0] / "sweeps" / "toys" / "runs"
    for number in range(1, 25):
        report = runs / f"run-{number:02}" / "reports" / "data"
        assert {path.name for path in report.glob("*.html")} == {
            *("index.html", "01_offsets.html", "02_lstm.html", "03_sum.html")
        }
    saved = json.loads((runs / "run-24" / "reports" / "data" / "03_sum.json").read_text())
    assert saved["headline"] == [{"label": "03_sum", "value": 70}]


def test_a_second_sweep_runs_nothing_and_starts_no_worker(copy, monkeypatch):
    monkeypatch.setattr("fluxlib.utils.parallel.start_workers", None)
    before = read_results(copy)
    sweep, said = sweep_toys(copy, GRID, workers=2)
    assert said == []
    assert all(outcome.reused for outcome in sweep.outcomes.values())
    assert read_results(copy) == before


def test_one_changed_parameter_runs_only_what_depends_on_it(copy):
    (copy / "data" / "ran").unlink()
    sweep_toys(copy, GRID.replace("5, 6]", "5, 7]"), workers=2)
    assert count_runs(copy) == {"02_lstm": 1, "03_sum": 1}
    # Back again, nothing has been forgotten.
    (copy / "data" / "ran").write_text("")
    sweep_toys(copy, GRID, workers=2)
    assert count_runs(copy) == {}


def test_runs_that_are_no_longer_asked_for_are_removed(copy):
    sweep_toys(copy, "parameters: {epochs: 1}\ngrid: {limit: [1, 2]}", workers=2)
    assert {path.name for path in (copy / "sweeps/toys/runs").iterdir()} == {"run-1", "run-2"}


def test_a_change_of_a_notebook_while_it_runs_ends_the_sweep_and_keeps_nothing_of_it(tmp_path):
    write_step(tmp_path, "01_a", WAIT, "save(1)")
    plan = plan_toys(tmp_path, "")
    path = tmp_path / "notebooks" / "01_a.ipynb"

    def change():
        wait_for(tmp_path / "data" / "started")
        path.write_text(path.read_text().replace("save(1)", "save(2)"))
        (tmp_path / "data" / "gate").touch()

    with (
        meanwhile(change),
        pytest.raises(FluxError, match=r"01_a\.ipynb, fluxlib or req.* changed"),
    ):
        run_sweep(plan, folder=tmp_path / "sweeps", workers=1)
    sweep, _ = sweep_toys(tmp_path, "", workers=1)
    assert sweep.failures == []
    assert b'"value": 2' in read_results(tmp_path)["runs/run-1/reports/data/01_a.json"]


def wait_for(path, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(path.read_text())


class meanwhile:  # noqa: N801 - it reads as a word
    """Do something in a thread while the block runs, and fail if it fails."""

    def __init__(self, action):
        self.action, self.error = action, None

    def _run(self):
        try:
            self.action()
        except BaseException as error:
            self.error = error

    def __enter__(self):
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def __exit__(self, *_):
        self.thread.join()
        if self.error is not None:
            raise self.error


def write_gated(folder):
    """Write two notebooks, of which the second waits for ``data/gate``."""
    (folder / "data").mkdir(parents=True)
    write_step(folder, "01_a", "save(n)", parameters="n = 1\n")
    half = "(out / 'tables').mkdir()\n(out / 'tables' / '02_b_x').write_text('half')"
    whole = "(out / 'tables' / '02_b_x').write_text('whole')\nsave(m + read('01_a'))"
    write_step(folder, "02_b", half, WAIT, whole, needs=["01_a"], parameters="m = 1\n")


GATED = "grid: {m: [1, 2, 3]}"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    write_gated(folder)
    (folder / "data" / "gate").touch()
    sweep_toys(folder, GATED, workers=2)
    return read_results(folder)


def test_a_worker_killed_in_a_step_changes_nothing(tmp_path, undisturbed):
    write_gated(tmp_path)

    def kill():
        os.kill(wait_for(tmp_path / "data" / "started"), signal.SIGKILL)
        (tmp_path / "data" / "gate").touch()

    with meanwhile(kill):
        sweep, _ = sweep_toys(tmp_path, GATED, workers=2)
    assert sweep.failures == []
    assert read_results(tmp_path) == undisturbed
    assert count_runs(tmp_path) == {"01_a": 1, "02_b": 4}


def test_a_killed_sweep_goes_on_where_it_was(tmp_path, undisturbed):
    write_gated(tmp_path)
    process = start_sweep(tmp_path, GATED)
    wait_for(tmp_path / "data" / "started")
    process.kill()
    process.communicate()
    (tmp_path / "data" / "ran").write_text("")
    (tmp_path / "data" / "gate").touch()
    sweep_toys(tmp_path, GATED, workers=2)
    assert "01_a" not in count_runs(tmp_path)
    assert read_results(tmp_path) == undisturbed


def test_two_sweeps_at_once_share_the_work(tmp_path, undisturbed):
    write_gated(tmp_path)
    processes = [start_sweep(tmp_path, GATED, workers=1) for _ in range(2)]
    wait_for(tmp_path / "data" / "started")
    (tmp_path / "data" / "gate").touch()
    for process in processes:
        _, error = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, error
    assert count_runs(tmp_path) == {"01_a": 1, "02_b": 3}
    assert read_results(tmp_path) == undisturbed


SWEEP = """
import resource, sys
from pathlib import Path
from tests.helpers.notebooks import sweep_toys
if __name__ == "__main__":
    folder, text, workers, limit = sys.argv[1:]
    if int(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    sweep, _ = sweep_toys(Path(folder), text, workers=int(workers))
    print("; ".join(sweep.failures))
"""


def start_sweep(folder, text, *, workers=2, limit=0):
    # A file, because each worker's process reads it again.
    script = folder / "sweep_script.py"
    script.write_text(SWEEP)
    here = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, script, folder, text, str(workers), str(limit)],
        env={**os.environ, "PYTHONPATH": here},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_kernel_that_dies_is_started_again(tmp_path):
    die = (
        "if not (data / 'died').exists():\n    (data / 'died').touch()\n    os.kill(os.getpid(), 9)"
    )
    write_step(tmp_path, "01_a", die, "save(1)")
    sweep, _ = sweep_toys(tmp_path, "", workers=1)
    assert sweep.failures == []
    assert count_runs(tmp_path) == {"01_a": 2}


def test_what_fails_stops_only_what_needs_it_and_is_tried_again(tmp_path):
    fail = "if n == 2 and not (data / 'mended').exists():\n    1 / 0"
    write_step(tmp_path, "01_a", fail, "save(n)", parameters="n = 1\n")
    write_step(tmp_path, "02_b", "save(read('01_a'))", needs=["01_a"])
    write_step(tmp_path, "03_c", "save((out / '01_a.json').exists())", uses=["01_a"])
    sweep, _ = sweep_toys(tmp_path, "grid: {n: [1, 2]}", workers=2)
    assert sweep.failures == [
        "01_a failed in cell [4] \"if n == 2 and not (data / 'mended').exists():\": "
        "ZeroDivisionError: division by zero (run-2)",
        "02_b was skipped: it needs 01_a (run-2)",
    ]
    assert "1 of 2 runs did not come to their end" in sweep.index.read_text()
    assert "ZeroDivisionError" in (
        (sweep.index.parent / "runs/run-2/reports/data/01_a.html").read_text()
    )
    (tmp_path / "data" / "mended").touch()
    (tmp_path / "data" / "ran").unlink()
    sweep, _ = sweep_toys(tmp_path, "grid: {n: [1, 2]}", workers=2)
    assert sweep.failures == []
    # 03 had run without what 01 has now.
    assert count_runs(tmp_path) == {"01_a": 1, "02_b": 1, "03_c": 1}


def test_a_disk_that_is_full_leaves_nothing_half_written(tmp_path):
    big = "with open(out / '01_a_big', 'wb') as file:\n    file.write(bytes(size))"
    write_step(tmp_path, "01_a", big, "save(size)", parameters="size = 1\n")
    text = "grid: {size: [10, 400000]}"
    process = start_sweep(tmp_path, text, limit=200_000)
    said, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    assert "OSError: [Errno 27] File too large (run-2)" in said
    table = pd.read_parquet(tmp_path / "sweeps" / "toys" / "results.parquet")
    assert set(table["run"]) == {"run-1"}
    (tmp_path / "data" / "ran").unlink()
    sweep, _ = sweep_toys(tmp_path, text, workers=1)
    assert sweep.failures == []
    assert count_runs(tmp_path) == {"01_a": 1}


def test_a_disk_too_full_for_the_notebook_ends_the_sweep_with_one_sentence(tmp_path):
    write_step(tmp_path, "01_a", "print('x' * size)", "save(size)", parameters="size = 1\n")
    text = "grid: {size: [10, 400000]}"
    process = start_sweep(tmp_path, text, limit=200_000, workers=1)
    _, error = process.communicate(timeout=PATIENCE)
    assert error.splitlines()[-1].startswith("OSError: [Errno 27] File too large")
    kept = [path for path in (tmp_path / "sweeps" / "steps").iterdir() if path.name != "claims"]
    assert len(kept) == 1
    sweep, said = sweep_toys(tmp_path, text, workers=1)
    assert sweep.failures == []
    assert len(said) == 1


def start_dask(module, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{module}", *arguments, "--no-dashboard"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def dask():
    """Start Dask's own commands, and end what is left of them."""
    started = []

    def start(*arguments):
        started.append(start_dask(*arguments))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def find_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for_port(port, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while True:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_scheduler_that_is_lost_and_starts_again_loses_nothing(tmp_path, undisturbed, dask):
    write_gated(tmp_path)
    port = find_port()
    address = f"tcp://127.0.0.1:{port}"
    place = ("dask_scheduler", "--host", "127.0.0.1", "--port", str(port))
    worker = ("dask_worker", address, "--nthreads", "1", "--no-nanny")
    first = dask(*place)
    wait_for_port(port)
    dask(*worker)

    def restart():
        wait_for(tmp_path / "data" / "started")
        first.kill()
        first.wait()
        dask(*place)
        wait_for_port(port)
        dask(*worker)
        (tmp_path / "data" / "gate").touch()

    with meanwhile(restart):
        sweep, _ = sweep_toys(tmp_path, GATED, address=address)
    assert sweep.failures == []
    assert read_results(tmp_path) == undisturbed
    assert count_runs(tmp_path)["01_a"] == 1
