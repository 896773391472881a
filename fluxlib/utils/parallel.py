"""Many tasks at once: in this process, or on the workers of a Dask cluster.

A scheduler is named by ``--scheduler`` or by the variable FLUX_SCHEDULER. Without one, tasks are
done one after the other in this process, whose libraries use all cores. Results are the same.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from joblib import Parallel, delayed, parallel_config

from fluxlib.errors import FluxError

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
    try:
        from distributed import get_worker
    except ModuleNotFoundError as error:
        raise FluxError(
            f"{SCHEDULER_VARIABLE} names a scheduler, but {error.name} is not installed; install "
            "it with pip install 'fluxlib-goes[cluster]', or unset the variable."
        ) from error
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
    names = ["OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT"]
    names += ["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"]
    return dict.fromkeys(names, str(threads))
