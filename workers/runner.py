"""The one path of a job: claim, work, store artifacts, commit."""

import errno
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from shared.devices import DeviceInfo
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
from shared.needs import work_of
from shared.ports import ArtifactStore, AttemptStore, Claim
from shared.specs import JobKind
from shared.states import JobState
from shared.telemetry import bound
from shared.upkeep import backoff_s, is_suspect
from workers.context import JobContext
from workers.gate import Gate
from workers.handlers import Handler
from workers.intake import Intake
from workers.keeper import Keeper
from workers.outbox import Outbox
from workers.service_times import ServiceTimes

COMMIT_PATIENCE_S = 60.0
"""A finished attempt tries so long to tell a store that doesn't answer."""

_HANDED_BACK = {WorkerLeaves.code: 0.0, DeviceLeased.code: 1.0}
"""Ends of attempts that cost nothing, and the pause before the next: until every worker knows of a lease."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_Told = TypeVar("_Told")

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Who runs attempts, on what, where it may write, and whose lanes' jobs it takes (none: any)."""

    id: str
    device: DeviceInfo
    scratch_root: Path
    lease_s: float
    artifact_patience_s: float = 120.0
    lanes: tuple[str, ...] = ()


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
        intake: Intake | None = None,
        times: ServiceTimes | None = None,
    ) -> None:
        self._me = me
        self._store = store
        self._artifacts = artifacts
        self._handlers = handlers
        self._keeper = keeper
        self._outbox = outbox
        self._intake = intake or Intake()
        self._times = times or ServiceTimes()
        self._leaving = threading.Event()
        self._gate = Gate()
        self._waiting: set[str] = set()
        self._lock = threading.Lock()

    def leave(self) -> None:
        """Tell running attempts to stop, so that others take their jobs; wait for no store any more."""
        self._leaving.set()
        self._keeper.stop_all(WorkerLeaves())

    def run(self, job_id: str, *, alone: bool = False) -> None:
        """Run an attempt of the job, if there is one to run; ``alone``: while no other runs in this process.

        Waits for a store that doesn't answer. Raises only before anything was begun: StoreUnavailable or
        WorkerLeaves if the worker leaves, DeviceLeased or DeviceUnavailable while its intake is closed.
        """
        with self._intake.entered(job_id), ExitStack() as inside:
            with self._waiting_for(job_id) as first:
                if not first:
                    log.info("waits_already", job_id=job_id)
                    return
                inside.enter_context(self._gate.entered(alone=alone, check=self._stay))
                claim = self._claim(job_id)
            if claim is None:
                log.info("nothing_to_run", job_id=job_id)
            elif alone or not is_suspect(claim.job):
                self._run(claim)
            else:  # its message comes from before it was a suspect
                inside.close()
                self._run(claim, alone=True)

    @contextmanager
    def _waiting_for(self, job_id: str) -> Generator[bool]:
        """False inside when another thread waits to begin the job: of two messages one is enough."""
        with self._lock:
            first = job_id not in self._waiting
            self._waiting.add(job_id)
        try:
            yield first
        finally:
            if first:
                with self._lock:
                    self._waiting.discard(job_id)

    def _stay(self) -> None:
        if self._leaving.is_set():
            raise WorkerLeaves

    def _claim(self, job_id: str) -> Claim | None:
        self._stay()
        me = self._me
        return self._patiently(lambda: self._store.claim(job_id, me.id, me.lease_s, me.lanes))

    def _run(self, claim: Claim, *, alone: bool = False) -> None:
        job, me = claim.job, self._me
        with bound(job_id=job.id, kind=job.kind, lane=job.lane, attempt=str(job.attempt)):
            context = JobContext(
                *(claim, me.device, self._store, self._artifacts, me.scratch_root),
                artifact_patience_s=me.artifact_patience_s,
            )
            self._watched(context, alone=alone)

    def _watched(self, context: JobContext, *, alone: bool) -> None:
        started = time.monotonic()
        with self._keeper.watching(context):
            try:
                state = self._attempt(context, alone=alone)
            except StaleClaim as error:
                context.drop_artifacts()
                log.warning("attempt_superseded", reason=error.detail)
                return
            except StoreUnavailable as error:
                # The lease lapses and somebody takes the job. Artifacts stay: the commit may have gone through.
                log.warning("attempt_not_committed", reason=error.detail)
                return
            finally:
                context.close()
        run_ms = (time.monotonic() - started) * 1000
        if state is JobState.COMPLETED:
            self._times.add(work_of(context.task), run_ms)
        log.info("attempt_ended", state=state, run_ms=round(run_ms, 1))

    def _attempt(self, context: JobContext, *, alone: bool) -> JobState:
        waiting = self._gate.entered(alone=True, check=context.check) if alone else nullcontext()
        try:
            with waiting:
                context.begin()
                result = self._handlers[context.job.kind].run(context)
                context.check()
                context.confirm_artifacts()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - this ends the attempt, not the worker
            context.work_ended = True
            return self._end_badly(context, _named(error))
        context.work_ended = True
        context.tell(now=True)
        context.close()  # before the end is told: whoever learns of it finds nothing left
        return self._commit(context, Completed(result=result))

    def _commit(self, context: JobContext, outcome: Completed | Failed) -> JobState:
        artifacts = context.artifacts if isinstance(outcome, Completed) else []
        return self._tell(context, lambda: self._store.settle(context.claim, outcome, artifacts))

    def _end_badly(self, context: JobContext, error: BaseException) -> JobState:
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
        claim, handed_back = context.claim, error.code in _HANDED_BACK
        state = self._tell(
            context,
            lambda: self._store.give_up(claim.job_id, claim.fence, claim.worker, error, costs=not handed_back),
        )
        if state is JobState.PENDING:
            backoff = backoff_s(claim.job_id, claim.job.attempt, self._outbox.retry_base_s)
            pause = _HANDED_BACK.get(error.code, backoff)
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


def _named(error: BaseException) -> BaseException:
    """A full disk has a name of its own, wherever it was met."""
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return OutOfSpace(f"no space left{f' for {error.filename}' if error.filename else ''}")
    return error
