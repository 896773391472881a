"""Seconds and memory of what the benchmarks run."""

import time
from pathlib import Path


def time_call(function, clock=time.perf_counter):
    """Return the clock's difference over a call, and what the call returned."""
    start = clock()
    result = function()
    return clock() - start, result


def read_peak():
    """Return the peak resident memory of this process, GiB."""
    # Not getrusage: a process begins with the peak of the one that started it.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20
