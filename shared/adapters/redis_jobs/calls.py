"""What the two faces say to the scripts and how they read the answers. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from shared.adapters.records import (
    EXPIRED,
    LONGEST_RESEND_S,
    PAGE_OUTCOME_BYTES,
    QUEUED,
    SCAN_LIMIT,
    caller_busy,
    caller_full,
    lane_full,
    micros,
    moved_to,
    new_record,
    read_cursor,
    write_cursor,
)
from shared.adapters.redis_connection import Argument
from shared.adapters.redis_jobs.attempt_calls import stale
from shared.adapters.redis_jobs.codec import (
    FORMATS,
    HEADERS,
    encode,
    from_flat,
    from_flat_or_bare,
    quoted,
    readable,
)
from shared.adapters.redis_jobs.staging import Staged, joined
from shared.errors import (
    FramelaneError,
    IllegalTransition,
    InputsExpired,
    JobConflict,
    JobNotFound,
    StoreUnavailable,
)
from shared.jobs import (
    ErrorInfo,
    Failed,
    JobRecord,
    Progress,
    from_micros,
)
from shared.packing import AnyTask
from shared.ports import (
    Callback,
    Claim,
    Created,
    JobPage,
    JobQuery,
    Lapsed,
    NewJob,
    NumberedRecord,
    Record,
    RecordPage,
)
from shared.quick import changed
from shared.results import StreamFigures
from shared.states import JobState
from shared.workers import LaneBacklog

_EXPIRED = EXPIRED.model_dump_json()
_QUEUED = QUEUED.model_dump_json()
_FIGURES: TypeAdapter[list[StreamFigures]] = TypeAdapter(list[StreamFigures])


_FORMS = 256


@dataclass(frozen=True, slots=True)
class _Form:
    """What records of a task have in common, in one lane: ``record`` and ``fields`` lack what is the job's own.

    ``of_script``: priority, expires_s and the end of the head of events, which the script writes itself.
    """

    task: AnyTask
    record: JobRecord
    fields: list[str]
    of_script: tuple[str, str, str]

    @classmethod
    def of(cls, new: NewJob) -> "_Form":
        """Of the jobs like this one."""
        record = new_record(new, from_micros(0))
        fields = encode(record)
        head = fields["head"].removeprefix(_head_of(new.id))
        of_script = (fields["priority"], fields["expires"], head)
        for name in ("id", "fingerprint", "retry_of", "priority", "expires", "head", "seq", "created"):
            del fields[name]
        return cls(new.task, record, [part for field in fields.items() for part in field], of_script)


class _Forms:
    """Those of tasks that come again as the very same object, as questions of one hand do."""

    def __init__(self) -> None:
        self._forms: dict[tuple[int, str, str], _Form] = {}

    def of(self, new: NewJob) -> _Form:
        """Jobs without a group may be large, and aren't remembered."""
        if not new.group:
            return _Form.of(new)
        key = (id(new.task), new.lane, new.tenant)
        form = self._forms.get(key)
        if form is None or form.task is not new.task:
            if len(self._forms) >= _FORMS:
                self._forms.clear()
            form = self._forms[key] = _Form.of(new)
        return form


def _head_of(job_id: str) -> str:
    return f'"job_id":{quoted(job_id)}'


_forms = _Forms()


@dataclass(frozen=True, slots=True)
class Creating:
    """A job in a call of ``create``; the record is built here, the script adds the time."""

    new: NewJob
    form: _Form

    @classmethod
    def of(cls, new: NewJob) -> "Creating":
        """The record's creation time is still to come."""
        return cls(new, _forms.of(new))

    @property
    def common(self) -> tuple[int, int]:
        """Equal for jobs of one call whose ``common_arguments`` are."""
        message = self.new.message
        return id(self.form), id(message.form or message) if message else 0

    def common_arguments(self, staged: Staged | None) -> list[Argument]:
        """What many jobs of a call say alike."""
        new, message = self.new, self.new.message
        fields = self.form.fields
        if staged:  # what is said last counts
            fields = [*fields, *staged.fields(), "format", str(FORMATS[new.task.kind])]
        parts = (message.form or (message.whole,)) if message else ()
        return [
            new.lane,
            *self.form.of_script,
            new.tenant,
            *((message.key, new.group) if message else ("", "")),
            len(parts),
            *parts,
            len(fields),
            *fields,
        ]

    def arguments(self, common: int, staged: Staged | None) -> list[Argument]:
        """What is the job's own."""
        new, blobs = self.new, () if staged else self.new.blobs
        return [
            new.id,
            common,
            new.fingerprint,
            new.idempotency_key or "",
            new.idempotency_ttl_s,
            new.caller,
            "" if new.caller_depth is None else new.caller_depth,
            "" if new.caller_active is None else new.caller_active,
            staged.key if staged else "",
            new.retry_of or "",
            HEADERS.dump_json(dict(new.headers)) if new.headers else "",
            new.message.tag if new.message else "",
            len(blobs),
            *blobs,
        ]

    def read(self, reply: Sequence[Any]) -> Created:
        """Raises JobConflict, QueueFull, CallerFull, TooManyActive; StoreUnavailable if staged inputs are gone."""
        match reply[0]:
            case 1:
                return Created(self._record(from_micros(int(reply[1]))), fresh=True)
            case 3:
                raise lane_full(self.new)
            case 4:
                raise caller_full(self.new)
            case 5:
                raise StoreUnavailable("the inputs were lost before the job was made; send it again")
            case 6:
                raise caller_busy(self.new)
            case _:
                return Created(_known(reply), fresh=False)

    def _record(self, created: datetime) -> JobRecord:
        new = self.new
        return changed(
            self.form.record,
            id=new.id,
            fingerprint=new.fingerprint,
            retry_of=new.retry_of,
            created_at=created,
        )


def create_arguments(jobs: Sequence[Creating], staged: Staged | None = None) -> list[Argument]:
    """For the script, after the limits; ``staged``: where the inputs of the only job are already."""
    numbers: dict[tuple[int, int], int] = {}
    common, own = list[Argument](), list[Argument]()
    for job in jobs:
        number = numbers.get(job.common)
        if number is None:
            number = numbers[job.common] = len(numbers) + 1
            common += job.common_arguments(staged)
        own += job.arguments(number, staged)
    return [len(numbers), *common, *own]


def read_known(reply: Sequence[Any] | None) -> JobRecord | None:
    """Raises JobConflict."""
    return None if reply is None else _known(reply)


def _known(reply: Sequence[Any]) -> JobRecord:
    if reply[0] == 0:
        return from_flat(reply[1])
    msg = "the id or the idempotency key was used for a job with another spec"
    raise JobConflict(msg)


def ended_or_not(job_id: str, reply: Sequence[Any], what: str) -> JobRecord:
    """The record that cancel and delete answer. Raises JobNotFound, IllegalTransition."""
    match reply[0]:
        case 1:
            return from_flat_or_bare(reply[1])
        case 0:
            raise not_found(job_id)
        case _:
            msg = f"job {job_id} is {reply[1].decode()}; it can't be {what}"
            raise IllegalTransition(msg)


def not_found(job_id: str) -> JobNotFound:
    """The error for a job nobody knows."""
    return JobNotFound(f"there is no job {job_id}")


def read_blobs(job_id: str, reply: Sequence[Any] | None) -> list[bytes]:
    """Raises JobNotFound, InputsExpired."""
    if reply is None:
        raise not_found(job_id)
    count, items, pieces = reply
    if len(items) < count:
        msg = f"the inputs of job {job_id} are no longer kept"
        raise InputsExpired(msg)
    return joined(items, pieces)


def find_arguments(query: JobQuery, index: str = "index") -> list[Argument]:
    """Raises InvalidSpec for a cursor that isn't ours. ``index``: of all jobs, or ``dead``."""
    below = "+inf" if query.cursor is None else f"({read_cursor(query.cursor)}"
    labels = [part for label in query.labels.items() for part in label]
    filters = [query.kind or "", query.state or "", query.device or "", query.tenant or ""]
    return [index, below, query.limit, SCAN_LIMIT, PAGE_OUTCOME_BYTES, *filters, *labels]


def read_page(reply: Sequence[Any]) -> JobPage:
    """Records and cursor of ``find``."""
    following = write_cursor(int(reply[0])) if reply[0] else None
    return JobPage(readable(reply[1:]), following)


def read_backlog(reply: Sequence[Any]) -> dict[str, LaneBacklog]:
    """By lane, in the order of their names."""
    lanes = zip(reply[::3], reply[1::3], reply[2::3], strict=True)
    return {
        lane.decode(): LaneBacklog(depth=depth, oldest_wait_ms=int(oldest) / 1000 if oldest else None)
        for lane, depth, oldest in sorted(lanes)
    }


def move_arguments(record: JobRecord, lane: str) -> list[Argument]:
    """For the script, after prefix and id."""
    moved = moved_to(record, lane)
    return [record.fence, record.lane, lane, encode(moved)["head"], moved.progress.model_dump_json()]


def broken(error: StoreUnavailable) -> ErrorInfo:
    """Why an attempt ended before it began: its record can't be read."""
    return ErrorInfo(code=FramelaneError.code, title=FramelaneError.title(), detail=error.detail)


def read_checkpoint(claim: Claim, reply: bytes | None) -> str:
    """What is kept. Raises StaleClaim."""
    if reply is None:
        raise stale(claim.job_id, claim.fence)
    return reply.decode()


def give_up_arguments(
    fence: int, worker: str, error: ErrorInfo, final: ErrorInfo | None, costs: bool
) -> list[Argument]:
    """For the script, after prefix and id."""
    failed = Failed(error=final or error)
    return [fence, quoted(worker), error.model_dump_json(), failed.model_dump_json(), _QUEUED, int(costs)]


def read_state(job_id: str, fence: int, reply: bytes | None) -> JobState:
    """The state an attempt left its job in. Raises StaleClaim."""
    if reply is None:
        raise stale(job_id, fence)
    return JobState(reply.decode())


def read_lapsed(reply: Sequence[bytes]) -> list[Lapsed]:
    """In the script's order."""
    return [
        Lapsed(job_id.decode(), int(fence), worker.decode())
        for job_id, fence, worker in zip(reply[::3], reply[1::3], reply[2::3], strict=True)
    ]


def expire_arguments(limit: int) -> list[Argument]:
    """For the script, after prefix and id."""
    return [_EXPIRED, limit]


def note_lost_arguments(empty: Collection[str], after_s: float, limit: int) -> list[Argument]:
    """For the script, after prefix and id."""
    return [micros(after_s), micros(LONGEST_RESEND_S), limit, *empty]


def read_callbacks(reply: Sequence[bytes]) -> list[Callback]:
    """In the script's order."""
    parts = zip(reply[::5], reply[1::5], reply[2::5], reply[3::5], reply[4::5], strict=True)
    return [
        Callback(job_id.decode(), url.decode(), event.decode(), int(tried), int(age) / 1_000_000)
        for job_id, url, event, tried, age in parts
    ]


def callback_tried_arguments(error: str | None, again_in_s: float | None) -> list[Argument]:
    """For the script, after prefix and id."""
    return ["" if error is None else quoted(error), "" if again_in_s is None else micros(again_in_s)]


def read_picked(job_ids: Sequence[str], reply: Sequence[bytes | None]) -> dict[str, int]:
    """The numbers of the jobs that exist."""
    pairs = zip(job_ids, reply, strict=True)
    return {job_id: int(number) for job_id, number in pairs if number is not None}


def report_arguments(claim: Claim, progress: Progress) -> list[Argument]:
    """For the script, after prefix and id."""
    return [claim.fence, progress.model_dump_json()]


def measure_arguments(claim: Claim, streams: Sequence[StreamFigures], records: Sequence[Record]) -> list[Argument]:
    """For the script, after prefix and id."""
    figures = _FIGURES.dump_json(list(streams)).decode()
    return [claim.fence, figures, *(part for record in records for part in (record.stream, record.json))]


def read_records(job_id: str, reply: Sequence[Any] | None) -> RecordPage:
    """Raises JobNotFound."""
    if reply is None:
        raise not_found(job_id)
    first, last, restarted, *parts = reply
    records = [
        NumberedRecord(number, int(stream), text.decode())
        for number, stream, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]
    return RecordPage(records, first, last, restarted)
