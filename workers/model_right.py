"""The one right to register models and to delete files of theirs: ``workers.installation`` says what for."""

import threading
from collections.abc import Callable
from uuid import uuid4

import structlog

from shared.errors import Unavailable
from shared.ports import WorkerBeacon

HOLD_S = 60.0
"""For a look at all files of a job's models, and their registration; a slower look is taken again."""

_PAUSE_S = 0.1

log = structlog.stdlib.get_logger()


class ModelRight:
    """Of one job; it lapses after ``hold_s`` seconds unless it is taken again."""

    def __init__(self, beacon: WorkerBeacon, hold_s: float = HOLD_S) -> None:
        self._beacon = beacon
        self._hold_s = hold_s
        self._token = uuid4().hex

    def take(self, check: Callable[[], None]) -> None:
        """Return when this job has it, for the whole time. Raises what ``check`` does, and StoreUnavailable."""
        while True:
            check()
            if self.prolong():
                return
            threading.Event().wait(_PAUSE_S)

    def prolong(self) -> bool:
        """Whether this job has it, from now on for the whole time."""
        return self._beacon.hold_models(self._token, self._hold_s)

    def release(self) -> None:
        """Give it back."""
        try:
            self._beacon.release_models(self._token)
        except Unavailable as error:
            log.warning("models_not_released", lapses_in_s=self._hold_s, reason=error.detail)
