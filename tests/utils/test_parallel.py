"""Tasks give the same results in this process and on workers, and survive the loss of both."""

import os
import signal
import subprocess
import sys
import time

import joblib
import pytest

from fluxlib.errors import FluxError
from fluxlib.utils import parallel
from fluxlib.utils.parallel import limit_threads, map_tasks


def add(one, two, shared):
    return one + two + shared[0]


def tell_process(task):
    return os.getpid()


def map_in_task(task):
    """Map tasks from within a task; return in which processes they are done, and this one."""
    parts = joblib.Parallel(n_jobs=2)(joblib.delayed(os.getpid)() for _ in range(4))
    return {*map_tasks(tell_process, [(1,), (2,)]), *parts}, os.getpid()


def end_first_worker(task, marker, shared):
    """Kill the worker that this runs on, once."""
    if task == 1 and not os.path.exists(marker):
        open(marker, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return task + shared[0]


def wait_and_add(task, shared):
    time.sleep(0.3)
    return task + shared[0]


def fail(task):
    raise FluxError("what went wrong")


class Shared:
    """Counts how often it was unpickled in this process."""

    arrived = 0

    def __setstate__(self, state):
        Shared.arrived += 1
        self.__dict__.update(state)

    def __getstate__(self):
        return {"payload": bytes(10_000)}


def count_arrivals(task, shared):
    time.sleep(0.02)
    return os.getpid(), Shared.arrived


def test_without_a_scheduler_tasks_are_done_here_one_by_one(monkeypatch):
    monkeypatch.delenv(parallel.SCHEDULER_VARIABLE, raising=False)
    results = map_tasks(add, [(1, 2), (3, 4)], [10])
    assert next(results) == 13
    assert list(results) == [17]
    assert set(map_tasks(tell_process, [(1,), (2,)])) == {os.getpid()}


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense"])
def test_a_scheduler_that_does_not_answer_is_named(monkeypatch, address):
    monkeypatch.setenv(parallel.SCHEDULER_VARIABLE, address)
    monkeypatch.setattr(parallel, "CONNECT_SECONDS", 0.3)
    with pytest.raises(FluxError, match=rf"scheduler '{address}' \(--scheduler or FLUX_SCHEDULER"):
        list(map_tasks(add, [(1, 2)], [10]))


def test_a_missing_dask_is_named_with_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setenv(parallel.SCHEDULER_VARIABLE, "tcp://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(FluxError, match=r"distributed is not installed; .*fluxlib-goes\[cluster\]"):
        list(map_tasks(add, [(1, 2)], [10]))


def test_a_process_is_kept_to_its_threads():
    assert set(limit_threads(3).values()) == {"3"}
    assert "OMP_NUM_THREADS" in limit_threads(3)


@pytest.mark.slow
def test_results_come_in_the_order_of_the_tasks_from_other_processes(workers):
    tasks = [(i, 2 * i) for i in range(20)]
    assert list(map_tasks(add, tasks, [1])) == [3 * i + 1 for i in range(20)]
    assert os.getpid() not in set(map_tasks(tell_process, [(i,) for i in range(4)]))


@pytest.mark.slow
def test_what_tasks_share_reaches_each_worker_once(workers):
    arrivals = {}
    for process, count in map_tasks(count_arrivals, [(i,) for i in range(20)], Shared()):
        arrivals.setdefault(process, set()).add(count)
    assert len(arrivals) == 2
    assert all(len(counts) == 1 for counts in arrivals.values())


@pytest.mark.slow
def test_tasks_and_data_outlive_a_worker(workers, tmp_path):
    marker = str(tmp_path / "killed")
    tasks = [(i, marker) for i in range(6)]
    assert list(map_tasks(end_first_worker, tasks, [100])) == [*range(100, 106)]
    assert os.path.exists(marker)


@pytest.mark.slow
def test_a_task_makes_no_tasks_for_the_workers(workers):
    for processes, own in map_tasks(map_in_task, [(i,) for i in range(2)]):
        assert processes == {own}


@pytest.mark.slow
def test_what_a_task_raises_is_raised_here(workers):
    with pytest.raises(FluxError, match="what went wrong"):
        list(map_tasks(fail, [(1,), (2,)]))


CLUSTER = """
import sys, time
from distributed import LocalCluster
cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None,
                       scheduler_port=int(sys.argv[1]))
time.sleep(600)
"""


@pytest.mark.slow
def test_one_worker_is_enough_and_a_scheduler_that_was_lost_may_come_back(monkeypatch):
    port = 30_000 + os.getpid() % 20_000
    command = [sys.executable, "-c", CLUSTER, str(port)]
    address = f"tcp://127.0.0.1:{port}"
    monkeypatch.setenv(parallel.SCHEDULER_VARIABLE, address)
    cluster = subprocess.Popen(command)
    try:
        results = map_tasks(wait_and_add, [(i,) for i in range(6)], [100])
        assert next(results) == 100
        cluster.kill()
        cluster.wait()
        cluster = subprocess.Popen(command)
        assert list(results) == [*range(101, 106)]
        parallel._clients.pop(address).close()
    finally:
        cluster.kill()
        cluster.wait()
