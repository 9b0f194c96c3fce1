"""The inputs of an inference job, as arrays, with the time it took to make them."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

import numpy as np

from shared.catalogue import CatalogueEntry
from shared.errors import InputUnreadable, ModelUnusable
from shared.inputs import FRAME_COLUMNS, LANDMARK_COLUMNS
from shared.packing import AnyTask, InferenceTask, PackedInput, PackedKind
from shared.results import InferenceTimings
from workers.media_store import MediumFile
from workers.vision.features import Floats, mirror_frames, mirror_rows
from workers.vision.images import Pixels, decode, flipped, to_jpeg

Step = Literal["decode_ms", "landmarks_ms", "model_ms", "annotate_ms"]

_LITTLE_ENDIAN = np.dtype("<f4")


class Asking(Protocol):
    """What inference needs of whoever asks: the attempt of a job, or a frame of a session. As in JobContext."""

    @property
    def tenant(self) -> str: ...  # noqa: D102
    @property
    def task(self) -> AnyTask: ...  # noqa: D102
    @property
    def blobs(self) -> Sequence[bytes]: ...  # noqa: D102
    def check(self) -> None: ...  # noqa: D102
    def progress(self, fraction: float, stage: str, message: str | None = None) -> None: ...  # noqa: D102
    def save_artifact(self, name: str, content: bytes, media_type: str) -> object: ...  # noqa: D102


def images(medium: MediumFile) -> list[Path]:
    """The files of a photo or image set, in their order. Raises InputUnreadable for a video."""
    if medium.medium.kind == "video":
        msg = f"{medium.medium.name} is a video; an inference job looks at photos and image sets"
        raise InputUnreadable(msg)
    if medium.medium.kind == "photo":
        return [medium.path]
    return sorted(medium.path.iterdir(), key=lambda path: (len(path.name), path.name))


@dataclass(frozen=True, slots=True)
class Numbered:
    """A packed input, and the number of the first prediction it gets. ``path``: of an image of the library."""

    number: int
    packed: PackedInput
    path: Path | None = None


class Inputs:
    """Reads one job's inputs. Mirroring is done here: everything later sees the mirrored ones."""

    def __init__(
        self,
        context: Asking,
        task: InferenceTask,
        entry: CatalogueEntry,
        media: Mapping[str, Sequence[Path]] = MappingProxyType({}),
    ) -> None:
        """``media``: the files of those that the task names."""
        self.context = context
        self._media = media
        self.entry = entry
        self.options = task.options
        self._packed = task.inputs
        self._photos = sum(
            len(media[item.media]) if item.media else 1 for item in task.inputs if item.kind == "image"
        )
        self._photos_read = 0
        self._spent: dict[str, float] = {}

    @contextmanager
    def timed(self, step: Step) -> Generator[None]:
        """Add the time spent inside to a step's."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._spent[step] = self._spent.get(step, 0.0) + (time.perf_counter() - started) * 1000

    @property
    def timings(self) -> InferenceTimings:
        """What was spent so far."""
        return InferenceTimings(**{step: round(spent, 3) for step, spent in self._spent.items()})

    def __iter__(self) -> Iterator[Numbered]:
        """The inputs in order. Raises InputUnreadable for a kind that the model doesn't take."""
        number = 0
        for packed in self._packed:
            self._check_kind(packed.kind, number)
            for path in self._media[packed.media] if packed.media else [None]:
                yield Numbered(number, packed, path)
                number += packed.rows if packed.kind == "landmarks" else 1

    def _check_kind(self, kind: PackedKind, number: int) -> None:
        if kind not in self.entry.accepts:
            msg = f"input {number}: {self.entry.name} takes {' or '.join(self.entry.accepts)}, not {kind}"
            raise InputUnreadable(msg)

    def require_own_runtime(self) -> None:
        """Raises ModelUnusable if a runtime was asked for that doesn't run this model."""
        if self.options.runtime not in {"auto", *self.entry.runtimes}:
            msg = f"{self.entry.name} runs on {', '.join(self.entry.runtimes)}, not on {self.options.runtime}"
            raise ModelUnusable(msg)

    def require_finite(self, answer: Floats, name: Callable[[int], str]) -> None:
        """Raises ModelUnusable for a row of [N, M] with NaN or infinity; ``name`` says whose answer a row is."""
        if np.isfinite(answer).all():
            return
        finite = np.isfinite(answer).all(axis=1)
        msg = f"{name(int(finite.argmin()))}: {self.entry.name} gave numbers that aren't finite"
        raise ModelUnusable(msg)

    def rows(self, item: Numbered) -> Floats:
        """[rows, 63] of landmarks or a tensor."""
        rows = self._floats(item, LANDMARK_COLUMNS)
        return mirror_rows(rows) if self.options.mirror else rows

    def frames(self, item: Numbered) -> Floats:
        """[frames, 258] of a sequence."""
        frames = self._floats(item, FRAME_COLUMNS)
        return mirror_frames(frames) if self.options.mirror else frames

    def _floats(self, item: Numbered, columns: int) -> Floats:
        blob = self.context.blobs[item.packed.blob]
        try:
            return (
                np.frombuffer(blob, _LITTLE_ENDIAN)
                .reshape(item.packed.rows, columns)
                .astype(np.float32, copy=False)
            )
        except ValueError as error:
            msg = f"input {item.number}: {len(blob)} bytes don't hold {item.packed.rows} rows of {columns} numbers"
            raise InputUnreadable(msg) from error

    def photo(self, item: Numbered) -> Pixels:
        """The decoded photo. Raises InputUnreadable."""
        with self.timed("decode_ms"):
            blobs = self.context.blobs
            content = item.path.read_bytes() if item.path else blobs[item.packed.blob]
            image = decode(content, f"input {item.number}")
            return flipped(image) if self.options.mirror else image

    def next_photo(self) -> None:
        """Before each photo: stop if asked to, and tell how many of several are done."""
        self.context.check()
        if self._photos > 1:
            message = f"photo {self._photos_read + 1} of {self._photos}"
            self.context.progress(self._photos_read / self._photos, "photos", message)
        self._photos_read += 1

    def keep_drawing(self, item: Numbered, image: Pixels) -> None:
        """Save an annotated photo as an artifact, named after the input's number."""
        self.context.save_artifact(f"annotated-{item.number}.jpg", to_jpeg(image), "image/jpeg")
