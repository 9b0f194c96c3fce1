"""A worker process's sign of life for its warden, over a pipe.

The first line says who it is and how long its leases are; a byte after that, again and again, that it lives and
whether it is ready for jobs.
"""

import os
from contextlib import suppress

from workers.loops import Loop
from workers.warden import PULSE_FD, READY, WARMING

PERIOD_S = 0.5


class Pulse:
    """One per process. Without a warden it does nothing."""

    def __init__(self, worker_id: str, lease_s: float) -> None:
        self._hello = f"{worker_id} {lease_s}\n".encode()
        self._loop = Loop("pulse", min(PERIOD_S, lease_s / 4), self._beat)
        self._pipe = _pipe()
        self._sign = WARMING

    def start(self) -> None:
        """Introduce this process and begin to beat; ends with the process."""
        if self._pipe is not None:
            self._write(self._hello)
            self._loop.start()

    def ready(self) -> None:
        """Jobs can come from now on."""
        self._sign = READY
        if self._pipe is not None:
            self._beat()

    def _beat(self) -> None:
        self._write(self._sign)

    def _write(self, what: bytes) -> None:
        # Nobody reads: the warden is stopped for a while, or it died and we are about to.
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(self._pipe or 0, what)


def _pipe() -> int | None:
    given = os.environ.pop(PULSE_FD, None)  # our own children have nothing to tell
    if given is None:
        return None
    os.set_inheritable(int(given), False)  # noqa: FBT003 - positional only
    os.set_blocking(int(given), False)
    return int(given)
