"""Keeps waiting jobs moving: takes them from workers that died, and sends what should be in a queue but isn't.

Every worker and every gateway runs it, so that it goes on while any of them lives. The store lets only one of
them win each job, and a message sent twice does no harm.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from shared.errors import JobNotFound, Lost, Poison, StaleClaim, WorkerLeaves
from shared.jobs import ErrorInfo, JobRecord
from shared.needs import work_of
from shared.ports import AttemptStore, JobQueue, Lapsed
from shared.ports.queue import ABOUT
from shared.routing import Route, task_name
from shared.states import JobState

EVERY_S = 1.0
"""Between two rounds, whoever makes them."""

UNPUBLISHED_S = 2.0
"""So long whoever made a job PENDING has to send it; then a round does."""

LONGEST_BACKOFF_S = 60.0

ALONE = "alone"
"""Header of the message of a job that shall run alone in its process."""

_NO_BACKOFF = {Lost.code, WorkerLeaves.code}
_BATCH = 500
_LISTED, _LISTS = 1_000, 5
"""Jobs a script looks at, and how often in a round."""
_WAITS_S = 1.0
"""A lane with a job that was sent so long ago may have some that wait for others all the time."""

log = structlog.stdlib.get_logger()


def route_of(record: JobRecord) -> Route:
    """The route the job was accepted with."""
    return Route(task=task_name(record.kind), queue=record.lane, priority=record.priority)


def is_suspect(record: JobRecord) -> bool:
    """Whether only its last attempt is left, and workers died of this job or beside it: then it runs alone.

    Else jobs that ran beside a poison one again and again would be condemned with it. Earlier attempts run beside
    others: when a whole machine is lost, its jobs aren't run one by one.
    """
    lost = any(attempt.error is not None and attempt.error.code == Lost.code for attempt in record.attempts)
    return lost and record.attempt + 1 >= record.spec.max_attempts


def backoff_s(job_id: str, attempt: int, base_s: float) -> float:
    """Pause after attempt number ``attempt``: half to all of ``base_s`` doubled each time, a minute at most.

    The share is a hash of job and attempt: spread like chance, yet every process computes the same.
    """
    full = min(base_s * 2.0 ** min(attempt, 30), LONGEST_BACKOFF_S)
    digest = hashlib.sha256(f"{job_id}:{attempt}".encode()).digest()
    return full * (0.5 + int.from_bytes(digest[:4]) / 2**33)


def due_at(record: JobRecord, base_s: float) -> datetime | None:
    """When a PENDING job's back-off is over; None if it has none: it is new, was lost or handed back."""
    last = record.attempts[-1] if record.attempts else None
    if last is None or last.error is None or last.error.code in _NO_BACKOFF:
        return None
    return last.finished_at + timedelta(seconds=backoff_s(record.id, last.number, base_s))


def send(store: AttemptStore, queue: JobQueue, record: JobRecord) -> None:
    """Queue a PENDING job. Raises BrokerUnavailable or StoreUnavailable; then it still counts as unpublished."""
    about = {ABOUT: work_of(record.spec)}
    queue.send(route_of(record), record.id, about | {ALONE: "yes"} if is_suspect(record) else about)
    store.published(record.id, record.fence)


class Upkeep:
    """One per process.

    ``resend_s``: a job whose message seems lost is sent again after this. ``ageing_s``: who waits so long goes one
    priority up.
    """

    def __init__(
        self,
        store: AttemptStore,
        queue: JobQueue,
        *,
        resend_s: float,
        retry_base_s: float,
        ageing_s: float = 30.0,
        every_s: float = EVERY_S,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_lost``: called for each attempt whose worker gave no sign of life."""
        self._on_lost = on_lost
        self.every_s = every_s
        self._store = store
        self._queue = queue
        self._resend_s = resend_s
        self._retry_base_s = retry_base_s
        self._ageing_s = ageing_s

    def round(self) -> None:
        """Tend to the jobs, unless another process did so within ``every_s``. To be called about that often.

        Raises StoreUnavailable or BrokerUnavailable.
        """
        if self._store.take_turn("upkeep", self.every_s):
            self.tend()

    def tend(self) -> None:
        """Every step once; the first error is raised when all were tried."""
        failed: list[Exception] = []
        for step in (
            self._reap,
            self._store.expire,
            self._note_lost,
            self._send_waiting,
            self._age,
            self._list_older,
        ):
            _try(step, failed)
        if failed:
            raise failed[0]

    def bury(self, worker: str, cause: str) -> list[str]:
        """Take its jobs from a worker that is known to be dead; which ones. Raises like ``round``."""
        held = self._store.held_by(worker)
        self._take_and_send([(one, cause) for one in held])
        return [one.job_id for one in held]

    def _reap(self) -> None:
        self._take_and_send(
            [(one, f"worker {one.worker} stopped renewing its lease") for one in self._store.lapsed()]
        )

    def _take_and_send(self, lost: list[tuple[Lapsed, str]]) -> None:
        taken = {one.job_id for one, cause in lost if self._take(one, cause)}
        if taken:
            for record in self._store.unpublished(0.0, _BATCH):
                if record.id in taken:
                    self._send(record)

    def _take(self, lapsed: Lapsed, cause: str) -> bool:
        """Whether the job waits again."""
        final = ErrorInfo.of(Poison(f"no attempt is left; how the last one ended: {cause}"))
        try:
            state = self._store.give_up(
                lapsed.job_id, lapsed.fence, lapsed.worker, ErrorInfo.of(Lost(cause)), final=final
            )
        except (StaleClaim, JobNotFound):
            return False
        self._on_lost()
        log.warning("attempt_lost", job_id=lapsed.job_id, worker=lapsed.worker, state=state)
        return state is JobState.PENDING

    def _note_lost(self) -> None:
        empty = [lane for lane in self._store.waiting_lanes(self._resend_s) if self._queue.depth(lane) == 0]
        if noted := self._store.note_lost(empty, self._resend_s):
            log.warning("messages_lost", jobs=noted)

    def _age(self) -> None:
        """Lanes whose jobs don't wait long are left alone."""
        for lane in self._store.waiting_lanes(min(self._ageing_s, _WAITS_S)):
            if raised := self._queue.age(lane, self._ageing_s):
                log.info("messages_aged", lane=lane, messages=raised)

    def _list_older(self) -> None:
        """While versions are mixed. All that are kept are looked at once, then those that come."""
        for _ in range(_LISTS):
            if self._store.list_older(_LISTED) < _LISTED:
                return

    def _send_waiting(self) -> None:
        now = datetime.now(UTC)
        for record in self._store.unpublished(UNPUBLISHED_S, _BATCH):
            due = due_at(record, self._retry_base_s)
            if due is None or due <= now:
                self._send(record)

    def _send(self, record: JobRecord) -> None:
        send(self._store, self._queue, record)
        log.info("sent_again", job_id=record.id, queue=record.lane)


def _try(step: Callable[[], object], failed: list[Exception]) -> None:
    try:
        step()
    except Exception as error:  # noqa: BLE001 - told by the caller, when the other steps have had their turn
        failed.append(error)
