"""A worker and its warden as they are run, and every way in which the worker can end."""

import asyncio
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from shared.jobs import Cancelled, Failed, JobRecord
from shared.settings import Settings
from shared.states import JobState
from tests.support.odd_worker import LEDGER, MODULE
from tests.support.polling import eventually
from tests.support.processes import System, WorkerProcess

pytestmark = pytest.mark.service

LONG = {"FRAMELANE_WORKER__LEASE_S": "60", "FRAMELANE_WORKER__RENEW_S": "1"}
"""A lease that a test doesn't live to see lapse."""
SOON_S = 30.0
"""Half of it: what takes longer was waited for."""


class Odd(System):
    """Workers whose jobs do odd things, and the ledger they write."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings, folder, folder / "no-catalogue.yaml")
        (folder / "no-catalogue.yaml").write_text("[]")
        self.ledger = folder / "ledger"
        self.env[LEDGER] = str(self.ledger)

    def work(self, **env: str) -> WorkerProcess:
        return self.start(module=MODULE, **env)

    def lines(self, *words: str) -> list[list[str]]:
        """Those that begin so."""
        told = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        return [line.split() for line in told if line.split()[: len(words)] == list(words)]

    async def begun(self, deed: str, times: int = 1) -> None:
        def there() -> bool:
            return len(self.lines("began", deed)) >= times

        await asyncio.to_thread(eventually, there)

    def let_go(self, job_id: str) -> None:
        self.ledger.with_name(job_id).touch()


@pytest.fixture
def odd(settings: Settings, tmp_path: Path) -> Iterator[Odd]:
    made = Odd(settings, tmp_path)
    yield made
    made.close()


def is_gone(pid: int, within_s: float = SOON_S) -> bool:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], within_s)[0])
    finally:
        os.close(process)


def errors(job: JobRecord) -> list[tuple[str, str]]:
    return [(one.error.code, one.error.detail) for one in job.attempts if one.error]


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGKILL, "killed by SIGKILL"), (signal.SIGSEGV, "killed by SIGSEGV (segmentation fault)")],
)
async def test_the_cause_of_death_is_told_to_every_job_of_the_dead_and_all_go_on_at_once(odd, number, words):
    worker = odd.work(**LONG)
    ids = [await odd.submit("wait"), await odd.submit("wait")]
    await odd.begun("wait", 2)
    dead = worker.child
    os.kill(dead, number)
    killed = time.monotonic()
    for job_id in ids:
        job = await odd.when(job_id, lambda job: job.attempt == 1)
        assert time.monotonic() - killed < SOON_S, "long before the lease lapses"
        [(code, detail)] = errors(job)
        assert (code, words in detail) == ("lost", True)
        odd.let_go(job_id)
    for job_id in ids:
        assert (await odd.ended(job_id)).state is JobState.COMPLETED
    assert worker.child != dead
    assert words in worker.says("worker_died")["reason"]
    assert [one.pid for one in (await odd.directory())[0]] == [worker.child]
    assert worker.stop() == 0


async def test_a_job_that_kills_every_worker_is_poison_and_its_neighbour_is_not(odd):
    worker = odd.work(**LONG)
    good = await odd.submit("wait")
    await odd.begun("wait")
    bad = await odd.submit("speak-and-die", max_attempts=2)
    odd.let_go(good)
    job = await odd.ended(bad)
    assert isinstance(job.outcome, Failed)
    assert job.outcome.error.code == "poison"
    assert "ended with status 0 in the middle of its work" in job.outcome.error.detail
    assert [(code, "the last words" in detail) for code, detail in errors(job)] == [("lost", True)] * 2
    assert len(odd.lines("began", "speak-and-die")) == 2
    other = await odd.ended(good)
    assert (other.state, len(errors(other)) <= 1) == (JobState.COMPLETED, True)
    assert worker.stop() == 0


async def test_nothing_that_a_dead_worker_started_is_left(odd):
    worker = odd.work(**LONG)
    job_id = await odd.submit("leave-an-orphan", max_attempts=1)
    await odd.ended(job_id)
    [[_, pid]] = odd.lines("orphan")
    assert is_gone(int(pid))
    assert worker.stop() == 0


async def test_a_worker_does_not_outlive_its_warden_and_its_job_goes_on_elsewhere(odd):
    first = odd.work()
    job_id = await odd.submit("wait")
    await odd.begun("wait")
    child = first.child
    first.kill()
    assert is_gone(child)
    odd.let_go(job_id)
    odd.work()
    job = await odd.ended(job_id)
    assert job.state is JobState.COMPLETED
    [(code, detail)] = errors(job)
    assert (code, "stopped renewing its lease" in detail) == ("lost", True)


async def test_a_worker_that_hangs_is_killed_and_its_cancelled_job_ends(odd):
    worker = odd.work()
    job_id = await odd.submit("hold-the-interpreter")
    await odd.begun("hold-the-interpreter")
    await odd.cancel(job_id, "it takes too long")
    job = await odd.ended(job_id)
    assert job.outcome == Cancelled(reason="it takes too long")
    assert "hung" in worker.says("worker_died")["reason"]
    assert (await odd.ended(await odd.submit("done"))).state is JobState.COMPLETED
    assert worker.stop() == 0


async def test_a_worker_that_was_stopped_and_woken_commits_nothing(odd):
    sleeper = odd.work()
    job_id = await odd.submit("save")
    waiting = await odd.submit("wait")
    await odd.begun("wait")
    await odd.ended(job_id)
    for process in (sleeper.pid, sleeper.child):
        os.kill(process, signal.SIGSTOP)
    odd.work()
    await odd.when(waiting, lambda job: job.attempt == 1 and job.state is JobState.RUNNING)
    for process in (sleeper.pid, sleeper.child):
        os.kill(process, signal.SIGCONT)
    odd.let_go(waiting)
    job = await odd.ended(waiting)
    assert (job.state, job.fence) == (JobState.COMPLETED, 2)
    assert len(sleeper.lives) == 1, "what sleeps with its warden isn't taken for dead"


async def test_work_that_does_not_stop_ends_with_its_process_and_costs_its_neighbour_nothing(odd):
    worker = odd.work(**LONG, FRAMELANE_WORKER__GRACE_S="0.5")
    stubborn, neighbour = await odd.submit("wait-stubbornly"), await odd.submit("wait")
    await odd.begun("wait-stubbornly")
    await odd.begun("wait")
    child = worker.child
    asked = time.monotonic()
    await odd.cancel(stubborn, "enough")
    assert (await odd.ended(stubborn)).outcome == Cancelled(reason="enough")
    assert is_gone(child)
    assert time.monotonic() - asked < SOON_S
    odd.let_go(neighbour)
    job = await odd.ended(neighbour)
    assert (job.state, job.attempt) == (JobState.COMPLETED, 0)
    assert [code for code, _detail in errors(job)] == ["worker-left"]
    assert worker.stop() == 0


async def test_a_job_over_its_time_that_does_not_stop_fails_and_the_process_is_a_new_one(odd):
    worker = odd.work(**LONG, FRAMELANE_WORKER__GRACE_S="0.2")
    job = await odd.ended(await odd.submit("wait-stubbornly", timeout_s=0.3))
    assert isinstance(job.outcome, Failed)
    assert job.outcome.error.code == "timeout"
    assert (await odd.ended(await odd.submit("done"))).state is JobState.COMPLETED
    assert len(worker.lives) == 2


async def test_a_job_that_asks_the_process_to_exit_has_failed(odd):
    worker = odd.work(**LONG)
    job = await odd.ended(await odd.submit("leave-quietly", max_attempts=1))
    assert isinstance(job.outcome, Failed)
    assert (job.outcome.error.code, job.outcome.error.detail) == ("internal", "SystemExit: 0")
    assert len(worker.lives) == 1


async def test_stopping_under_load_loses_nothing_and_costs_no_attempt(odd):
    first = odd.work(**LONG, FRAMELANE_WORKER__DRAIN_S="0.3", FRAMELANE_WORKER__GRACE_S="0.3")
    stubborn = await odd.submit("wait-stubbornly")
    waiting = await odd.submit("wait")
    await odd.begun("wait")
    await odd.begun("wait-stubbornly")
    many = [await odd.submit("done") for _ in range(20)]
    began = time.monotonic()
    first.send(signal.SIGINT)
    first.wait()
    assert time.monotonic() - began < SOON_S
    odd.let_go(stubborn)
    odd.let_go(waiting)
    odd.work(**LONG)
    for job_id in (stubborn, waiting, *many):
        job = await odd.ended(job_id)
        assert (job.state, job.attempt) == (JobState.COMPLETED, 0)
        assert {code for code, _detail in errors(job)} <= {"worker-left"}
    assert len(odd.lines("ended", "done")) == len(many)


def test_a_warden_is_small(odd):
    worker = odd.start()
    assert psutil.Process(worker.pid).memory_info().rss < 40 * 1024 * 1024
