"""Ties a command's life to the thread that starts it.

As a file it is run (``python -I -S leash.py PARENT_PID SIGNAL COMMAND…``) and becomes the command, which thereby
keeps its process id. The kernel watches the thread, which must therefore live as long as the command should.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def leash(death_signal: signal.Signals) -> list[str]:
    """The words before a command (the path of a program) that has to end, by this signal, with the calling thread.

    Elsewhere than on Linux the command is merely started.
    """
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(death_signal))]


def end_with(parent: int, death_signal: int) -> None:
    """Let the kernel send this process ``death_signal`` when its parent dies; exit if it is dead already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)


def main() -> None:
    """Ask the kernel for SIGNAL at the parent's death, then become COMMAND."""
    parent, death_signal, *command = sys.argv[1:]
    end_with(int(parent), int(death_signal))
    os.execv(command[0], command)  # noqa: S606  the whole point: no shell, no second process


if __name__ == "__main__":
    main()
