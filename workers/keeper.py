"""Keeps the leases of running attempts alive, and tells them when they shall stop."""

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import structlog

from shared.errors import (
    FramelaneError,
    JobCancelled,
    JobNotFound,
    JobTimedOut,
    StaleClaim,
    Unavailable,
    WorkerLeaves,
)
from shared.jobs import ErrorInfo, Failed, JobRecord
from shared.ports import AttemptStore
from shared.states import JobState
from workers.context import JobContext
from workers.loops import Loop

LOOK_S = 0.5
"""How often a running attempt learns whether it was cancelled. Renewing the lease is how one looks."""

log = structlog.stdlib.get_logger()


class Keeper:
    """One per process, for all its attempts. ``grace_s``: for work that was told to stop."""

    def __init__(self, store: AttemptStore, lease_s: float, renew_s: float, grace_s: float) -> None:
        self._store = store
        self._lease_s = lease_s
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._watched: set[JobContext] = set()
        self._on_stuck: Callable[[], None] = lambda: None
        period = min(renew_s, LOOK_S)
        # A lease doesn't wait: no longer pauses while the store is away.
        self._loop = Loop("keeper", period, self._step, longest_pause_s=period)

    def start(self, on_stuck: Callable[[], None]) -> None:
        """Begin to look; ``on_stuck`` is called as long as there is work that doesn't stop."""
        self._on_stuck = on_stuck
        self._loop.start()

    def stop(self) -> None:
        """No lease is renewed any more."""
        self._loop.stop()

    @contextmanager
    def watching(self, *contexts: JobContext) -> Generator[None]:
        """The attempts' leases are kept while inside."""
        with self._lock:
            self._watched.update(contexts)
        try:
            yield
        finally:
            with self._lock:
                self._watched.difference_update(contexts)

    @property
    def busy(self) -> int:
        """Attempts that run now."""
        with self._lock:
            return len(self._watched)

    def stop_all(self, why: FramelaneError) -> None:
        """Tell every running attempt to stop."""
        for context in self._all():
            context.stop(why)

    def hand_back(self, why: WorkerLeaves) -> list[JobRecord]:
        """Take its job from every attempt that still runs, at no cost to the job; those that wait again.

        What the work does from now on finds a stale claim. A store that doesn't answer is left to the lease.
        """
        return [context.job for context in self._all() if self._handed_back(context, why)]

    def look(self) -> bool:
        """One round over all attempts. True: there is work that was told to stop ``grace_s`` ago and doesn't.

        Its job is settled without it; it itself can only be ended with the process.
        """
        self._renew(self._all())
        stuck = [context for context in self._all() if self._is_stuck(context)]
        for context in stuck:
            self._settle_without(context)
        return bool(stuck)

    def _step(self) -> None:
        if self.look():
            self._on_stuck()

    def _renew(self, contexts: Sequence[JobContext]) -> None:
        try:
            answers = self._store.renew_many([context.claim for context in contexts], self._lease_s)
        except Unavailable as error:
            log.warning("lease_not_renewed", jobs=len(contexts), reason=str(error))
            return
        for context, answer in zip(contexts, answers, strict=True):
            if isinstance(answer, StaleClaim):
                context.stop(answer)
            elif answer:
                context.stop(JobCancelled())
            context.tell()

    def _is_stuck(self, context: JobContext) -> bool:
        # Who leaves has a limit of its own.
        told = context.stopped is not None and not isinstance(context.stopped, WorkerLeaves)
        return told and not context.work_ended and context.stopped_for_s() >= self._grace_s

    def _settle_without(self, context: JobContext) -> None:
        claim, why = context.claim, context.stopped
        if not isinstance(why, JobCancelled | JobTimedOut):
            return  # it is another's
        log.error("work_does_not_stop", job_id=context.job.id, reason=why.detail)
        error = ErrorInfo.of(why)
        try:
            if isinstance(why, JobCancelled):
                self._store.give_up(claim.job_id, claim.fence, claim.worker, error)
            else:
                self._store.settle(claim, Failed(error=error))
        except (StaleClaim, Unavailable) as refused:
            log.warning("not_settled", job_id=context.job.id, reason=str(refused))

    def _handed_back(self, context: JobContext, why: WorkerLeaves) -> bool:
        claim = context.claim
        try:
            state = self._store.give_up(claim.job_id, claim.fence, claim.worker, ErrorInfo.of(why), costs=False)
        except (StaleClaim, JobNotFound):
            return False
        except Unavailable as error:
            log.warning("not_handed_back", job_id=context.job.id, reason=str(error))
            return False
        return state is JobState.PENDING

    def _all(self) -> list[JobContext]:
        with self._lock:
            return list(self._watched)
