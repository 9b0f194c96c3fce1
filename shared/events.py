"""What is told about a job while it lives: a union tagged by ``type``, numbered per job from 1.

Who follows hears every number; of ``progress`` and ``figures`` the newest alone is kept for who comes later.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from shared.access import DEFAULT_TENANT, is_default
from shared.jobs import ArtifactRef, Job, Outcome, Progress
from shared.results import Answer, StreamFigures
from shared.specs import JobKind
from shared.states import JobState

INLINE_OUTCOME_BYTES = 32 * 1024
"""A larger outcome isn't sent with its event: ``outcome_omitted`` tells the reader to fetch the job."""


class JobEventBase(Answer):
    """Fields of every event. ``at_ms``: milliseconds since the epoch on the store's clock."""

    seq: int
    at_ms: int
    job_id: str
    kind: JobKind
    device: str
    lane: str
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    tenant: Annotated[str, Field(exclude_if=is_default, description="whose job it is; left out for `default`")] = (
        DEFAULT_TENANT
    )


class StateChanged(JobEventBase):
    """The job entered ``state``. Terminal ones carry the outcome.

    ``queue_wait_ms`` comes with the start of an attempt, ``run_ms`` and ``artifacts`` with its end.
    """

    type: Literal["state"] = "state"
    state: JobState
    attempt: int
    worker: str | None = None
    outcome: Outcome | None = None
    outcome_omitted: bool = False
    queue_wait_ms: float | None = None
    run_ms: float | None = None
    artifacts: list[ArtifactRef] = Field(default_factory=list[ArtifactRef])


class Progressed(JobEventBase):
    """The running attempt got further."""

    type: Literal["progress"] = "progress"
    progress: Progress


class Measured(JobEventBase):
    """How fast the streams of a running pipeline are; ``records``: number of the newest metadata record.

    Of a measurement: its latest run, with the streams of all its pipelines in their order.
    """

    type: Literal["figures"] = "figures"
    streams: list[StreamFigures]
    records: int = 0


class CancelRequested(JobEventBase):
    """A running job was asked to stop; its end follows as a ``state`` event."""

    type: Literal["cancel_requested"] = "cancel_requested"


JobEvent = Annotated[StateChanged | Progressed | Measured | CancelRequested, Field(discriminator="type")]
JOB_EVENT: TypeAdapter[StateChanged | Progressed | Measured | CancelRequested] = TypeAdapter(JobEvent)


class Snapshot(Answer):
    """First frame to a subscriber: the job as it is; events with a higher ``seq`` follow."""

    type: Literal["snapshot"] = "snapshot"
    seq: int
    job: Job


class Ping(Answer):
    """Sent when nothing else was for a while, so that proxies keep the connection."""

    type: Literal["ping"] = "ping"


class Lagged(Answer):
    """The reader was too slow; the connection closes. Come back with ``after_seq`` = ``resume_after``."""

    type: Literal["lagged"] = "lagged"
    resume_after: int | None


class Gone(Answer):
    """The job isn't kept any more: it was deleted, or lost with all records. Nothing follows."""

    type: Literal["gone"] = "gone"


AnyFrame = Snapshot | StateChanged | Progressed | Measured | CancelRequested | Ping | Lagged | Gone

Frame = Annotated[AnyFrame, Field(discriminator="type")]
"""Anything a follower of a job can receive."""

FRAME: TypeAdapter[AnyFrame] = TypeAdapter(Frame)
