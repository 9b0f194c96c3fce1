"""Lines that somebody appends to a file, as they come."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_MOST = 1 << 20


class Tail:
    """One file, which may not be there yet."""

    def __init__(self, path: Path, stream: int) -> None:
        self.stream = stream
        self._path = path
        self._file: BinaryIO | None = None
        self._partial = b""

    def read(self, *, last: bool = False) -> Iterator[str]:
        """Whole lines since the last call, of the next megabyte at most; ``last``: all there are, then closed."""
        if self._file is None:
            try:
                self._file = self._path.open("rb")
            except FileNotFoundError:
                return
        while chunk := self._file.read(_MOST):
            *lines, self._partial = (self._partial + chunk).split(b"\n")
            for line in lines:
                if text := line.decode("utf-8", "replace").strip():
                    yield text
            if not last:
                return
        if last:
            self._file.close()
