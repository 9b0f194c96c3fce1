"""Threads that do one thing again and again beside the jobs, and don't die of it."""

import threading
from collections.abc import Callable

import structlog

from shared.errors import Unavailable

_LONGEST_PAUSE_S = 30.0

log = structlog.stdlib.get_logger()


class Loop:
    """Calls ``step`` every ``period_s`` on a thread of its own, until stopped.

    A service that doesn't answer makes the pauses longer, to ``longest_pause_s`` at most; whatever else ``step``
    raises is logged. Neither ends the loop.
    """

    def __init__(
        self,
        name: str,
        period_s: float,
        step: Callable[[], None],
        longest_pause_s: float = _LONGEST_PAUSE_S,
    ) -> None:
        self._name = name
        self._period_s = period_s
        self._step = step
        self._longest_pause_s = max(longest_pause_s, period_s)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """The first call of ``step`` comes at once."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Return when the thread has ended, or after ``timeout_s``. May be called twice, or before the start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        pause = self._period_s
        while True:
            pause = self._period_s if self._succeeds() else min(pause * 2, self._longest_pause_s)
            if self._stop.wait(pause):
                return

    def _succeeds(self) -> bool:
        try:
            self._step()
        except Unavailable as error:
            log.warning("loop_waits", loop=self._name, reason=str(error))
            return False
        except Exception:
            log.exception("loop_step_failed", loop=self._name)
            return False
        return True
