import errno
import fcntl
import os
import subprocess
import sys
import threading

import pytest

from fluxlib.errors import FluxError
from fluxlib.workflow.lock import hold_claim, hold_lock, is_claimed


def test_a_second_holder_is_told_who_has_it(tmp_path):
    path = tmp_path / "folder" / ".lock"
    with (
        hold_lock(path, say=print),
        pytest.raises(
            FluxError, match=rf"process {os.getpid()}, since \d\d:.* writing to .*folder"
        ),
        hold_lock(path, say=print),
    ):
        pass
    with hold_lock(path, say=print):
        pass


def test_what_outlives_a_killed_run_is_waited_for(tmp_path):
    path = tmp_path / ".lock"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with open(path, "w+") as kernels_copy:
        kernels_copy.write(f'{{"process": {ended.pid}, "since": "10:00:00"}}')
        kernels_copy.flush()
        fcntl.flock(kernels_copy, fcntl.LOCK_EX)
        said = []
        release = threading.Timer(0.5, fcntl.flock, (kernels_copy, fcntl.LOCK_UN))
        release.start()
        with hold_lock(path, say=said.append):
            pass
    assert said == ["Waiting for a notebook of a run that was killed."]


def test_patience_ends(tmp_path):
    path = tmp_path / ".lock"
    with open(path, "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with (
            pytest.raises(FluxError, match="Another run"),
            hold_lock(path, say=print, patience=0.3),
        ):
            pass


HOLDER = """
import os, subprocess, sys
from fluxlib.workflow.lock import hold_claim, hold_lock, is_claimed
with hold_lock(sys.argv[1], say=print):
    wait = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    subprocess.Popen(wait, stdin=sys.stdin, stdout=subprocess.DEVNULL, close_fds=False)
    print("ready", flush=True)
    os._exit(0)  # as if killed
"""


def test_a_kernel_holds_the_lock_for_as_long_as_it_lives(tmp_path):
    path = tmp_path / ".lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    said = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.read() == b"ready\n"
        holder.wait()
        with open(path) as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        threading.Timer(0.5, holder.stdin.close).start()
        with hold_lock(path, say=said.append):
            pass
    assert said == ["Waiting for a notebook of a run that was killed."]


CLAIMER = """
import subprocess, sys
from fluxlib.workflow.lock import hold_claim
with hold_claim(sys.argv[1]):
    wait = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    subprocess.Popen(wait, stdin=sys.stdin, stdout=subprocess.DEVNULL, close_fds=False)
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_claim_ends_with_its_process_whatever_that_has_started(tmp_path):
    path = tmp_path / "claims" / "x"
    assert not is_claimed(path)
    command = [sys.executable, "-c", CLAIMER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"ready\n"
        assert is_claimed(path)
        threading.Timer(0.3, holder.kill).start()
        with hold_claim(path):
            assert holder.wait(timeout=10) < 0
            assert is_claimed(path)
    assert not is_claimed(path)


def test_where_there_are_no_locks_nobody_waits(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with hold_claim(tmp_path / "x"), hold_claim(tmp_path / "x"):
        assert is_claimed(tmp_path / "x")
