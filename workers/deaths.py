"""Why a process ended, in words. Light, because the warden imports it."""

import os
import signal
from contextlib import suppress
from pathlib import Path

STUCK = os.EX_TEMPFAIL
"""Exit status of a worker process that ended itself because work didn't stop."""

_WORDS = {
    STUCK: "ended itself, because work didn't stop when it was told to",
    os.EX_CONFIG: "couldn't start as it was asked to",
}


def describe(
    status: int, *, hung_s: float | None = None, oom: bool = False, what: str = "the worker process"
) -> str:
    """What became of a process. ``status`` is negative for a signal.

    ``hung_s``: it was killed because it gave no sign of life for so long; ``oom``: the kernel killed a process
    of ours for want of memory.
    """
    if hung_s is not None:
        return f"{what} hung: killed after {hung_s:.1f} s without a sign of life"
    if status == -signal.SIGKILL and oom:
        return f"{what} was killed by the kernel: out of memory (OOM)"
    if status < 0:
        return f"{what} was killed by {_name(-status)}"
    return f"{what} {_WORDS.get(status, f'ended with status {status} in the middle of its work')}"


def exit_status(status: int) -> int:
    """The status with which a parent passes on its child's end, as shells do."""
    return 128 - status if status < 0 else status


def oom_kills(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """How many processes of this control group the kernel has killed for want of memory.

    Of the machine where that is unknown, 0 where nothing is known.
    """
    for file in (*_of_group(proc, cgroups), proc / "vmstat"):
        with suppress(OSError, ValueError):
            for line in file.read_text("ascii").splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0


def _of_group(proc: Path, cgroups: Path) -> list[Path]:
    """Files with the count, of cgroup v2 and v1; in a container its group can be mounted as the root."""
    found: list[Path] = []
    with suppress(OSError):
        for line in (proc / "self/cgroup").read_text("utf-8").splitlines():
            _number, controllers, path = line.split(":", 2)
            here = path.lstrip("/")
            if not controllers:
                found += [cgroups / here / "memory.events", cgroups / "memory.events"]
            elif "memory" in controllers.split(","):
                own = cgroups / "memory"
                found += [own / here / "memory.oom_control", own / "memory.oom_control"]
    return found


def _name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    words = signal.strsignal(number)
    return f"{name} ({words.lower()})" if words else name
