"""The blocking face of the job store in memory."""

from collections.abc import Sequence
from datetime import timedelta

from shared.adapters.memory.core import MemoryJobs
from shared.adapters.records import (
    EXPIRED,
    QUEUED,
    STARTING,
    error_of,
    final_progress,
    milliseconds,
    progress_event,
)
from shared.devices import Lane
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
from shared.ports import Claim, Lapsed
from shared.states import JobState


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

    def give_up(
        self, job_id: str, fence: int, worker: str, error: ErrorInfo, *, final: ErrorInfo | None = None
    ) -> JobState:
        """See the port."""
        with self._shared.lock:
            job = self._shared.held(job_id, fence)
            now = self._shared.clock()
            record = job.record
            history = _history(record, worker, now, error)
            if record.cancel_requested:
                self._shared.become(job, JobState.CANCELLED, now, worker, outcome=job.stop, attempts=history)
            elif record.attempt + 1 >= record.spec.max_attempts:
                failed = Failed(error=final or error)
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

    def published(self, job_id: str, fence: int = 0) -> None:
        """See the port."""
        self._shared.published(job_id, fence)

    def close(self) -> None:
        """Nothing to let go of."""


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
