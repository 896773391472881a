"""One run at a time on a folder, and one worker at a time on a step."""

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from fluxlib.errors import FluxError

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


@contextmanager
def hold_lock(path: str | Path, *, say: Callable[[str], None], patience: float = 60) -> Iterator:
    """Hold the lock file `path`; the system frees it however this process ends.

    Kernels that are started meanwhile hold it too. One that outlives a killed run for a moment,
    and may still be writing, is waited for.

    Parameters
    ----------
    path
        The lock file. It stays behind, empty of meaning.
    say
        Is told when there is something to wait for.
    patience
        Seconds to wait for a killed run's kernel.

    Raises
    ------
    FluxError
        If another run holds it; the message says which.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="utf-8") as file:
        os.set_inheritable(file.fileno(), True)
        _take(file, path, say, patience)
        try:
            file.truncate(0)
            now = datetime.now().strftime("%H:%M:%S")
            json.dump({"process": os.getpid(), "since": now}, file)
            file.flush()
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def hold_claim(path: str | Path) -> Iterator:
    """Wait until no other process works on what `path` stands for, and keep others waiting.

    Unlike `hold_lock` it is not for kernels to inherit: when a worker is killed, the next one may
    begin, because a kernel that is left behind writes to a folder that no one reads.
    Where the file system has no locks, nobody waits.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield


def is_claimed(path: str | Path) -> bool:
    """Tell whether a process holds the claim of this path now."""
    try:
        with open(path, encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:  # held, or a file system without locks
        return True
    return False


def _take(file, path: Path, say: Callable[[str], None], patience: float) -> None:
    deadline = time.monotonic() + patience
    told = False
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_holder(file)
        if _is_alive(holder.get("process")) or time.monotonic() > deadline:
            raise FluxError(
                f"Another run (process {holder.get('process')}, since {holder.get('since')}) is "
                f"writing to {path.parent}. Wait until it ends, or stop it."
            )
        if not told:
            say("Waiting for a notebook of a run that was killed.")
            told = True
        time.sleep(0.2)


def _read_holder(file) -> dict:
    file.seek(0)
    try:
        return json.load(file)
    except json.JSONDecodeError:  # it has just begun
        return {}


def _is_alive(process: int | None) -> bool:
    if process is None:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
