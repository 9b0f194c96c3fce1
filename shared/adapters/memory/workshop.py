"""The blocking face of the job store in memory."""

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from shared.adapters.memory.core import Kept, MemoryJobs
from shared.adapters.memory.upkeep import MemoryUpkeep, overdue
from shared.adapters.records import (
    EXPIRED,
    QUEUED,
    STARTING,
    error_of,
    figures_event,
    final_progress,
    micros,
    milliseconds,
    progress_event,
)
from shared.devices import Lane
from shared.errors import StaleClaim
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
from shared.ports import Claim, Ending, NumberedRecord, Record
from shared.results import StreamFigures
from shared.states import JobState

_Told = TypeVar("_Told")


class MemoryAttemptStore(MemoryUpkeep):
    """AttemptStore."""

    def __init__(self, shared: MemoryJobs) -> None:
        self._shared = shared

    def claim(self, job_id: str, worker: str, lease_s: float, lanes: Collection[str] = ()) -> Claim | None:
        """See the port."""
        shared = self._shared
        with shared.lock:
            job = shared.jobs.get(job_id)
            if job is None or job.record.state is not JobState.PENDING:
                return None
            if lanes and job.record.lane not in lanes:
                return None
            return self._begin(job, worker, lease_s)

    def _begin(self, job: Kept, worker: str, lease_s: float) -> Claim | None:
        shared, now = self._shared, self._shared.clock()
        if overdue(job.record, now):
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
        if job.recorded > job.restarted:
            job.records.clear()
            job.recorded = job.restarted = job.recorded + 1
        job.worker = worker
        job.lease_until = now + micros(lease_s)
        return Claim(job.record, job.record.fence, worker, list(job.blobs), job.headers)

    def claim_ready(
        self, place: str, worker: str, lease_s: float, lanes: Collection[str] = (), limit: int = 64
    ) -> list[Claim]:
        """See the port."""
        shared, claims = self._shared, list[Claim]()
        lane = place.split(":")[1]
        with shared.lock:
            waiting = shared.ready[place]
            while waiting and len(claims) < limit and (not lanes or lane in lanes):
                job = shared.jobs.get(waiting.popleft())
                if job is None or (job.record.state, job.record.lane, job.record.fence) != (
                    JobState.PENDING,
                    lane,
                    0,
                ):
                    continue
                if claims:  # the message of the place may be older than this job: it passes what the oldest does
                    job.sent_at = None
                if claim := self._begin(job, worker, lease_s):
                    claims.append(claim)
        return claims

    def renew(self, claim: Claim, lease_s: float) -> bool:
        """See the port."""
        with self._shared.lock:
            job = self._shared.held(claim.job_id, claim.fence)
            job.lease_until = self._shared.clock() + micros(lease_s)
            return job.record.cancel_requested

    def renew_many(self, claims: Sequence[Claim], lease_s: float) -> list[bool | StaleClaim]:
        """See the port."""
        return [_unless_stale(lambda claim=claim: self.renew(claim, lease_s)) for claim in claims]

    def report(self, claim: Claim, progress: Progress) -> bool:
        """See the port."""
        with self._shared.lock:
            job = self._shared.held(claim.job_id, claim.fence)
            job.record = job.record.model_copy(update={"progress": progress, "seq": job.record.seq + 1})
            self._shared.emit_newest(job, progress_event(job.record, self._shared.clock()))
            return job.record.cancel_requested

    def measure(self, claim: Claim, streams: Sequence[StreamFigures], records: Sequence[Record] = ()) -> bool:
        """See the port."""
        with self._shared.lock:
            job = self._shared.held(claim.job_id, claim.fence)
            for record in records:
                job.recorded += 1
                job.records.append(NumberedRecord(job.recorded, record.stream, record.json))
            while len(job.records) > self._shared.settings.records_kept:
                job.records.popleft()
            job.record = job.record.model_copy(update={"seq": job.record.seq + 1})
            event = figures_event(job.record, self._shared.clock(), streams, job.recorded)
            self._shared.emit_newest(job, event)
            return job.record.cancel_requested

    def checkpoint(self, claim: Claim, keep: str = "") -> str:
        """See the port."""
        with self._shared.lock:
            job = self._shared.held(claim.job_id, claim.fence)
            job.checkpoint = keep or job.checkpoint
            return job.checkpoint

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

    def settle_many(self, ends: Sequence[Ending]) -> list[JobState | StaleClaim]:
        """See the port."""
        return [_unless_stale(lambda one=one: self.settle(one.claim, one.outcome, one.artifacts)) for one in ends]

    def give_up(
        self,
        job_id: str,
        fence: int,
        worker: str,
        error: ErrorInfo,
        *,
        final: ErrorInfo | None = None,
        costs: bool = True,
    ) -> JobState:
        """See the port."""
        with self._shared.lock:
            job = self._shared.held(job_id, fence)
            now = self._shared.clock()
            record = job.record
            history = _history(record, worker, now, error)
            if record.cancel_requested:
                self._shared.become(job, JobState.CANCELLED, now, worker, outcome=job.stop, attempts=history)
            elif (used := record.attempt + costs) >= record.spec.max_attempts:
                failed = Failed(error=final or error)
                self._shared.become(job, JobState.FAILED, now, worker, outcome=failed, attempts=history)
                job.dead, job.blobs_until = True, None
            else:
                self._shared.become(
                    job, JobState.PENDING, now, worker, attempt=used, attempts=history, progress=QUEUED
                )
            return job.record.state

    def close(self) -> None:
        """Nothing to let go of."""


def _unless_stale(call: Callable[[], _Told]) -> _Told | StaleClaim:
    try:
        return call()
    except StaleClaim as error:
        return error


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
