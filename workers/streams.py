"""Carries a process's output on, line by line. Light, because the warden imports it."""

import os
import select
from collections.abc import Callable

_CHUNK = 65_536
_LONGEST_LINE = 1024 * 1024


class Forwarder:
    """From one descriptor to another, unchanged, in whole lines: two of them may share a target."""

    def __init__(self, source: int, target: int, on_line: Callable[[str], None]) -> None:
        self.source = source
        self.ended = False
        self._target = target
        self._on_line = on_line
        self._partial = b""

    def forward(self) -> None:
        """Take what is there, at most 64 KiB; waits if there is nothing."""
        chunk = os.read(self.source, _CHUNK)
        self.ended = not chunk
        whole, newline, self._partial = (self._partial + chunk).rpartition(b"\n")
        self._pass_on(whole + newline)
        if self.ended or len(self._partial) > _LONGEST_LINE:
            self.flush()

    def flush(self) -> None:
        """Pass on the beginning of a line that hasn't ended."""
        rest, self._partial = self._partial, b""
        self._pass_on(rest)

    def _pass_on(self, text: bytes) -> None:
        for line in text.splitlines():
            self._on_line(line.decode("utf-8", "replace"))
        try:
            _write(self._target, text)
        except OSError:
            return  # nobody listens any more


def _write(target: int, text: bytes) -> None:
    left = memoryview(text)
    while left:
        try:
            left = left[os.write(target, left) :]
        except BlockingIOError:
            select.select([], [target], [])
