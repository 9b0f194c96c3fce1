"""Errors that only the workshop knows."""

from shared.errors import FramelaneError, Unavailable


class Lost(Unavailable):
    """The worker of this attempt was lost."""

    code = "lost"


class Poison(FramelaneError):
    """Its attempts were lost with their workers."""

    code = "poison"


class WorkerLeaves(Unavailable):
    """The worker shut down before the work was done."""

    code = "worker-left"


class CannotStart(FramelaneError):
    """The worker can't start as it was asked to."""

    code = "cannot-start"
