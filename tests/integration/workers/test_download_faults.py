"""Workers killed in the middle of a download, and of an installation."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.jobs import Failed
from shared.states import JobState
from tests.integration.workers.conftest import CONTENT, Gate, gated_system
from tests.integration.workers.test_worker_process import files_of, scratch_of
from tests.support.https import Ranged
from tests.support.polling import eventually
from tests.support.processes import LIMIT_S, System

pytestmark = pytest.mark.service

HALF = len(CONTENT) // 2


class SlowFile(Gate):
    """A file that can be had in parts; the first answer stays away after its first half."""

    def __init__(self) -> None:
        super().__init__()
        self.file = Ranged(CONTENT)

    def __call__(self, request) -> None:
        first = not self.file.asked
        self.file.stop_at = [HALF] if first else []
        self.file(request)
        if first:
            self.entered.release()
            self.opened.wait(LIMIT_S)


@pytest.fixture
def slow() -> Iterator[SlowFile]:
    made = SlowFile()
    yield made
    made.opened.set()


@pytest.fixture
def system(settings, slow, tmp_path, monkeypatch) -> Iterator[System]:
    yield from gated_system(settings, slow, tmp_path, monkeypatch)


async def test_a_download_whose_worker_was_killed_goes_on_where_it_was(system, slow):
    first = system.start()
    job_id = await system.submit("gated")
    await asyncio.to_thread(slow.wait_entered)
    partial = system.folder / "data" / "partial"
    await asyncio.to_thread(eventually, lambda: any(path.stat().st_size > 0 for path in partial.glob("*.part")))
    os.kill(first.child, signal.SIGKILL)
    assert (await system.directory())[1] == {}, "nothing half-installed"
    job = await system.ended(job_id)
    assert job.state is JobState.COMPLETED
    assert [one.error and one.error.code for one in job.attempts] == ["lost", None]
    anew, on = slow.file.asked
    assert anew == (None, None)
    assert on[1] == '"v1"'
    begun = int(on[0].removeprefix("bytes=").rstrip("-"))
    assert 0 < begun <= HALF
    assert job.outcome.result.downloaded_bytes == len(CONTENT) - begun
    version = job.outcome.result.models[0].version
    assert files_of(system) == [f"models/gated/{version}/gated.bin"]
    assert scratch_of(system) == []


@pytest.fixture
def right(settings) -> Iterator[threading.Event]:
    """As long as it isn't set, somebody else has the right to register models: files are stored, no more."""
    beacon, given_back = RedisWorkerBeacon(settings), threading.Event()
    assert beacon.hold_models("the test", 600)
    given_back.release = lambda: beacon.release_models("the test")  # type: ignore[attr-defined]
    yield given_back
    beacon.close()


async def test_an_installation_whose_worker_was_killed_is_done_by_another(system, slow, right):
    slow.opened.set()
    slow.file.asked.append((None, None))
    first = system.start()
    job_id = await system.submit("gated")
    await asyncio.to_thread(eventually, lambda: files_of(system) != [])
    os.kill(first.child, signal.SIGKILL)
    assert (await system.directory())[1] == {}, "what is stored isn't installed yet"
    right.release()
    job = await system.ended(job_id)
    assert job.state is JobState.COMPLETED
    assert [one.error and one.error.code for one in job.attempts] == ["lost", None]
    model = (await system.directory())[1]["gated"]
    assert files_of(system) == [f"models/gated/{model.version}/gated.bin"]
    assert scratch_of(system) == []


async def test_an_installation_that_nobody_may_repeat_fails_with_the_cause(system, slow, right):
    slow.opened.set()
    slow.file.asked.append((None, None))
    first = system.start()
    job_id = await system.submit("gated", max_attempts=1)
    await asyncio.to_thread(eventually, lambda: files_of(system) != [])
    os.kill(first.child, signal.SIGKILL)
    job = await system.ended(job_id)
    assert isinstance(job.outcome, Failed)
    assert job.outcome.error.code in {"poison", "lost"}
    right.release()
    assert (await system.directory())[1] == {}
    await asyncio.to_thread(first.says, "scratch_swept")
    assert scratch_of(system) == []
