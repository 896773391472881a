import os
import signal

import pytest

from fluxlib.errors import FluxError
from fluxlib.utils import parallel as cluster
from fluxlib.utils.parallel import Crew, Link, find_link, limit_threads, run_tasks


def add(one, two, shared):
    return one + two + shared[0]


def end_first_worker(task, marker, shared):
    """Kill the worker that this runs on, once."""
    if task == 1 and not os.path.exists(marker):
        open(marker, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return task + shared[0]


def kill_worker():
    os.kill(os.getpid(), signal.SIGKILL)


def find_link_in_task():
    os.environ[cluster.VARIABLE] = "tcp://127.0.0.1:1"
    try:
        return find_link()
    finally:
        del os.environ[cluster.VARIABLE]


def fail():
    raise FluxError("what went wrong")


def test_without_a_scheduler_tasks_are_done_here_one_by_one(monkeypatch):
    monkeypatch.delenv(cluster.VARIABLE, raising=False)
    results = run_tasks(add, [(1, 2), (3, 4)], [10])
    assert next(results) == 13
    assert list(results) == [17]


def test_an_address_where_no_scheduler_answers_is_told(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT", 0.5)
    with pytest.raises(FluxError, match=r"'tcp://127\.0\.0\.1:1' \(--scheduler or FLUX_SCHEDULER"):
        Link("tcp://127.0.0.1:1")
    with pytest.raises(FluxError, match="expected an address like tcp://host:8786"):
        Link("nonsense")


@pytest.mark.parametrize("count", [0, -1, 1.5, "2"])
def test_a_count_of_workers_that_is_none_is_refused(count):
    with pytest.raises(FluxError, match=f"workers is {count!r}; expected a whole number above 0"):
        Crew(None, count)


def test_patience_with_a_lost_scheduler_ends(monkeypatch):
    class Lost:
        status = "closed"

    link = object.__new__(Link)
    link.address, link.client = "tcp://127.0.0.1:1", Lost()
    monkeypatch.setattr(cluster, "CONNECT", 0.2)
    monkeypatch.setattr(cluster, "PATIENCE", 0)
    with pytest.raises(FluxError, match="was lost and has not come back"):
        link.recover()


def test_a_process_is_kept_to_its_threads():
    assert set(limit_threads(3).values()) == {"3"}
    assert "OMP_NUM_THREADS" in limit_threads(3)


@pytest.mark.slow
def test_results_come_in_the_order_of_the_tasks(workers):
    assert list(run_tasks(add, [(i, 2 * i) for i in range(20)], [1])) == [
        3 * i + 1 for i in range(20)
    ]


@pytest.mark.slow
def test_tasks_and_data_outlive_a_worker(workers, tmp_path):
    marker = str(tmp_path / "killed")
    assert list(run_tasks(end_first_worker, [(i, marker) for i in range(6)], [100])) == [
        *range(100, 106)
    ]
    assert os.path.exists(marker)


@pytest.mark.slow
def test_a_task_makes_no_tasks(workers):
    assert workers.link.client.submit(find_link_in_task, pure=False).result() is None


@pytest.mark.slow
def test_a_crew_gives_up_a_task_that_ends_every_worker_and_does_the_others(two_workers):
    from distributed import KilledWorker

    with Crew(two_workers.address) as crew:
        crew.submit("kill", kill_worker)
        for number in range(4):
            crew.submit(f"add-{number}", add, number, 0, [1])
        results = {}
        while crew.busy:
            name, result = crew.take()
            results[name] = result
    assert isinstance(results.pop("kill"), KilledWorker)
    assert results == {f"add-{number}": number + 1 for number in range(4)}


@pytest.mark.slow
def test_what_a_task_raises_is_raised_where_it_is_taken(two_workers):
    with Crew(two_workers.address) as crew:
        crew.submit("fail", fail)
        with pytest.raises(FluxError, match="what went wrong"):
            crew.take()


def test_a_crew_without_tasks_starts_no_worker(monkeypatch):
    monkeypatch.setattr(cluster, "start_workers", None)
    with Crew(None, 2) as crew:
        assert not crew.busy
