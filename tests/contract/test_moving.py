"""Jobs that named no device leave lanes that nobody serves, in one step of whatever store they are in."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.devices import Device, DeviceInfo, Lane, family_of
from shared.errors import StaleClaim, WorkerLeaves
from shared.events import JOB_EVENT
from shared.jobs import ErrorInfo, Progress
from shared.moving import Movers
from shared.ports import Envelope
from shared.results import InstalledFile, InstalledModel
from shared.settings import RoutingSettings
from shared.states import JobState
from shared.workers import WorkerInfo
from tests.support import shipped
from tests.support.jobs import completed, new_job
from tests.support.rigs import Jobs, memory_jobs

SETTINGS = RoutingSettings(move_after_s=5.0)
ENTRIES = shipped.models().by_name


def worker(lane: str, **fields: object) -> WorkerInfo:
    device = DeviceInfo(id=Lane(lane).device, family=family_of(Lane(lane).device), full_name=lane)
    told = {"id": lane, "host": "h", "pid": 1, "version": "1", "lane": lane, "queues": list(Lane(lane).queues)}
    return WorkerInfo(**(told | {"device": device} | fields))  # type: ignore[arg-type]


class Crew:
    """Movers over a list of workers that a test changes."""

    def __init__(self, jobs: Jobs, *lanes: str, models: dict[str, InstalledModel] | None = None) -> None:
        self.alive = [worker(lane) for lane in lanes]
        self.now = 0.0
        self.movers = Movers(
            jobs.workshop, lambda: self.alive, lambda: models or {}, ENTRIES, SETTINGS, clock=lambda: self.now
        )

    def look(self, *, after_s: float = 0.0) -> int:
        self.now += after_s
        return self.movers.look()


async def waiting(jobs: Jobs, lane: str = "gpu", **fields) -> str:
    new = new_job(lane=lane, message=Envelope("queue", b"a message"), **fields)
    await jobs.front.create(new)
    return new.id


async def test_jobs_of_a_lane_without_workers_go_where_they_can_run(jobs: Jobs):
    ids = [await waiting(jobs) for _ in range(3)]
    crew = Crew(jobs, "cpu", "npu", "io", "cpu.long")
    assert crew.look() == 0, "it may be starting again"
    jobs.advance(3)
    assert crew.look(after_s=SETTINGS.move_after_s) == 3

    lanes = [(await jobs.front.get(each)).lane for each in ids]
    assert sorted(lanes) == ["cpu", "npu", "npu"], "the next one sees those before it"
    record = await jobs.front.get(ids[0])
    assert (record.state, record.attempt, record.device) == (JobState.PENDING, 0, "AUTO")
    assert record.progress == Progress(message=f"moved from gpu to {record.lane}: no worker is left there")
    told = JOB_EVENT.validate_json((await jobs.front.events(record.id, 0))[-1])
    assert (told.type, told.lane, told.seq) == ("progress", record.lane, record.seq)
    backlog = await jobs.front.backlog()
    assert [(lane, backlog[lane].depth) for lane in ("cpu", "gpu", "npu")] == [("cpu", 1), ("gpu", 0), ("npu", 2)]
    assert (backlog["cpu"].oldest_wait_ms or 0) >= 3_000, "they have waited since they were accepted"
    assert {each.id for each in jobs.workshop.unpublished(0)} == set(ids), "each needs a message in its new queue"
    assert jobs.workshop.unpublished(60), "at once"
    assert crew.look(after_s=60) == 0


async def test_what_was_moved_is_claimed_in_its_new_lane_alone(jobs: Jobs):
    job_id = await waiting(jobs)
    before = await jobs.front.get(job_id)
    assert jobs.workshop.move(before, "cpu")
    assert not jobs.workshop.move(before, "npu"), "it isn't there any more"
    assert jobs.workshop.claim(job_id, "late", 60, ["gpu.1", "gpu"]) is None
    claim = jobs.workshop.claim(job_id, "w", 60, ["cpu"])
    assert claim is not None
    assert not jobs.workshop.move(claim.job, "npu"), "it runs"
    assert jobs.workshop.settle(claim, completed()) is JobState.COMPLETED
    done = await jobs.front.get(job_id)
    assert [one.device for one in done.attempts] == ["CPU"]
    events = [JOB_EVENT.validate_json(each) for each in await jobs.front.events(job_id, 0)]
    assert [one.lane for one in events if one.type == "state"] == ["gpu", "cpu", "cpu"]


async def test_earlier_attempts_stay_where_they_were(jobs: Jobs):
    job_id = await waiting(jobs)
    first = jobs.workshop.claim(job_id, "w", 60)
    assert first is not None
    jobs.workshop.give_up(job_id, first.fence, "w", ErrorInfo.of(WorkerLeaves()), costs=False)
    assert jobs.workshop.move(await jobs.front.get(job_id), "cpu")
    second = jobs.workshop.claim(job_id, "w", 60)
    assert second is not None
    assert jobs.workshop.settle(second, completed()) is JobState.COMPLETED
    assert [one.device for one in second.job.attempts] == ["GPU"]
    assert [one.device for one in (await jobs.front.get(job_id)).attempts] == ["GPU", "CPU"]


async def test_a_claim_between_the_look_and_the_move_wins(jobs: Jobs):
    job_id = await waiting(jobs)
    (read,) = jobs.workshop.movable("gpu")
    claim = jobs.workshop.claim(job_id, "w", 60)
    assert claim is not None
    assert not jobs.workshop.move(read, "cpu")
    jobs.workshop.give_up(job_id, claim.fence, "w", ErrorInfo.of(WorkerLeaves()), costs=False)
    assert not jobs.workshop.move(read, "cpu"), "it waits again, but isn't what was read"
    assert (await jobs.front.get(job_id)).lane == "gpu"
    with pytest.raises(StaleClaim):
        jobs.workshop.settle(claim, completed())


async def test_jobs_that_named_their_device_stay_and_so_do_those_that_fit_nowhere(jobs: Jobs):
    named = await waiting(jobs, device="GPU")
    bound = await waiting(jobs, model="hand_landmarker")
    crew = Crew(jobs, "npu")
    assert crew.look() == crew.look(after_s=60) == 0
    for each in (named, bound):
        assert (await jobs.front.get(each)).lane == "gpu"
    assert [each.id for each in jobs.workshop.movable("gpu")] == [bound]


async def test_a_model_that_has_no_room_elsewhere_waits_for_its_lane(jobs: Jobs):
    job_id = await waiting(jobs)
    weights = InstalledFile(name="weights.pth", size=1 << 30, sha256="0" * 64)
    asl = InstalledModel(
        name="asl", version="1", files=[weights], variants=[], source="", installed_at="2026-01-01T00:00:00Z"
    )
    crew = Crew(jobs, "cpu", models={"asl": asl})
    crew.alive = [worker("cpu", memory_free_bytes=1 << 20)]
    crew.look()
    assert crew.look(after_s=60) == 0
    crew.alive = [worker("cpu", memory_free_bytes=8 << 30)]
    assert crew.look() == 1
    assert (await jobs.front.get(job_id)).lane == "cpu"


async def test_a_lane_that_comes_back_in_time_keeps_its_jobs(jobs: Jobs):
    await waiting(jobs)
    crew = Crew(jobs, "cpu")
    crew.look()
    crew.alive.append(worker("gpu"))
    assert crew.look(after_s=60) == 0
    crew.alive.pop()
    assert crew.look() == 0, "its time begins anew"
    crew.alive.append(worker("gpu", unready="gone"))
    assert crew.look(after_s=SETTINGS.move_after_s) == 1, "who takes no jobs doesn't serve the lane"


async def test_a_lane_that_waits_for_a_lease_keeps_its_jobs(jobs: Jobs):
    await waiting(jobs)
    crew = Crew(jobs, "cpu")
    crew.alive.append(worker("gpu", leased_by="bench/1"))
    crew.look()
    assert crew.look(after_s=60) == 0


async def test_one_worker_in_a_second_looks(jobs: Jobs):
    await waiting(jobs)
    crews = [Crew(jobs, "cpu") for _ in range(3)]
    for crew in crews:
        crew.movers.round()
    assert [bool(crew.movers._dead_since) for crew in crews] == [True, False, False]


@given(st.lists(st.sampled_from(["AUTO", "GPU"]), max_size=8), st.sets(st.sampled_from(["cpu", "npu", "gpu.1"])))
def test_no_job_is_lost_or_doubled(devices: list[str], alive: set[str]):
    async def story() -> None:
        jobs = memory_jobs()
        ids = [await waiting(jobs, device=device) for device in devices]
        crew = Crew(jobs, *sorted(alive))
        crew.look()
        moved = crew.look(after_s=60)
        records = [await jobs.front.get(each) for each in ids]
        assert all(record.state is JobState.PENDING for record in records)
        assert sum(each.depth for each in (await jobs.front.backlog()).values()) == len(ids)
        served = {queue for each in crew.alive for queue in each.queues}
        autos = [record for record in records if record.device == "AUTO"]
        assert moved == (len(autos) if alive and "gpu" not in served else 0)
        assert all(record.lane in served for record in autos if alive)
        assert all(record.lane == "gpu" for record in records if record.device == "GPU")
        for record in records:
            first = jobs.workshop.claim(record.id, "w", 60, [record.lane])
            assert first is not None
            assert jobs.workshop.claim(record.id, "w", 60, ["gpu"]) is None

    asyncio.run(story())


def test_the_names_of_families_are_those_that_settings_may_prefer():
    assert sorted(RoutingSettings().prefer) == sorted(Device)
    assert json.loads(RoutingSettings().model_dump_json())["prefer"] == ["GPU", "NPU", "CPU"]
