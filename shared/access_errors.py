"""Errors of who may call: below FramelaneError of ``shared/errors.py``."""

from shared.errors import CallerFull, FramelaneError


class Unauthenticated(FramelaneError):
    """Say who you are."""

    code = "unauthenticated"


class Forbidden(FramelaneError):
    """Your role doesn't allow this."""

    code = "forbidden"


class KeyNotFound(FramelaneError):
    """There is no such key."""

    code = "key-not-found"


class TooManyRequests(FramelaneError):
    """Too many requests."""

    code = "too-many-requests"
    retryable = True
    retry_after_s: float | None = None


class TooManyActive(CallerFull):
    """Too many jobs of the caller wait or run."""

    code = "too-many-active-jobs"
