"""Both faces of a port that has two, over one adapter."""

from collections.abc import Callable
from dataclasses import dataclass

import redis

from shared.adapters.memory import MemoryAttemptStore, MemoryEventBus, MemoryJobs, MemoryJobStore
from shared.adapters.redis_events import RedisEventBus
from shared.adapters.redis_jobs import RedisAttemptStore, RedisJobStore
from shared.ports import AttemptStore, EventBus, JobStore, WorkerBeacon, WorkerDirectory
from shared.settings import JobSettings, Settings


@dataclass
class Jobs:
    """Both faces of one job store and its events. ``age_inputs`` makes the kept inputs of a job too old."""

    front: JobStore
    workshop: AttemptStore
    bus: EventBus
    age_inputs: Callable[[str], None]


def memory_jobs() -> Jobs:
    bus = MemoryEventBus()
    late = 0
    real = MemoryJobs().clock

    shared = MemoryJobs(bus, clock=lambda: real() + late)

    def age(_job_id: str) -> None:
        nonlocal late
        late += JobSettings().inputs_ttl_s * 1_000_000

    return Jobs(MemoryJobStore(shared), MemoryAttemptStore(shared), bus, age)


def redis_jobs(settings: Settings) -> Jobs:
    def age(job_id: str) -> None:
        key = f"{settings.redis.prefix}:job:{job_id}:blobs"
        with redis.Redis.from_url(settings.store_url) as client:
            if 0 < client.ttl(key) <= settings.jobs.inputs_ttl_s:
                client.expire(key, 0)

    return Jobs(RedisJobStore(settings), RedisAttemptStore(settings), RedisEventBus(settings), age)


@dataclass
class Registry:
    front: WorkerDirectory
    workshop: WorkerBeacon
