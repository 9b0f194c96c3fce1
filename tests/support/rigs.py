"""Both faces of a port that has two, over one adapter."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import redis

from shared.adapters.memory import MemoryAttemptStore, MemoryEventBus, MemoryJobs, MemoryJobStore
from shared.adapters.records import micros
from shared.adapters.redis_connection import Script
from shared.adapters.redis_events import RedisEventBus
from shared.adapters.redis_jobs import RedisAttemptStore, RedisJobStore
from shared.adapters.redis_jobs.scripts import Scripts
from shared.ports import AttemptStore, EventBus, JobStore, WorkerBeacon, WorkerDirectory
from shared.settings import JobSettings, LimitSettings, Settings


@dataclass
class Jobs:
    """Both faces of one job store and its events.

    ``age_inputs`` makes the kept inputs of a job too old; ``advance`` puts the store's clock forward, by seconds;
    ``queued`` gives the messages of a list, the next one first.
    """

    front: JobStore
    workshop: AttemptStore
    bus: EventBus
    age_inputs: Callable[[str], None]
    advance: Callable[[float], None]
    queued: Callable[[str], list[bytes]]


def memory_jobs(
    settings: JobSettings | None = None, limits: LimitSettings | None = None, together: int = 64
) -> Jobs:
    bus = MemoryEventBus()
    late = 0
    real = MemoryJobs().clock

    shared = MemoryJobs(bus, clock=lambda: real() + late, settings=settings, limits=limits, together=together)

    def advance(seconds: float) -> None:
        nonlocal late
        late += micros(seconds)

    return Jobs(
        MemoryJobStore(shared),
        MemoryAttemptStore(shared),
        bus,
        lambda _job_id: advance(JobSettings().inputs_ttl_s),
        advance,
        lambda key: list(shared.messages[key]),
    )


def redis_jobs(settings: Settings) -> Jobs:
    """Until the clock is put forward, the scripts are those of production to the letter."""
    front, workshop = RedisJobStore(settings), RedisAttemptStore(settings)
    skew = f"{settings.redis.prefix}:skew"
    skewed = _skewed(front._scripts)

    def age(job_id: str) -> None:
        key = f"{settings.redis.prefix}:job:{job_id}:blobs"
        with redis.Redis.from_url(settings.store_url) as client:
            if 0 < client.ttl(key) <= settings.jobs.inputs_ttl_s:
                client.expire(key, 0)

    def advance(seconds: float) -> None:
        with redis.Redis.from_url(settings.store_url) as client:
            client.incrby(skew, micros(seconds))
        front._scripts = workshop._scripts = skewed

    def queued(key: str) -> list[bytes]:
        with redis.Redis.from_url(settings.store_url) as client:
            return client.lrange(key, 0, -1)[::-1]

    return Jobs(front, workshop, RedisEventBus(settings), age, advance, queued)


_NOW = "return time[1] * 1000000 + time[2]"


def _skewed(scripts: Scripts) -> Scripts:
    """The same, with another clock: the server's, put forward by what is kept under ``skew``."""
    skewed = _NOW + " + (redis.call('GET', P .. ':skew') or 0)"
    texts = {field.name: getattr(scripts, field.name).text for field in fields(scripts)}
    assert all(_NOW in text for text in texts.values())
    return Scripts(**{name: Script.of(text.replace(_NOW, skewed)) for name, text in texts.items()})


@dataclass
class Registry:
    front: WorkerDirectory
    workshop: WorkerBeacon
