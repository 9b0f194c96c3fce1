"""Records as others may see them, written straight to JSON."""

from pydantic import TypeAdapter

from shared.dumping import dumped_as, dumped_with
from shared.jobs import Job, JobRecord

_JOB: TypeAdapter[Job] = TypeAdapter(Job)


def bare_job(record: JobRecord, outcome: bytes | None = None) -> str:
    """JSON of the public part of a record: no spec, no fence. ``outcome``: its, if that is JSON already."""
    return dumped_as(_JOB, record) if outcome is None else dumped_with(_JOB, record, outcome=outcome)
