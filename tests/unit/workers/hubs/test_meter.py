"""What people are told of transfers."""

import pytest

from shared.errors import JobCancelled
from shared.jobs import Transfer
from workers.hubs.meter import Abandoned, JobMeter

MB = 1_000_000


class Job:
    """What the meter needs of a job's context."""

    def __init__(self):
        self.told = []
        self.cancelled = False

    def check(self):
        if self.cancelled:
            raise JobCancelled

    def progress(self, fraction, stage, message=None, transfer=None):
        self.transfer = transfer
        self.told.append((round(fraction, 3), message))


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


@pytest.fixture
def job():
    return Job()


def test_bytes_rate_and_what_is_left(job):
    file = JobMeter(job, files=2, clock=Clock()).file("asl")
    for done in (0, 2 * MB, 4 * MB):
        file.transferred(done, 10 * MB)
    assert job.told == [
        (0.0, "asl: waiting for its source"),
        (0.09, "asl: 2.0 of 10.0 MB, 2.0 MB/s, 4 s left"),
        (0.18, "asl: 4.0 of 10.0 MB, 2.0 MB/s, 3 s left"),
    ]
    assert job.transfer == Transfer(done_bytes=4 * MB, total_bytes=10 * MB, bytes_per_s=2e6, left_s=3.0)


def test_the_rate_is_that_of_the_last_seconds(job):
    file = JobMeter(job, files=1, clock=Clock()).file("asl")
    for done in (0, 50 * MB, *(50 * MB + n * MB for n in range(1, 9))):
        file.transferred(done, 100 * MB)
    assert job.told[-1][1] == "asl: 58.0 of 100.0 MB, 1.0 MB/s, 42 s left"


def test_files_at_the_same_time_are_told_together(job):
    meter = JobMeter(job, files=2, clock=Clock())
    asl, vgt = meter.file("asl"), meter.file("vgt")
    asl.transferred(0, 4 * MB)
    vgt.transferred(0, None)
    asl.transferred(1 * MB, 4 * MB)
    vgt.transferred(1 * MB, None)
    assert job.told[-1][1].startswith("asl, vgt: 2.0 MB, ")
    assert (job.transfer.done_bytes, job.transfer.total_bytes, job.transfer.left_s) == (2 * MB, None, None)
    asl.over()
    vgt.transferred(2 * MB, 2 * MB)
    assert job.told[-1][0] == 0.9
    assert meter.total == 3 * MB


def test_what_an_earlier_attempt_brought_is_not_counted(job):
    meter = JobMeter(job, files=1)
    file = meter.file("asl")
    file.transferred(6 * MB, 10 * MB)
    file.transferred(10 * MB, 10 * MB)
    assert meter.total == 4 * MB
    assert meter.fraction == 0.9


def test_a_transfer_that_begins_anew_counts_again_and_never_backwards(job):
    meter = JobMeter(job, files=1)
    file = meter.file("asl")
    for done in (0, 5, 0, 3):
        file.transferred(done, 10)
    assert meter.total == 8


def test_a_cancelled_job_ends_its_transfers(job):
    file = JobMeter(job, files=1).file("asl")
    job.cancelled = True
    with pytest.raises(JobCancelled):
        file.transferred(0, 10)


def test_a_transfer_that_is_of_no_use_any_more_ends(job):
    meter = JobMeter(job, files=2)
    file = meter.file("asl")
    meter.abandon()
    with pytest.raises(Abandoned):
        file.transferred(0, 10)
