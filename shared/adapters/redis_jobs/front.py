"""The awaitable face of the job store. One round trip per call."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from shared.access import DEFAULT_TENANT
from shared.adapters.redis_connection import Argument, AsyncRedis, Script
from shared.adapters.redis_jobs import calls
from shared.adapters.redis_jobs.codec import decode, seen
from shared.adapters.redis_jobs.gathering import Gathering
from shared.adapters.redis_jobs.scripts import load_scripts
from shared.adapters.redis_jobs.staging import STAGED_BYTES, RedisStaging, Staged
from shared.circuit import Circuit
from shared.errors import StoreUnavailable
from shared.jobs import Cancelled, JobRecord
from shared.ports import Created, JobPage, JobQuery, NewJob, RecordPage, Seen
from shared.settings import Settings
from shared.workers import LaneBacklog


class RedisJobStore:
    """JobStore on Redis 7.0 or Valkey 7.2, or newer; one node, not a cluster. Used from one event loop."""

    def __init__(self, settings: Settings, circuit: Circuit | None = None) -> None:
        self._prefix = settings.redis.prefix
        self._redis = AsyncRedis(settings, circuit)
        self._scripts = load_scripts(settings)
        self._limits = (settings.limits.lane_depth, settings.limits.caller_depth, settings.batching.jobs)
        self._creating = Gathering(self._create)
        self._accept = self._redis.run_synced if settings.redis.durability == "synced" else self._redis.run

    async def ping(self) -> None:
        """Return if the store answers."""
        await self._redis.command("PING")

    async def create(self, new: NewJob) -> Created:
        """See the port.

        Requests that come while one is on its way are made together in the next round trip.

        With durability ``synced``, what is answered is on the server's disk. StoreUnavailable then means that this
        isn't sure: the job may be there and run, and the same id or key finds it.
        """
        call, size = calls.Creating.of(new), sum(map(len, new.blobs))
        if not new.staged and size < STAGED_BYTES:
            return call.read(await self._creating.ask(call, size))
        if isinstance(new.staged, Staged):
            return call.read((await self._create([call], new.staged))[0])
        staging = self.staging()
        try:
            return call.read((await self._create([call], await staging.whole(new.blobs)))[0])
        except StoreUnavailable:
            with suppress(StoreUnavailable):
                await staging.drop()
            raise

    def staging(self) -> RedisStaging:
        """See the port."""
        return RedisStaging(self._redis, self._prefix)

    async def _create(self, jobs: Sequence[calls.Creating], staged: Staged | None = None) -> list[Any]:
        arguments = calls.create_arguments(jobs, staged)
        return await self._accept(self._scripts.create, self._prefix, "", *self._limits, *arguments)

    async def known(self, job_id: str, fingerprint: str, idempotency_key: str | None = None) -> JobRecord | None:
        """See the port."""
        arguments = (fingerprint, idempotency_key or "")
        return calls.read_known(await self._accept(self._scripts.known, self._prefix, job_id, *arguments))

    async def published(self, job_id: str, fence: int = 0) -> None:
        """See the port."""
        await self._redis.run(self._scripts.published, self._prefix, job_id, fence)

    async def discard(self, job_id: str) -> None:
        """See the port."""
        await self._redis.run(self._scripts.discard, self._prefix, job_id)

    async def get(self, job_id: str) -> JobRecord:
        """See the port."""
        return decode(await self._fields(job_id))

    async def look(self, job_id: str) -> Seen:
        """See the port."""
        return seen(await self._fields(job_id))

    async def tenant(self, job_id: str) -> str:
        """See the port."""
        fields = await self._redis.command("HMGET", f"{self._prefix}:job:{job_id}", "id", "tenant")
        if fields[0] is None:
            raise calls.not_found(job_id)
        return (fields[1] or DEFAULT_TENANT.encode()).decode()

    async def blobs(self, job_id: str) -> list[bytes]:
        """See the port."""
        reply = await self._redis.run(self._scripts.blobs, self._prefix, job_id)
        return calls.read_blobs(job_id, reply)

    async def find(self, query: JobQuery) -> JobPage:
        """See the port."""
        arguments = calls.find_arguments(query)
        return calls.read_page(await self._about_many(self._scripts.find, *arguments))

    async def request_cancel(self, job_id: str, reason: str) -> JobRecord:
        """See the port."""
        outcome = Cancelled(reason=reason).model_dump_json()
        reply = await self._redis.run(self._scripts.cancel, self._prefix, job_id, outcome)
        return calls.ended_or_not(job_id, reply, "cancelled any more")

    async def delete(self, job_id: str) -> JobRecord:
        """See the port."""
        reply = await self._redis.run(self._scripts.delete, self._prefix, job_id)
        return calls.ended_or_not(job_id, reply, "deleted before it has ended")

    async def events(self, job_id: str, after_seq: int, limit: int = 1_000) -> list[str]:
        """See the port."""
        told: list[bytes] = await self._redis.run(
            self._scripts.events, self._prefix, job_id, max(after_seq, 0), limit
        )
        return [event.decode() for event in told]

    async def records(
        self, job_id: str, after: int = 0, stream: int | None = None, limit: int = 100
    ) -> RecordPage:
        """See the port."""
        arguments = (max(after, 0), "" if stream is None else stream, limit)
        reply = await self._redis.run(self._scripts.records, self._prefix, job_id, *arguments)
        return calls.read_records(job_id, reply)

    async def seqs(self, job_ids: Sequence[str]) -> dict[str, int]:
        """See the port."""
        return calls.read_picked(job_ids, await self._about_many(self._scripts.pick, "seq", *job_ids))

    async def dead(self, limit: int, cursor: str | None = None, tenant: str | None = None) -> JobPage:
        """See the port."""
        arguments = calls.find_arguments(JobQuery(limit=limit, cursor=cursor, tenant=tenant), "dead")
        return calls.read_page(await self._about_many(self._scripts.find, *arguments))

    async def revived(self, job_id: str) -> None:
        """See the port."""
        await self._redis.run(self._scripts.revive, self._prefix, job_id)

    async def identity(self) -> str:
        """See the port."""
        key = f"{self._prefix}:identity"
        name: bytes | None = await self._redis.command("GET", key)
        if name is None:  # else a full server, which sets nothing, answers too
            await self._redis.command("SET", key, uuid4().hex, "NX")
            name = await self._redis.command("GET", key)
        return (name or b"").decode()

    async def backlog(self) -> dict[str, LaneBacklog]:
        """See the port."""
        return calls.read_backlog(await self._about_many(self._scripts.backlog))

    async def close(self) -> None:
        """Let go of connections."""
        await self._creating.close()
        await self._redis.close()

    async def _fields(self, job_id: str) -> dict[str, bytes]:
        record: dict[bytes, bytes] = await self._redis.command("HGETALL", f"{self._prefix}:job:{job_id}")
        if not record:
            raise calls.not_found(job_id)
        return {name.decode(): value for name, value in record.items()}

    async def _about_many(self, script: Script, *arguments: Argument) -> list[Any]:
        return await self._redis.run(script, self._prefix, "", *arguments)
