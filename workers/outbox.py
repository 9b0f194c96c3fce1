"""Sends jobs to their queue again: at once, or when their back-off is over.

Nothing is lost if this process dies in between: a job that waits here is noted in the store as not yet published,
and the upkeep of any process sends it when it is due.
"""

import heapq
import threading
from datetime import UTC, datetime, timedelta
from itertools import count

import structlog

from shared.errors import Unavailable
from shared.jobs import JobRecord
from shared.ports import AttemptStore, JobQueue
from shared.upkeep import send

log = structlog.stdlib.get_logger()


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
        """Send what is due; leave what still waits to the upkeep of others."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def publish_after(self, record: JobRecord, delay_s: float) -> None:
        """Send in ``delay_s`` seconds, if this process lives that long."""
        with self._changed:
            due = datetime.now(UTC) + timedelta(seconds=delay_s)
            heapq.heappush(self._waiting, (due, next(self._numbers), record))
            self._changed.notify()

    def _run(self) -> None:
        while (record := self._next()) is not None:
            try:
                send(self._store, self._queue, record)
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
