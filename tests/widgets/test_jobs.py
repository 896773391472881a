import threading

import pytest

from fluxlib.widgets import jobs


class Log:
    """A job that counts to `total`, and what it told."""

    def __init__(self, total=5, keep=False, gate=None):
        self.steps, self.ends, self.kept, self.gate = [], [], 0, gate
        self.total, self.keep = total, keep
        self.job = jobs.Job(self.run, on_step=self.on_step, on_end=self.ends.append)

    def run(self, tell):
        try:
            for done in range(1, self.total + 1):
                self.kept = done
                tell(done, self.total, f"partial {done}")
        except KeyboardInterrupt:
            if not self.keep:
                raise

    def on_step(self, *told):
        self.steps.append(told)
        if self.gate and len(self.steps) == 2:
            self.gate()

    def finish(self):
        self.job.start()
        assert self.job.wait(30)
        return self


def test_a_job_tells_each_step_what_is_left_and_its_end():
    log = Log().finish()
    assert [(done, total) for done, total, *_ in log.steps] == [(n, 5) for n in range(1, 6)]
    assert all(left.endswith("s left") for _, _, left, _ in log.steps)
    assert log.steps[-1][2:] == ("0.0 s left", "partial 5")
    assert log.ends == [None]


@pytest.mark.parametrize("keep", [False, True])
def test_a_stopped_job_ends_at_its_next_step_as_after_ctrl_c(keep):
    log = Log(keep=keep)
    log.gate = log.job.stop
    log.finish()
    assert (log.kept, len(log.steps)) == (2, 2)
    assert [type(end) for end in log.ends] == [KeyboardInterrupt]


def test_a_fault_comes_with_the_end():
    log = Log(total=0)
    log.job._run = lambda tell: 1 / 0
    assert isinstance(log.finish().ends[0], ZeroDivisionError)


def test_an_interrupt_stops_all_jobs_that_run():
    met = threading.Barrier(2)
    logs = [Log(total=10**9, gate=met.wait) for _ in range(2)]
    for log in logs:
        log.job.start()
    jobs.stop_all()
    for log in logs:
        assert log.job.wait(30)
        assert [type(end) for end in log.ends] == [KeyboardInterrupt]
