"""What the workshop says to the scripts about its own attempts, and how it reads their answers. Pure."""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any

from shared.adapters.records import DONE, EXPIRED, STARTING, error_of, final_progress, micros
from shared.adapters.redis_connection import Argument
from shared.adapters.redis_jobs.codec import ARTIFACTS, HEADERS, attempts_of, quoted
from shared.dumping import dumped
from shared.errors import StaleClaim, StoreUnavailable
from shared.jobs import OUTCOME_STATES, JobRecord, from_micros
from shared.packing import TASK, AnyTask
from shared.ports import Claim, Ending
from shared.quick import assembled
from shared.states import JobState

_EXPIRED = EXPIRED.model_dump_json()
_STARTING = STARTING.model_dump_json()
_DONE = DONE.model_dump_json()
_SPECS_KEPT, _SMALL_SPEC = 500, 2_000
"""So many specs of at most so many bytes are remembered as they were read last."""


def claim_arguments(
    worker: str, lease_s: float, lanes: Collection[str], place: str = "", limit: int = 1
) -> list[Argument]:
    """For the script, after prefix and id."""
    return [place, worker, _name(worker), micros(lease_s), _EXPIRED, _STARTING, limit, *lanes]


def read_claim(worker: str, reply: Sequence[Any]) -> Claim:
    """Raises StoreUnavailable for a record that can't be read."""
    try:
        record = _claimed(reply)
        headers: dict[str, str] = HEADERS.validate_json(reply[11]) if reply[11] else {}
    except (ValueError, TypeError, AttributeError) as error:
        msg = f"the record of job {reply[0].decode(errors='replace')} can't be read: {error}"
        raise StoreUnavailable(msg) from error
    return Claim(job=record, fence=record.fence, worker=worker, blobs=reply[12], headers=headers)


def pieces(reply: Sequence[Any]) -> bytes:
    """Of how many the inputs are put together, which aren't in the answer then."""
    return reply[13]


def _claimed(reply: Sequence[Any]) -> JobRecord:
    """From what differs from one such record to another; the rest stands in the spec. Nothing is checked twice."""
    job_id, fence, attempt, seq, lane, created, started, attempts, retry_of, fingerprint, spec = reply[:11]
    task = _small_task(spec) if len(spec) <= _SMALL_SPEC else TASK.validate_json(spec)
    lane, created_us, started_us = lane.decode(), int(created), int(started)
    return assembled(
        JobRecord,
        {
            "id": job_id.decode(),
            "kind": task.kind,
            "state": JobState.RUNNING,
            "device": task.device,
            "lane": lane,
            "priority": task.priority,
            "labels": task.labels,
            "attempt": attempt,
            "progress": STARTING,
            "cancel_requested": False,
            "created_at": from_micros(created_us),
            "started_at": from_micros(started_us),
            "finished_at": None,
            "queue_wait_ms": (started_us - created_us) / 1_000,
            "run_ms": None,
            "outcome": None,
            "attempts": attempts_of(attempts, lane),
            "artifacts": [],
            "retry_of": retry_of.decode() or None,
            "callback": None,
            "seq": seq,
            "spec": task,
            "fence": fence,
            "fingerprint": fingerprint.decode(),
            "tenant": reply[14].decode(),
        },
    )


@lru_cache(maxsize=_SPECS_KEPT)
def _small_task(spec: bytes) -> AnyTask:
    """Jobs of a crowd differ in their inputs, which lie elsewhere. Nobody changes a task."""
    return TASK.validate_json(spec)


def renew_arguments(claims: Iterable[Claim], lease_s: float) -> list[Argument]:
    """For the script, after prefix and id."""
    return [micros(lease_s), *(part for claim in claims for part in (claim.job_id, claim.fence))]


def read_flag(claim: Claim, reply: int) -> bool:
    """Whether the job was asked to stop. Raises StaleClaim."""
    if reply < 0:
        raise stale(claim.job_id, claim.fence)
    return reply == 1


def read_flags(claims: Sequence[Claim], reply: Sequence[int]) -> list[bool | StaleClaim]:
    """The same of each."""
    pairs = zip(claims, reply, strict=True)
    return [flag == 1 if flag >= 0 else stale(claim.job_id, claim.fence) for claim, flag in pairs]


def settle_arguments(ends: Iterable[Ending]) -> list[Argument]:
    """For the script, after prefix and id."""
    return [part for ending in ends for part in _settle_one(ending)]


def _settle_one(ending: Ending) -> list[Argument]:
    claim, outcome, artifacts = ending.claim, ending.outcome, ending.artifacts
    error = error_of(outcome)
    return [
        claim.job_id,
        claim.fence,
        _name(claim.worker),
        OUTCOME_STATES[outcome.outcome],
        dumped(outcome),
        error.model_dump_json() if error else "null",
        ARTIFACTS.dump_json(list(artifacts)) if artifacts else "[]",
        _DONE if final_progress(outcome) else "",
    ]


def read_states(ends: Sequence[Ending], reply: Sequence[bytes | None]) -> list[JobState | StaleClaim]:
    """The state each attempt left its job in."""
    return [
        stale(ending.claim.job_id, ending.claim.fence) if state is None else JobState(state.decode())
        for ending, state in zip(ends, reply, strict=True)
    ]


def stale(job_id: str, fence: int) -> StaleClaim:
    """The error for an attempt that lost its job."""
    return StaleClaim(f"claim {fence} of job {job_id} is no longer the one that counts")


_name = lru_cache(maxsize=100)(quoted)
