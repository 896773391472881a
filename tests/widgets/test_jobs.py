import signal
import threading
from types import SimpleNamespace

import pytest

from fluxlib.widgets import jobs


class CountingJob:
    """A job that counts to `total` and keeps how far it came and what it reported."""

    def __init__(self, total=5, at_second_step=lambda: None):
        self.reports, self.ends, self.result = [], [], None
        self.total, self.at_second_step = total, at_second_step
        self.job = jobs.Job(self.run, on_progress=self.report, on_end=self.end)

    def run(self, *, progress, should_stop):
        for done in range(1, self.total + 1):
            progress(done, self.total, f"partial {done}")
            self.result = done
            if should_stop():
                return

    def report(self, *values):
        self.reports.append(values)
        if len(self.reports) == 2:
            self.at_second_step()

    def end(self, error, was_stopped):
        self.ends.append((error, was_stopped))

    def finish(self):
        self.job.start()
        assert self.job.wait(30)
        return self


def test_a_job_reports_each_step_with_the_remaining_time_and_then_its_end():
    counting = CountingJob().finish()
    assert [(done, total) for done, total, *_ in counting.reports] == [(n, 5) for n in range(1, 6)]
    assert all(remaining.endswith("s left") for _, _, remaining, _ in counting.reports)
    assert counting.reports[-1][2:] == ("0.0 s left", "partial 5")
    assert counting.ends == [(None, False)]


def test_the_remaining_time_grows_with_what_is_left(monkeypatch):
    clock = iter([100.0, 103.0])
    # In this module alone: other threads of the process ask the clock too.
    monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    counting = CountingJob()
    counting.job._run = lambda progress, should_stop: progress(1, 3)
    assert counting.finish().reports == [(1, 3, "6.0 s left", None)]


def test_a_stopped_job_ends_at_its_next_step_with_its_partial_result():
    counting = CountingJob()
    counting.at_second_step = counting.job.stop
    counting.finish()
    assert (counting.result, len(counting.reports)) == (2, 2)
    assert counting.ends == [(None, True)]


def test_a_job_that_never_saw_the_request_to_stop_was_not_stopped():
    counting = CountingJob()
    counting.job._run = lambda progress, should_stop: counting.job.stop()
    assert counting.finish().ends == [(None, False)]


@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt])
def test_an_exception_ends_the_job_as_an_error_and_not_as_a_stop(kind):
    def fail(*, progress, should_stop):
        raise kind

    counting = CountingJob()
    counting.job._run = fail
    ((error, was_stopped),) = counting.finish().ends
    assert isinstance(error, kind)
    assert not was_stopped


def test_an_interrupt_of_the_kernel_stops_every_running_job():
    both_run = threading.Barrier(2)
    counting = [CountingJob(total=10**9, at_second_step=both_run.wait) for _ in range(2)]
    for one in counting:
        one.job.start()
    jobs.stop_all()
    for one in counting:
        assert one.job.wait(30)
        assert one.ends == [(None, True)]


def test_the_kernels_interrupt_stops_jobs_while_no_cell_runs_and_else_the_cell():
    class Loop:
        delayed = ()

        def call_later(self, seconds, *call):
            self.delayed = call

    loop, before = Loop(), signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as while a cell runs
        jobs._set_interrupt_handler(loop)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # as while none does
        retry, *arguments = loop.delayed
        retry(*arguments)
        assert signal.getsignal(signal.SIGINT) is jobs.stop_all
    finally:
        signal.signal(signal.SIGINT, before)
