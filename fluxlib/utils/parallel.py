"""Many tasks at once: in this process, or on the workers of a Dask cluster.

A scheduler is named by ``--scheduler`` or by the variable FLUX_SCHEDULER. Without one, tasks are
done one after the other in this process, whose libraries use all cores. Results are the same.
"""

import logging
import os
import queue
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from joblib import Parallel, delayed, parallel_config

from fluxlib.errors import FluxError
from fluxlib.utils.validation import check_count

if TYPE_CHECKING:  # its import is slow, and most calls have no use for it
    from distributed import Client

SCHEDULER_VARIABLE = "FLUX_SCHEDULER"
CONNECT_SECONDS = 30  # to wait for a scheduler and its first worker ...
RECONNECT_SECONDS = 600  # ... and for a scheduler that was lost, which may be starting again


def map_tasks(function: Callable, tasks: Iterable[tuple], *shared: Any) -> Iterator:
    """Yield ``function(*task, *shared)`` for each task, in order.

    A task that itself maps tasks does so in its own process: tasks that waited for others could
    occupy all workers.

    Parameters
    ----------
    function : callable
        A function of a module, so that workers can import it. Its result must depend on its
        arguments alone.
    tasks : iterable of tuple
        Small arguments, one tuple a task.
    *shared
        Large arguments, which are sent to each worker once.

    Raises
    ------
    FluxError
        If FLUX_SCHEDULER names a scheduler that does not answer or has no workers.

    Examples
    --------
    >>> list(map_tasks(pow, [(2,), (3,)], 2))
    [4, 9]
    """
    tasks, address = list(tasks), os.environ.get(SCHEDULER_VARIABLE)
    if not address or _is_in_task():
        yield from (function(*task, *shared) for task in tasks)
        return
    client = _find_client(address, CONNECT_SECONDS)
    while tasks:
        with parallel_config(backend=_make_backend(client, shared)):
            # One task a message, and all at once: workers may join while they are being done.
            pool = Parallel(return_as="generator", batch_size=1, pre_dispatch="all")
        try:
            for result in pool(delayed(_do_task)(function, *task, *shared) for task in tasks):
                tasks.pop(0)
                yield result
        except CancelledError:  # the scheduler was lost, or all workers that held the data
            client = _find_client(address, RECONNECT_SECONDS)


def _make_backend(client: "Client", shared: tuple):
    from joblib._dask import DaskDistributedBackend  # imports Dask, which is slow

    class Backend(DaskDistributedBackend):
        def effective_n_jobs(self, n_jobs):
            return max(2, super().effective_n_jobs(n_jobs))  # for one, joblib would stay here

    return Backend(client=client, scatter=list(shared))


def _do_task(function: Callable, *arguments: Any) -> Any:
    """Keep libraries that use joblib themselves from asking the cluster for more."""
    with parallel_config(backend="sequential"):
        return function(*arguments)


def _is_in_task() -> bool:
    from distributed import get_worker

    try:
        get_worker()
    except ValueError:
        return False
    return True


_clients: dict[str, "Client"] = {}


def _find_client(address: str, timeout: float) -> "Client":
    """Return a client whose scheduler has a worker."""
    from distributed import Client

    client = _clients.get(address)
    while client and client.status == "connecting":  # it tries again by itself, then closes
        time.sleep(0.1)
    try:
        if not client or client.status != "running":
            client = Client(address, timeout=timeout, set_as_default=False)
        client.wait_for_workers(1, timeout=timeout)
    except (OSError, ValueError, AssertionError) as error:  # the last if this machine is too busy
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FluxError(
            f"The scheduler {address!r} (--scheduler or {SCHEDULER_VARIABLE}) does not answer or "
            f"has no workers ({reason}); expected an address like tcp://host:8786, as "
            "'dask scheduler' prints, and at least one 'dask worker' started with it."
        ) from None
    _clients[address] = client
    return client


def limit_threads(threads: int) -> dict[str, str]:
    """Return the variables that keep all libraries of a process to some cores."""
    names = ("OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
    names += ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return dict.fromkeys(names, str(threads))


# --- What follows goes with the present sweep engine and the tree growth that know of links. ---

MEMORY = 3e9  # bytes that a notebook may need: a machine gets no more workers than it has room for
CONNECT = 30  # seconds to wait for a scheduler at first ...
PATIENCE = 600  # ... and for one that was lost, which may be starting again


class Link:
    """A connection to a scheduler that is made again when it was lost.

    Parameters
    ----------
    address : str
        Like ``tcp://host:8786``.

    Raises
    ------
    FluxError
        If no scheduler answers there.
    """

    def __init__(self, address: str):
        self.address = address
        try:
            self.client = self._connect()
        except (OSError, ValueError) as error:
            raise FluxError(
                f"The scheduler is {address!r} (--scheduler or {SCHEDULER_VARIABLE}), where none "
                f"answers ({' '.join(str(error).split()) or type(error).__name__}); expected an "
                "address like tcp://host:8786, as 'dask scheduler' prints."
            ) from None

    def _connect(self) -> "Client":
        from distributed import Client

        try:
            return Client(self.address, timeout=CONNECT, set_as_default=False)
        except AssertionError as error:  # the client's thread has not begun within 10 s
            raise TimeoutError("this machine is too busy to connect") from error

    def recover(self) -> None:
        """Wait for a scheduler that was lost; what it had been given is to be given again.

        Raises
        ------
        FluxError
            When patience ends.
        """
        deadline = time.monotonic() + PATIENCE
        # The client tries for a while by itself, then closes.
        while self.client.status != "running":
            if self.client.status == "closed":
                try:
                    self.client = self._connect()
                except OSError as error:
                    if time.monotonic() > deadline:
                        raise FluxError(
                            f"The scheduler at {self.address} was lost and has not come back for "
                            f"{PATIENCE} s. The same command goes on from here."
                        ) from error
            time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()


@contextmanager
def start_workers(count: int) -> Iterator[Link]:
    """Run a scheduler and `count` workers, a process each, on this machine for a while."""
    from distributed import LocalCluster

    with (
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",  # any port, for there may be others
            silence_logs=logging.ERROR,
            env=limit_threads(1),
            memory_limit=0,  # what takes memory is the kernel that a worker starts
        ) as workers,
        Link(workers.scheduler_address) as link,
    ):
        yield link


def count_workers() -> int:
    """Return how many notebooks this machine has cores and memory for."""
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    return max(1, min(CPU_COUNT, int(MEMORY_LIMIT // MEMORY)))


def find_link() -> Link | None:
    """Return the link to the scheduler that FLUX_SCHEDULER names; None without, and in a task."""
    from_environment = os.environ.get(SCHEDULER_VARIABLE)
    if not from_environment or _is_in_task():
        return None
    return _keep_link(from_environment)


@lru_cache(maxsize=1)
def _keep_link(address: str) -> Link:
    return Link(address)


def _try(function: Callable, *arguments: Any) -> Any:
    """Return what a task raises, which the worker would log at length."""
    try:
        return function(*arguments)
    except Exception as error:
        return error


class Crew:
    """Workers that do tasks in any order, through the loss of workers and of the scheduler.

    Parameters
    ----------
    address : str or None
        Of a scheduler; without it, workers are started on this machine when the first task comes.
    count : int, optional
        How many to start; as many as this machine has cores and memory for.

    Raises
    ------
    FluxError
        If the count is no whole number above 0.
    """

    def __init__(self, address: str | None, count: int | None = None):
        if count is not None:
            check_count(count, "workers")
        self._address, self._count = address, count
        self._stack, self._link = ExitStack(), None
        self._tasks: dict[str, tuple] = {}
        self._futures: dict[str, Any] = {}
        self._accused: dict[str, Any] = {}  # futures of tasks whose workers died, to be tried alone
        self._tried: set[str] = set()
        self._done: queue.SimpleQueue = queue.SimpleQueue()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    @property
    def threads(self) -> int:
        """Cores that are a task's own: those of this machine are shared out."""
        from dask.system import CPU_COUNT

        return 1 if self._address else max(1, CPU_COUNT // (self._count or count_workers()))

    @property
    def busy(self) -> bool:
        """Whether there is something to take."""
        return bool(self._tasks)

    def submit(self, name: str, function: Callable, *arguments: Any, priority: int = 0) -> None:
        """Have ``function(*arguments)`` called; what all clients name alike is done once."""
        if self._link is None:
            connection = (
                Link(self._address)
                if self._address
                else start_workers(self._count or count_workers())
            )
            self._link = self._stack.enter_context(connection)
        self._tasks[name] = function, arguments, priority
        self._send(name)

    def take(self) -> tuple[str, Any]:
        """Wait for any task; return its name and result, or KilledWorker if it ended its workers.

        Whatever else the task raised is raised here.
        """
        from distributed import KilledWorker

        while True:
            future = self._done.get()
            if future is not self._futures.get(future.key):
                continue  # of a scheduler that was lost, and has been sent again
            if future.cancelled():
                self._link.recover()
                self._accused.clear()  # they are among those sent again
                for name in [name for name, one in self._futures.items() if one.cancelled()]:
                    self._send(name)
                continue
            result = future.exception() or future.result()
            if isinstance(result, KilledWorker) and future.key not in self._tried:
                # It may only have waited on workers that another task ended.
                self._accused[future.key] = future
                self._try_alone()
                continue
            del self._tasks[future.key], self._futures[future.key]
            self._try_alone()
            if isinstance(result, Exception) and not isinstance(result, KilledWorker):
                raise result
            return future.key, result

    def _try_alone(self) -> None:
        """Try the next task whose workers died again, once nothing else is on its way."""
        if self._accused and len(self._accused) == len(self._tasks):
            name, future = self._accused.popitem()
            self._tried.add(name)
            future.retry()
            future.add_done_callback(self._done.put)

    def _send(self, name: str) -> None:
        function, arguments, priority = self._tasks[name]
        future = self._link.client.submit(_try, function, *arguments, key=name, priority=priority)
        self._futures[name] = future
        future.add_done_callback(self._done.put)
