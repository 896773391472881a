import fcntl
import os
import subprocess
import sys
import threading

import pytest

from fluxlib.errors import FluxError
from fluxlib.lock import hold_lock


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


def test_a_child_process_holds_the_lock_too(tmp_path):
    path = tmp_path / ".lock"
    with hold_lock(path, say=print):
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
        )
        inherited = (
            [
                os.readlink(f"/proc/{child.pid}/fd/{fd}")
                for fd in os.listdir(f"/proc/{child.pid}/fd")
            ]
            if os.path.isdir("/proc/self/fd")
            else [str(path)]
        )
        child.communicate(b"\n")
    assert str(path) in inherited
