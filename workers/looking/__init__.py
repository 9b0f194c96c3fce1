"""A look into files of strangers, by a process of its own: ``python -m workers.looking KIND PATH THUMBNAIL …``.

Decoders crash on files that were made to crash them, and some files unfold to gigabytes: then one helper is lost,
which may have so much of the machine and no more, and not a worker. It prints one line of JSON: a ``Seen``.
"""

from typing import Literal

from pydantic import BaseModel

Kind = Literal["video", "photo", "image_set"]


class Limits(BaseModel):
    """``pixels`` of one frame; ``cpu_s`` and ``memory_bytes`` of the process. The rest is of videos."""

    pixels: int
    cpu_s: int
    memory_bytes: int
    containers: frozenset[str] | None = None
    codecs: frozenset[str] | None = None


class Seen(BaseModel):
    """What is in the file, as ``InstalledMedium`` says it; or why it isn't taken: a code of ``media_errors``.

    ``container`` and ``codec`` are empty where they aren't known. The ``suffix`` has its dot.
    """

    container: str = ""
    codec: str = ""
    suffix: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    frames: int = 0
    refused: str = ""
    detail: str = ""

    @property
    def duration_s(self) -> float:
        """0 where the rate isn't known."""
        return round(self.frames / self.fps, 3) if self.fps else 0.0


class Refusal(Exception):
    """Why the file isn't taken."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)
