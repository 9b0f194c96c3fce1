"""The door to the queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel

from shared.routing import Route

ABOUT = "about"
"""The header that says what a job is about, for people who watch the queue: ``inference/asl``."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as the broker keeps it: ``body`` is to be pushed to the left of the list ``key``.

    Messages that differ by a ``tag`` alone have their ``form`` in common, the very same tuple: what stands before,
    between and after the tags. Others are ``whole``.
    """

    key: str
    whole: bytes = b""
    form: tuple[bytes, ...] = ()
    tag: bytes = b""

    @property
    def body(self) -> bytes:
        """The message."""
        return self.whole or self.tag.join(self.form)


class RejectedMessage(BaseModel):
    """What a worker found in a queue and didn't take. ``beginning`` may say anything: a stranger wrote it.

    ``at``: seconds since 1970.
    """

    at: float
    queue: str
    reason: str
    bytes: int
    beginning: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """``total``: how many there ever were; ``newest`` of them first."""

    total: int
    newest: list[RejectedMessage]


class JobQueue(Protocol):
    """Carries job ids to workers, at least once. Blocking, except ``envelope`` and ``summons``."""

    def envelope(self, route: Route, job_id: str, headers: Mapping[str, str]) -> Envelope | None:
        """What ``send`` would send, to be pushed with the record by a job store on the same server.

        None where the broker is elsewhere: then ``send`` it. Waits for nothing.
        """
        ...

    def summons(self, route: Route, place: str) -> Envelope | None:
        """A message that calls a worker to a place where jobs wait together; None as above."""
        ...

    def send(self, route: Route, job_id: str, headers: Mapping[str, str]) -> None:
        """The message is with the broker when this returns; else BrokerUnavailable. ``headers`` travel along."""
        ...

    def age(self, queue: str, after_s: float, limit: int = 10) -> int:
        """Let messages that have waited for ``after_s`` go up one priority, to its front; how many. Call it often.

        The longest waiting first, ``limit`` of a priority at most, and no others before those were taken. For its
        next step one waits as long again. Raises BrokerUnavailable.
        """
        ...

    def depth(self, queue: str) -> int:
        """Messages that wait in the queue, of all priorities. Raises BrokerUnavailable."""
        ...

    def rejected(self, limit: int) -> Rejected:
        """Messages that weren't taken, at most so many. Raises BrokerUnavailable."""
        ...

    def ping(self) -> None:
        """Return if the broker answers."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
