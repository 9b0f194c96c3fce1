"""A store with something of everything that is kept in it, and what there is, to be compared."""

import time
import uuid
from contextlib import aclosing, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis

from shared.access import Role
from shared.adapters.redis_audit import RedisAuditLog
from shared.adapters.redis_benchmarks import RedisBenchmarkWriter
from shared.adapters.redis_jobs import RedisAttemptStore, RedisJobStore
from shared.adapters.redis_keys import RedisKeyStore
from shared.adapters.redis_pipelines import RedisPipelineStore
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.adapters.redis_uploads import RedisUploadStore
from shared.audit import AuditEntry
from shared.jobs import ArtifactRef, Failed, Progress
from shared.new_keys import NewKey, made
from shared.ports import ArtifactStore, Envelope, NewJob, Record
from shared.results import InstalledFile, InstalledModel, StreamFigures
from shared.settings import Settings
from shared.uploads import Upload, UploadPart
from tests.support.benchmarks import benchmark, density, suite
from tests.support.jobs import ERROR, completed, new_job
from tests.support.pipelines import user_pipeline

LARGE = 3 * 1024 * 1024
"""Bytes of inputs and of a file that aren't handled in one piece."""


@dataclass(frozen=True)
class Kept:
    """Ids of jobs by what became of them."""

    jobs: dict[str, str]

    def __getattr__(self, name: str) -> str:
        return self.jobs[name]


async def fill(settings: Settings, artifacts: ArtifactStore) -> Kept:
    """Jobs in all states and ways to them, and one of everything else."""
    jobs = await _jobs(settings, artifacts)
    async with _closing(RedisKeyStore(settings)) as keys, _closing(RedisPipelineStore(settings)) as pipelines:
        await keys.add(made(NewKey(name="door", role=Role.ADMIN))[0])
        await keys.spend("somebody", 5, 60)
        await pipelines.add(user_pipeline("yard"))
    with closing(RedisWorkerBeacon(settings)) as beacon, closing(RedisBenchmarkWriter(settings)) as benchmarks:
        beacon.install(_model())
        benchmarks.keep(benchmark(density()))
        benchmarks.keep(benchmark(suite()).model_copy(update={"tenant": "acme"}))
    with closing(RedisUploadStore(settings)) as uploads:
        begun = uploads.create(Upload(id=str(uuid.uuid4()), filename="é.mp4", length=9), 4)
        part = UploadPart(name="part-0", size=4, sha256="ab")
        uploads.replace(begun.with_part(part))
        artifacts.put_bytes(begun.key(part), b"part", "application/octet-stream")
        used = uploads.create(Upload(id=str(uuid.uuid4())), 4)
        uploads.replace(used, 600)
    async with _closing(RedisAuditLog(settings)) as audit:
        await audit.append([_entry()])
    return Kept(jobs)


async def _jobs(settings: Settings, artifacts: ArtifactStore) -> dict[str, str]:
    ids: dict[str, str] = {}
    async with _closing(RedisJobStore(settings)) as front:
        with closing(RedisAttemptStore(settings)) as shop:

            async def make(name: str, **fields: Any) -> str:
                more = {each: fields.pop(each) for each in ("caller_active", "tenant") if each in fields}
                new = new_job(**fields)
                new = NewJob(**{each: getattr(new, each) for each in NewJob.__slots__} | more)
                await front.create(new)
                ids[name] = new.id
                return new.id

            def claim(job_id: str) -> Any:
                claimed = shop.claim(job_id, "w", 600)
                assert claimed is not None
                return claimed

            await make("waits", caller="c", expires_s=3_600, idempotency_key="one", caller_active=9, tenant="acme")
            message = Envelope(f"{settings.redis.prefix}:broker:cpu", b"{}")
            await make("sent", lane="gpu", message=message, group="g", priority=8)
            shop.published(await make("published"))
            again = claim(await make("again", max_attempts=3))
            shop.give_up(again.job_id, again.fence, "w", ERROR)
            lines = [Record(0, f'{{"n":{number}}}') for number in range(20)]
            running = claim(await make("runs", caller="c", caller_active=9, tenant="acme", max_attempts=1))
            shop.report(running, Progress(fraction=0.5))
            shop.measure(running, [StreamFigures(stream=0, fps=1.0, frames=2)], lines)
            shop.checkpoint(running, "half")
            claim(await make("stopping"))
            await front.request_cancel(ids["stopping"], "enough")
            done = claim(await make("done", blobs=(b"x", bytes(LARGE)), caller="c", idempotency_key="two"))
            stored = artifacts.put_bytes(f"jobs/{done.job_id}/1/a.bin", bytes(LARGE) * 4, "image/jpeg")
            shop.settle(
                done,
                completed(),
                [ArtifactRef(name="a.bin", media_type="image/jpeg", size=stored.size, sha256=stored.sha256)],
            )
            shop.settle(claim(await make("told", callback_url="https://a.test")), completed())
            shop.settle(
                claim(await make("failed", retention_s=999_999.0, blobs=(b"x", bytes(LARGE)))), Failed(error=ERROR)
            )
            dead = claim(await make("dead", max_attempts=1, tenant="acme"))
            shop.give_up(dead.job_id, dead.fence, "w", ERROR)
            await make("cancelled")
            await front.request_cancel(ids["cancelled"], "why")
    for number in range(30):
        artifacts.put_bytes(f"models/m/{number}.bin", str(number).encode(), "text/plain; charset=utf-8")
    return ids


def raw(settings: Settings) -> dict[str, Any]:
    """Every key below the prefix, without it, as plain values."""
    with redis.Redis.from_url(settings.store_url) as client:
        begin = f"{settings.redis.prefix}:"
        found = {each.decode().removeprefix(begin): each for each in client.scan_iter(f"{begin}*")}
        return {name: _value(client, key) for name, key in sorted(found.items())}


def _value(client: redis.Redis, key: bytes) -> Any:
    match client.type(key):
        case b"hash":
            return dict(client.hgetall(key))
        case b"zset":
            return dict(client.zrange(key, 0, -1, withscores=True))
        case b"list":
            return client.lrange(key, 0, -1)
        case b"set":
            return set(client.smembers(key))
        case b"stream":
            return client.xrange(key)
        case b"string":
            return client.get(key)
        case other:
            raise AssertionError(other)


def wipe(settings: Settings) -> None:
    """Nothing is left below the prefix."""
    with redis.Redis.from_url(settings.store_url) as client:
        for key in client.scan_iter(f"{settings.redis.prefix}:*"):
            client.unlink(key)


def contents(store: ArtifactStore) -> dict[str, tuple[str, str]]:
    """Type and sha256 of every file."""
    return {key: (info.media_type, info.sha256) for key in store.keys("") for info in [store.stat(key)]}


def _closing(store: Any) -> Any:
    store.aclose = store.close
    return aclosing(store)


def _model() -> InstalledModel:
    files = [InstalledFile(name="weights.pt", size=3, sha256="0" * 64)]
    when = "2026-01-01T00:00:00Z"
    return InstalledModel(
        name="asl", version="0" * 16, files=files, variants=["torch"], source="é", installed_at=when
    )


def _entry() -> AuditEntry:
    return AuditEntry(
        at_ms=round(time.time() * 1000),
        who="door",
        tenant="default",
        address="127.0.0.1",
        action="DELETE /x",
        target="x",
        status=204,
        outcome="done",
        request_id=datetime.now(UTC).isoformat(),
    )
