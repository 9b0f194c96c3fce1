"""Several processes that do the same, kept alive by one that only watches them."""

import os
import signal
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

import structlog

from shared.leash import end_with

DEATHS_PER_MINUTE = 5
"""Of all members together, above one for each: more, and trying again won't help."""

_ASKED = (signal.SIGTERM, signal.SIGINT)
_HEARD = (*_ASKED, signal.SIGCHLD)
_FIRST_BACKOFF_S = 0.2
_LONGEST_BACKOFF_S = 5.0

Hear = Callable[[float | None], bytes]
"""Numbers of the signals that came, waited for so many seconds."""

_log = structlog.stdlib.get_logger()


class Crew:
    """``size`` copies of this process, made by fork: they share the memory of what was loaded before.

    A member that dies is replaced. Members end with this process, even if it is killed.
    """

    def __init__(
        self,
        size: int,
        member: Callable[[], int],
        grace_s: float,
        on_end: Callable[[int], None] = lambda _pid: None,
    ) -> None:
        """``member`` runs in each and gives its exit status; ``grace_s``: for their end, once asked.

        ``on_end``: called with the process id of each that ended.
        """
        self._on_end = on_end
        self._size = size
        self._member = member
        self._grace_s = grace_s
        self._pids: set[int] = set()
        self._due: list[float] = []
        self._deaths: deque[float] = deque()
        self._failed: int | None = None

    def run(self) -> int:
        """Keep them alive until SIGTERM or SIGINT, then let all end; the exit status.

        Also ends when members keep dying, and at once when one says by EX_CONFIG that trying again can't help.
        """
        with _hearing() as hear:
            self._due = [0.0] * self._size
            self._launch_due()
            while self._failed is None and not _asked(hear(self._patience_s())):
                self._bury()
                self._launch_due()
            self._end_all(hear)
        return self._failed or 0

    def _patience_s(self) -> float | None:
        return max(0.0, min(self._due) - time.monotonic()) if self._due else None

    def _launch_due(self) -> None:
        now = time.monotonic()
        late = [at for at in self._due if at <= now]
        self._due = [at for at in self._due if at > now]
        for _ in late:
            self._pids.add(_forked(self._member))

    def _bury(self) -> None:
        for status in self._ended():
            now = time.monotonic()
            self._deaths.append(now)
            while self._deaths[0] < now - 60:
                self._deaths.popleft()
            if status == os.EX_CONFIG or len(self._deaths) >= DEATHS_PER_MINUTE + self._size:
                self._failed = status if status > 0 else 1
                return
            pause_s = min(_FIRST_BACKOFF_S * 2 ** (len(self._deaths) - 1), _LONGEST_BACKOFF_S)
            _log.warning("gateway_process_died", status=status, again_in_s=pause_s)
            self._due.append(now + pause_s)

    def _ended(self) -> Iterable[int]:
        """Exit statuses, negative for a signal."""
        for pid in list(self._pids):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._pids.discard(pid)
                self._on_end(pid)
                yield os.waitstatus_to_exitcode(status)

    def _end_all(self, hear: Hear) -> None:
        self._tell(signal.SIGTERM)
        give_up_at = time.monotonic() + self._grace_s
        while self._pids:
            left_s = give_up_at - time.monotonic()
            if left_s <= 0:
                self._tell(signal.SIGKILL)
            if signal.SIGINT in hear(max(0.1, left_s)):
                self._tell(signal.SIGINT)  # asked again: they cut short what they do
            list(self._ended())

    def _tell(self, number: signal.Signals) -> None:
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _asked(heard: bytes) -> bool:
    return any(number in heard for number in _ASKED)


@contextmanager
def _hearing() -> Generator[Hear]:
    """Signals as something to wait for, with a limit."""
    reading, writing = socket.socketpair()
    writing.setblocking(False)  # noqa: FBT003  the standard library's
    before = {number: signal.signal(number, _noted) for number in _HEARD}
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)

    def hear(within_s: float | None) -> bytes:
        reading.settimeout(within_s)
        with suppress(BlockingIOError, TimeoutError):
            return reading.recv(4_096)
        return b""

    try:
        yield hear
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        reading.close()
        writing.close()


def _noted(_number: int, _frame: FrameType | None) -> None:
    """The wake-up descriptor has told already."""


def _forked(member: Callable[[], int]) -> int:
    """A member's process id."""
    parent = os.getpid()
    # A signal between the fork and the first line of the member would meet our handler there, and be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)
    pid = os.fork()
    if pid == 0:
        _become(member, parent)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)
    return pid


def _become(member: Callable[[], int], parent: int) -> NoReturn:
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in _HEARD:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)
        end_with(parent, signal.SIGTERM)
        status = member()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001  nothing of this process may run on in the copy
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
