"""A Redis whose memory is full: no new job, and those that are there end all the same, which makes room."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from client.local.embedded import EmbeddedValkey
from shared.adapters.redis_registry import RedisWorkerBeacon, RedisWorkerDirectory
from shared.devices import Device, DeviceInfo
from shared.errors import JobNotFound, StoreUnavailable
from shared.jobs import Progress
from shared.ports import Claim, Envelope, Record
from shared.results import StreamFigures
from shared.settings import RedisSettings, Settings
from shared.states import JobState
from shared.workers import WorkerInfo
from tests.support.jobs import ERROR, completed, new_job
from tests.support.rigs import Jobs, redis_jobs

URL = "https://example.com/"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with EmbeddedValkey(tmp_path / "valkey") as server:
        yield Settings(REDIS_URL=server.url, redis=RedisSettings(socket_timeout_s=2))


@pytest.fixture
async def jobs(settings: Settings) -> AsyncIterator[Jobs]:
    rig = redis_jobs(settings)
    yield rig
    await rig.front.close()
    rig.workshop.close()


def fill(settings: Settings) -> None:
    """From now on no byte is free: a command that could need one is refused."""
    with redis.Redis.from_url(settings.store_url) as client:
        client.config_set("maxmemory", "1mb")
        with pytest.raises(redis.OutOfMemoryError):
            client.set("a", "b")


async def begun(jobs: Jobs, **fields) -> Claim:
    new = new_job(**fields)
    await jobs.front.create(new)
    claim = jobs.workshop.claim(new.id, "w", 0)
    assert claim is not None
    return claim


async def test_a_job_refused_leaves_nothing_behind(jobs: Jobs, settings: Settings):
    known = new_job(idempotency_key="known")
    await jobs.front.create(known)
    fill(settings)
    with redis.Redis.from_url(settings.store_url) as client:
        before = sorted(client.keys())

        for fields in ({}, {"idempotency_key": "k"}, {"message": Envelope("queue", b"x")}, {"expires_s": 5}):
            refused = new_job(**fields)
            with pytest.raises(StoreUnavailable):
                await jobs.front.create(refused)
            with pytest.raises(JobNotFound):
                await jobs.front.get(refused.id)

        assert sorted(client.keys()) == before
    assert await jobs.front.known(known.id, "one", "known") == await jobs.front.get(known.id)


async def test_every_job_goes_on_to_its_end(jobs: Jobs, settings: Settings):
    done, lost, handed_back, stops = [await begun(jobs, max_attempts=1, callback_url=URL) for _ in range(4)]
    waits, late, unwanted = new_job(), new_job(expires_s=5), new_job()
    for new in (waits, late, unwanted):
        await jobs.front.create(new)
        await jobs.front.published(new.id)
    jobs.advance(10)
    fill(settings)
    workshop = jobs.workshop

    assert workshop.report(done, Progress(fraction=0.5, stage="s" * 1_000)) is False
    assert workshop.renew(done, 10) is False
    assert workshop.settle(done, completed(100)) is JobState.COMPLETED
    assert {each.job_id for each in workshop.lapsed()} == {each.job_id for each in (lost, handed_back, stops)}
    assert workshop.give_up(lost.job_id, 1, "w", ERROR) is JobState.FAILED
    assert workshop.give_up(handed_back.job_id, 1, "w", ERROR, costs=False) is JobState.PENDING
    workshop.published(handed_back.job_id, 1)
    await jobs.front.request_cancel(stops.job_id, "why")
    assert workshop.give_up(stops.job_id, 1, "w", ERROR) is JobState.CANCELLED
    assert (await jobs.front.request_cancel(unwanted.id, "why")).state is JobState.CANCELLED
    assert workshop.expire() == [late.id]
    claim = workshop.claim(waits.id, "w", 10)
    assert claim is not None
    assert workshop.settle(claim, completed()) is JobState.COMPLETED
    assert workshop.take_turn("upkeep", 1)
    assert workshop.note_lost(["cpu"], 0) == 1

    callbacks = workshop.due_callbacks(10)
    assert {each.job_id for each in callbacks} == {each.job_id for each in (done, lost, stops)}
    for each in callbacks:
        workshop.callback_tried(each.job_id, "x" * 1_000, 10)
    assert [job.id for job in (await jobs.front.dead(10)).jobs] == [lost.job_id]
    await jobs.front.revived(lost.job_id)
    assert workshop.remove(lost.job_id)
    assert (await jobs.front.delete(done.job_id)).state is JobState.COMPLETED


async def test_records_are_refused_and_the_job_goes_on(jobs: Jobs, settings: Settings):
    claim = await begun(jobs)
    figures = [StreamFigures(stream=0, frames=1, fps=1.0)]
    jobs.workshop.measure(claim, figures, [Record(0, "{}")])
    fill(settings)
    before = (await jobs.front.get(claim.job_id)).seq

    with pytest.raises(StoreUnavailable):
        jobs.workshop.measure(claim, figures, [Record(0, "{}")])

    assert (await jobs.front.get(claim.job_id)).seq == before
    assert (await jobs.front.records(claim.job_id)).last == 1
    assert jobs.workshop.settle(claim, completed()) is JobState.COMPLETED


async def test_workers_stay_alive(settings: Settings):
    directory, beacon = RedisWorkerDirectory(settings), RedisWorkerBeacon(settings)
    fill(settings)
    cpu = DeviceInfo(id="CPU", family=Device.CPU, full_name="a CPU")
    info = WorkerInfo(id="w", host="h", pid=1, version="1", lane="cpu", queues=["cpu"], device=cpu)
    beacon.announce(info, 10)
    assert [each.id for each in await directory.workers()] == ["w"]
    assert beacon.hold_models("token", 10)
    beacon.release_models("token")
    await directory.close()
    beacon.close()
