"""The jobs of whoever calls, and nobody else's: the one place that looks whose a job is."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from api.callers import Caller, caller
from shared.access import scoped
from shared.errors import JobNotFound
from shared.jobs import JobRecord
from shared.ports import Created, JobPage, JobQuery, JobStore, NewJob, RecordPage, Seen, Staging
from shared.workers import LaneBacklog


class OwnJobs:
    """JobStore, for one caller after the other. Jobs of another tenant aren't there."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def staging(self) -> Staging | None:
        """See the port. Nobody can name what is staged."""
        return self._store.staging()

    async def create(self, new: NewJob) -> Created:
        """See the port. An id that another tenant has used is a JobConflict."""
        who = caller()
        limits = who.limits
        own: dict[str, Any] = {
            "tenant": who.tenant,
            "fingerprint": scoped(who.tenant, new.fingerprint),
            "idempotency_key": _key(who, new.idempotency_key),
            "caller_depth": limits.depth,
            "caller_active": limits.active,
        }
        changed = any(getattr(new, name) != value for name, value in own.items())
        return await self._store.create(replace(new, **own) if changed else new)

    async def known(self, job_id: str, fingerprint: str, idempotency_key: str | None = None) -> JobRecord | None:
        """See the port."""
        who = caller()
        key = _key(who, idempotency_key)
        return await self._store.known(job_id, scoped(who.tenant, fingerprint), key)

    async def published(self, job_id: str, fence: int = 0) -> None:
        """See the port."""
        await self._store.published(job_id, fence)

    async def discard(self, job_id: str) -> None:
        """See the port."""
        await self._store.discard(job_id)

    async def get(self, job_id: str) -> JobRecord:
        """See the port."""
        return _own(caller(), await self._store.get(job_id))

    async def look(self, job_id: str) -> Seen:
        """See the port."""
        who, seen = caller(), await self._store.look(job_id)
        _own(who, seen.record)
        return seen

    async def tenant(self, job_id: str) -> str:
        """See the port."""
        sees, tenant = caller().sees, await self._store.tenant(job_id)
        if sees not in {None, tenant}:
            raise _not_found(job_id)
        return tenant

    async def blobs(self, job_id: str) -> list[bytes]:
        """See the port."""
        await self._require(job_id)
        return await self._store.blobs(job_id)

    async def find(self, query: JobQuery) -> JobPage:
        """See the port."""
        return await self._store.find(replace(query, tenant=caller().sees))

    async def request_cancel(self, job_id: str, reason: str) -> JobRecord:
        """See the port."""
        await self._require(job_id)
        return await self._store.request_cancel(job_id, reason)

    async def delete(self, job_id: str) -> JobRecord:
        """See the port."""
        await self._require(job_id)
        return await self._store.delete(job_id)

    async def events(self, job_id: str, after_seq: int, limit: int = 1_000) -> list[str]:
        """See the port."""
        try:
            await self._require(job_id)
        except JobNotFound:
            return []
        return await self._store.events(job_id, after_seq, limit)

    async def records(
        self, job_id: str, after: int = 0, stream: int | None = None, limit: int = 100
    ) -> RecordPage:
        """See the port."""
        await self._require(job_id)
        return await self._store.records(job_id, after, stream, limit)

    async def dead(self, limit: int, cursor: str | None = None, tenant: str | None = None) -> JobPage:
        """See the port; ``tenant`` is the caller's, whatever is asked for."""
        del tenant
        return await self._store.dead(limit, cursor, caller().sees)

    async def revived(self, job_id: str) -> None:
        """See the port."""
        await self._require(job_id)
        await self._store.revived(job_id)

    async def seqs(self, job_ids: Sequence[str]) -> dict[str, int]:
        """See the port. For the process itself: of jobs that somebody follows already."""
        return await self._store.seqs(job_ids)

    async def ping(self) -> None:
        """See the port."""
        await self._store.ping()

    async def identity(self) -> str:
        """See the port."""
        return await self._store.identity()

    async def backlog(self) -> dict[str, LaneBacklog]:
        """See the port. Lanes are everybody's."""
        return await self._store.backlog()

    async def close(self) -> None:
        """See the port."""
        await self._store.close()

    async def _require(self, job_id: str) -> None:
        if caller().sees is not None:
            await self.tenant(job_id)


def _key(who: Caller, key: str | None) -> str | None:
    return None if key is None else scoped(who.tenant, key)


def _own(who: Caller, record: JobRecord) -> JobRecord:
    if who.sees not in {None, record.tenant}:
        raise _not_found(record.id)
    return record


def _not_found(job_id: str) -> JobNotFound:
    return JobNotFound(f"there is no job {job_id}")
