"""The record of a job, and what became of it."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from shared.access import DEFAULT_TENANT
from shared.devices import DeviceRequest
from shared.errors import FramelaneError
from shared.packing import Task
from shared.results import Answer, Result
from shared.specs import JobKind
from shared.states import TERMINAL, JobState


class ErrorInfo(Answer):
    """Why something failed. ``code`` is stable, ``detail`` is for people."""

    code: str
    title: str
    detail: str
    retryable: bool = False

    @classmethod
    def of(cls, error: BaseException) -> "ErrorInfo":
        """Unexpected exceptions become ``internal``, with their type named."""
        if isinstance(error, FramelaneError):
            return cls(code=error.code, title=error.title(), detail=error.detail, retryable=error.retryable)
        return cls(code="internal", title=FramelaneError.title(), detail=f"{type(error).__name__}: {error}")


class Completed(Answer):
    """The work was done."""

    outcome: Literal["completed"] = "completed"
    result: Result


class Failed(Answer):
    """The work can't be done."""

    outcome: Literal["failed"] = "failed"
    error: ErrorInfo


class Cancelled(Answer):
    """Somebody asked for the work to stop."""

    outcome: Literal["cancelled"] = "cancelled"
    reason: str


Outcome = Annotated[Completed | Failed | Cancelled, Field(discriminator="outcome")]
OUTCOME: TypeAdapter[Completed | Failed | Cancelled] = TypeAdapter(Outcome)

OUTCOME_STATES: dict[str, JobState] = {
    "completed": JobState.COMPLETED,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
}


class Transfer(Answer):
    """Files that come over a network now: their bytes so far, and of all of them where that is known.

    ``bytes_per_s``: over the last seconds; null until that can be told, as is ``left_s``.
    """

    done_bytes: int
    total_bytes: int | None = None
    bytes_per_s: float | None = None
    left_s: float | None = None


class Progress(Answer):
    """How far a job is: ``fraction`` in [0, 1], and the name of what it is doing."""

    fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    stage: str = "queued"
    message: str | None = None
    transfer: Transfer | None = None


class Attempt(Answer):
    """One run of a job. ``number`` counts from 0; ``error`` is null for the attempt that settled it well."""

    number: int
    worker: str
    device: str
    started_at: datetime
    finished_at: datetime
    error: ErrorInfo | None = None


class ArtifactRef(Answer):
    """A file a job left behind. ``name`` is unique within the job."""

    name: str
    size: int
    sha256: str
    media_type: str


class CallbackStatus(Answer):
    """How far the delivery to ``callback_url`` is; ``error``: of the latest try, null if it went well."""

    state: Literal["waiting", "delivered", "failed"]
    tries: int = 0
    error: str | None = None


class Job(BaseModel):
    """A job as its callers see it. Times are the store's clock, in UTC."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: JobKind
    state: JobState
    device: DeviceRequest
    lane: str
    priority: int
    labels: dict[str, str]
    attempt: int = Field(description="attempts used up so far")
    progress: Progress
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None = Field(description="start of the latest attempt")
    finished_at: datetime | None
    queue_wait_ms: float | None = Field(description="from acceptance to the start of the latest attempt")
    run_ms: float | None = Field(description="from the start of the latest attempt to the end")
    outcome: Outcome | None
    attempts: list[Attempt]
    artifacts: list[ArtifactRef]
    retry_of: str | None = None
    callback: CallbackStatus | None = Field(
        default=None, description="if it has a callback_url, once it has ended"
    )
    seq: int = Field(description="number of the job's latest event")

    @property
    def terminal(self) -> bool:
        """Whether the job has ended."""
        return self.state in TERMINAL


class JobRecord(Job):
    """A job as the store keeps it: the public fields and what the workers need."""

    spec: Task
    fence: int
    fingerprint: str
    tenant: str = DEFAULT_TENANT


def from_micros(micros: int) -> datetime:
    """Microseconds since the epoch, as the store counts them, as an aware UTC time."""
    return datetime.fromtimestamp(micros / 1_000_000, tz=UTC)


def artifact_key(job_id: str, fence: int, name: str = "") -> str:
    """Where an attempt keeps a file in the artifact store; a job's are those of the fence that completed it."""
    return f"jobs/{job_id}/{fence}/{name}"


def artifact_prefix(job_id: str) -> str:
    """What the keys of everything any attempt of the job kept begin with."""
    return f"jobs/{job_id}/"
