"""Long computations behind a button: in a thread, with progress, that can be stopped.

A kernel reads no message while a cell runs, so what should be stoppable cannot run in one. A stop
is a KeyboardInterrupt at the next step, as Ctrl-C is in a cell: what keeps its result so far
there does so here. JupyterLab's interrupt stops the jobs that run, too.
"""

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from IPython import get_ipython

from fluxlib.reports.formatting import format_seconds

_LOOK_AGAIN = 0.2  # seconds until the kernel may be idle
_running: set["Job"] = set()


class Job:
    """One long computation.

    Parameters
    ----------
    run : callable
        ``run(tell)``. It calls ``tell(done, total, partial)`` after each step; `partial` is
        anything that `on_step` can show, or None. There it may meet a KeyboardInterrupt.
    on_step : callable
        ``on_step(done, total, remaining, partial)``, `remaining` in words.
    on_end : callable
        ``on_end(error)``: None when it came to its end, a KeyboardInterrupt when stopped.
    """

    def __init__(
        self,
        run: Callable[[Callable[..., None]], None],
        *,
        on_step: Callable[[float, float, str, Any], None],
        on_end: Callable[[BaseException | None], None],
    ):
        self._run, self._on_step, self._on_end = run, on_step, on_end
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin, and return at once."""
        _running.add(self)
        _listen_for_interrupts()
        self._began = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end at its next step."""
        self._stopping.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end; tell whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        error = None
        try:
            self._run(self._tell)
        except BaseException as met:  # the thread ends here, whatever it met
            error = met
        _running.discard(self)
        self._on_end(KeyboardInterrupt() if error is None and self._stopping.is_set() else error)

    def _tell(self, done: float, total: float, partial: Any = None) -> None:
        elapsed = time.monotonic() - self._began
        left = f"{format_seconds(elapsed / done * (total - done))} left" if done else ""
        self._on_step(done, total, left, partial)
        if self._stopping.is_set():
            raise KeyboardInterrupt


def stop_all(*_: Any) -> None:
    """Ask every running job to end; also a handler of signals."""
    for job in list(_running):
        job.stop()


def _listen_for_interrupts() -> None:
    """Let the kernel's interrupt reach jobs, which are in no cell: else it is ignored there."""
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is not None:
        kernel.io_loop.add_callback(_handle_interrupts, kernel.io_loop)


def _handle_interrupts(loop: Any) -> None:
    # While a cell runs, the handler is the cell's, and the former one is put back after it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop_all)
    elif signal.getsignal(signal.SIGINT) is not stop_all:
        loop.call_later(_LOOK_AGAIN, _handle_interrupts, loop)
