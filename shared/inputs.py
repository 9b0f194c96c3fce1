"""What an inference job can be given, as it stands on the wire.

Shapes follow MediaPipe: 21 points a hand, 33 a pose; x and y are fractions of the image's width and height
(they may leave [0, 1] a little), z is on x's scale, 0 at the wrist.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

HAND_POINTS = 21
POSE_POINTS = 33
LANDMARK_COLUMNS = HAND_POINTS * 3
FRAME_COLUMNS = POSE_POINTS * 4 + 2 * LANDMARK_COLUMNS
"""258: pose (x, y, z, visibility), left hand, right hand."""

MAX_SEQUENCE_FRAMES = 1_000
MAX_JOB_FRAMES = 20_000
"""Of all sequences of a job together. An empty frame is two characters in JSON but 1,032 bytes once packed."""

WORD_FRAMES = 40
"""Frames a word model looks at; those after them aren't kept."""

MAX_INPUTS = 10_000
MAX_ROWS = 1_000_000
"""Of all tensors of a job together; ``limits.rows`` may be lower."""
MAX_COORDINATE = 1e6
"""Far inside float32: a network that adds up products of such numbers doesn't overflow."""

Coordinate = Annotated[float, Field(strict=True, ge=-MAX_COORDINATE, le=MAX_COORDINATE, allow_inf_nan=False)]


class Wire(BaseModel):
    """Base of everything a client sends: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Point(Wire):
    """One hand landmark."""

    x: Coordinate
    y: Coordinate
    z: Coordinate


class PosePoint(Point):
    """One pose landmark; ``visibility`` in [0, 1]."""

    visibility: Coordinate = 0.0


Hand = Annotated[list[Point], Field(min_length=HAND_POINTS, max_length=HAND_POINTS)]
Pose = Annotated[list[PosePoint], Field(min_length=POSE_POINTS, max_length=POSE_POINTS)]


class Frame(Wire):
    """One moment of a sequence; a part that wasn't seen is left out and counts as zeros."""

    pose: Pose | None = None
    left_hand: Hand | None = None
    right_hand: Hand | None = None


class LandmarksInput(Wire):
    """One hand."""

    landmarks: Hand


class SequenceInput(Wire):
    """A movement. Word models look at the first 40 frames; the others are checked, then left out.

    All sequences of a job together have at most 20,000 frames.
    """

    sequence: Annotated[list[Frame], Field(min_length=1, max_length=MAX_SEQUENCE_FRAMES)]


class DataInput(Wire):
    """A JPEG, PNG or WebP photo in standard base64, or in a request in msgpack as a binary string."""

    data: Annotated[str, Field(min_length=1)]


class FileInput(Wire):
    """A photo sent as a part of the same multipart request, by the part's name."""

    file: Annotated[str, Field(min_length=1, max_length=200)]


class MediaInput(Wire):
    """A photo or an image set of the library, by its name, as it is when the job runs.

    A set counts as its images: each has a prediction of its own. A job looks at 10,000 images at most.
    """

    media: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Tensor(Wire):
    """Rows of landmarks in bulk: little-endian float32, row after row.

    A row is x, y, z of point 0, then of point 1 … of point 20. ``data``: in base64, or in a request in msgpack a
    binary string as it is; ``file``: the name of a part of the same multipart request that has the bytes.
    """

    dtype: Literal["float32"] = "float32"
    shape: tuple[Annotated[int, Field(ge=1, le=MAX_ROWS)], Literal[63]]
    data: Annotated[str, Field(min_length=1)] | None = None
    file: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.data is None) == (self.file is None):
            raise PydanticCustomError("one_source", "give exactly one of data (base64) or file (part name)")
        return self


class TensorInput(Wire):
    """Many hands at once, answered by one batch prediction."""

    tensor: Tensor


_FORMS = ("landmarks", "sequence", "data", "file", "tensor", "media")


def _form(value: Any) -> str | None:
    if isinstance(value, dict):
        return next((form for form in _FORMS if form in value), None)
    return next((form for form in _FORMS if hasattr(value, form)), None)


InferenceInput = Annotated[
    Annotated[LandmarksInput, Tag("landmarks")]
    | Annotated[SequenceInput, Tag("sequence")]
    | Annotated[DataInput, Tag("data")]
    | Annotated[FileInput, Tag("file")]
    | Annotated[TensorInput, Tag("tensor")]
    | Annotated[MediaInput, Tag("media")],
    Discriminator(
        _form,
        custom_error_type="input_form",
        custom_error_message="give exactly one of landmarks, sequence, data (base64), file (part name), media "
        "(name) or tensor",
    ),
]
