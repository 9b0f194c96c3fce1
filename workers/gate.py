"""Lets attempts into this process: ordinary ones side by side, suspects one by one and alone."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

PATIENCE_S = 30.0
"""Ordinary attempts wait so long for suspects, then start beside them: good work mustn't wait for bad for ever."""

_LOOK_S = 0.1


class Gate:
    """One per process. First come, first served, but for the patience of ordinary attempts."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = 0
        self._suspects: list[int] = []  # waiting, by number of arrival
        self._arrived = 0

    @contextmanager
    def entered(self, *, alone: bool, check: Callable[[], None]) -> Generator[None]:
        """Waits for its turn. ``check`` is called meanwhile, ten times a second; what it raises ends the wait."""
        self._enter(alone=alone, check=check)
        try:
            yield
        finally:
            self._leave(alone=alone)

    def _enter(self, *, alone: bool, check: Callable[[], None]) -> None:
        with self._changed:
            self._arrived += 1
            mine = self._arrived
            if alone:
                self._suspects.append(mine)
            try:
                self._wait(self._free_for_one(mine) if alone else self._open_for_all(mine), check)
            finally:
                if alone:
                    self._suspects.remove(mine)
                    self._changed.notify_all()
            self._inside += 1
            self._alone += alone

    def _wait(self, ready: Callable[[], bool], check: Callable[[], None]) -> None:
        while not ready():
            check()
            self._changed.wait(_LOOK_S)

    def _free_for_one(self, mine: int) -> Callable[[], bool]:
        return lambda: self._inside == 0 and min(self._suspects) == mine

    def _open_for_all(self, mine: int) -> Callable[[], bool]:
        until = time.monotonic() + self._patience_s

        def ready() -> bool:
            before_me = any(number < mine for number in self._suspects)
            return not (self._alone or before_me) or time.monotonic() >= until

        return ready

    def _leave(self, *, alone: bool) -> None:
        with self._changed:
            self._inside -= 1
            self._alone -= alone
            self._changed.notify_all()
