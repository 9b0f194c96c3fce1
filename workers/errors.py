"""Errors that only the workshop knows."""

from shared.errors import FramelaneError


class CannotStart(FramelaneError):
    """The worker can't start as it was asked to."""

    code = "cannot-start"
