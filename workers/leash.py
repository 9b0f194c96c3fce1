"""Run a command that is killed when its parent dies: ``python -I -S leash.py PARENT_PID COMMAND…``.

A file to run, not to import: it becomes the command, so the process id stays the same. The kernel ties the
command to the thread that started it, so that thread must live as long as the command should.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel (Linux's only) to kill us when the parent dies, then become COMMAND."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != int(parent):  # it died before we asked
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - the whole point: no shell, no second process


if __name__ == "__main__":
    main()
