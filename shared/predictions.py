"""What a model says of one input, typed by what sort of answer it is."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.inputs import Point, PosePoint


class Answer(BaseModel):
    """Base of what we send: fields may be added later, so readers ignore what they don't know."""

    model_config = ConfigDict(frozen=True)


class Score(Answer):
    """One class and its probability (softmax), in [0, 1]."""

    label: str
    confidence: float


class DetectedHand(Answer):
    """A hand in a photo; ``score`` is the certainty of its ``handedness``, in [0, 1].

    It is the person's own left or right hand if the photo isn't mirrored, as a selfie preview is.
    """

    handedness: Literal["Left", "Right"]
    score: float
    landmarks: list[Point]


class GesturePrediction(Answer):
    """One hand or movement. ``detected`` is false where a photo showed no hand: then there is no label.

    ``label`` is null too when the best class is below the asked ``min_confidence``.
    """

    type: Literal["gesture"] = "gesture"
    detected: bool = True
    label: str | None = None
    confidence: float | None = None
    top: list[Score] = []
    hand: DetectedHand | None = None


class BatchPrediction(Answer):
    """Many rows of one tensor: ``classes[indices[i]]`` is row i's label, ``confidences[i]`` its probability.

    An index is null where the probability is below the asked ``min_confidence``.
    """

    type: Literal["batch"] = "batch"
    rows: int
    classes: list[str]
    indices: list[int | None]
    confidences: list[float]


class KeypointsPrediction(Answer):
    """Landmarks of a photo: hands in ``hands``; a pose model also fills the parts of a sequence frame."""

    type: Literal["keypoints"] = "keypoints"
    detected: bool
    hands: list[DetectedHand] = []
    pose: list[PosePoint] | None = None
    left_hand: list[Point] | None = None
    right_hand: list[Point] | None = None


class PixelBox(Answer):
    """Where something is in the image: of whole pixels, from the upper left corner."""

    x: int
    y: int
    width: int
    height: int


class FractionBox(Answer):
    """The same as fractions of the image's width and height, in [0, 1]."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


class Keypoint(Answer):
    """A point of something. ``x`` and ``y`` are fractions of the image; ``z``, where it is told, on x's scale.

    ``visibility``: how likely it is seen, in [0, 1].
    """

    name: str | None = None
    x: float
    y: float
    pixel_x: float
    pixel_y: float
    z: float | None = None
    visibility: float | None = None


class DetectedObject(Answer):
    """Something that was found. ``label`` is its class's number where the model names none."""

    label: str
    label_id: int
    confidence: float
    box: PixelBox
    box_normalised: FractionBox
    keypoints: list[Keypoint] = []


class DetectionPrediction(Answer):
    """What was found in an image of ``width`` by ``height`` pixels, the surest first."""

    type: Literal["detection"] = "detection"
    width: int
    height: int
    objects: list[DetectedObject]


class Attribute(Answer):
    """What one output of a classifier says. ``text`` of one that says no class: a number, or several words."""

    name: str
    label: str | None = None
    confidence: float | None = None
    text: str | None = None
    top: list[Score] = []


class ClassificationPrediction(Answer):
    """What an image shows. ``label`` and ``top`` are those of the first output that says classes.

    ``label`` is null where the likeliest class is below the asked ``min_confidence``. ``attributes``: each output.
    """

    type: Literal["classification"] = "classification"
    label: str | None = None
    confidence: float | None = None
    top: list[Score] = []
    attributes: list[Attribute] = []


class Pose(Answer):
    """The points of one person, hand or face. ``box`` where the model tells one."""

    confidence: float | None = None
    box: PixelBox | None = None
    box_normalised: FractionBox | None = None
    keypoints: list[Keypoint]


class PosePrediction(Answer):
    """The poses in an image of ``width`` by ``height`` pixels, the surest first."""

    type: Literal["pose"] = "pose"
    width: int
    height: int
    poses: list[Pose]


class TextLine(Answer):
    """A line of text. ``polygon``: its corners in pixels, clockwise from where it begins; its box holds them.

    ``confidence`` is the mean over its characters; ``detection``: how sure the detector is that it is text.
    """

    text: str
    confidence: float
    detection: float | None = None
    box: PixelBox
    box_normalised: FractionBox
    polygon: list[tuple[float, float]]


class TextPrediction(Answer):
    """What an image says: ``text`` is the lines, from top to bottom, one a line."""

    type: Literal["text"] = "text"
    width: int
    height: int
    text: str
    lines: list[TextLine]


class RawTensor(Answer):
    """An output as the network gives it: ``data`` is base64 of little-endian numbers, row after row.

    A large one is an artifact instead, an ``.npy`` file called ``artifact``.
    """

    name: str
    shape: list[int]
    dtype: str
    data: str | None = None
    artifact: str | None = None


class RawPrediction(Answer):
    """The outputs of a model nobody told us how to read."""

    type: Literal["raw"] = "raw"
    outputs: list[RawTensor]


Prediction = Annotated[
    GesturePrediction
    | BatchPrediction
    | KeypointsPrediction
    | DetectionPrediction
    | ClassificationPrediction
    | PosePrediction
    | TextPrediction
    | RawPrediction,
    Field(discriminator="type"),
]
