"""The records, from the workshop."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.errors import StaleClaim
from shared.jobs import ArtifactRef, Cancelled, Completed, ErrorInfo, Failed, JobRecord, Progress
from shared.results import StreamFigures
from shared.states import JobState
from shared.workers import LaneBacklog


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one attempt. ``fence`` rises with every claim of the job; only the newest may commit.

    ``headers``: what was kept with the job for the logs of whoever runs it (request_id, traceparent).
    """

    job: JobRecord
    fence: int
    worker: str
    blobs: list[bytes]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def job_id(self) -> str:
        """The claimed job's id."""
        return self.job.id


@dataclass(frozen=True, slots=True)
class Ending:
    """What an attempt ends in, as ``settle`` takes it."""

    claim: Claim
    outcome: Completed | Failed | Cancelled
    artifacts: Sequence[ArtifactRef] = ()


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A RUNNING job whose lease ran out."""

    job_id: str
    fence: int
    worker: str


@dataclass(frozen=True, slots=True)
class Record:
    """Metadata of a frame: JSON on one line, and the stream it is from."""

    stream: int
    json: str


@dataclass(frozen=True, slots=True)
class Callback:
    """A terminal event on its way to a ``callback_url``. ``tried``: how often before; ``event``: its JSON.

    ``age_s``: seconds since the job ended.
    """

    job_id: str
    url: str
    event: str
    tried: int
    age_s: float


class AttemptStore(Protocol):
    """The records, from the workshop. A call with an outdated fence raises StaleClaim and changes nothing."""

    def claim(self, job_id: str, worker: str, lease_s: float, lanes: Collection[str] = ()) -> Claim | None:
        """PENDING to RUNNING, and records of an earlier attempt are dropped.

        ``lanes``: those that the worker reads; a job that was moved to another is left to that one's. Empty: any.

        None when there is nothing to run: gone, ended, or held by a live attempt. A record that a later version
        wrote in its own way stays PENDING, for one that can read it; an attempt at a broken record is given up. A
        job whose ``expires_s`` has passed becomes FAILED (``expired``). None is returned then too.
        """
        ...

    def claim_ready(
        self, place: str, worker: str, lease_s: float, lanes: Collection[str] = (), limit: int = 64
    ) -> list[Claim]:
        """Claim jobs that wait together, the longest waiting first; as ``claim`` does with each, in one step.

        ``place``: ``<priority>:<lane>:<group>``, where jobs with a group wait. What isn't to be run is passed over
        and gone from the place. Empty: nothing waits there any more.
        """
        ...

    def renew(self, claim: Claim, lease_s: float) -> bool:
        """Prolong the lease from now (the store's clock); True when the job was asked to stop."""
        ...

    def renew_many(self, claims: Sequence[Claim], lease_s: float) -> list[bool | StaleClaim]:
        """The same for many in one round trip; one that is stale has its error in its place."""
        ...

    def report(self, claim: Claim, progress: Progress) -> bool:
        """Keep and publish progress; True when the job was asked to stop."""
        ...

    def measure(self, claim: Claim, streams: Sequence[StreamFigures], records: Sequence[Record] = ()) -> bool:
        """Publish figures of a pipeline and keep its newest records; True when the job was asked to stop.

        Of a job's records the newest ``jobs.records_kept`` are kept, of its newest attempt alone. Numbers go on
        from 1 without gaps; an attempt that begins after one that left records takes a number for that.
        """
        ...

    def checkpoint(self, claim: Claim, keep: str = "") -> str:
        """Keep how far the work is, for an attempt that comes after a lost one; "" leaves what is kept.

        Returns what is kept now, "" for nothing. It is gone when the job ends.
        """
        ...

    def settle(
        self,
        claim: Claim,
        outcome: Completed | Failed | Cancelled,
        artifacts: Sequence[ArtifactRef] = (),
    ) -> JobState:
        """Commit: RUNNING to the outcome's terminal state, with the attempt added to the history."""
        ...

    def settle_many(self, ends: Sequence[Ending]) -> list[JobState | StaleClaim]:
        """The same for many in one step; one that is stale has its error in its place and changes nothing."""
        ...

    def give_up(
        self,
        job_id: str,
        fence: int,
        worker: str,
        error: ErrorInfo,
        *,
        final: ErrorInfo | None = None,
        costs: bool = True,
    ) -> JobState:
        """End an attempt that was lost or may be retried, adding it to the history with its error.

        Back to PENDING (noted as not yet published) while attempts are left; else FAILED and among the dead, with
        ``final``, or with the error if that is None. ``costs=False``: handed back, no attempt is used up.
        A job asked to stop becomes CANCELLED.
        """
        ...

    def lapsed(self, limit: int = 100) -> list[Lapsed]:
        """RUNNING jobs whose lease ran out, the longest ago first."""
        ...

    def held_by(self, worker: str) -> list[Lapsed]:
        """RUNNING jobs of this worker, whatever their leases."""
        ...

    def expire(self, limit: int = 100) -> list[str]:
        """End PENDING jobs that were never started and whose ``expires_s`` has passed (FAILED, ``expired``)."""
        ...

    def note_lost(self, empty: Collection[str], after_s: float, limit: int = 100) -> int:
        """Note jobs whose queued message must be gone as not yet published; how many.

        That is, PENDING jobs that were sent ``after_s`` ago or earlier and, for as long, either wait in a lane of
        ``empty`` (queues without any message), or had a later message of the same lane and priority claimed before
        them. Each time it happens to a job the time doubles (to ten minutes at most).
        """
        ...

    def waiting_lanes(self, after_s: float) -> list[str]:
        """Lanes with a PENDING job that was sent ``after_s`` ago or earlier and isn't noted as overtaken."""
        ...

    def unpublished(self, older_than_s: float, limit: int = 100) -> list[JobRecord]:
        """PENDING jobs noted as not yet published for that long; those noted as lost at once.

        Records that this version can't read are left out.
        """
        ...

    def published(self, job_id: str, fence: int = 0) -> None:
        """The queue has the message of the job as it was at ``fence`` (0: never claimed).

        No-op once another attempt has claimed the job: if it waits again, that needs a message of its own.
        """
        ...

    def due_callbacks(self, hold_s: float, limit: int = 20) -> list[Callback]:
        """Callbacks to be tried now. They are nobody else's for ``hold_s`` seconds, then due again."""
        ...

    def callback_tried(self, job_id: str, error: str | None, again_in_s: float | None) -> None:
        """A try ended: delivered (no ``error``), to be repeated in ``again_in_s`` seconds, or given up (None)."""
        ...

    def outlived(self, limit: int = 100) -> list[str]:
        """Terminal jobs that were kept for their time of retention, the longest ago first.

        Until its callback is delivered or given up, a job is kept for ``callbacks.patience_s`` at least.
        """
        ...

    def remove(self, job_id: str) -> bool:
        """Forget a terminal job, with its inputs and events; False if there is no such job."""
        ...

    def holdings(self, job_ids: Sequence[str]) -> dict[str, int]:
        """Of those jobs that exist, the fence whose artifacts count: of the attempt that runs or ran last."""
        ...

    def backlog(self) -> dict[str, LaneBacklog]:
        """PENDING jobs by lane."""
        ...

    def movable(self, lane: str, limit: int = 100) -> list[JobRecord]:
        """PENDING jobs of a lane whose device is AUTO, the longest waiting first; of the first thousand jobs."""
        ...

    def move(self, record: JobRecord, lane: str) -> bool:
        """Let the job wait in another lane, noted as not yet published; False if it isn't as ``record`` says.

        Its wait counts from where it began, and its progress says what happened.
        """
        ...

    def list_older(self, limit: int = 1_000) -> int:
        """Put jobs that an older version accepted, beside this one, into the lists of the default tenant.

        How many jobs were looked at, whoever accepted them: with ``limit`` of them there may be more.
        """
        ...

    def take_turn(self, what: str, period_s: float) -> bool:
        """True for one caller in ``period_s`` seconds."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
