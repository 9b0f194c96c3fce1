"""The records, and the only way from one state to another, over plain dictionaries."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.adapters.memory.events import MemoryEventBus
from shared.adapters.records import (
    milliseconds,
    state_event,
)
from shared.errors import IllegalTransition, JobConflict, JobNotFound, StaleClaim
from shared.jobs import (
    Cancelled,
    JobRecord,
    from_micros,
)
from shared.settings import JobSettings
from shared.states import JobState, may_become


def _micros() -> int:
    return time.time_ns() // 1_000


@dataclass(slots=True)
class Kept:
    """A job and what lies around it. Times in microseconds."""

    record: JobRecord
    order: int
    blobs: list[bytes]
    blobs_until: int | None
    events: deque[str]
    key: str | None
    waiting_since: int
    unpublished_since: int | None
    shared: bool = False
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
        self.jobs: dict[str, Kept] = {}
        self.lanes: set[str] = set()
        self.messages: dict[str, list[bytes]] = defaultdict(list)
        self.keys: dict[str, tuple[str, int]] = {}
        self.accepted = 0

    def kept(self, job_id: str) -> Kept:
        """Raises JobNotFound."""
        try:
            return self.jobs[job_id]
        except KeyError:
            raise JobNotFound(f"there is no job {job_id}") from None

    def held(self, job_id: str, fence: int) -> Kept:
        """Raises StaleClaim unless attempt ``fence`` runs the job."""
        job = self.jobs.get(job_id)
        if job is None or job.record.state is not JobState.RUNNING or job.record.fence != fence:
            msg = f"claim {fence} of job {job_id} is no longer the one that counts"
            raise StaleClaim(msg)
        return job

    def become(self, job: Kept, state: JobState, now: int, worker: str | None, **changes: object) -> None:
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

    def _finish(self, job: Kept, now: int) -> None:
        finished = from_micros(now)
        run_ms = milliseconds(job.record.started_at, finished)
        job.record = job.record.model_copy(update={"finished_at": finished, "run_ms": run_ms})
        job.blobs_until = now + self.settings.inputs_ttl_s * 1_000_000

    def emit(self, job: Kept, event: str) -> None:
        """Keep and publish."""
        job.events.append(event)
        self.bus.publish(job.record.id, event)

    def forget(self, job: Kept) -> None:
        """As if it had never been."""
        del self.jobs[job.record.id]
        if job.key is not None and self.keys.get(job.key, ("", 0))[0] == job.record.id:
            del self.keys[job.key]

    def published(self, job_id: str, fence: int) -> None:
        """See the port."""
        with self.lock:
            job = self.jobs.get(job_id)
            if job is not None and job.record.fence == fence:
                job.unpublished_since = None

    def known(self, job_id: str, fingerprint: str, key: str | None, now: int) -> JobRecord | None:
        """See the port."""
        first, until = self.keys.get(key or "", ("", 0))
        job = self.jobs.get(first if until > now else job_id)
        if job is None:
            return None
        if job.record.fingerprint != fingerprint:
            msg = "the id or the idempotency key was used for a job with another spec"
            raise JobConflict(msg)
        job.shared = True
        return job.record
