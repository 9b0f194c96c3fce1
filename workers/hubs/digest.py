"""The sha256 of a file, taken while the file still grows."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from workers.dialing import LOOK_S

_CHUNK = 1 << 20


class GrowingDigest:
    """Reads behind whoever writes ``path``, on a thread of its own, which leaving this ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = threading.Condition()
        self._size = 0
        self._whole = False
        self._left = False
        self._digest = hashlib.sha256()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._follow, name="digest", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._changed:
            self._left = True
            self._changed.notify()
        self._thread.join()

    def grown(self, size: int) -> None:
        """So many bytes are in the file now; they don't change any more."""
        with self._changed:
            self._size = size
            self._changed.notify()

    def finish(self, on_wait: Callable[[], None]) -> str:
        """The sum, lower-case hexadecimal; ``on_wait`` is called while it isn't there yet. Raises OSError."""
        with self._changed:
            self._whole = True
            self._changed.notify()
        while self._thread.is_alive():
            self._thread.join(LOOK_S)
            on_wait()
        if self._failure:
            raise self._failure
        return self._digest.hexdigest()

    def _follow(self) -> None:
        try:
            with self._path.open("rb", buffering=0) as file:
                done = 0
                while (size := self._next(done)) is not None:
                    while done < size and not self._left:
                        piece = file.read(min(_CHUNK, size - done))
                        self._digest.update(piece)
                        done += len(piece)
        except OSError as error:
            self._failure = error

    def _next(self, done: int) -> int | None:
        """How far to read; None: no further."""
        with self._changed:
            self._changed.wait_for(lambda: self._left or self._whole or self._size > done)
            return None if self._left or self._size <= done else self._size
