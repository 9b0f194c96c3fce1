"""What a pipeline's process may use, and when it is given up. Standard library only."""

import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_FIRST_TO_GO = 800
_GRACE_S = 1
"""Of processor time: at the hard limit the kernel kills without saying why, at the soft one it does."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``memory_bytes`` of address space, ``cpu_s`` of processor time: 0 is what the worker itself may have.

    ``inactivity_s``: so long no frame may move. ``stop_s``: for the pipeline to finish its files once it is
    stopped. ``wall_s``: for the whole run; None: no limit.
    """

    memory_bytes: int = 0
    cpu_s: int = 0
    open_files: int = 1_024
    inactivity_s: float = 120.0
    stop_s: float = 5.0
    wall_s: float | None = None

    def apply(self) -> None:
        """Bind this process, which also becomes the first that the kernel ends when memory runs out."""
        _lower(resource.RLIMIT_CORE, 0)
        _lower(resource.RLIMIT_NOFILE, self.open_files)
        if self.memory_bytes:
            _lower(resource.RLIMIT_AS, self.memory_bytes)
        if self.cpu_s:
            _lower(resource.RLIMIT_CPU, self.cpu_s, _GRACE_S)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(str(_FIRST_TO_GO), "ascii")


def _lower(what: int, most: int, grace: int = 0) -> None:
    _, hard = resource.getrlimit(what)
    soft, last = (each if hard == resource.RLIM_INFINITY else min(each, hard) for each in (most, most + grace))
    resource.setrlimit(what, (soft, last))
