"""The doors to the outside, as protocols. Each has an adapter for real use and one in memory.

The gateway is asyncio and the workers are threads, so the job store has two faces over the same records:
JobStore (awaitable, for the front door) and AttemptStore (blocking, for the workshop). Every write of either
is one atomic step that checks the transition table, numbers and keeps the event, and publishes it.

All of them raise StoreUnavailable (the queue: BrokerUnavailable) within their socket timeout when the service
behind them doesn't answer.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from shared.jobs import ArtifactRef, Cancelled, Completed, ErrorInfo, Failed, JobRecord, Progress
from shared.packing import InferenceTask
from shared.results import InstalledModel
from shared.routing import Route
from shared.specs import ModelDownloadSpec
from shared.states import JobState
from shared.workers import LaneBacklog, WorkerInfo


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job about to be accepted.

    ``fingerprint``: sha256 of the request's spec; ``idempotency_key``: as the client sent it, kept for
    ``idempotency_ttl_s``.
    """

    id: str
    task: InferenceTask | ModelDownloadSpec
    lane: str
    fingerprint: str
    blobs: Sequence[bytes] = ()
    idempotency_key: str | None = None
    idempotency_ttl_s: int = 86_400
    retry_of: str | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """The record, and whether this call made it (else it was there with the same spec)."""

    record: JobRecord
    fresh: bool


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Filters that must all hold, and where to go on: ``cursor`` is a page's ``next_cursor``."""

    kind: str | None = None
    state: JobState | None = None
    device: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class JobPage:
    """Newest first. ``next_cursor`` is None at the end; a page can be short, even empty, before it."""

    jobs: list[JobRecord]
    next_cursor: str | None


class JobStore(Protocol):
    """The records, from the front door."""

    async def ping(self) -> None:
        """Return if the store answers."""
        ...

    async def create(self, new: NewJob) -> Created:
        """Keep the job (PENDING, seq 1, a ``state`` event) with its blobs, and note it as not yet published.

        An id or idempotency key that is known returns the job it names if the fingerprints are equal, else
        JobConflict.
        """
        ...

    async def known(self, job_id: str, fingerprint: str, idempotency_key: str | None = None) -> JobRecord | None:
        """What ``create`` would find of an earlier request; None where it would make a job. Raises JobConflict."""
        ...

    async def published(self, job_id: str, fence: int = 0) -> None:
        """The queue has the message of the job as it was at ``fence`` (0: never claimed).

        No-op once another attempt has claimed the job: if it waits again, that needs a message of its own.
        """
        ...

    async def discard(self, job_id: str) -> None:
        """Forget a job whose message couldn't be queued, with its idempotency key.

        No-op once it is claimed or cancelled, or once another ``create`` or ``known`` was answered with it: then
        it stays noted as not yet published, and a worker sends it.
        """
        ...

    async def get(self, job_id: str) -> JobRecord:
        """Raises JobNotFound."""
        ...

    async def blobs(self, job_id: str) -> list[bytes]:
        """The job's inputs, in order. Raises InputsExpired when the job has some but they are gone."""
        ...

    async def find(self, query: JobQuery) -> JobPage:
        """Raises InvalidSpec at ``/cursor`` for a cursor that isn't one of ours."""
        ...

    async def request_cancel(self, job_id: str, reason: str) -> JobRecord:
        """PENDING: CANCELLED at once. RUNNING: the flag is set (a second time changes nothing).

        Raises IllegalTransition when the job has ended, JobNotFound.
        """
        ...

    async def delete(self, job_id: str) -> JobRecord:
        """Remove a terminal job and what the store keeps of it; returns what it was.

        Raises IllegalTransition while it isn't terminal, JobNotFound.
        """
        ...

    async def events(self, job_id: str, after_seq: int, limit: int = 1_000) -> list[str]:
        """The kept events with a higher seq, oldest first, as JSON. The oldest of a long job may be gone."""
        ...

    async def backlog(self) -> dict[str, LaneBacklog]:
        """PENDING jobs per lane, for every lane that ever had one."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one attempt. ``fence`` rises with every claim of the job; only the newest may commit."""

    job: JobRecord
    fence: int
    worker: str
    blobs: list[bytes]

    @property
    def job_id(self) -> str:
        """The claimed job's id."""
        return self.job.id


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A RUNNING job whose lease ran out."""

    job_id: str
    fence: int
    worker: str


class AttemptStore(Protocol):
    """The records, from the workshop. A call with an outdated fence raises StaleClaim and changes nothing."""

    def claim(self, job_id: str, worker: str, lease_s: float) -> Claim | None:
        """PENDING to RUNNING; None when there is nothing to run: gone, ended, or held by a live attempt.

        A job whose ``expires_s`` has passed becomes FAILED (``expired``) instead, and None is returned.
        """
        ...

    def renew(self, claim: Claim, lease_s: float) -> bool:
        """Prolong the lease from now (the store's clock); True when the job was asked to stop."""
        ...

    def report(self, claim: Claim, progress: Progress) -> bool:
        """Keep and publish progress; True when the job was asked to stop."""
        ...

    def settle(
        self,
        claim: Claim,
        outcome: Completed | Failed | Cancelled,
        artifacts: Sequence[ArtifactRef] = (),
    ) -> JobState:
        """Commit: RUNNING to the outcome's terminal state, with the attempt added to the history."""
        ...

    def give_up(
        self, job_id: str, fence: int, worker: str, error: ErrorInfo, *, final: ErrorInfo | None = None
    ) -> JobState:
        """End an attempt that was lost or may be retried, adding it to the history with its error.

        Back to PENDING (noted as not yet published) while attempts are left; else FAILED with ``final``, or
        with the error if that is None.
        A job asked to stop becomes CANCELLED.
        """
        ...

    def lapsed(self, limit: int = 100) -> list[Lapsed]:
        """RUNNING jobs whose lease ran out, the longest ago first."""
        ...

    def unpublished(self, older_than_s: float, limit: int = 100) -> list[JobRecord]:
        """PENDING jobs noted as not yet published for that long."""
        ...

    def published(self, job_id: str, fence: int = 0) -> None:
        """The queue has the message of the job as it was at ``fence`` (0: never claimed).

        No-op once another attempt has claimed the job: if it waits again, that needs a message of its own.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class JobQueue(Protocol):
    """Carries job ids to workers, at least once. Blocking."""

    def send(self, route: Route, job_id: str, headers: Mapping[str, str]) -> None:
        """The message is with the broker when this returns; else BrokerUnavailable. ``headers`` travel along."""
        ...

    def ping(self) -> None:
        """Return if the broker answers."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True)
class Published:
    """A published event: JSON of a ``JobEvent``."""

    job_id: str
    event: str


class EventBus(Protocol):
    """All events as they happen; nothing is replayed."""

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Published | None]]:
        """Entered: everything published from now on comes.

        None among it: the connection was lost and found again, so events may be missing and followers must read
        their job anew.
        """
        ...


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """A stored object. ``sha256`` is of its content, lower-case hexadecimal."""

    key: str
    size: int
    sha256: str
    media_type: str


class ArtifactStore(Protocol):
    """Objects by key. A key is made by us: segments of [A-Za-z0-9._-] joined by '/', never ``.`` or ``..``.

    Blocking. A key of another form raises ValueError; a missing object ArtifactNotFound; no room OutOfSpace.
    """

    def ping(self) -> None:
        """Return if the store answers and its bucket or folder is there."""
        ...

    def put_file(self, key: str, path: Path, media_type: str) -> ObjectInfo:
        """Store a file under ``key``; readers see the old object or the whole new one."""
        ...

    def put_bytes(self, key: str, content: bytes, media_type: str) -> ObjectInfo:
        """The same from memory."""
        ...

    def stat(self, key: str) -> ObjectInfo:
        """What is stored under ``key``."""
        ...

    def fetch(self, key: str, path: Path) -> ObjectInfo:
        """Write the object to ``path`` (whole or not at all)."""
        ...

    def read(self, key: str) -> Iterator[bytes]:
        """The content in chunks."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """Every key that starts with ``prefix``, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if there is none."""
        ...

    def link(self, key: str, expires_s: int, filename: str) -> str:
        """A URL that gives anyone this one object for ``expires_s`` seconds, as a download named ``filename``.

        It is absolute when the store serves it itself, else a path below the gateway's root.
        """
        ...


class WorkerDirectory(Protocol):
    """Who is alive and what is installed, from the front door."""

    async def workers(self) -> list[WorkerInfo]:
        """Workers whose heartbeat is fresh."""
        ...

    async def models(self) -> dict[str, InstalledModel]:
        """Installed models by name."""
        ...


class WorkerBeacon(Protocol):
    """The same, from the workshop. Blocking."""

    def announce(self, info: WorkerInfo, ttl_s: float) -> None:
        """This worker is alive for ``ttl_s`` more seconds."""
        ...

    def withdraw(self, worker_id: str) -> None:
        """This worker leaves."""
        ...

    def models(self) -> dict[str, InstalledModel]:
        """Installed models by name."""
        ...

    def install(self, model: InstalledModel) -> None:
        """The model's files are in the artifact store, under ``models/<name>/<version>/``."""
        ...

    def uninstall(self, name: str) -> None:
        """The model is no longer installed."""
        ...

    def hold_models(self, token: str, ttl_s: float) -> bool:
        """Take, or prolong, the sole right to register models and to delete stored files of theirs.

        False while another ``token`` has it. It lapses after ``ttl_s`` seconds.
        """
        ...

    def release_models(self, token: str) -> None:
        """Give the right back; nothing happens if it is another's by now."""
        ...
