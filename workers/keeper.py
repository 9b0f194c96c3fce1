"""Keeps the leases of running attempts alive, and tells them when they shall stop."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

import structlog

from shared.errors import FramelaneError, JobCancelled, JobTimedOut, StaleClaim, Unavailable
from shared.jobs import ErrorInfo, Failed
from shared.ports import AttemptStore
from workers.context import JobContext
from workers.loops import Loop

LOOK_S = 1.0
"""How often a running attempt learns whether it was cancelled. Renewing the lease is how one looks."""

GRACE_S = 6.0
"""For work that was told to stop. Then its job is settled without it; the work's own end finds a stale claim."""

log = structlog.stdlib.get_logger()


class Keeper:
    """One per process, for all its attempts."""

    def __init__(self, store: AttemptStore, lease_s: float, renew_s: float, grace_s: float = GRACE_S) -> None:
        self._store = store
        self._lease_s = lease_s
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._watched: set[JobContext] = set()
        period = min(renew_s, LOOK_S)
        # A lease doesn't wait: no longer pauses while the store is away.
        self._loop = Loop("keeper", period, self.look, longest_pause_s=period)

    def start(self) -> None:
        """Begin to look."""
        self._loop.start()

    def stop(self) -> None:
        """No lease is renewed any more."""
        self._loop.stop()

    @contextmanager
    def watching(self, context: JobContext) -> Generator[None]:
        """The attempt's lease is kept while inside."""
        with self._lock:
            self._watched.add(context)
        try:
            yield
        finally:
            with self._lock:
                self._watched.discard(context)

    @property
    def busy(self) -> int:
        """Attempts that run now."""
        with self._lock:
            return len(self._watched)

    def stop_all(self, why: FramelaneError) -> None:
        """Tell every running attempt to stop."""
        for context in self._all():
            context.stop(why)

    def look(self) -> None:
        """One round over all attempts."""
        for context in self._all():
            try:
                self._look_at(context)
            except StaleClaim as error:
                context.stop(error)
            except Unavailable as error:
                log.warning("lease_not_renewed", job_id=context.job.id, reason=str(error))

    def _look_at(self, context: JobContext) -> None:
        if self._store.renew(context.claim, self._lease_s):
            context.stop(JobCancelled())
        context.tell()
        why = context.stopped
        if isinstance(why, JobCancelled | JobTimedOut) and context.stopped_for_s() > self._grace_s:
            self._settle_without(context, why)

    def _settle_without(self, context: JobContext, why: JobCancelled | JobTimedOut) -> None:
        log.error("work_does_not_stop", job_id=context.job.id, reason=why.detail)
        claim, error = context.claim, ErrorInfo.of(why)
        if isinstance(why, JobCancelled):
            self._store.give_up(claim.job_id, claim.fence, claim.worker, error)
        else:
            self._store.settle(claim, Failed(error=error))

    def _all(self) -> list[JobContext]:
        with self._lock:
            return list(self._watched)
