"""Workers whose device is taken by a job for itself, or disappears: processes on a real Valkey, through Celery."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.adapters.redis_jobs import RedisJobStore
from shared.adapters.redis_leases import RedisDeviceLeases
from shared.routing import Route, task_name
from shared.settings import Settings
from shared.states import JobState
from tests.support.fake_device_worker import GONE, MODULE
from tests.support.jobs import new_job
from tests.support.odd_worker import LEDGER
from tests.support.polling import eventually, soon
from tests.support.processes import LIMIT_S, System

pytestmark = pytest.mark.service

HOST = "bench-host"
QUICK = {
    "FRAMELANE_WORKER__HOST": HOST,
    "FRAMELANE_WORKER__LEASE_LOOK_S": "0.1",
    "FRAMELANE_WORKER__PROBE_S": "0.1",
}


@pytest.fixture
def system(settings: Settings, tmp_path: Path) -> Iterator[System]:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text("[]")
    made = System(settings, tmp_path, catalogue)
    made.env |= QUICK | {LEDGER: str(tmp_path / "ledger"), GONE: str(tmp_path / "gone")}
    yield made
    made.close()


@pytest.fixture
def leases(settings: Settings) -> Iterator[RedisDeviceLeases]:
    made = RedisDeviceLeases(settings)
    yield made
    made.close()


async def worker_of(system: System, lane: str):
    """Once it has announced itself."""

    async def announced():
        return next((one for one in (await system.directory())[0] if one.lane == lane), None)

    return await soon(announced, LIMIT_S)


async def test_jobs_of_every_lane_of_a_leased_device_wait_and_those_of_others_run(system, leases):
    gpu = system.start("gpu", MODULE)
    first = system.start("gpu.0", MODULE)
    second = system.start("gpu.1", MODULE)
    running = await system.submit("wait", lane="gpu.0")
    await system.when(running, lambda job: job.state is JobState.RUNNING)
    card = (await worker_of(system, "gpu")).device
    assert card.key == (await worker_of(system, "gpu.0")).device.key

    assert leases.acquire(HOST, card.key, "bench/1", 60)
    for worker in (gpu, first):
        worker.says("takes_no_jobs", leased_by="bench/1")
    eventually(lambda: gpu.lives[0] in leases.get(HOST, card.key).yielded)  # an idle worker yields
    assert first.lives[0] not in leases.get(HOST, card.key).yielded, "what runs ends first"
    waiting = [await system.submit("done", lane="gpu.0") for _ in range(5)]
    elsewhere = await system.submit("done", lane="gpu.1")
    assert (await system.ended(elsewhere)).state is JobState.COMPLETED
    shared = await system.submit("done", lane="gpu")
    assert [one.worker for one in (await system.ended(shared)).attempts] == second.lives, "the free card takes it"

    (system.folder / running).touch()
    assert (await system.ended(running)).state is JobState.COMPLETED
    eventually(lambda: first.lives[0] in leases.get(HOST, card.key).yielded)  # nothing runs any more
    assert (await worker_of(system, "gpu.0")).leased_by == "bench/1"
    leases.release(HOST, card.key, "bench/1")
    for job_id in waiting:
        job = await system.ended(job_id)
        assert (job.state, job.attempt, len(job.attempts)) == (JobState.COMPLETED, 0, 1), "waiting cost nothing"


async def test_the_lease_of_a_dead_holder_lapses_and_jobs_go_on(system, leases):
    system.start("npu", MODULE)
    key = (await worker_of(system, "npu")).device.key
    assert leases.acquire(HOST, key, "dead/1", 1.0)
    job = await system.ended(await system.submit("done", lane="npu"))
    assert (job.state, len(job.attempts)) == (JobState.COMPLETED, 1)


async def test_a_worker_whose_device_disappears_says_so_and_takes_no_jobs_until_it_is_back(system):
    worker = system.start("gpu.1", MODULE)
    info = await worker_of(system, "gpu.1")
    assert (info.unready, info.memory_free_bytes) == (None, info.device.memory_bytes)

    (system.folder / "gone").write_text(info.device.key)
    worker.says("takes_no_jobs")
    waiting = await system.submit("done", lane="gpu.1")

    async def unready():
        return (await worker_of(system, "gpu.1")).unready

    assert "has disappeared" in await soon(unready, LIMIT_S)
    assert (await system.when(waiting, lambda _job: True)).state is JobState.PENDING

    (system.folder / "gone").unlink()
    job = await system.ended(waiting)
    assert (job.state, len(job.attempts)) == (JobState.COMPLETED, 1)
    assert [one.worker for one in job.attempts] == worker.lives[1:], "the warden started it anew"


async def test_jobs_that_named_no_device_go_on_elsewhere_when_their_lane_dies(system, leases):
    dying = system.start("npu", MODULE)
    system.start("gpu.1", MODULE, FRAMELANE_ROUTING__MOVE_AFTER_S="0.3")
    key = (await worker_of(system, "npu")).device.key
    assert leases.acquire(HOST, key, "bench/1", 60), "so that they wait"
    dying.says("takes_no_jobs")
    store = RedisJobStore(system.settings)
    try:
        news = [new_job(lane="npu", device=device) for device in ("AUTO", "AUTO", "NPU")]
        for new in news:
            await store.create(new)
            route = Route(task=task_name("inference"), queue="npu", priority=5)
            await asyncio.to_thread(system.queue.send, route, new.id, {})
            await store.published(new.id)
        dying.stop()
        first, second = [await system.ended(new.id) for new in news[:2]]
        for job in (first, second):
            assert (job.state, job.attempt, len(job.attempts)) == (JobState.COMPLETED, 0, 1)
            assert job.lane in {"gpu", "gpu.1"}, "its worker reads both"
            assert job.outcome.result.device == "GPU.1"
        assert (await store.get(news[2].id)).state is JobState.PENDING, "it asked for that device"

        leases.release(HOST, key, "bench/1")
        system.start("npu", MODULE)
        third = await system.ended(news[2].id)
        assert (third.lane, third.outcome.result.device) == ("npu", "NPU")
        for new in news:
            assert len((await store.get(new.id)).attempts) == 1, "messages left in the dead lane run nothing twice"
    finally:
        await store.close()
