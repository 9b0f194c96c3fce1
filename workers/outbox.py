"""Sends jobs (again) to their queue: at once, or when their back-off is over.

Nothing is lost if this process dies in between: a job that waits here is noted in the store as not yet published,
and the reaper of any worker sends it when it is due.
"""

import hashlib
import heapq
import threading
from datetime import UTC, datetime, timedelta
from itertools import count

import structlog

from shared.errors import Unavailable
from shared.jobs import JobRecord
from shared.ports import AttemptStore, JobQueue
from shared.routing import Route, task_name
from workers.errors import Lost, WorkerLeaves

LONGEST_BACKOFF_S = 60.0
_NO_BACKOFF = {Lost.code, WorkerLeaves.code}

log = structlog.stdlib.get_logger()


def route_of(record: JobRecord) -> Route:
    """The route the job was accepted with."""
    return Route(task=task_name(record.kind), queue=record.lane, priority=record.priority)


def backoff_s(job_id: str, attempt: int, base_s: float) -> float:
    """Pause after attempt number ``attempt``: half to all of ``base_s`` doubled each time, a minute at most.

    The share is a hash of job and attempt: spread like chance, yet every worker computes the same.
    """
    full = min(base_s * 2.0 ** min(attempt, 30), LONGEST_BACKOFF_S)
    digest = hashlib.sha256(f"{job_id}:{attempt}".encode()).digest()
    return full * (0.5 + int.from_bytes(digest[:4]) / 2**33)


def due_at(record: JobRecord, base_s: float) -> datetime | None:
    """When a PENDING job's back-off is over; None if it has none: it is new, or its worker was lost."""
    last = record.attempts[-1] if record.attempts else None
    if last is None or last.error is None or last.error.code in _NO_BACKOFF:
        return None
    return last.finished_at + timedelta(seconds=backoff_s(record.id, last.number, base_s))


class Outbox:
    """One per process; its thread waits for back-offs."""

    def __init__(self, store: AttemptStore, queue: JobQueue, retry_base_s: float) -> None:
        self.retry_base_s = retry_base_s
        self._store = store
        self._queue = queue
        self._waiting: list[tuple[datetime, int, JobRecord]] = []
        self._numbers = count()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin to send what is due."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Send what is due; leave what still waits to the reapers of others."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def publish(self, record: JobRecord) -> None:
        """Send now. Raises BrokerUnavailable or StoreUnavailable; then the job still counts as unpublished."""
        self._queue.send(route_of(record), record.id, {})
        self._store.published(record.id, record.fence)

    def publish_after(self, record: JobRecord, delay_s: float) -> None:
        """Send in ``delay_s`` seconds, if this process lives that long."""
        with self._changed:
            due = datetime.now(UTC) + timedelta(seconds=delay_s)
            heapq.heappush(self._waiting, (due, next(self._numbers), record))
            self._changed.notify()

    def _run(self) -> None:
        while (record := self._next()) is not None:
            try:
                self.publish(record)
            except Unavailable as error:
                log.warning("not_sent_again", job_id=record.id, reason=str(error))
            except Exception:
                log.exception("not_sent_again", job_id=record.id)

    def _next(self) -> JobRecord | None:
        with self._changed:
            while True:
                now = datetime.now(UTC)
                if self._waiting and self._waiting[0][0] <= now:
                    return heapq.heappop(self._waiting)[2]
                if self._stopping:
                    return None
                pause = (self._waiting[0][0] - now).total_seconds() if self._waiting else None
                self._changed.wait(pause)
