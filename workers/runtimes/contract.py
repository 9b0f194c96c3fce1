"""What every runtime offers, whichever library does the work."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from workers.networks.placing import Fit
from workers.networks.reading import Reader
from workers.networks.shapes import Outputs
from workers.vision.features import Floats, Lengths
from workers.vision.images import Pixels

WEIGHTS = "weights.pth"
"""The file of a gesture model's PyTorch state."""

PRECISIONS = ("FP32", "FP16", "INT8")
"""Of OpenVINO variants, the most exact first."""

HAND_BUNDLE = "hand_landmarker.task"
POSE_NETWORKS = ("pose_detector.tflite", "pose_landmarks_detector.tflite")


def variant(precision: str) -> str:
    """File name of a converted model; its ``.bin`` lies beside it."""
    return f"openvino-{precision}.xml"


@dataclass(frozen=True, slots=True)
class Host:
    """Where a model runs: the lane's device id, threads one call may use, and how many calls come at once.

    ``precision``: of the OpenVINO variant that is loaded; None: the most exact.
    """

    device: str = "CPU"
    threads: int = 1
    slots: int = 1
    precision: str | None = None


class FoundHand(NamedTuple):
    """A hand in a photo: [21, 3] points, and which hand of the person it is if the photo isn't mirrored."""

    points: Floats
    side: Literal["Left", "Right"]
    score: float


class GestureModel(Protocol):
    """A classifier in memory. Safe to call from several threads."""

    @property
    def runtime(self) -> str:
        """The library it runs on."""
        ...

    def predict(self, rows: Floats, lengths: Lengths | None = None) -> Floats:
        """Probabilities [N, classes] of features: [N, 63], or [N, T <= 40, 258] with each row's true length."""
        ...


class ImageNetwork(Protocol):
    """A network that takes one picture, in memory. Safe to call from several threads."""

    @property
    def runtime(self) -> str:
        """The library it runs on."""
        ...

    @property
    def reader(self) -> Reader:
        """What makes sense of its outputs."""
        ...

    def look(self, image: Pixels) -> tuple[Outputs, Fit]:
        """Its outputs, and where the picture lay in its input. The arrays hold until this thread's next look."""
        ...


class HandFinder(Protocol):
    """Finds hands. Safe to call from several threads."""

    def find(self, image: Pixels) -> list[FoundHand]:
        """Up to two hands, the most certain detection first."""
        ...

    def close(self) -> None:
        """Let go of native memory."""
        ...


class PoseFinder(Protocol):
    """Finds a person. Safe to call from several threads."""

    def find(self, image: Pixels) -> Floats | None:
        """[33, 4] points with visibility, or None."""
        ...

    def close(self) -> None:
        """Let go of native memory."""
        ...
