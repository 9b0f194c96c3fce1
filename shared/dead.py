"""What becomes of dead jobs that are to be run again: said by the gateway, read by its callers."""

from shared.jobs import ErrorInfo
from shared.results import Answer


class RequeuedJob(Answer):
    """A dead job's id, and that of the new ``job`` it was requeued as."""

    id: str
    job: str


class NotRequeued(Answer):
    """A job that stays dead, and why."""

    id: str
    error: ErrorInfo


class RequeueList(Answer):
    """What became of the dead that were looked at. ``next_cursor`` leads to the others, null if there are none."""

    requeued: list[RequeuedJob]
    failed: list[NotRequeued]
    next_cursor: str | None
