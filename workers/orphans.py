"""Processes whose parents died, adopted so that they can be ended. Elsewhere than on Linux nothing happens."""

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_LIMIT_S = 2.0


def adopt() -> None:
    """From now on orphans among this process's descendants become its children."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def bury(spared: int) -> None:
    """Let go of dead children, but for the one whose parent asks for its status itself."""
    with suppress(ChildProcessError):
        while (dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and dead.si_pid != spared:
            os.waitpid(dead.si_pid, 0)


def kill() -> None:
    """End all children, and theirs as they become ours; return when none is left, or after two seconds."""
    until = time.monotonic() + _LIMIT_S
    while time.monotonic() < until and (children := _children()):
        for child in children:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _children() -> list[int]:
    me = os.getpid()
    try:
        return [int(child) for child in Path(f"/proc/{me}/task/{me}/children").read_text("ascii").split()]
    except OSError:
        return []
