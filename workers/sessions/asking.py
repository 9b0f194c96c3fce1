"""A frame as the inference handler sees it: as an attempt of a job with one input."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import ModelUnusable
from shared.packing import InferenceTask


@dataclass(frozen=True, slots=True)
class FrameAsking:
    """One question."""

    task: InferenceTask
    blobs: Sequence[bytes]

    @property
    def tenant(self) -> str:
        """Nobody's: a frame names no medium."""
        return ""

    def check(self) -> None:
        """A frame is short: it is never stopped."""

    def progress(self, fraction: float, stage: str, message: str | None = None) -> None:
        """Of one frame nothing is told until it is done."""

    def save_artifact(self, name: str, content: bytes, media_type: str) -> object:
        """Raises ModelUnusable: a frame leaves no files."""
        del content, media_type
        raise ModelUnusable(f"{name} would be a file, and sessions have none; ask with a job")
