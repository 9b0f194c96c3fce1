"""Inputs apart from specs: a job's record stays small, its inputs travel as bytes.

Landmarks become little-endian float32 rows; neighbouring ones share a blob. Photos stay as they were sent.
"""

import base64
import binascii
import math
import sys
from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from shared.arrived import Arrived, Blob, all_small, content_of
from shared.errors import InvalidSpec
from shared.graph.model import Graph
from shared.inputs import (
    HAND_POINTS,
    LANDMARK_COLUMNS,
    MAX_COORDINATE,
    MAX_JOB_FRAMES,
    MAX_ROWS,
    POSE_POINTS,
    WORD_FRAMES,
    DataInput,
    FileInput,
    Frame,
    LandmarksInput,
    MediaInput,
    Point,
    SequenceInput,
    Tensor,
    TensorInput,
)
from shared.measurements import (
    ComparedModel,
    DensityFields,
    OptimizeFields,
    PerformanceFields,
    ShareFields,
    ValidateFields,
)
from shared.pipelines import PipelineSource
from shared.specs import (
    InferenceFields,
    InferenceSpec,
    MediaDownloadSpec,
    MediaUploadSpec,
    ModelConvertSpec,
    ModelDeleteSpec,
    ModelDownloadSpec,
    ModelUploadSpec,
    PipelineFields,
    SweepSpec,
)
from shared.suites import SuiteFields

PackedKind = Literal["landmarks", "sequence", "image", "tensor"]


class PackedInput(BaseModel):
    """Where the bytes of one or more inputs are.

    ``rows``: hands in a landmarks or tensor blob (x 63 float32), the kept frames of a sequence (x 258), 1 for an
    image. Each landmarks row answers one input; a tensor as a whole answers one. ``media``: images of the library
    by its name, instead of a blob.
    """

    model_config = ConfigDict(frozen=True)

    kind: PackedKind
    blob: int
    rows: int
    media: str | None = None


class InferenceTask(InferenceFields):
    """An accepted inference job: its inputs are blobs beside the record."""

    inputs: list[PackedInput]


class PipelineTask(PipelineFields):
    """An accepted pipeline job: its graph, by names, as it was when the job was accepted.

    ``pipeline_id``: what results call it: ``/pipelines/<id>/variants/<id>``, or the caller's name for it.
    """

    pipeline_id: str
    graph: Graph


class PerformanceTask(PerformanceFields):
    """An accepted performance test. Each pipeline is as a job of its own would have it, its files repeated."""

    specs: list[PipelineTask]


class DensityTask(DensityFields):
    """An accepted search for density. ``shares`` say how many streams each of the pipelines has."""

    specs: list[PipelineTask]
    shares: list[ShareFields]


class OptimizeTask(OptimizeFields):
    """An accepted optimisation."""

    pipeline: PipelineTask


class ValidateTask(ValidateFields):
    """An accepted validation of a pipeline or a model. ``graph`` is that of a variant that ``pipeline`` names.

    What doesn't parse, or isn't allowed, is a verdict: it is accepted all the same.
    """

    pipeline_id: str = ""
    pipeline: PipelineSource | None = None
    graph: Graph | None = None
    model: ComparedModel | None = None


class SuiteTaskTest(BaseModel):
    """A test of an accepted suite. ``task``: what a job of its own would do."""

    model_config = ConfigDict(frozen=True)

    name: str
    weight: float
    reference: float
    task: Annotated[PerformanceTask | DensityTask, Field(discriminator="kind")]


class SuiteTask(SuiteFields):
    """An accepted suite; one that ships as it was then."""

    tests: list[SuiteTaskTest]


AnyTask = (
    InferenceTask
    | ModelDownloadSpec
    | ModelConvertSpec
    | ModelUploadSpec
    | ModelDeleteSpec
    | MediaDownloadSpec
    | MediaUploadSpec
    | PipelineTask
    | PerformanceTask
    | DensityTask
    | OptimizeTask
    | ValidateTask
    | SuiteTask
    | SweepSpec
)
"""A spec as the record keeps it."""

Task = Annotated[AnyTask, Field(discriminator="kind")]

TASK: TypeAdapter[AnyTask] = TypeAdapter(Task)

_NOT_MODERATE = f"every number must be finite and within ±{MAX_COORDINATE:,.0f}"

ImageCheck = Callable[[bytes], None]
"""Raises ValueError with a sentence for the client when the bytes aren't an image we take."""


def pack(
    spec: InferenceSpec, files: Mapping[str, Blob], check_image: ImageCheck, most_rows: int = MAX_ROWS
) -> tuple[InferenceTask, list[Blob]]:
    """The task of ``spec`` and its blobs. Raises InvalidSpec naming every input that is broken."""
    _count_rows(spec, most_rows)
    _count_frames(spec)
    packer = _Packer(files, check_image)
    for number, item in enumerate(spec.inputs):
        packer.add(f"/inputs/{number}", item)
    if packer.broken:
        raise InvalidSpec(*packer.broken)
    fields = {name: getattr(spec, name) for name in InferenceFields.model_fields}
    return InferenceTask(**fields, inputs=packer.packed), [
        bytes(blob) if isinstance(blob, bytearray) else blob for blob in packer.blobs
    ]


def group_of(task: AnyTask, most_rows: int) -> str:
    """The group in which the job may wait with others, to be run in one pass; "" for a job that runs alone."""
    if not isinstance(task, InferenceTask) or any(item.kind == "image" for item in task.inputs):
        return ""
    return f"inference:{task.model}" if sum(item.rows for item in task.inputs) <= most_rows else ""


def _count_rows(spec: InferenceSpec, most: int) -> None:
    rows = sum(item.tensor.shape[0] if isinstance(item, TensorInput) else 1 for item in spec.inputs)
    if rows > most:
        raise InvalidSpec(("/inputs", f"a job has at most {most:,} rows in all, not {rows:,}"))


def _count_frames(spec: InferenceSpec) -> None:
    total = 0
    for number, item in enumerate(spec.inputs):
        total += len(item.sequence) if isinstance(item, SequenceInput) else 0
        if total > MAX_JOB_FRAMES:
            raise InvalidSpec(
                (f"/inputs/{number}", f"the sequences of a job have at most {MAX_JOB_FRAMES:,} frames in all")
            )


class _Packer:
    def __init__(self, files: Mapping[str, Blob], check_image: ImageCheck) -> None:
        self.files = files
        self.check_image = check_image
        self.packed: list[PackedInput] = []
        self.blobs: list[Blob | bytearray] = []
        self.broken: list[tuple[str, str]] = []

    def add(
        self,
        pointer: str,
        item: LandmarksInput | SequenceInput | DataInput | FileInput | TensorInput | MediaInput,
    ) -> None:
        match item:
            case LandmarksInput():
                self._landmarks(item.landmarks)
            case SequenceInput():
                kept = item.sequence[:WORD_FRAMES]
                self._push("sequence", frame_floats(kept), len(kept))
            case TensorInput():
                self._tensor(pointer, item.tensor)
            case MediaInput():
                self.packed.append(PackedInput(kind="image", blob=0, rows=1, media=item.media))
            case DataInput():
                self._image(f"{pointer}/data", decode_base64(item.data), "not standard base64")
            case FileInput():
                missing = f"the request has no part named {item.file!r}"
                self._image(f"{pointer}/file", self.files.get(item.file), missing)

    def _push(self, kind: PackedKind, blob: Blob | bytearray, rows: int) -> None:
        self.packed.append(PackedInput(kind=kind, blob=len(self.blobs), rows=rows))
        self.blobs.append(blob)

    def _landmarks(self, hand: list[Point]) -> None:
        row = hand_floats(hand)
        last = self.packed[-1] if self.packed else None
        blob = self.blobs[-1] if self.blobs else None
        if last and last.kind == "landmarks" and isinstance(blob, bytearray):
            blob += row
            self.packed[-1] = last.model_copy(update={"rows": last.rows + 1})
        else:
            self._push("landmarks", bytearray(row), 1)

    def _tensor(self, pointer: str, tensor: Tensor) -> None:
        if tensor.data is not None:
            where, raw, missing = "data", decode_base64(tensor.data), "not standard base64"
        else:
            missing = f"the request has no part named {tensor.file!r}"
            where, raw = "file", self.files.get(tensor.file or "")
        expected = tensor.shape[0] * LANDMARK_COLUMNS * 4
        if raw is None:
            wrong = missing
        elif len(raw) != expected:
            wrong = f"{len(raw)} bytes, but shape {list(tensor.shape)} needs {expected}"
        elif not all_moderate(raw):
            wrong = _NOT_MODERATE
        else:
            self._push("tensor", raw, tensor.shape[0])
            return
        self.broken.append((f"{pointer}/tensor/{where}", wrong))

    def _image(self, pointer: str, image: Blob | None, missing: str) -> None:
        if image is None:
            self.broken.append((pointer, missing))
            return
        try:
            self.check_image(content_of(image))
        except ValueError as error:
            self.broken.append((pointer, str(error)))
        else:
            self._push("image", image, 1)


def floats(values: Iterable[float]) -> bytes:
    """Little-endian float32."""
    packed = array("f", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def hand_floats(hand: Iterable[Point]) -> bytes:
    """x, y, z of each point, as ``floats``."""
    return floats([value for point in hand for value in (point.x, point.y, point.z)])


def frame_floats(frames: Iterable[Frame]) -> bytes:
    """258 numbers of each frame, as ``floats``; zeros for parts that weren't seen."""
    return floats(_frame_values(frames))


def all_moderate(raw: Blob) -> bool:
    """Whether every little-endian float32 in ``raw`` is finite and as near to 0 as a ``Coordinate``."""
    if raw.is_small if isinstance(raw, Arrived) else all_small(raw):
        return True  # as nearly always, in a twentieth of the time
    raw = content_of(raw)
    values = array("f", raw)
    if sys.byteorder == "big":
        values.byteswap()
    # Comparisons may skip NaN. A sum of float32 can't overflow a double, so it is finite if each of them is.
    return min(values) >= -MAX_COORDINATE and max(values) <= MAX_COORDINATE and math.isfinite(sum(values))


def decode_base64(text: str) -> bytes | None:
    """The bytes, or None if ``text`` isn't standard base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _frame_values(frames: Iterable[Frame]) -> Iterable[float]:
    for frame in frames:
        if frame.pose is None:
            yield from (0.0,) * (POSE_POINTS * 4)
        else:
            for point in frame.pose:
                yield from (point.x, point.y, point.z, point.visibility)
        for hand in (frame.left_hand, frame.right_hand):
            if hand is None:
                yield from (0.0,) * (HAND_POINTS * 3)
            else:
                for point in hand:
                    yield from (point.x, point.y, point.z)
