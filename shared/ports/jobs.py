"""The records, from the front door."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.access import DEFAULT_TENANT
from shared.errors import StoreUnavailable
from shared.jobs import OUTCOME, JobRecord
from shared.packing import AnyTask
from shared.ports.queue import Envelope
from shared.states import JobState
from shared.workers import LaneBacklog


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job about to be accepted.

    ``fingerprint``: sha256 of the request's spec; ``idempotency_key``: as the client sent it, kept for
    ``idempotency_ttl_s``; ``message``: queued in the same step, so that the job is never without it.

    ``group``: jobs of one lane, priority and group wait together in their place (``shared.routing.place_of``), and
    ``message`` is one of the whole place, queued only when the place needs another; "": the job waits alone.
    ``headers``: kept for whoever claims it. ``caller``: who may have so many jobs waiting; "": isn't counted.
    ``caller_depth``, ``caller_active``: how many of the caller's may wait, and wait or run; None: the setting's,
    and any number. ``tenant``: whose the job is. ``staged``: the only input, as ``Staging`` gave it; there are no
    ``blobs`` then.
    """

    id: str
    task: AnyTask
    lane: str
    fingerprint: str
    blobs: Sequence[bytes] = ()
    idempotency_key: str | None = None
    idempotency_ttl_s: int = 86_400
    retry_of: str | None = None
    message: Envelope | None = None
    group: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    caller: str = ""
    caller_depth: int | None = None
    caller_active: int | None = None
    tenant: str = DEFAULT_TENANT
    staged: object | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """The record, and whether this call made it (else it was there with the same spec)."""

    record: JobRecord
    fresh: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A job on its way to somebody who reads JSON. ``outcome``: of a large one, which ``record`` lacks then.

    It is as the worker wrote it: of an older release's without fields that have come since.
    """

    record: JobRecord
    outcome: bytes | None = None

    def read(self) -> JobRecord:
        """The whole record. Raises StoreUnavailable for one that can't be read."""
        if self.outcome is None:
            return self.record
        try:
            return self.record.model_copy(update={"outcome": OUTCOME.validate_json(self.outcome)})
        except ValueError as error:
            msg = f"the outcome of job {self.record.id} can't be read: {error}"
            raise StoreUnavailable(msg) from error


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Filters that must all hold, and where to go on: ``cursor`` is a page's ``next_cursor``.

    ``tenant``: whose jobs; None: everybody's. A page costs the same however many others have.
    """

    kind: str | None = None
    state: JobState | None = None
    device: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    limit: int = 50
    cursor: str | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class JobPage:
    """Newest first. ``next_cursor`` is None at the end; a page can be short, even empty, before it."""

    jobs: list[JobRecord]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class NumberedRecord:
    """A metadata record of a job's newest attempt. ``number`` counts on over all its streams and attempts."""

    number: int
    stream: int
    json: str


@dataclass(frozen=True, slots=True)
class RecordPage:
    """``first`` and ``last``: numbers of the oldest and newest record that is kept, 0 if there is none.

    ``restarted``: the number that stands for the last time an attempt began after one that had left records;
    those, with lower numbers, aren't kept. 0 if there was none.
    """

    records: list[NumberedRecord]
    first: int
    last: int
    restarted: int = 0


class Staging(Protocol):
    """A large input on its way to the store while its request still comes.

    What no job is made of is forgotten by itself, minutes later. All raise StoreUnavailable, also when a part that
    was written is no longer there.
    """

    async def write(self, content: bytes | memoryview) -> None:
        """What comes next; it must not change any more."""
        ...

    async def complete(self) -> object:
        """That was all: for ``NewJob.staged``."""
        ...

    async def drop(self) -> None:
        """No job will be made of it, or one was."""
        ...


class JobStore(Protocol):
    """The records, from the front door."""

    async def ping(self) -> None:
        """Return if the store answers."""
        ...

    def staging(self) -> Staging | None:
        """For a large input; None where it comes with its job."""
        ...

    async def create(self, new: NewJob) -> Created:
        """Keep the job (PENDING, seq 1, a ``state`` event) with its blobs.

        Its message is queued in the same step; without one the job is noted as not yet published.

        An id or idempotency key that is known returns the job it names if the fingerprints are equal, else
        JobConflict.

        A place needs a message when nothing waited in it, with every ``batching.jobs`` that wait, and when its
        last one was queued more than a second ago.

        Raises QueueFull, CallerFull for a job beyond ``limits.lane_depth``, ``limits.caller_depth`` or the
        caller's own, TooManyActive.
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

    async def look(self, job_id: str) -> Seen:
        """The same, past the outcome if that is large. Raises JobNotFound."""
        ...

    async def tenant(self, job_id: str) -> str:
        """Whose the job is. Raises JobNotFound."""
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
        """The kept events with a higher seq, oldest first, as JSON.

        The oldest of a long job may be gone. Of ``progress`` and ``figures`` the newest alone is kept, so numbers
        may be missing in between; no other event is, from the oldest that is kept on.
        """
        ...

    async def records(
        self, job_id: str, after: int = 0, stream: int | None = None, limit: int = 100
    ) -> RecordPage:
        """Kept metadata records numbered higher than ``after``, oldest first. Raises JobNotFound."""
        ...

    async def seqs(self, job_ids: Sequence[str]) -> dict[str, int]:
        """The newest seq of each of the jobs that exist."""
        ...

    async def dead(self, limit: int, cursor: str | None = None, tenant: str | None = None) -> JobPage:
        """FAILED jobs whose last attempt was lost or ended with an error that may be retried.

        The newest accepted first, as in ``find``; ``tenant`` as in JobQuery. Their inputs are kept as long as they
        are.
        Raises InvalidSpec at ``/cursor`` for a cursor that isn't one of ours.
        """
        ...

    async def revived(self, job_id: str) -> None:
        """The job was requeued as another: it isn't among the dead any more."""
        ...

    async def identity(self) -> str:
        """The name of this set of records, made up when it was empty. Another than before: all was lost."""
        ...

    async def backlog(self) -> dict[str, LaneBacklog]:
        """PENDING jobs per lane, for every lane that ever had one."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
