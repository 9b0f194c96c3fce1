"""The half of the blocking face that isn't about an attempt of one's own."""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from shared.adapters.memory.core import Kept, MemoryJobs
from shared.adapters.records import (
    EXPIRED,
    LONGEST_RESEND_S,
    SCAN_LIMIT,
    micros,
    moved_to,
    progress_event,
    to_micros,
)
from shared.devices import AUTO
from shared.jobs import CallbackStatus, JobRecord, from_micros
from shared.ports import Callback, Lapsed
from shared.states import JobState
from shared.workers import LaneBacklog


class MemoryUpkeep:
    """What lapsed, was lost, is due or outlived."""

    _shared: MemoryJobs

    def lapsed(self, limit: int = 100) -> list[Lapsed]:
        """See the port."""
        with self._shared.lock:
            now = self._shared.clock()
            return _leases(job for job in self._in(JobState.RUNNING) if job.lease_until <= now)[:limit]

    def held_by(self, worker: str) -> list[Lapsed]:
        """See the port."""
        with self._shared.lock:
            return _leases(job for job in self._in(JobState.RUNNING) if job.worker == worker)

    def expire(self, limit: int = 100) -> list[str]:
        """See the port."""
        with self._shared.lock:
            now = self._shared.clock()
            late = [job for job in self._in(JobState.PENDING) if overdue(job.record, now)]
            ended = sorted(late, key=lambda job: job.record.created_at)[:limit]
            for job in ended:
                self._shared.become(job, JobState.FAILED, now, None, outcome=EXPIRED)
            return [job.record.id for job in ended]

    def note_lost(self, empty: Collection[str], after_s: float, limit: int = 100) -> int:
        """See the port."""
        with self._shared.lock:
            now = self._shared.clock()
            for job in self._in(JobState.PENDING):
                self._doubt(job, now, empty, after_s)
            waiting = self._in(JobState.PENDING)
            doubted = [job for job in waiting if job.doubted_until is not None and job.doubted_until <= now]
            lost = sorted(doubted, key=lambda job: job.doubted_until or 0)[:limit]
            for job in lost:
                job.doubted_until = None
                job.resent += 1
                job.unpublished_since = 0
            return len(lost)

    def _doubt(self, job: Kept, now: int, empty: Collection[str], after_s: float) -> None:
        record, sent = job.record, job.sent_at
        if sent is None or job.doubted_until is not None:
            return
        grace = micros(min(after_s * 2.0**job.resent, max(after_s, LONGEST_RESEND_S)))
        if record.lane in empty and sent <= now - micros(after_s):
            job.doubted_until = sent + grace
        elif sent < self._shared.passed.get((record.lane, record.priority), 0):
            job.doubted_until = now + grace
        if job.doubted_until is not None:
            job.sent_at = None

    def waiting_lanes(self, after_s: float) -> list[str]:
        """See the port."""
        with self._shared.lock:
            before = self._shared.clock() - micros(after_s)
            waiting = self._in(JobState.PENDING)
            return sorted(
                {job.record.lane for job in waiting if job.sent_at is not None and job.sent_at <= before}
            )

    def unpublished(self, older_than_s: float, limit: int = 100) -> list[JobRecord]:
        """See the port."""
        with self._shared.lock:
            before = self._shared.clock() - micros(older_than_s)
            noted = [
                (job.unpublished_since, job.record)
                for job in self._shared.jobs.values()
                if job.unpublished_since is not None and job.unpublished_since <= before
            ]
            return [record for _, record in sorted(noted, key=lambda pair: pair[0])[:limit]]

    def published(self, job_id: str, fence: int = 0) -> None:
        """See the port."""
        self._shared.published(job_id, fence)

    def due_callbacks(self, hold_s: float, limit: int = 20) -> list[Callback]:
        """See the port."""
        with self._shared.lock:
            now = self._shared.clock()
            waiting = [
                (job.callback_due, job) for job in self._shared.jobs.values() if job.callback_due is not None
            ]
            due = sorted((pair for pair in waiting if pair[0] <= now), key=lambda pair: pair[0])[:limit]
            for _, job in due:
                job.callback_due = now + micros(hold_s)
            return [_callback(job, now) for _, job in due]

    def callback_tried(self, job_id: str, error: str | None, again_in_s: float | None) -> None:
        """See the port. A late failure doesn't undo what another try made of it."""
        with self._shared.lock:
            job = self._shared.jobs.get(job_id)
            was = job.record.callback if job else None
            if (
                job is None
                or was is None
                or was.state == "delivered"
                or (was.state == "failed" and error is not None)
            ):
                return
            waits = error is not None and again_in_s is not None
            job.callback_due = self._shared.clock() + micros(again_in_s or 0) if waits else None
            if not waits:
                job.outlived_at = self._shared.outlived_at(job.record, _ended(job.record))
            state = "waiting" if waits else "delivered" if error is None else "failed"
            status = CallbackStatus(state=state, tries=was.tries + 1, error=error)
            job.record = job.record.model_copy(update={"callback": status})

    def outlived(self, limit: int = 100) -> list[str]:
        """See the port."""
        with self._shared.lock:
            now = self._shared.clock()
            ended = [(job.outlived_at, job.order, job) for job in self._shared.jobs.values() if job.outlived_at]
            return [job.record.id for until, _, job in sorted(ended, key=lambda each: each[:2]) if until <= now][
                :limit
            ]

    def remove(self, job_id: str) -> bool:
        """See the port."""
        with self._shared.lock:
            job = self._shared.jobs.get(job_id)
            if job is None or not job.record.terminal:
                return False
            self._shared.forget(job)
            return True

    def holdings(self, job_ids: Sequence[str]) -> dict[str, int]:
        """See the port."""
        with self._shared.lock:
            jobs = self._shared.jobs
            return {job_id: jobs[job_id].record.fence for job_id in job_ids if job_id in jobs}

    def backlog(self) -> dict[str, LaneBacklog]:
        """See the port."""
        return self._shared.backlog()

    def movable(self, lane: str, limit: int = 100) -> list[JobRecord]:
        """See the port."""
        with self._shared.lock:
            waiting = [job for job in self._in(JobState.PENDING) if job.record.lane == lane]
            waiting.sort(key=lambda job: job.waiting_since)
            return [job.record for job in waiting[:SCAN_LIMIT] if job.record.device == AUTO][:limit]

    def move(self, record: JobRecord, lane: str) -> bool:
        """See the port."""
        with self._shared.lock:
            job = self._shared.jobs.get(record.id)
            if job is None or job.record.device != AUTO or lane == record.lane:
                return False
            now = job.record
            if (now.state, now.fence, now.lane) != (JobState.PENDING, record.fence, record.lane):
                return False
            self._shared.lanes.add(lane)
            job.sent_at = job.doubted_until = None
            job.resent = job.unpublished_since = 0
            job.record = moved_to(now, lane).model_copy(update={"seq": now.seq + 1})
            self._shared.emit_newest(job, progress_event(job.record, self._shared.clock()))
            return True

    def list_older(self, limit: int = 1_000) -> int:  # noqa: ARG002  of the port
        """See the port. No older version ever wrote here."""
        return 0

    def take_turn(self, what: str, period_s: float) -> bool:
        """See the port."""
        with self._shared.lock:
            now = self._shared.clock()
            if self._shared.turns.get(what, 0) > now:
                return False
            self._shared.turns[what] = now + micros(period_s)
            return True

    def _in(self, state: JobState) -> list[Kept]:
        return [job for job in self._shared.jobs.values() if job.record.state is state]


def overdue(record: JobRecord, now: int) -> bool:
    """Whether a job that waits was not started in time."""
    limit = record.spec.expires_s
    late = limit is not None and from_micros(now) > record.created_at + timedelta(seconds=limit)
    return late and record.fence == 0


def _leases(jobs: Iterable[Kept]) -> list[Lapsed]:
    return [
        Lapsed(job.record.id, job.record.fence, job.worker)
        for job in sorted(jobs, key=lambda job: job.lease_until)
    ]


def _ended(record: JobRecord) -> int:
    return to_micros(record.finished_at or record.created_at)


def _callback(job: Kept, now: int) -> Callback:
    status, url = job.record.callback, job.record.spec.callback_url
    age_s = (now - _ended(job.record)) / 1_000_000
    last = job.events[job.record.seq]
    return Callback(job.record.id, url or "", last, status.tries if status else 0, age_s)
