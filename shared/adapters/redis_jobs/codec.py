"""A job's record as the fields of a Redis hash, and back. Pure; law: ``decode(encode(r)) == r``."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.access import DEFAULT_TENANT, is_default
from shared.adapters.records import micros, milliseconds, to_micros
from shared.devices import Lane
from shared.errors import StoreUnavailable
from shared.events import INLINE_OUTCOME_BYTES
from shared.jobs import (
    OUTCOME,
    ArtifactRef,
    Attempt,
    CallbackStatus,
    ErrorInfo,
    JobRecord,
    Progress,
    from_micros,
)
from shared.packing import TASK
from shared.ports import Seen
from shared.specs import JobKind

_log = structlog.stdlib.get_logger()

FORMATS: Mapping[JobKind, int] = {
    "inference": 3,
    "model_download": 2,
    "model_convert": 1,
    "model_upload": 1,
    "model_delete": 1,
    "media_download": 1,
    "media_upload": 1,
    "pipeline": 3,
    "performance": 3,
    "density": 2,
    "optimize": 2,
    "validate": 2,
    "suite": 3,
    "sweep": 1,
}
"""How records of each kind are written. What older versions can't read needs the next number: a worker leaves jobs
of higher numbers, and of kinds that aren't here, to others. Records without a number are of the first."""

_WRITTEN: Mapping[JobKind, int] = {"inference": 2}
"""The number of those that older versions can read; of the others the script is told."""

LABELS = TypeAdapter(dict[str, str])
HEADERS = LABELS
ARTIFACTS = TypeAdapter(list[ArtifactRef])
TEXT = TypeAdapter(str)


class _StoredAttempt(BaseModel):
    """An attempt as the scripts write it: times in microseconds. Earlier ones told no lane: it was the job's."""

    model_config = ConfigDict(frozen=True)

    number: int
    worker: str
    lane: str | None = None
    started: int
    finished: int
    error: ErrorInfo | None


_ATTEMPTS = TypeAdapter(list[_StoredAttempt])


def quoted(text: str) -> str:
    """A JSON string."""
    return TEXT.dump_json(text).decode()


def encode(record: JobRecord) -> dict[str, str]:
    """The fields of the hash. '' stands for None."""
    spec = record.spec
    labels = LABELS.dump_json(record.labels).decode()
    return {
        "id": record.id,
        "kind": record.kind,
        "state": record.state,
        "device": record.device,
        "lane": record.lane,
        "priority": str(record.priority),
        "labels": labels,
        "attempt": str(record.attempt),
        "progress": record.progress.model_dump_json(),
        "cancel": "1" if record.cancel_requested else "0",
        "created": _time(record.created_at),
        "started": _time(record.started_at),
        "finished": _time(record.finished_at),
        "outcome": record.outcome.model_dump_json() if record.outcome else "",
        "attempts": ",".join(map(_attempt, record.attempts)),
        "artifacts": ARTIFACTS.dump_json(record.artifacts).decode(),
        "retry_of": record.retry_of or "",
        "seq": str(record.seq),
        "spec": spec.model_dump_json(),
        "fence": str(record.fence),
        "fingerprint": record.fingerprint,
        "tenant": record.tenant,
        "callback": record.callback.state if record.callback else "",
        "callback_tries": str(record.callback.tries) if record.callback else "0",
        "callback_error": quoted(record.callback.error) if record.callback and record.callback.error else "",
        # For the scripts:
        "format": str(_WRITTEN.get(record.kind, FORMATS[record.kind])),
        "max_attempts": str(spec.max_attempts),
        "expires": _micros(spec.expires_s),
        "retention": _micros(spec.retention_s),
        "callback_url": spec.callback_url or "",
        "head": f'"job_id":{quoted(record.id)},"kind":{quoted(record.kind)},"device":{quoted(record.device)},'
        f'"lane":{quoted(record.lane)},"labels":{labels}'
        + ("" if is_default(record.tenant) else f',"tenant":{quoted(record.tenant)}'),
    }


def from_flat(reply: Sequence[bytes]) -> JobRecord:
    """The record of the list of names and values that HGETALL gives inside a script."""
    return decode({name.decode(): value for name, value in zip(reply[::2], reply[1::2], strict=True)})


def readable(replies: Iterable[Sequence[bytes]]) -> list[JobRecord]:
    """The records that can be read; the others are logged once: a broken one must not hide its neighbours."""
    records: list[JobRecord] = []
    for reply in replies:
        try:
            records.append(from_flat(reply))
        except StoreUnavailable as error:
            _report(error.detail)
    return records


def report_newer(job_id: str) -> None:
    """Log, once, that a later version must run the job."""
    _report(f"the record of job {job_id} was written by a later version")


def from_flat_or_bare(reply: Sequence[bytes]) -> JobRecord:
    """The same as ``from_flat``; of a record whose end can't be read, what remains without it."""
    try:
        return from_flat(reply)
    except StoreUnavailable as error:
        _report(error.detail)
    fields = {name.decode(): value for name, value in zip(reply[::2], reply[1::2], strict=True)}
    return decode(fields | {"outcome": b"", "attempts": b"", "artifacts": b"[]"})


def decode(fields: Mapping[str, bytes]) -> JobRecord:
    """The record of a hash; fields it doesn't know are ignored.

    Raises StoreUnavailable for one that can't be read.
    """
    try:
        return _decode(fields)
    except (ValueError, KeyError) as error:
        name = fields.get("id", b"without an id").decode(errors="replace")
        msg = f"the record of job {name} can't be read: {error}"
        raise StoreUnavailable(msg) from error


def seen(fields: Mapping[str, bytes]) -> Seen:
    """The same, past the outcome if that is large."""
    outcome = fields.get("outcome", b"")
    if len(outcome) <= INLINE_OUTCOME_BYTES:
        return Seen(decode(fields))
    return Seen(decode({**fields, "outcome": b""}), outcome)


def _decode(fields: Mapping[str, bytes]) -> JobRecord:
    lane = fields["lane"].decode()
    created = from_micros(int(fields["created"]))
    started = _moment(fields["started"])
    finished = _moment(fields["finished"])
    return JobRecord.model_validate(
        {
            "id": fields["id"].decode(),
            "kind": fields["kind"].decode(),
            "state": fields["state"].decode(),
            "device": fields["device"].decode(),
            "lane": lane,
            "priority": int(fields["priority"]),
            "labels": LABELS.validate_json(fields["labels"]),
            "attempt": int(fields["attempt"]),
            "progress": Progress.model_validate_json(fields["progress"]),
            "cancel_requested": fields["cancel"] == b"1",
            "created_at": created,
            "started_at": started,
            "finished_at": finished,
            "queue_wait_ms": milliseconds(created, started),
            "run_ms": milliseconds(started, finished),
            "outcome": OUTCOME.validate_json(fields["outcome"]) if fields["outcome"] else None,
            "attempts": attempts_of(fields["attempts"], lane),
            "artifacts": ARTIFACTS.validate_json(fields["artifacts"]),
            "retry_of": fields["retry_of"].decode() or None,
            "callback": _callback(fields),
            "seq": int(fields["seq"]),
            "spec": TASK.validate_json(fields["spec"]),
            "fence": int(fields["fence"]),
            "fingerprint": fields["fingerprint"].decode(),
            "tenant": fields.get("tenant", DEFAULT_TENANT.encode()).decode(),
        }
    )


@lru_cache(maxsize=1_000)
def _report(reason: str) -> None:
    # Once: who sweeps meets the same records every second.
    _log.error("record_unreadable", reason=reason)


def _callback(fields: Mapping[str, bytes]) -> CallbackStatus | None:
    if not fields.get("callback"):
        return None
    error = fields["callback_error"]
    return CallbackStatus.model_validate(
        {
            "state": fields["callback"].decode(),
            "tries": int(fields["callback_tries"]),
            "error": TEXT.validate_json(error) if error else None,
        }
    )


def _micros(seconds: float | None) -> str:
    return "" if seconds is None else str(micros(seconds))


def _time(moment: datetime | None) -> str:
    return "" if moment is None else str(to_micros(moment))


def _moment(value: bytes) -> datetime | None:
    return from_micros(int(value)) if value else None


def _attempt(attempt: Attempt) -> str:
    return _StoredAttempt(
        number=attempt.number,
        worker=attempt.worker,
        lane=attempt.device.lower(),
        started=to_micros(attempt.started_at),
        finished=to_micros(attempt.finished_at),
        error=attempt.error,
    ).model_dump_json()


def attempts_of(value: bytes, lane: str) -> list[Attempt]:
    """The history, as the scripts write it. Raises ValueError."""
    if not value:
        return []
    return [
        Attempt(
            number=stored.number,
            worker=stored.worker,
            device=Lane(stored.lane or lane).device,
            started_at=from_micros(stored.started),
            finished_at=from_micros(stored.finished),
            error=stored.error,
        )
        for stored in _ATTEMPTS.validate_json(b"[" + value + b"]")
    ]
