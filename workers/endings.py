"""How attempts end: their ends are told to the store, which is waited for."""

import errno
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from shared.errors import (
    DeviceLeased,
    FramelaneError,
    JobCancelled,
    OutOfSpace,
    StaleClaim,
    StoreUnavailable,
    WorkerLeaves,
)
from shared.jobs import Completed, ErrorInfo, Failed
from shared.ports import AttemptStore, Ending
from shared.states import JobState
from shared.upkeep import backoff_s
from workers import meters
from workers.context import JobContext
from workers.outbox import Outbox

COMMIT_PATIENCE_S = 60.0
"""A finished attempt tries so long to tell a store that doesn't answer."""

_HANDED_BACK = {WorkerLeaves.code: 0.0, DeviceLeased.code: 1.0}
"""Ends of attempts that cost nothing, and the pause before the next: until every worker knows of a lease."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_Told = TypeVar("_Told")

log = structlog.stdlib.get_logger()


class Endings:
    """One per process. Its methods raise StaleClaim, and StoreUnavailable when the store was silent too long."""

    def __init__(self, store: AttemptStore, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox
        self._leaving = threading.Event()

    def leave(self) -> None:
        """Wait for no store any more."""
        self._leaving.set()

    def stay(self) -> None:
        """Raises WorkerLeaves once the worker leaves."""
        if self._leaving.is_set():
            raise WorkerLeaves

    def commit(self, context: JobContext, outcome: Completed | Failed) -> JobState:
        """The attempt's end for good."""
        (state,) = self.commit_all([(context, outcome)])
        if isinstance(state, StaleClaim):
            raise state
        return state

    def commit_all(self, ends: Sequence[tuple[JobContext, Completed | Failed]]) -> list[JobState | StaleClaim]:
        """The same for many in one step; what a stale one saved is dropped."""
        told = [
            Ending(context.claim, outcome, context.artifacts if isinstance(outcome, Completed) else ())
            for context, outcome in ends
        ]
        states, tries = self._counted(lambda: self._store.settle_many(told))
        for (context, _), state in zip(ends, states, strict=True):
            if isinstance(state, StaleClaim):
                _let_go(context, tries)
        return states

    def badly(self, context: JobContext, error: BaseException) -> JobState:
        """End an attempt that raised ``error``: for good, or to be tried again."""
        if isinstance(error, StaleClaim):
            _let_go(context, tries=1)
            raise error
        context.drop_artifacts()
        context.close()
        if failed := final(error):
            return self.commit(context, failed)
        return self._give_up(context, ErrorInfo.of(named(error)))

    def _give_up(self, context: JobContext, error: ErrorInfo) -> JobState:
        """End an attempt that may be tried again. A cancelled job ends here too, with its caller's reason."""
        claim, handed_back = context.claim, error.code in _HANDED_BACK
        ends = (claim.job_id, claim.fence, claim.worker, error)
        state, _ = self._counted(lambda: self._store.give_up(*ends, costs=not handed_back))
        if state is JobState.PENDING:
            backoff = backoff_s(claim.job_id, claim.job.attempt, self._outbox.retry_base_s)
            pause = _HANDED_BACK.get(error.code, backoff)
            log.warning("attempt_will_be_repeated", code=error.code, reason=error.detail, in_s=round(pause, 2))
            meters.attempt_repeated(context.job, error.code)
            self._outbox.publish_after(context.job, pause)
        return state

    def _counted(self, call: Callable[[], _Told]) -> tuple[_Told, int]:
        """What it gives, and how often it was tried."""
        tries = 0

        def counted() -> _Told:
            nonlocal tries
            tries += 1
            return call()

        return self.patiently(counted, COMMIT_PATIENCE_S), tries

    def patiently(self, call: Callable[[], _Told], patience_s: float = float("inf")) -> _Told:
        """Try again while the store doesn't answer, so long as the worker stays."""
        give_up_at = time.monotonic() + patience_s
        pause = 0.05
        while True:
            try:
                return call()
            except StoreUnavailable as error:
                if time.monotonic() >= give_up_at:
                    raise
                log.warning("store_awaited", reason=error.detail)
                if self._leaving.wait(pause):
                    raise
                pause = min(pause * 2, 2.0)


def final(error: BaseException) -> Failed | None:
    """The outcome of work that raised this; None if it may be tried again, or was cancelled. It is logged."""
    error = named(error)
    if not isinstance(error, FramelaneError):
        log.error("attempt_failed", code=FramelaneError.code, exc_info=error)
        return None
    if error.retryable or isinstance(error, JobCancelled | StaleClaim):
        return None
    log.warning("attempt_failed", code=error.code, reason=error.detail)
    return Failed(error=ErrorInfo.of(error))


def named(error: BaseException) -> BaseException:
    """A full disk has a name of its own, wherever it was met."""
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return OutOfSpace(f"no space left{f' for {error.filename}' if error.filename else ''}")
    return error


def _let_go(context: JobContext, tries: int) -> None:
    """A stale claim after a lost answer may be our own commit: then the artifacts must stay."""
    if tries > 1:
        context.forget_artifacts()
    else:
        context.drop_artifacts()
