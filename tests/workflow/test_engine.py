"""The engine with real processes: what it runs, what it survives, and what it leaves."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from fluxlib.errors import FluxError
from fluxlib.workflow import engine
from fluxlib.workflow.engine import Machine, explain_steps, settle_steps
from fluxlib.workflow.store import Outcome
from tests.helpers.notebooks import (
    count_runs,
    get_statuses,
    keep_step,
    plan_toys,
    read_all_results,
    run_toys,
    store_toys,
    sweep_toys,
    write_step,
)

PATIENCE = 240  # seconds
TWO = Machine(workers=2)
WAIT = """(data / "started").write_text(str(os.getppid()))
while not (data / "gate").exists():
    time.sleep(0.02)"""


# What has to run, which needs no process.


@pytest.fixture
def chain(tmp_path):
    """Plan 01, 02 that needs 01, and 03 that uses 02."""
    write_step(tmp_path, "01_a", parameters="n = 1\n")
    write_step(tmp_path, "02_b", needs=["01_a"])
    write_step(tmp_path, "03_c", uses=["02_b"], parameters="m = 1\n")
    return tmp_path, plan_toys(tmp_path, ""), store_toys(tmp_path)


def end(jobs, step, status):
    """Return the outcome of a job as if it had been run, by key."""
    (job,) = [job for job in jobs.values() if job.step == step]
    return {job.key: Outcome(step, status, job.key, message="x", inputs=job.inputs)}


def test_what_is_in_the_store_is_not_run(chain):
    _, plan, store = chain
    outcomes, waiting = settle_steps(plan, store)
    assert [job.step for job in waiting.values()] == ["01_a", "02_b", "03_c"]
    assert list(waiting) == list(plan.nodes)
    assert outcomes == {}
    keep_step(store, next(iter(waiting.values())))
    outcomes, waiting = settle_steps(plan, store)
    assert [job.step for job in waiting.values()] == ["02_b", "03_c"]
    assert [(o.step, o.reused) for o in outcomes.values()] == [("01_a", True)]


def test_a_failure_skips_what_needs_it_and_what_uses_that_runs_under_another_key(chain):
    _, plan, store = chain
    _, jobs = settle_steps(plan, store)
    ran = end(jobs, "01_a", "failed")
    outcomes, waiting = settle_steps(plan, store, ran)
    assert [(o.step, o.status) for o in outcomes.values()] == [
        ("01_a", "failed"),
        ("02_b", "skipped"),
    ]
    assert [o.message for o in outcomes.values()][1] == "it needs 01_a"
    (job,) = waiting.values()
    assert job.step == "03_c"
    assert job.inputs["upstream"] == {"02_b": "failed"}
    assert job.key not in jobs


def test_not_applicable_is_no_failure(chain):
    _, plan, store = chain
    _, jobs = settle_steps(plan, store)
    outcomes, waiting = settle_steps(plan, store, end(jobs, "01_a", "not applicable"))
    assert [job.step for job in waiting.values()] == ["02_b", "03_c"]
    assert waiting.keys() < jobs.keys()
    assert [o.status for o in outcomes.values()] == ["not applicable"]


def test_a_dry_run_says_what_would_run_and_why(chain):
    folder, plan, store = chain
    assert [line.split(maxsplit=1)[1] for line in explain_steps(plan, store, {})] == 3 * [
        "would run: it has not been run with these inputs"
    ]
    _, jobs = settle_steps(plan, store)
    old = {job.step: keep_step(store, job) for job in jobs.values()}
    assert explain_steps(plan, store, {})[0].split(maxsplit=1)[1] == "is current: done"

    write_step(folder, "02_b", "1 + 1", needs=["01_a"])
    plan = replace(plan_toys(folder, "parameters: {m: 5}"), chosen={"01_a", "02_b", "03_c"})
    lines = explain_steps(plan, store, {"run-1": old})
    assert [line.split(maxsplit=1)[1] for line in lines] == [
        "is current: done",
        "would run: the notebook has changed",
        "would run: changed parameters: m; 02_b would run",
    ]
    failed = old["02_b"], replace(old["02_b"], status="failed", message="KeyError: 1")
    lines = explain_steps(plan, store, {"run-1": old | {"02_b": failed[1]}})
    assert lines[1].endswith("would run: it failed when it was last run (KeyError: 1)")
    changed = {name: replace(o, inputs=o.inputs | {"code": "x"}) for name, o in old.items()}
    assert (
        "fluxlib or requirements.txt have changed"
        in (explain_steps(plan, store, {"run-1": changed})[1])
    )


def test_the_longest_chain_begins_first_and_later_notebooks_where_no_time_is_known(chain):
    _, plan, _ = chain
    assert engine._rank_notebooks(plan, {"01_a": 60, "02_b": 5, "03_c": 90}) == {
        "01_a": 1550,
        "02_b": 950,
        "03_c": 900,
    }
    ranks = engine._rank_notebooks(replace(plan, steps=[plan.steps[0], plan.steps[2]]), {})
    assert ranks["03_c"] > ranks["01_a"]


def test_a_job_reaches_its_process_as_it_was_planned(chain, tmp_path):
    _, plan, store = chain
    _, jobs = settle_steps(plan, store)
    engine.write_jobs(tmp_path / "jobs.json", jobs, store=str(store.folder), most_threads=3)
    for key, job in jobs.items():
        assert engine.read_job(tmp_path / "jobs.json", key) == (job, store, 3)
        assert job.rebuild() == job


# One sweep with real processes, of which each test below looks at one side.

GRID = "grid: {limit: [1, 2], units: [1, 2]}\nparameters: {epochs: 1}"
MEET = """(data / f"here-{name}-{limit}").touch()
while len(list(data.glob("here-*"))) < 2:  # ends only if another runs at the same time
    time.sleep(0.02)"""


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept")
    write_step(folder, "01_offsets", MEET, "save(limit)", parameters="limit = 1\n")
    write_step(
        folder,
        "02_lstm",
        "(data / f'threads-{units}').write_text(os.environ['OMP_NUM_THREADS'])",
        "save(units + epochs)",
        parameters="units = 1\nepochs = 2\n",
    )
    write_step(folder, "03_sum", "save(10 * read('02_lstm'))", needs=["02_lstm"])
    sweep, lines = sweep_toys(folder, GRID, machine=TWO)
    return folder, sweep, lines


@pytest.mark.slow
def test_runs_share_the_steps_that_agree(swept):
    folder, sweep, lines = swept
    assert sweep.failures == []
    assert count_runs(folder) == {"01_offsets": 2, "02_lstm": 2, "03_sum": 2}
    assert sorted(line.split()[0] for line in lines) == [f"{n}/6" for n in range(1, 7)]
    assert {outcome.status for outcome in sweep.outcomes} == {"done"}
    for number, value in zip(range(1, 5), [20, 30, 20, 30], strict=True):
        report = folder / f"sweeps/toys/runs/run-{number}/reports/data"
        saved = json.loads((report / "03_sum.json").read_text())
        assert saved["headline"] == [{"label": "03_sum", "value": value}]
        assert {path.name for path in report.glob("*.html")} == {
            *("index.html", "01_offsets.html", "02_lstm.html", "03_sum.html")
        }


@pytest.mark.slow
def test_notebooks_that_do_not_need_each_other_run_side_by_side_and_share_the_cores(swept):
    folder, *_ = swept
    # 01_offsets with limit 1 and with limit 2 have met, or they would be waiting still.
    assert len(list((folder / "data").glob("here-01_offsets-*"))) == 2
    cores = engine.count_cores()
    assert {int(path.read_text()) for path in (folder / "data").glob("threads-*")} == {
        min(cores, 2 * max(1, cores // 2))
    }


@pytest.mark.slow
def test_a_second_call_does_nothing(swept, monkeypatch):
    folder, *_ = swept
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*") if path.is_file()}
    monkeypatch.setattr(subprocess, "Popen", None)
    sweep, lines = sweep_toys(folder, GRID, machine=TWO)
    assert lines == []
    assert all(outcome.reused for outcome in sweep.outcomes)
    after = {path: path.stat().st_mtime_ns for path in before if "sweeps/toys/runs" in str(path)}
    assert after.items() <= before.items()


@pytest.mark.slow
def test_a_changed_parameter_runs_only_what_depends_on_it_and_nothing_is_forgotten(swept):
    folder, *_ = swept
    before = count_runs(folder)
    sweep, _ = sweep_toys(folder, GRID.replace("units: [1, 2]", "units: [1, 7]"), machine=TWO)
    assert sweep.failures == []
    after = count_runs(folder)
    assert {name: after[name] - before[name] for name in after} == {
        "01_offsets": 0,
        "02_lstm": 1,
        "03_sum": 1,
    }
    # Back again, and with runs that are no longer asked for.
    sweep, _ = sweep_toys(folder, GRID.replace("units: [1, 2]", "units: [2]"), machine=TWO)
    assert sweep.failures == []
    assert count_runs(folder) == after
    runs = {path.name for path in (folder / "sweeps/toys/runs").iterdir()}
    assert runs == {"run-1", "run-2"}


# What an engine survives.


def write_gated(folder):
    """Write two notebooks, of which the second waits for ``data/gate``."""
    (folder / "data").mkdir(parents=True)
    write_step(folder, "01_a", "save(n)", parameters="n = 1\n")
    half = "(out / 'tables').mkdir()\n(out / 'tables' / '02_b_x').write_text('half')"
    whole = "(out / 'tables' / '02_b_x').write_text('whole')\nsave(m + read('01_a'))"
    write_step(folder, "02_b", half, WAIT, whole, needs=["01_a"], parameters="m = 1\n")


GATED = "grid: {m: [1, 2]}"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    write_gated(folder)
    (folder / "data" / "gate").touch()
    sweep_toys(folder, GATED, machine=TWO)
    return read_all_results(folder)


def wait_for(path, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(path.read_text())


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


SWEEP = """
import resource, sys
from pathlib import Path
from fluxlib.workflow.engine import Machine
from tests.helpers.notebooks import sweep_toys
folder, text, limit = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
sweep, _ = sweep_toys(Path(folder), text, machine=Machine(workers=2))
print("; ".join(sweep.failures))
"""


def start_sweep(folder, text, *, limit=0):
    here = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", SWEEP, folder, text, str(limit)],
        env={**os.environ, "PYTHONPATH": here},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_killed_run_leaves_nothing_running_and_is_finished_with_equal_results(
    tmp_path, undisturbed
):
    write_gated(tmp_path)
    process = start_sweep(tmp_path, GATED)
    step = wait_for(tmp_path / "data" / "started")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + PATIENCE
    while is_running(step):  # a step ends with its run
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (tmp_path / "data" / "ran").write_text("")
    (tmp_path / "data" / "gate").touch()
    sweep, _ = sweep_toys(tmp_path, GATED, machine=TWO)
    assert sweep.failures == []
    assert count_runs(tmp_path) == {"02_b": 2}
    assert read_all_results(tmp_path) == undisturbed


@pytest.mark.slow
def test_a_step_whose_process_is_killed_is_tried_again(tmp_path, undisturbed):
    write_gated(tmp_path)

    def kill():
        os.kill(wait_for(tmp_path / "data" / "started"), signal.SIGKILL)
        (tmp_path / "data" / "gate").touch()

    with meanwhile(kill):
        sweep, _ = sweep_toys(tmp_path, GATED, machine=TWO)
    assert sweep.failures == []
    assert read_all_results(tmp_path) == undisturbed
    assert count_runs(tmp_path) == {"01_a": 1, "02_b": 3}


@pytest.mark.slow
def test_two_runs_at_once_share_their_steps_and_a_second_on_one_folder_is_refused(
    tmp_path, undisturbed
):
    write_gated(tmp_path)
    first = start_sweep(tmp_path, GATED)
    wait_for(tmp_path / "data" / "started")
    with pytest.raises(FluxError, match=f"process {first.pid}, since .* is writing to .*toys"):
        sweep_toys(tmp_path, GATED)

    def open_gate():
        time.sleep(2)  # the other run has handed its steps out by then
        (tmp_path / "data" / "gate").touch()

    # The same notebooks and dataset under another name: the steps are the same.
    with meanwhile(open_gate):
        run, _ = run_toys(tmp_path, source=plan_toys(tmp_path, "").runs[0].source)
    assert set(get_statuses(run).values()) <= {"done", "reused"}
    _, error = first.communicate(timeout=PATIENCE)
    assert first.returncode == 0, error
    assert count_runs(tmp_path) == {"01_a": 1, "02_b": 2}
    assert read_all_results(tmp_path) == undisturbed


@pytest.mark.slow
def test_a_notebook_that_changes_while_it_runs_fails_and_nothing_of_it_is_kept(tmp_path):
    write_step(tmp_path, "01_a", WAIT, "save(1)")
    path = tmp_path / "notebooks" / "01_a.ipynb"

    def change():
        wait_for(tmp_path / "data" / "started")
        path.write_text(path.read_text().replace("save(1)", "save(2)"))
        (tmp_path / "data" / "gate").touch()

    with meanwhile(change):
        run, _ = run_toys(tmp_path)
    assert "01_a.ipynb, fluxlib or requirements.txt have changed" in run.failures[0]
    run, _ = run_toys(tmp_path)
    assert get_statuses(run) == {"01": "done"}
    assert b'"value": 2' in (tmp_path / "reports/toy/01_a.json").read_bytes()


@pytest.mark.slow
def test_what_fails_is_tried_again_and_what_ran_without_it_runs_with_it(tmp_path):
    fail = "if n == 2 and not (data / 'mended').exists():\n    1 / 0"
    write_step(tmp_path, "01_a", fail, "save(n)", parameters="n = 1\n")
    write_step(tmp_path, "02_b", "save(read('01_a'))", needs=["01_a"])
    write_step(tmp_path, "03_c", "save((out / '01_a.json').exists())", uses=["01_a"])
    sweep, _ = sweep_toys(tmp_path, "grid: {n: [1, 2]}", machine=TWO)
    assert sorted(sweep.failures) == [
        "01_a failed in cell [4] \"if n == 2 and not (data / 'mended').exists():\": "
        "ZeroDivisionError: division by zero (run-2)",
        "02_b was skipped: it needs 01_a (run-2)",
    ]
    assert "1 of 2 runs" in sweep.index.read_text()
    report = sweep.index.parent / "runs/run-2/reports/data"
    assert "ZeroDivisionError" in (report / "01_a.html").read_text()
    assert json.loads((report / "03_c.json").read_text())["headline"][0]["value"] is False
    kept = nbformat.read(report / "01_a.ipynb", as_version=4)
    assert any(o.output_type == "error" for c in kept.cells for o in c.get("outputs", []))
    (tmp_path / "data" / "mended").touch()
    (tmp_path / "data" / "ran").write_text("")
    sweep, _ = sweep_toys(tmp_path, "grid: {n: [1, 2]}", machine=TWO)
    assert sweep.failures == []
    assert count_runs(tmp_path) == {"01_a": 1, "02_b": 1, "03_c": 1}


@pytest.mark.slow
def test_a_full_disk_is_a_failure_and_leaves_nothing_half_written(tmp_path):
    big = "with open(out / '01_a_big', 'wb') as file:\n    file.write(bytes(size))"
    write_step(tmp_path, "01_a", big, "save(size)", parameters="size = 1\n")
    # Not even the notebook can be written.
    write_step(tmp_path, "02_b", "print('x' * length)", "save(0)", parameters="length = 1\n")
    text = "runs: [{}, {size: 800000}, {length: 800000}]"
    process = start_sweep(tmp_path, text, limit=500_000)
    printed, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    assert printed.count("OSError: [Errno 27] File too large") == 2
    (tmp_path / "data" / "ran").write_text("")
    sweep, _ = sweep_toys(tmp_path, text)
    assert sweep.failures == []
    assert count_runs(tmp_path) == {"01_a": 1, "02_b": 1}


@pytest.mark.slow
def test_a_profile_reaches_snakemake_and_one_that_it_cannot_use_is_told(tmp_path):
    write_step(
        tmp_path, "01_a", "(data / 'threads').write_text(os.environ['OMP_NUM_THREADS'])", "save(1)"
    )
    profile = tmp_path / "profile"
    profile.mkdir()
    (profile / "config.yaml").write_text("cores: 3\nset-threads:\n  run_01_a: 3\n")
    run, _ = run_toys(tmp_path, machine=Machine(profile=str(profile)))
    assert run.failures == []
    assert (tmp_path / "data" / "threads").read_text() == "3"
    write_step(tmp_path, "01_a", "save(2)")
    with pytest.raises(FluxError, match=r"(?s)Snakemake could not run.*no-such-executor"):
        run_toys(tmp_path, machine=Machine(executor="no-such-executor"))


@pytest.mark.slow
def test_an_executor_submits_each_notebook_to_its_cluster(tmp_path):
    write_step(tmp_path, "01_a", "save(1)")
    write_step(tmp_path, "02_b", "save(read('01_a') + 1)", needs=["01_a"])
    submit = tmp_path / "submit"  # a cluster of one machine, which notes what it is given
    submit.write_text(
        f'#!/bin/sh\necho job >>{tmp_path}/submitted\n"$1" </dev/null >/dev/null 2>&1 &\necho $!\n'
    )
    submit.chmod(0o755)
    profile = tmp_path / "profile"
    profile.mkdir()
    (profile / "config.yaml").write_text(f"cluster-generic-submit-cmd: {submit}\n")
    machine = Machine(workers=2, profile=str(profile), executor="cluster-generic")
    run, lines = run_toys(tmp_path, machine=machine)
    assert get_statuses(run) == {"01": "done", "02": "done"}
    assert len(lines) == 2
    assert (tmp_path / "submitted").read_text().split() == ["job", "job"]


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
