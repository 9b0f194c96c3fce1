"""A burst of jobs over several lanes of a host: each lane gets what it can do in the same time."""

import asyncio
from collections import Counter
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from api.services.lanes import Lanes
from shared.devices import Device
from shared.ports import JobStore, WorkerDirectory
from shared.routing import CLOSE, Needs
from shared.specs import CommonSpec, InferenceSpec
from shared.workers import LaneBacklog, WorkerInfo
from tests.support.gateway import SPEC, worker

WORK = "inference/asl"
NEEDS = Needs(families=frozenset({Device.GPU}), work=WORK, model="asl")
JOBS = 400


class House:
    """Workers, and jobs that wait, by lane: what the lanes are made from."""

    def __init__(self, workers: list[WorkerInfo], waiting: dict[str, int]) -> None:
        self._workers = workers
        self.waiting = Counter(waiting)
        self.read = 0

    async def workers(self) -> list[WorkerInfo]:
        self.read += 1
        return self._workers

    async def backlog(self) -> dict[str, LaneBacklog]:
        return {lane: LaneBacklog(depth=depth, oldest_wait_ms=None) for lane, depth in self.waiting.items()}


def alone(lane: str, **said: Any) -> WorkerInfo:
    """A worker that doesn't read the queue of whichever GPU, which all share anyway."""
    return worker(lane, queues=[lane], **said)


def of(house: House, **options: Any) -> Lanes:
    return Lanes(cast("WorkerDirectory", house), cast("JobStore", house), **options)


def sent(lanes: Lanes, jobs: int) -> Counter[str]:
    spec: CommonSpec = InferenceSpec.model_validate(SPEC)

    async def routed() -> Counter[str]:
        return Counter([(await lanes.route("inference", spec, NEEDS)).queue for _ in range(jobs)])

    return asyncio.run(routed())


speeds = st.lists(
    st.tuples(st.sampled_from([0.5, 1.0, 2.0, 8.0]), st.integers(1, 4), st.integers(0, 50)), min_size=2, max_size=4
)


@given(speeds)
def test_all_lanes_would_be_done_at_about_the_same_time(lanes: list[tuple[float, int, int]]):
    workers, waiting, done_ms = list[WorkerInfo](), dict[str, int](), dict[str, float]()
    for number, (ms, slots, depth) in enumerate(lanes, 1):
        said = {"service_ms": {WORK: ms, "*": ms}, "concurrency": slots}
        workers.append(alone(f"gpu.{number}", **said))
        waiting[f"gpu.{number}"] = depth
        done_ms[f"gpu.{number}"] = ms / slots
    house = House(workers, waiting)
    came = sent(of(house, ttl_s=60), JOBS)
    assert came.total() == JOBS
    assert house.read == 1, "what was sent is counted between two readings"
    used = {lane: (waiting[lane] + came[lane]) * done_ms[lane] for lane in came}
    slowest_job = max(ms for ms, _, _ in lanes)
    assert max(used.values()) <= min(used.values()) * (1 + CLOSE) + 2 * slowest_job
    for lane, already in waiting.items():
        if lane not in used:  # it had more to do than the others have now
            assert already * done_ms[lane] + slowest_job >= min(used.values()) * (1 - CLOSE)


def test_lanes_that_are_alike_get_as_much():
    said = {"service_ms": {WORK: 2.0, "*": 2.0}}
    came = sent(of(House([alone(f"gpu.{number}", **said) for number in range(1, 5)], {}), ttl_s=60), JOBS)
    assert sorted(came) == [f"gpu.{number}" for number in range(1, 5)]
    assert max(came.values()) <= min(came.values()) * (1 + CLOSE) + 2
