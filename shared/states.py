"""The life of a job: one table. What is terminal follows from it.

Being asked to stop is a flag on a RUNNING job, not a state.
"""

from enum import StrEnum


class JobState(StrEnum):
    """Who moves a job on from each state is said beside it."""

    PENDING = "PENDING"  #: waits in its lane; a worker claims it, the gateway cancels it
    RUNNING = "RUNNING"  #: held by one attempt; its worker settles it, the reaper when the lease lapses
    COMPLETED = "COMPLETED"  #: has a result; a negative verdict is a result too
    FAILED = "FAILED"  #: has an error, after its last attempt or at once if trying again can't help
    CANCELLED = "CANCELLED"  #: a caller asked for it


TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    # PENDING to FAILED: the deadline for starting passed.
    JobState.PENDING: frozenset({JobState.RUNNING, JobState.FAILED, JobState.CANCELLED}),
    # RUNNING to PENDING: the attempt was lost or may be tried again.
    JobState.RUNNING: frozenset({JobState.PENDING, JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}),
    JobState.COMPLETED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}

TERMINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)
"""States a job never leaves."""


def may_become(current: JobState, following: JobState) -> bool:
    """Whether the table has the step ``current`` to ``following``."""
    return following in TRANSITIONS[current]
