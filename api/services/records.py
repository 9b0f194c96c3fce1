"""Records as others may see them, written straight to JSON."""

from pydantic import TypeAdapter

from shared.dumping import dumped_as
from shared.jobs import Job, JobRecord

_JOB: TypeAdapter[Job] = TypeAdapter(Job)


def bare_job(record: JobRecord) -> str:
    """JSON of the public part of a record: no spec, no fence."""
    return dumped_as(_JOB, record)
