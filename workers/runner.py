"""The one path of a job: claim, work, store artifacts, commit."""

import errno
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from shared.devices import DeviceInfo
from shared.errors import FramelaneError, JobCancelled, OutOfSpace, StaleClaim, StoreUnavailable
from shared.jobs import Completed, ErrorInfo, Failed
from shared.ports import ArtifactStore, AttemptStore, Claim
from shared.specs import JobKind
from shared.states import JobState
from shared.telemetry import bound
from workers.context import JobContext
from workers.errors import Lost, WorkerLeaves
from workers.handlers import Handler
from workers.keeper import Keeper
from workers.outbox import Outbox, backoff_s

COMMIT_PATIENCE_S = 60.0
"""A finished attempt tries so long to tell a store that doesn't answer."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_Told = TypeVar("_Told")

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Who runs attempts, on what, and where it may write."""

    id: str
    device: DeviceInfo
    scratch_root: Path
    lease_s: float


class Runner:
    """Runs attempts, each on the thread that calls ``run``."""

    def __init__(
        self,
        me: WorkerIdentity,
        store: AttemptStore,
        artifacts: ArtifactStore,
        handlers: Mapping[JobKind, Handler],
        keeper: Keeper,
        outbox: Outbox,
    ) -> None:
        self._me = me
        self._store = store
        self._artifacts = artifacts
        self._handlers = handlers
        self._keeper = keeper
        self._outbox = outbox
        self._leaving = threading.Event()

    def leave(self) -> None:
        """Tell running attempts to stop, so that others take their jobs; wait for no store any more."""
        self._leaving.set()
        self._keeper.stop_all(WorkerLeaves())

    def run(self, job_id: str) -> None:
        """Run an attempt of the job, if there is one to run. Waits for a store that doesn't answer.

        Raises StoreUnavailable or WorkerLeaves only if the worker leaves before anything was begun.
        """
        if self._leaving.is_set():
            raise WorkerLeaves
        claim = self._patiently(lambda: self._store.claim(job_id, self._me.id, self._me.lease_s))
        if claim is None:
            log.info("nothing_to_run", job_id=job_id)
            return
        job = claim.job
        with bound(job_id=job.id, kind=job.kind, lane=job.lane, attempt=str(job.attempt)):
            self._run(claim)

    def _run(self, claim: Claim) -> None:
        context = JobContext(claim, self._me.device, self._store, self._artifacts, self._me.scratch_root)
        started = time.monotonic()
        with self._keeper.watching(context):
            try:
                state = self._attempt(context)
            except StaleClaim as error:
                context.drop_artifacts()
                log.warning("attempt_superseded", reason=error.detail)
                return
            except StoreUnavailable as error:
                # The lease lapses and a reaper takes the job. Artifacts stay: the commit may have gone through.
                log.warning("attempt_not_committed", reason=error.detail)
                return
            finally:
                context.close()
        log.info("attempt_ended", state=state, run_ms=round((time.monotonic() - started) * 1000, 1))

    def _attempt(self, context: JobContext) -> JobState:
        try:
            result = self._handlers[context.job.kind].run(context)
            context.check()
        except Exception as error:  # noqa: BLE001 - whatever a handler raises ends its attempt, not the worker
            return self._end_badly(context, _named(error))
        context.tell(now=True)
        context.close()  # before the end is told: whoever learns of it finds nothing left
        return self._commit(context, Completed(result=result))

    def _commit(self, context: JobContext, outcome: Completed | Failed) -> JobState:
        artifacts = context.artifacts if isinstance(outcome, Completed) else []
        return self._tell(context, lambda: self._store.settle(context.claim, outcome, artifacts))

    def _end_badly(self, context: JobContext, error: Exception) -> JobState:
        if isinstance(error, StaleClaim):
            raise error
        context.drop_artifacts()
        context.close()
        if isinstance(error, FramelaneError) and not error.retryable and not isinstance(error, JobCancelled):
            log.warning("attempt_failed", code=error.code, reason=error.detail)
            return self._commit(context, Failed(error=ErrorInfo.of(error)))
        if not isinstance(error, FramelaneError):
            log.error("attempt_failed", code=FramelaneError.code, exc_info=error)
        return self._give_up(context, ErrorInfo.of(error))

    def _give_up(self, context: JobContext, error: ErrorInfo) -> JobState:
        """End an attempt that may be tried again. A cancelled job ends here too, with its caller's reason."""
        claim = context.claim
        state = self._tell(context, lambda: self._store.give_up(claim.job_id, claim.fence, claim.worker, error))
        if state is JobState.PENDING:
            at_once = error.code in {Lost.code, WorkerLeaves.code}
            pause = 0.0 if at_once else backoff_s(claim.job_id, claim.job.attempt, self._outbox.retry_base_s)
            log.warning("attempt_will_be_repeated", code=error.code, reason=error.detail, in_s=round(pause, 2))
            self._outbox.publish_after(context.job, pause)
        return state

    def _tell(self, context: JobContext, call: Callable[[], JobState]) -> JobState:
        """A stale claim after a lost answer may be our own commit: then the artifacts must stay."""
        tries = 0

        def counted() -> JobState:
            nonlocal tries
            tries += 1
            return call()

        try:
            return self._patiently(counted, COMMIT_PATIENCE_S)
        except StaleClaim:
            if tries > 1:
                context.forget_artifacts()
            raise

    def _patiently(self, call: Callable[[], _Told], patience_s: float = float("inf")) -> _Told:
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


def _named(error: Exception) -> Exception:
    """A full disk has a name of its own, wherever it was met."""
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return OutOfSpace(f"no space left{f' for {error.filename}' if error.filename else ''}")
    return error
