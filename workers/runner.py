"""The one path of a job: claim, work, store artifacts, commit."""

import threading
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import structlog

from shared.devices import DeviceInfo
from shared.errors import StaleClaim, StoreUnavailable, WorkerLeaves
from shared.jobs import Completed
from shared.needs import work_of
from shared.ports import ArtifactStore, AttemptStore, Claim
from shared.specs import JobKind
from shared.states import JobState
from shared.telemetry import bound
from shared.upkeep import is_suspect
from workers import meters
from workers.batches import Batches
from workers.context import JobContext
from workers.endings import Endings
from workers.following import about, traced
from workers.gate import Gate
from workers.handlers import Handler
from workers.intake import Intake
from workers.keeper import Keeper
from workers.outbox import Outbox
from workers.service_times import ServiceTimes

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Who runs attempts, on what, where it may write, and whose lanes' jobs it takes (none: any).

    ``together``: of jobs that wait together, so many at most.
    """

    id: str
    device: DeviceInfo
    scratch_root: Path
    lease_s: float
    artifact_patience_s: float = 120.0
    lanes: tuple[str, ...] = ()
    together: int = 32


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
        self._intake = intake or Intake()
        self._times = times or ServiceTimes()
        self._endings = Endings(store, outbox)
        self._batches = Batches(handlers, keeper, self._endings, self._times, self._watched)
        self._numbers = count()
        self._gate = Gate()
        self._waiting: set[str] = set()
        self._lock = threading.Lock()

    @property
    def gate(self) -> Gate:
        """Through it goes whatever runs in this process."""
        return self._gate

    def leave(self) -> None:
        """Tell running attempts to stop, so that others take their jobs; wait for no store any more."""
        self._endings.leave()
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
                inside.enter_context(self._gate.entered(alone=alone, check=self._endings.stay))
                claim = self._claim(job_id)
            if claim is None:
                log.info("nothing_to_run", job_id=job_id)
            elif alone or not is_suspect(claim.job):
                self._run(claim)
            else:  # its message comes from before it was a suspect
                inside.close()
                self._run(claim, alone=True)

    def run_batch(self, place: str) -> None:
        """Run jobs that wait together at a place, as many as a batch may have. Waits and raises like ``run``."""
        stay, me = self._endings.stay, self._me
        with self._intake.entered(f"{place}#{next(self._numbers)}"), self._gate.entered(alone=False, check=stay):
            stay()
            claims = self._endings.patiently(
                lambda: self._store.claim_ready(place, me.id, me.lease_s, me.lanes, me.together)
            )
            if claims:
                self._batches.run(place, [self._context(claim) for claim in claims])
            else:
                log.debug("nothing_to_run", place=place)

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

    def _claim(self, job_id: str) -> Claim | None:
        self._endings.stay()
        me = self._me
        return self._endings.patiently(lambda: self._store.claim(job_id, me.id, me.lease_s, me.lanes))

    def _run(self, claim: Claim, *, alone: bool = False) -> None:
        self._watched(self._context(claim), alone=alone)

    def _context(self, claim: Claim) -> JobContext:
        me = self._me
        meters.attempt_begins(claim.job)
        return JobContext(
            *(claim, me.device, self._store, self._artifacts, me.scratch_root),
            artifact_patience_s=me.artifact_patience_s,
        )

    def _watched(self, context: JobContext, *, alone: bool = False) -> None:
        with bound(**about(context)), traced(context):
            self._to_its_end(context, alone=alone)

    def _to_its_end(self, context: JobContext, *, alone: bool) -> None:
        started = time.monotonic()
        with self._keeper.watching(context):
            try:
                state = self._attempt(context, alone=alone)
            except StaleClaim as error:
                log.warning("attempt_superseded", reason=error.detail)
                meters.attempt_ended(context.job, "superseded", time.monotonic() - started)
                return
            except StoreUnavailable as error:
                # The lease lapses and somebody takes the job. Artifacts stay: the commit may have gone through.
                log.warning("attempt_not_committed", reason=error.detail)
                meters.attempt_ended(context.job, "not_committed", time.monotonic() - started)
                return
            finally:
                context.close()
        run_ms = (time.monotonic() - started) * 1000
        meters.attempt_ended(context.job, state, run_ms / 1_000)
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
            return self._endings.badly(context, error)
        context.work_ended = True
        context.tell(now=True)
        context.close()  # before the end is told: whoever learns of it finds nothing left
        return self._endings.commit(context, Completed(result=result))
