"""Long computations behind a button: they run in a thread, report progress and can be stopped.

A kernel reads no message while a cell runs, so no button could stop what a cell computes. A job
runs in a thread of its own instead, and is stopped by a flag that its function polls. JupyterLab's
"Interrupt Kernel" sets the flag of every running job.
"""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from IPython import get_ipython

from fluxlib.utils.formatting import format_seconds

_POLL_SECONDS = 0.2  # until the kernel may be idle
_running: set["Job"] = set()


@dataclass(frozen=True)
class PendingWork:
    """A computation that takes too long to be repeated at each move of a control.

    Attributes
    ----------
    label : str
        Label of the button that starts it.
    run : callable
        See `Job`; partial results are of type `fluxlib.widgets.panel.View`. When it ends, the
        panel's function is called again.
    note : str
        What will be computed, and how long that takes.
    """

    label: str
    run: Callable[..., object]
    note: str = ""


class Job:
    """One long computation.

    Parameters
    ----------
    run : callable
        Called as ``run(progress=progress, should_stop=should_stop)``. It calls ``progress(done,
        total, partial)`` after each step, where `partial` is anything that `on_progress` can show,
        or None; it returns, with what it has so far, once ``should_stop()`` is true.
    on_progress : callable
        ``on_progress(done, total, remaining, partial)``, with the remaining time in words.
    on_end : callable
        ``on_end(error, was_stopped)``: what `run` raised, or None; and whether `run` has seen that
        it should stop.
    """

    def __init__(
        self,
        run: Callable[..., object],
        *,
        on_progress: Callable[[float, float, str, Any], None],
        on_end: Callable[[BaseException | None, bool], None],
    ):
        self._run, self._on_progress, self._on_end = run, on_progress, on_end
        self._stop_requested = threading.Event()
        self._was_stopped = False
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Start the thread, and return at once."""
        _running.add(self)
        _listen_for_interrupts()
        self._started = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Ask the computation to end at its next step."""
        self._stop_requested.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end; return whether the job has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        error = None
        try:
            self._run(progress=self._progress, should_stop=self._should_stop)
        except BaseException as raised:  # a thread has no caller that could see it
            error = raised
        _running.discard(self)
        self._on_end(error, self._was_stopped)

    def _should_stop(self) -> bool:
        self._was_stopped = self._stop_requested.is_set()
        return self._was_stopped

    def _progress(self, done: float, total: float, partial: Any = None) -> None:
        elapsed = time.monotonic() - self._started
        remaining = f"{format_seconds(elapsed / done * (total - done))} left" if done else ""
        self._on_progress(done, total, remaining, partial)


def stop_all(*_: Any) -> None:
    """Ask every running job to end; also a handler of signals."""
    for job in list(_running):
        job.stop()


def _listen_for_interrupts() -> None:
    """Let the kernel's interrupt stop jobs: while no cell runs, the kernel would ignore it."""
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is not None:
        kernel.io_loop.add_callback(_set_interrupt_handler, kernel.io_loop)


def _set_interrupt_handler(loop: Any) -> None:
    # While a cell runs the kernel installs a handler of its own, and restores ours afterwards.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop_all)
    elif signal.getsignal(signal.SIGINT) is not stop_all:
        loop.call_later(_POLL_SECONDS, _set_interrupt_handler, loop)
