"""A sha256 that knows what it cost."""

import hashlib
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sum:
    """``sha256``: lower-case hexadecimal; ``seconds``: what taking it took."""

    sha256: str
    seconds: float


class Checksum:
    """Taken piece by piece."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._seconds = 0.0

    def add(self, piece: bytes) -> None:
        """The next piece."""
        begun = time.perf_counter()
        self._digest.update(piece)
        self._seconds += time.perf_counter() - begun

    def sum(self) -> Sum:
        """Of all pieces so far."""
        return Sum(self._digest.hexdigest(), self._seconds)
