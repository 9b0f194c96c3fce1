"""What every adapter of the job store decides alike. Pure."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from shared.access_errors import TooManyActive
from shared.errors import CallerFull, InvalidSpec, QueueFull
from shared.events import INLINE_OUTCOME_BYTES, CancelRequested, Measured, Progressed, StateChanged
from shared.jobs import Cancelled, Completed, ErrorInfo, Failed, JobRecord, Progress
from shared.ports import JobQuery, NewJob
from shared.results import StreamFigures
from shared.states import JobState

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

QUEUED = Progress()
STARTING = Progress(stage="starting")
DONE = Progress(fraction=1.0, stage="done")

EXPIRED = Failed(
    error=ErrorInfo(
        code="expired",
        title="The job wasn't started in time",
        detail="no worker took the job before its expires_s had passed",
    )
)

SCAN_LIMIT = 1_000
"""How many jobs one page of find() looks at, whatever it finds."""

PAGE_OUTCOME_BYTES = 4 * 1024 * 1024
"""A page of find() ends with the job whose outcome, as JSON, takes its outcomes above this."""


LONGEST_RESEND_S = 600.0
"""How far the time doubles after which a job's message counts as lost."""


def micros(seconds: float) -> int:
    """Whole microseconds."""
    return round(seconds * 1_000_000)


def to_micros(moment: datetime) -> int:
    """Microseconds since the epoch."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def new_record(new: NewJob, created: datetime) -> JobRecord:
    """The record of a job just accepted."""
    return JobRecord(
        id=new.id,
        kind=new.task.kind,
        state=JobState.PENDING,
        device=new.task.device,
        lane=new.lane,
        priority=new.task.priority,
        labels=new.task.labels,
        attempt=0,
        progress=QUEUED,
        cancel_requested=False,
        created_at=created,
        started_at=None,
        finished_at=None,
        queue_wait_ms=None,
        run_ms=None,
        outcome=None,
        attempts=[],
        artifacts=[],
        retry_of=new.retry_of,
        seq=1,
        spec=new.task,
        fence=0,
        fingerprint=new.fingerprint,
        tenant=new.tenant,
    )


def lane_full(new: NewJob) -> QueueFull:
    """The error for a job that finds its lane full."""
    return QueueFull(f"too many jobs wait in lane {new.lane}")


def caller_full(new: NewJob) -> CallerFull:
    """The error for a job whose caller has too many waiting."""
    return CallerFull(f"too many jobs of {new.caller} wait")


def caller_busy(new: NewJob) -> TooManyActive:
    """The error for a job whose caller has too many that wait or run."""
    return TooManyActive(f"{new.caller} may have {new.caller_active} jobs that wait or run")


def milliseconds(begin: datetime | None, end: datetime | None) -> float | None:
    """How long it took; None while either end is open."""
    if begin is None or end is None:
        return None
    return (end - begin) / timedelta(milliseconds=1)


def final_progress(outcome: Completed | Failed | Cancelled) -> Progress | None:
    """Progress of a settled job; None: as last reported."""
    return DONE if isinstance(outcome, Completed) else None


def error_of(outcome: Completed | Failed | Cancelled) -> ErrorInfo | None:
    """What the history says about an attempt that settled so."""
    return outcome.error if isinstance(outcome, Failed) else None


def matches(record: JobRecord, query: JobQuery) -> bool:
    """Whether every filter holds."""
    return (
        query.kind in {None, record.kind}
        and query.state in {None, record.state}
        and query.device in {None, record.device}
        and query.tenant in {None, record.tenant}
        and _labelled(record.labels, query.labels)
    )


def _labelled(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in wanted.items())


def write_cursor(order: int) -> str:
    """The cursor that goes on below the job of this place in the order of acceptance."""
    return base64.urlsafe_b64encode(f"o{order}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> int:
    """The inverse. Raises InvalidSpec at ``/cursor``."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    if not (text[:1] == "o" and text[1:].isdecimal() and len(text) <= len("o") + 16):
        raise InvalidSpec(("/cursor", "not a cursor of ours; take next_cursor from a page"))
    return int(text[1:])


def state_event(record: JobRecord, at_us: int, worker: str | None) -> StateChanged:
    """The event of the step that led to ``record``."""
    outcome = record.outcome
    omitted = outcome is not None and len(outcome.model_dump_json().encode()) > INLINE_OUTCOME_BYTES
    return StateChanged.model_validate(
        {
            **_common(record, at_us),
            "state": record.state,
            "attempt": record.attempt,
            "worker": worker,
            "outcome": None if omitted else outcome,
            "outcome_omitted": omitted,
            "queue_wait_ms": None if record.state is JobState.PENDING else record.queue_wait_ms,
            "run_ms": record.run_ms,
            "artifacts": record.artifacts,
        }
    )


def moved_to(record: JobRecord, lane: str) -> JobRecord:
    """A waiting job, in another lane; its progress says why."""
    why = f"moved from {record.lane} to {lane}: no worker is left there"
    return record.model_copy(update={"lane": lane, "progress": Progress(message=why)})


def progress_event(record: JobRecord, at_us: int) -> Progressed:
    """The event of a report."""
    return Progressed.model_validate({**_common(record, at_us), "progress": record.progress})


def figures_event(record: JobRecord, at_us: int, streams: Sequence[StreamFigures], records: int) -> Measured:
    """The event of a measurement."""
    return Measured.model_validate({**_common(record, at_us), "streams": list(streams), "records": records})


def cancel_event(record: JobRecord, at_us: int) -> CancelRequested:
    """The event of the wish to stop."""
    return CancelRequested.model_validate(_common(record, at_us))


def _common(record: JobRecord, at_us: int) -> dict[str, object]:
    return {
        "seq": record.seq,
        "at_ms": at_us // 1000,
        "job_id": record.id,
        "kind": record.kind,
        "device": record.device,
        "lane": record.lane,
        "labels": record.labels,
        "tenant": record.tenant,
    }
