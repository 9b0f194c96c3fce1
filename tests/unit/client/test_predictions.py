"""What the command line says of each sort of answer."""

import pytest

from client.cli.predictions import prediction
from shared.predictions import (
    Attribute,
    BatchPrediction,
    ClassificationPrediction,
    DetectedObject,
    DetectionPrediction,
    FractionBox,
    GesturePrediction,
    Keypoint,
    KeypointsPrediction,
    PixelBox,
    Pose,
    PosePrediction,
    Prediction,
    RawPrediction,
    RawTensor,
    Score,
    TextLine,
    TextPrediction,
)

BOX = PixelBox(x=4, y=5, width=30, height=40)
PLACE = {"box": BOX, "box_normalised": FractionBox(x_min=0, y_min=0, x_max=1, y_max=1)}
THING = DetectedObject(label="face", label_id=0, confidence=0.875, **PLACE)
LINE = TextLine(text="HELLO", confidence=0.9, polygon=[(0, 0)] * 4, **PLACE)
POINT = Keypoint(x=0.5, y=0.5, pixel_x=5, pixel_y=5)
GENDER = Attribute(name="gender", label="male", confidence=0.75)
SIZE = {"width": 64, "height": 48}

SAID: list[tuple[Prediction, str]] = [
    (GesturePrediction(detected=False), "no hand found"),
    (
        GesturePrediction(label="a", confidence=0.5, top=[Score(label=x, confidence=0.5) for x in "ab"]),
        "a  50.0%   then b 50.0%",
    ),
    (BatchPrediction(rows=2, classes=["a"], indices=[0, None], confidences=[1, 0]), "2 rows, 2 different labels"),
    (KeypointsPrediction(detected=False), "nothing found"),
    (DetectionPrediction(objects=[], **SIZE), "nothing found"),
    (DetectionPrediction(objects=[THING], **SIZE), "face 87.5% at 4,5 30x40"),
    (
        DetectionPrediction(objects=[THING] * 7, **SIZE),
        "; ".join(["face 87.5% at 4,5 30x40"] * 5) + "; … and 2 more",
    ),
    (ClassificationPrediction(), "(below the wanted confidence)"),
    (
        ClassificationPrediction(
            label="male", confidence=0.75, attributes=[GENDER, Attribute(name="age", text="27")]
        ),
        "male  75.0%   gender male, age 27",
    ),
    (PosePrediction(poses=[], **SIZE), "nothing found"),
    (PosePrediction(poses=[Pose(keypoints=[POINT] * 33)], **SIZE), "33 points"),
    (TextPrediction(text="", lines=[], **SIZE), "no text found"),
    (TextPrediction(text="HELLO\nHELLO", lines=[LINE, LINE], **SIZE), "HELLO / HELLO"),
    (RawPrediction(outputs=[RawTensor(name="out", shape=[1, 256], dtype="float32", data="")]), "out [1, 256]"),
]


@pytest.mark.parametrize(("given", "said"), SAID, ids=lambda value: getattr(value, "type", ""))
def test_an_answer_in_a_line(given: Prediction, said: str) -> None:
    assert prediction(given).plain == said
