"""The awaitable face of the job store in memory."""

from collections.abc import Sequence

from shared.adapters.memory.core import Kept, MemoryJobs
from shared.adapters.records import (
    PAGE_OUTCOME_BYTES,
    SCAN_LIMIT,
    cancel_event,
    matches,
    new_record,
    read_cursor,
    state_event,
    write_cursor,
)
from shared.errors import IllegalTransition, InputsExpired
from shared.events import INLINE_OUTCOME_BYTES
from shared.jobs import (
    Cancelled,
    JobRecord,
    from_micros,
)
from shared.ports import Created, JobPage, JobQuery, NewJob, RecordPage, Seen
from shared.states import JobState
from shared.workers import LaneBacklog


class MemoryJobStore:
    """JobStore."""

    def __init__(self, shared: MemoryJobs) -> None:
        self._shared = shared

    async def ping(self) -> None:
        """It always answers."""

    def staging(self) -> None:
        """See the port. Nothing is far away here."""

    async def create(self, new: NewJob) -> Created:
        """See the port."""
        shared = self._shared
        with shared.lock:
            now = shared.clock()
            if before := shared.known(new.id, new.fingerprint, new.idempotency_key, now):
                return Created(before, fresh=False)
            shared.require_room(new)
            shared.accepted += 1
            job = Kept(
                record=new_record(new, from_micros(now)),
                order=shared.accepted,
                blobs=list(new.blobs),
                blobs_until=None,
                key=new.idempotency_key,
                waiting_since=now,
                unpublished_since=None if new.message else now,
                sent_at=now if new.message else None,
                headers=new.headers,
                caller=new.caller,
            )
            shared.jobs[new.id] = job
            shared.lanes.add(new.lane)
            if new.idempotency_key is not None:
                shared.keys[new.idempotency_key] = (new.id, now + new.idempotency_ttl_s * 1_000_000)
            shared.queue(new, now)
            shared.emit(job, state_event(job.record, now, None))
            return Created(job.record, fresh=True)

    async def known(self, job_id: str, fingerprint: str, idempotency_key: str | None = None) -> JobRecord | None:
        """See the port."""
        with self._shared.lock:
            return self._shared.known(job_id, fingerprint, idempotency_key, self._shared.clock())

    async def published(self, job_id: str, fence: int = 0) -> None:
        """See the port."""
        self._shared.published(job_id, fence)

    async def discard(self, job_id: str) -> None:
        """See the port."""
        with self._shared.lock:
            job = self._shared.jobs.get(job_id)
            if job and job.record.state is JobState.PENDING and job.record.fence == 0 and not job.shared:
                self._shared.forget(job)

    async def get(self, job_id: str) -> JobRecord:
        """See the port."""
        with self._shared.lock:
            return self._shared.kept(job_id).record

    async def look(self, job_id: str) -> Seen:
        """See the port."""
        record = await self.get(job_id)
        outcome = _outcome(record)
        if len(outcome) <= INLINE_OUTCOME_BYTES:
            return Seen(record)
        return Seen(record.model_copy(update={"outcome": None}), outcome)

    async def tenant(self, job_id: str) -> str:
        """See the port."""
        return (await self.get(job_id)).tenant

    async def blobs(self, job_id: str) -> list[bytes]:
        """See the port."""
        with self._shared.lock:
            job = self._shared.kept(job_id)
            if job.blobs and job.blobs_until is not None and self._shared.clock() >= job.blobs_until:
                msg = f"the inputs of job {job_id} are no longer kept"
                raise InputsExpired(msg)
            return list(job.blobs)

    async def find(self, query: JobQuery) -> JobPage:
        """See the port."""
        return self._page(query, dead=False)

    def _page(self, query: JobQuery, *, dead: bool) -> JobPage:
        below = None if query.cursor is None else read_cursor(query.cursor)
        with self._shared.lock:
            kept = [job for job in self._shared.jobs.values() if job.dead or not dead]
        # Jobs in other states needn't be looked at.
        found = [job for job in kept if query.state in {None, job.record.state}]
        newest = sorted(found, key=lambda job: job.order, reverse=True)
        own = [job for job in newest if query.tenant in {None, job.record.tenant}]
        rest = [job for job in own if below is None or job.order < below]
        page: list[JobRecord] = []
        size = 0
        for seen, job in enumerate(rest, start=1):
            if matches(job.record, query):
                page.append(job.record)
                size += len(_outcome(job.record))
            if len(page) >= query.limit or seen >= SCAN_LIMIT or size > PAGE_OUTCOME_BYTES:
                return JobPage(page, write_cursor(job.order) if seen < len(rest) else None)
        return JobPage(page, None)

    async def request_cancel(self, job_id: str, reason: str) -> JobRecord:
        """See the port."""
        with self._shared.lock:
            job = self._shared.kept(job_id)
            now = self._shared.clock()
            if job.record.terminal:
                msg = f"job {job_id} is {job.record.state}; it can't be cancelled any more"
                raise IllegalTransition(msg)
            stop = Cancelled(reason=reason)
            if job.record.state is JobState.PENDING:
                self._shared.become(job, JobState.CANCELLED, now, None, outcome=stop, cancel_requested=True)
            elif not job.record.cancel_requested:
                job.stop = stop
                job.record = job.record.model_copy(update={"cancel_requested": True, "seq": job.record.seq + 1})
                self._shared.emit(job, cancel_event(job.record, now))
            return job.record

    async def delete(self, job_id: str) -> JobRecord:
        """See the port."""
        with self._shared.lock:
            job = self._shared.kept(job_id)
            if not job.record.terminal:
                msg = f"job {job_id} is {job.record.state}; it can't be deleted before it has ended"
                raise IllegalTransition(msg)
            self._shared.forget(job)
            return job.record

    async def events(self, job_id: str, after_seq: int, limit: int = 1_000) -> list[str]:
        """See the port."""
        with self._shared.lock:
            job = self._shared.jobs.get(job_id)
            if job is None:
                return []
            return [event for seq, event in job.events.items() if seq > after_seq][:limit]

    async def records(
        self, job_id: str, after: int = 0, stream: int | None = None, limit: int = 100
    ) -> RecordPage:
        """See the port."""
        with self._shared.lock:
            job = self._shared.kept(job_id)
            kept, restarted = list(job.records), job.restarted
        found = [each for each in kept if each.number > after and stream in {None, each.stream}]
        first, last = (kept[0].number, kept[-1].number) if kept else (0, 0)
        return RecordPage(found[:limit], first, last, restarted)

    async def seqs(self, job_ids: Sequence[str]) -> dict[str, int]:
        """See the port."""
        with self._shared.lock:
            jobs = self._shared.jobs
            return {job_id: jobs[job_id].record.seq for job_id in job_ids if job_id in jobs}

    async def dead(self, limit: int, cursor: str | None = None, tenant: str | None = None) -> JobPage:
        """See the port."""
        return self._page(JobQuery(limit=limit, cursor=cursor, tenant=tenant), dead=True)

    async def revived(self, job_id: str) -> None:
        """See the port."""
        with self._shared.lock:
            if job_id in self._shared.jobs:
                self._shared.jobs[job_id].dead = False

    async def identity(self) -> str:
        """See the port."""
        return self._shared.identity

    async def backlog(self) -> dict[str, LaneBacklog]:
        """See the port."""
        return self._shared.backlog()

    async def close(self) -> None:
        """Nothing to let go of."""


def _outcome(record: JobRecord) -> bytes:
    return record.outcome.model_dump_json().encode() if record.outcome else b""
