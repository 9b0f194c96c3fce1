"""Takes jobs from workers that died, and sends what should be in a queue but isn't.

Every worker runs one; the store lets only one of them win each job, and a message sent twice does no harm.
"""

from datetime import UTC, datetime

import structlog

from shared.errors import JobNotFound, StaleClaim
from shared.jobs import ErrorInfo, JobRecord
from shared.ports import AttemptStore, Lapsed
from shared.states import JobState
from workers.errors import Lost, Poison
from workers.loops import Loop
from workers.outbox import Outbox, due_at

UNPUBLISHED_S = 10.0
"""So long whoever made a job PENDING has to send it; then a reaper does."""

log = structlog.stdlib.get_logger()


class Reaper:
    """One per process."""

    def __init__(self, store: AttemptStore, outbox: Outbox, lease_s: float) -> None:
        self._store = store
        self._outbox = outbox
        self._loop = Loop("reaper", min(3.0, max(0.2, lease_s / 5)), self.sweep)

    def start(self) -> None:
        """Begin to sweep."""
        self._loop.start()

    def stop(self) -> None:
        """Leave it to the others."""
        self._loop.stop()

    def sweep(self) -> None:
        """One round. Raises StoreUnavailable or BrokerUnavailable."""
        taken = {lapsed.job_id for lapsed in self._store.lapsed() if self._take(lapsed)}
        if taken:
            self._send([record for record in self._store.unpublished(0.0) if record.id in taken])
        self._send(self._store.unpublished(UNPUBLISHED_S))

    def _take(self, lapsed: Lapsed) -> bool:
        """Whether the job waits again."""
        error = ErrorInfo.of(Lost(f"worker {lapsed.worker} stopped renewing its lease"))
        final = ErrorInfo.of(Poison(f"no attempt is left; the last one's worker was {lapsed.worker}"))
        try:
            state = self._store.give_up(lapsed.job_id, lapsed.fence, lapsed.worker, error, final=final)
        except (StaleClaim, JobNotFound):
            return False
        log.warning("attempt_lost", job_id=lapsed.job_id, worker=lapsed.worker, state=state)
        return state is JobState.PENDING

    def _send(self, records: list[JobRecord]) -> None:
        for record in records:
            due = due_at(record, self._outbox.retry_base_s)
            if due is None or due <= datetime.now(UTC):
                self._outbox.publish(record)
                log.info("sent_again", job_id=record.id, queue=record.lane)
