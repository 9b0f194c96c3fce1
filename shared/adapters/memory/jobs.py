"""Both faces of the job store over plain dictionaries."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from shared.adapters.memory.events import MemoryEventBus
from shared.adapters.records import (
    EXPIRED,
    QUEUED,
    SCAN_LIMIT,
    STARTING,
    cancel_event,
    error_of,
    final_progress,
    matches,
    milliseconds,
    new_record,
    progress_event,
    read_cursor,
    state_event,
    write_cursor,
)
from shared.devices import Lane
from shared.errors import IllegalTransition, InputsExpired, JobConflict, JobNotFound, StaleClaim
from shared.jobs import (
    OUTCOME_STATES,
    ArtifactRef,
    Attempt,
    Cancelled,
    Completed,
    ErrorInfo,
    Failed,
    JobRecord,
    Progress,
    from_micros,
)
from shared.ports import Claim, Created, JobPage, JobQuery, Lapsed, NewJob
from shared.settings import JobSettings
from shared.states import JobState, may_become
from shared.workers import LaneBacklog


def _micros() -> int:
    return time.time_ns() // 1_000


@dataclass(slots=True)
class _Kept:
    """A job and what lies around it. Times in microseconds."""

    record: JobRecord
    order: int
    blobs: list[bytes]
    blobs_until: int | None
    events: deque[str]
    key: str | None
    waiting_since: int
    unpublished_since: int | None
    lease_until: int = 0
    worker: str = ""
    stop: Cancelled = field(default_factory=lambda: Cancelled(reason=""))


class MemoryJobs:
    """What both faces share. ``clock`` gives microseconds since the epoch."""

    def __init__(
        self,
        bus: MemoryEventBus | None = None,
        clock: Callable[[], int] = _micros,
        settings: JobSettings | None = None,
    ) -> None:
        self.bus = bus or MemoryEventBus()
        self.clock = clock
        self.settings = settings or JobSettings()
        self.lock = threading.RLock()
        self.jobs: dict[str, _Kept] = {}
        self.lanes: set[str] = set()
        self.keys: dict[str, tuple[str, int]] = {}
        self.accepted = 0

    def kept(self, job_id: str) -> _Kept:
        """Raises JobNotFound."""
        try:
            return self.jobs[job_id]
        except KeyError:
            raise JobNotFound(f"there is no job {job_id}") from None

    def held(self, job_id: str, fence: int) -> _Kept:
        """Raises StaleClaim unless attempt ``fence`` runs the job."""
        job = self.jobs.get(job_id)
        if job is None or job.record.state is not JobState.RUNNING or job.record.fence != fence:
            msg = f"claim {fence} of job {job_id} is no longer the one that counts"
            raise StaleClaim(msg)
        return job

    def become(self, job: _Kept, state: JobState, now: int, worker: str | None, **changes: object) -> None:
        """The only way from one state to another."""
        record = job.record
        if not may_become(record.state, state):
            msg = f"{record.state} to {state}"
            raise IllegalTransition(msg)
        job.unpublished_since = now if state is JobState.PENDING else None
        job.waiting_since = now
        changes |= {"state": state, "seq": record.seq + 1}
        job.record = record.model_copy(update=changes)
        if job.record.terminal:
            self._finish(job, now)
        self.emit(job, state_event(job.record, now, worker).model_dump_json())

    def _finish(self, job: _Kept, now: int) -> None:
        finished = from_micros(now)
        run_ms = milliseconds(job.record.started_at, finished)
        job.record = job.record.model_copy(update={"finished_at": finished, "run_ms": run_ms})
        job.blobs_until = now + self.settings.inputs_ttl_s * 1_000_000

    def emit(self, job: _Kept, event: str) -> None:
        """Keep and publish."""
        job.events.append(event)
        self.bus.publish(job.record.id, event)

    def forget(self, job: _Kept) -> None:
        """As if it had never been."""
        del self.jobs[job.record.id]
        if job.key is not None and self.keys.get(job.key, ("", 0))[0] == job.record.id:
            del self.keys[job.key]

    def known(self, new: NewJob, now: int) -> JobRecord | None:
        """The job that ``new`` names by its key or id, if there is one. Raises JobConflict."""
        job_id, until = self.keys.get(new.idempotency_key or "", ("", 0))
        job = self.jobs.get(job_id) if until > now else None
        job = job or self.jobs.get(new.id)
        if job is not None and job.record.fingerprint != new.fingerprint:
            msg = "the id or the idempotency key was used for a job with another spec"
            raise JobConflict(msg)
        return job and job.record


class MemoryJobStore:
    """JobStore."""

    def __init__(self, shared: MemoryJobs) -> None:
        self._shared = shared

    async def ping(self) -> None:
        """It always answers."""

    async def create(self, new: NewJob) -> Created:
        """See the port."""
        shared = self._shared
        with shared.lock:
            now = shared.clock()
            if before := shared.known(new, now):
                return Created(before, fresh=False)
            shared.accepted += 1
            job = _Kept(
                record=new_record(new, from_micros(now)),
                order=shared.accepted,
                blobs=list(new.blobs),
                blobs_until=None,
                events=deque(maxlen=shared.settings.events_kept),
                key=new.idempotency_key,
                waiting_since=now,
                unpublished_since=now,
            )
            shared.jobs[new.id] = job
            shared.lanes.add(new.lane)
            if new.idempotency_key is not None:
                shared.keys[new.idempotency_key] = (new.id, now + new.idempotency_ttl_s * 1_000_000)
            shared.emit(job, state_event(job.record, now, None).model_dump_json())
            return Created(job.record, fresh=True)

    async def published(self, job_id: str) -> None:
        """See the port."""
        _published(self._shared, job_id)

    async def discard(self, job_id: str) -> None:
        """See the port."""
        with self._shared.lock:
            job = self._shared.jobs.get(job_id)
            if job and job.record.state is JobState.PENDING and job.record.fence == 0:
                self._shared.forget(job)

    async def get(self, job_id: str) -> JobRecord:
        """See the port."""
        with self._shared.lock:
            return self._shared.kept(job_id).record

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
        below = None if query.cursor is None else read_cursor(query.cursor)
        with self._shared.lock:
            newest = sorted(self._shared.jobs.values(), key=lambda job: job.order, reverse=True)
        rest = [job for job in newest if below is None or job.order < below]
        page: list[JobRecord] = []
        for seen, job in enumerate(rest, start=1):
            if matches(job.record, query):
                page.append(job.record)
            if len(page) >= query.limit or seen >= SCAN_LIMIT:
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
                self._shared.emit(job, cancel_event(job.record, now).model_dump_json())
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
            first = job.record.seq - len(job.events) + 1
            return list(job.events)[max(0, after_seq + 1 - first) :][:limit]

    async def backlog(self) -> dict[str, LaneBacklog]:
        """See the port."""
        with self._shared.lock:
            now = self._shared.clock()
            return {lane: self._backlog(lane, now) for lane in sorted(self._shared.lanes)}

    async def close(self) -> None:
        """Nothing to let go of."""

    def _backlog(self, lane: str, now: int) -> LaneBacklog:
        waits = [
            now - job.waiting_since
            for job in self._shared.jobs.values()
            if job.record.lane == lane and job.record.state is JobState.PENDING
        ]
        return LaneBacklog(depth=len(waits), oldest_wait_ms=max(waits) / 1000 if waits else None)


class MemoryAttemptStore:
    """AttemptStore."""

    def __init__(self, shared: MemoryJobs) -> None:
        self._shared = shared

    def claim(self, job_id: str, worker: str, lease_s: float) -> Claim | None:
        """See the port."""
        shared = self._shared
        with shared.lock:
            job = shared.jobs.get(job_id)
            if job is None or job.record.state is not JobState.PENDING:
                return None
            now = shared.clock()
            if job.record.fence == 0 and _expired(job.record, now):
                shared.become(job, JobState.FAILED, now, None, outcome=EXPIRED)
                return None
            started = from_micros(now)
            shared.become(
                job,
                JobState.RUNNING,
                now,
                worker,
                fence=job.record.fence + 1,
                started_at=started,
                queue_wait_ms=milliseconds(job.record.created_at, started),
                progress=STARTING,
            )
            job.worker = worker
            job.lease_until = now + round(lease_s * 1_000_000)
            return Claim(job.record, job.record.fence, worker, list(job.blobs))

    def renew(self, claim: Claim, lease_s: float) -> bool:
        """See the port."""
        with self._shared.lock:
            job = self._shared.held(claim.job_id, claim.fence)
            job.lease_until = self._shared.clock() + round(lease_s * 1_000_000)
            return job.record.cancel_requested

    def report(self, claim: Claim, progress: Progress) -> bool:
        """See the port."""
        with self._shared.lock:
            job = self._shared.held(claim.job_id, claim.fence)
            job.record = job.record.model_copy(update={"progress": progress, "seq": job.record.seq + 1})
            self._shared.emit(job, progress_event(job.record, self._shared.clock()).model_dump_json())
            return job.record.cancel_requested

    def settle(
        self,
        claim: Claim,
        outcome: Completed | Failed | Cancelled,
        artifacts: Sequence[ArtifactRef] = (),
    ) -> JobState:
        """See the port."""
        with self._shared.lock:
            job = self._shared.held(claim.job_id, claim.fence)
            now = self._shared.clock()
            self._shared.become(
                job,
                OUTCOME_STATES[outcome.outcome],
                now,
                claim.worker,
                outcome=outcome,
                attempts=_history(job.record, claim.worker, now, error_of(outcome)),
                artifacts=list(artifacts),
                progress=final_progress(outcome) or job.record.progress,
            )
            return job.record.state

    def give_up(self, job_id: str, fence: int, worker: str, error: ErrorInfo) -> JobState:
        """See the port."""
        with self._shared.lock:
            job = self._shared.held(job_id, fence)
            now = self._shared.clock()
            record = job.record
            history = _history(record, worker, now, error)
            if record.cancel_requested:
                self._shared.become(job, JobState.CANCELLED, now, worker, outcome=job.stop, attempts=history)
            elif record.attempt + 1 >= record.spec.max_attempts:
                failed = Failed(error=error)
                self._shared.become(job, JobState.FAILED, now, worker, outcome=failed, attempts=history)
            else:
                again = record.attempt + 1
                self._shared.become(
                    job, JobState.PENDING, now, worker, attempt=again, attempts=history, progress=QUEUED
                )
            return job.record.state

    def lapsed(self, limit: int = 100) -> list[Lapsed]:
        """See the port."""
        with self._shared.lock:
            now = self._shared.clock()
            running = [job for job in self._shared.jobs.values() if job.record.state is JobState.RUNNING]
            late = sorted((job for job in running if job.lease_until <= now), key=lambda job: job.lease_until)
            return [Lapsed(job.record.id, job.record.fence, job.worker) for job in late[:limit]]

    def unpublished(self, older_than_s: float, limit: int = 100) -> list[JobRecord]:
        """See the port."""
        with self._shared.lock:
            before = self._shared.clock() - round(older_than_s * 1_000_000)
            noted = [
                (job.unpublished_since, job.record)
                for job in self._shared.jobs.values()
                if job.unpublished_since is not None and job.unpublished_since <= before
            ]
            return [record for _, record in sorted(noted, key=lambda pair: pair[0])[:limit]]

    def published(self, job_id: str) -> None:
        """See the port."""
        _published(self._shared, job_id)

    def close(self) -> None:
        """Nothing to let go of."""


def _published(shared: MemoryJobs, job_id: str) -> None:
    with shared.lock:
        if job := shared.jobs.get(job_id):
            job.unpublished_since = None


def _expired(record: JobRecord, now: int) -> bool:
    limit = record.spec.expires_s
    return limit is not None and from_micros(now) > record.created_at + timedelta(seconds=limit)


def _history(record: JobRecord, worker: str, now: int, error: ErrorInfo | None) -> list[Attempt]:
    started = record.started_at or record.created_at
    ended = Attempt(
        number=record.attempt,
        worker=worker,
        device=Lane(record.lane).device,
        started_at=started,
        finished_at=from_micros(now),
        error=error,
    )
    return [*record.attempts, ended]
