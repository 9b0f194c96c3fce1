"""The records, and the only way from one state to another, over plain dictionaries."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from shared.adapters.memory.events import MemoryEventBus
from shared.adapters.records import caller_busy, caller_full, lane_full, micros, milliseconds, state_event
from shared.errors import IllegalTransition, JobConflict, JobNotFound, StaleClaim
from shared.events import JobEventBase, Measured, Progressed
from shared.jobs import CallbackStatus, Cancelled, JobRecord, from_micros
from shared.ports import NewJob, NumberedRecord
from shared.queue_settings import BatchingSettings
from shared.routing import place_of
from shared.settings import CallbackSettings, JobSettings, LimitSettings
from shared.states import JobState, may_become
from shared.workers import LaneBacklog

_AGAIN_US = 1_000_000


def _micros() -> int:
    return time.time_ns() // 1_000


@dataclass(slots=True)
class Kept:
    """A job and what lies around it. Times in microseconds.

    ``events``: by seq, oldest first; ``newest``: seqs of those that replace each other, by type. ``sent_at`` and
    ``doubted_until``: of a PENDING job whose message is in its queue, and when it counts as lost. ``headers`` and
    ``caller``: as in NewJob.
    """

    record: JobRecord
    order: int
    blobs: list[bytes]
    blobs_until: int | None
    key: str | None
    waiting_since: int
    unpublished_since: int | None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    caller: str = ""
    shared: bool = False
    events: dict[int, str] = field(default_factory=dict[int, str])
    newest: dict[str, int] = field(default_factory=dict[str, int])
    records: deque[NumberedRecord] = field(default_factory=deque[NumberedRecord])
    recorded: int = 0
    restarted: int = 0
    checkpoint: str = ""
    sent_at: int | None = None
    doubted_until: int | None = None
    resent: int = 0
    dead: bool = False
    outlived_at: int | None = None
    callback_due: int | None = None
    lease_until: int = 0
    worker: str = ""
    stop: Cancelled = field(default_factory=lambda: Cancelled(reason=""))


class MemoryJobs:
    """What both faces share. ``clock`` gives microseconds since the epoch.

    ``ready``: ids of jobs that wait together, by place; ``ready_sent``: when its last message was queued.
    """

    def __init__(
        self,
        bus: MemoryEventBus | None = None,
        clock: Callable[[], int] = _micros,
        settings: JobSettings | None = None,
        patience_s: float = CallbackSettings().patience_s,
        limits: LimitSettings | None = None,
        together: int = BatchingSettings().jobs,
    ) -> None:
        self.bus = bus or MemoryEventBus()
        self.clock = clock
        self.settings = settings or JobSettings()
        self.patience_s = patience_s
        self.limits = limits or LimitSettings()
        self.together = together
        self.lock = threading.RLock()
        self.jobs: dict[str, Kept] = {}
        self.lanes: set[str] = set()
        self.messages: dict[str, list[bytes]] = defaultdict(list)
        self.ready: dict[str, deque[str]] = defaultdict(deque)
        self.ready_sent: dict[str, int] = {}
        self.keys: dict[str, tuple[str, int]] = {}
        self.accepted = 0
        self.passed: dict[tuple[str, int], int] = {}
        self.turns: dict[str, int] = {}
        self.identity = uuid4().hex

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
        if state is JobState.RUNNING and job.sent_at is not None:
            place = (record.lane, record.priority)
            self.passed[place] = max(self.passed.get(place, 0), job.sent_at)
        job.sent_at = job.doubted_until = None
        job.resent = 0
        job.unpublished_since = now if state is JobState.PENDING else None
        job.waiting_since = now
        changes |= {"state": state, "seq": record.seq + 1}
        job.record = record.model_copy(update=changes)
        if job.record.terminal:
            self._finish(job, now)
            job.checkpoint = ""
        self.emit(job, state_event(job.record, now, worker))

    def _finish(self, job: Kept, now: int) -> None:
        finished = from_micros(now)
        changes: dict[str, object] = {
            "finished_at": finished,
            "run_ms": milliseconds(job.record.started_at, finished),
        }
        again = job.record.state is not JobState.COMPLETED
        job.blobs_until = now + self.settings.inputs_ttl_s * 1_000_000 if again else now
        job.outlived_at = self.outlived_at(job.record, now)
        if job.record.spec.callback_url:
            job.callback_due = now
            job.outlived_at = max(job.outlived_at, now + micros(self.patience_s))
            changes["callback"] = CallbackStatus(state="waiting")
        job.record = job.record.model_copy(update=changes)

    def outlived_at(self, record: JobRecord, finished: int) -> int:
        """When the sweep may take a job that ended then."""
        own = record.spec.retention_s
        return finished + micros(self.settings.retention_s if own is None else own)

    def emit(self, job: Kept, event: JobEventBase) -> None:
        """Keep and publish."""
        text = event.model_dump_json()
        job.events[event.seq] = text
        while len(job.events) > self.settings.events_kept:
            del job.events[next(iter(job.events))]
        self.bus.publish(job.record.id, text)

    def emit_newest(self, job: Kept, event: Progressed | Measured) -> None:
        """The same, and those of its type before it aren't kept any more."""
        job.events.pop(job.newest.get(event.type, 0), None)
        job.newest[event.type] = event.seq
        self.emit(job, event)

    def backlog(self) -> dict[str, LaneBacklog]:
        """See the port."""
        with self.lock:
            now = self.clock()
            return {lane: self._backlog(lane, now) for lane in sorted(self.lanes)}

    def _backlog(self, lane: str, now: int) -> LaneBacklog:
        waits = [
            now - job.waiting_since
            for job in self.jobs.values()
            if job.record.lane == lane and job.record.state is JobState.PENDING
        ]
        return LaneBacklog(depth=len(waits), oldest_wait_ms=max(waits) / 1000 if waits else None)

    def require_room(self, new: NewJob) -> None:
        """Raises QueueFull, CallerFull, TooManyActive."""
        if not new.caller:
            return
        waiting = [job for job in self.jobs.values() if job.record.state is JobState.PENDING]
        if sum(job.record.lane == new.lane for job in waiting) >= self.limits.lane_depth:
            raise lane_full(new)
        depth = self.limits.caller_depth if new.caller_depth is None else new.caller_depth
        if sum(job.caller == new.caller for job in waiting) >= depth:
            raise caller_full(new)
        active = sum(job.caller == new.caller and not job.record.terminal for job in self.jobs.values())
        if new.caller_active is not None and active >= new.caller_active:
            raise caller_busy(new)

    def queue(self, new: NewJob, now: int) -> None:
        """The job's message, if it has one, goes where it must."""
        if new.message is None:
            return
        if new.group:
            place = place_of(new.task.priority, new.lane, new.group)
            self.ready[place].append(new.id)
            waiting, sent = len(self.ready[place]), self.ready_sent.get(place)
            if self.together > 1 and waiting % self.together != 1 and sent and now - sent < _AGAIN_US:
                return
            self.ready_sent[place] = now
        self.messages[new.message.key].append(new.message.body)

    def forget(self, job: Kept) -> None:
        """As if it had never been."""
        del self.jobs[job.record.id]
        if job.key is not None and self.keys.get(job.key, ("", 0))[0] == job.record.id:
            del self.keys[job.key]

    def published(self, job_id: str, fence: int) -> None:
        """See the port."""
        with self.lock:
            job = self.jobs.get(job_id)
            if job is not None and job.record.state is JobState.PENDING and job.record.fence == fence:
                job.unpublished_since = job.doubted_until = None
                job.sent_at = self.clock()

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
