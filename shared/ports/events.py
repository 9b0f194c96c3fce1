"""The door to what happens."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Published:
    """A published event: JSON of a ``JobEvent``."""

    job_id: str
    event: str


class EventBus(Protocol):
    """All events as they happen; nothing is replayed."""

    def listen(
        self, wanted: Callable[[str], bool] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Published | None]]:
        """Entered: everything published from now on comes, of the jobs that are ``wanted`` at that moment.

        None among it: the connection was lost and found again, so events may be missing and followers must read
        their job anew.
        """
        ...
