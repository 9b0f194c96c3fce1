"""A queue per lane, in one process."""

import heapq
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shared.errors import BrokerUnavailable
from shared.ports.queue import Rejected
from shared.routing import Route

_HIGHEST = 9


@dataclass(frozen=True, slots=True, order=True)
class Message:
    """What a worker would be given. Sorts as it is delivered: priority 9 first, then first come.

    ``since``: when it came to its priority, on the monotonic clock.
    """

    rank: int
    number: int
    task: str = field(compare=False)
    job_id: str = field(compare=False)
    headers: Mapping[str, str] = field(compare=False)
    since: float = field(compare=False, default_factory=time.monotonic)


class MemoryJobQueue:
    """JobQueue. While ``down`` is set it behaves like a broker that is gone."""

    def __init__(self) -> None:
        self.down = False
        self._changed = threading.Condition()
        self._waiting: dict[str, list[Message]] = defaultdict(list)
        self._sent = self._raised = 0

    def envelope(self, route: Route, job_id: str, headers: Mapping[str, str]) -> None:
        """None: it isn't where the jobs are."""

    def summons(self, route: Route, place: str) -> None:
        """None, for the same reason."""

    def send(self, route: Route, job_id: str, headers: Mapping[str, str]) -> None:
        """See the port."""
        self.ping()
        with self._changed:
            self._sent += 1
            message = Message(-route.priority, self._sent, route.task, job_id, dict(headers))
            heapq.heappush(self._waiting[route.queue], message)
            self._changed.notify_all()

    def take(self, queue: str, timeout_s: float = 0.0) -> Message | None:
        """The next message of a queue; None if there is none for that long."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting[queue], timeout_s):
                return None
            return heapq.heappop(self._waiting[queue])

    def age(self, queue: str, after_s: float, limit: int = 10) -> int:
        """See the port."""
        self.ping()
        now, raised = time.monotonic(), 0
        with self._changed:
            waiting = self._waiting[queue]
            for rank in range(1 - _HIGHEST, 1):
                if any(message.rank == rank - 1 and message.number < 0 for message in waiting):
                    continue
                old = sorted(
                    message for message in waiting if message.rank == rank and now - message.since >= after_s
                )
                for message in reversed(old[:limit]):
                    self._raised -= 1
                    waiting.remove(message)
                    waiting.append(replace(message, rank=rank - 1, number=self._raised, since=now))
                raised += len(old[:limit])
            heapq.heapify(waiting)
        return raised

    def depth(self, queue: str) -> int:
        """See the port."""
        self.ping()
        with self._changed:
            return len(self._waiting[queue])

    def rejected(self, limit: int) -> Rejected:  # noqa: ARG002 - of the port
        """See the port. Nobody else can put something in here."""
        self.ping()
        return Rejected(0, [])

    def ping(self) -> None:
        """See the port."""
        if self.down:
            msg = "the broker is down"
            raise BrokerUnavailable(msg)

    def close(self) -> None:
        """Nothing to let go of."""
