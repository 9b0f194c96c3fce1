"""One log out of many processes: every line says who spoke."""

import re
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

LogSink = Callable[[str, str], None]
"""Takes the speaker and one line without its end. Called from several threads."""

_COLOURS = {"gateway": 36, "valkey": 90, "framelane": 97, "flower": 95}
_LANE_COLOURS = (32, 33, 34, 35, 92, 93, 94)
# Native lines of MediaPipe that no setting of it silences, and that say nothing a reader can act on.
_NOISE = re.compile(
    r"[IW]\d{4} \d\d:\d\d:\d|WARNING: (Logging before InitGoogle|Read-only tensor)|INFO: Created TensorFlow"
)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_WIDTH = 9


class ConsoleLog:
    """Lines on a stream, the speaker in its own colour when the stream is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colour = stream.isatty()
        self._lock = threading.Lock()

    def __call__(self, speaker: str, line: str) -> None:
        """Write one line at once."""
        label = f"{speaker:<{_WIDTH}} |"
        if self._colour:
            label = f"\x1b[{_colour_of(speaker)}m{label}\x1b[0m"
        text = line if self._colour else plain(line)
        with self._lock:
            self._stream.write(f"{label} {text}\n")
            self._stream.flush()


class FileLog:
    """Lines in a file that is begun anew when it is opened; lines before and after that are dropped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file: TextIO | None = None

    def open(self) -> None:
        """Begin the file."""
        self._file = self.path.open("w", encoding="utf-8", buffering=1)

    def __call__(self, speaker: str, line: str) -> None:
        """Write one line."""
        with self._lock:
            if self._file:
                self._file.write(f"{speaker:<{_WIDTH}} | {plain(line)}\n")

    def close(self) -> None:
        """End the file."""
        with self._lock:
            if self._file:
                self._file.close()
            self._file = None


def worth_reading(line: str) -> bool:
    """Not empty, nor what native libraries print at every start."""
    return bool(line) and _NOISE.match(line) is None


def plain(line: str) -> str:
    """The line without terminal colours."""
    return _ANSI.sub("", line)


def _colour_of(speaker: str) -> int:
    lane_colour = _LANE_COLOURS[zlib.crc32(speaker.encode()) % len(_LANE_COLOURS)]
    return _COLOURS.get(speaker, lane_colour)
