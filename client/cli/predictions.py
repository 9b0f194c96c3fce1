"""What models said, each answer in a line."""

from collections.abc import Iterable

from rich.text import Text

from shared.predictions import (
    BatchPrediction,
    ClassificationPrediction,
    DetectionPrediction,
    GesturePrediction,
    KeypointsPrediction,
    PosePrediction,
    Prediction,
    RawPrediction,
    Score,
    TextPrediction,
)

_MOST_OBJECTS = 5
_FOUND = "bold green"
_NOTHING = "yellow"


def prediction(of: Prediction) -> Text:
    """One answer in a line."""
    match of:
        case GesturePrediction() | ClassificationPrediction():
            return _labelled(of)
        case BatchPrediction():
            return Text(f"{of.rows} rows, {len(set(of.indices))} different labels")
        case KeypointsPrediction() | PosePrediction():
            return _points(of)
        case DetectionPrediction():
            return _objects(of)
        case TextPrediction():
            return _lines(of)
        case RawPrediction():
            return Text(", ".join(f"{each.name} {each.shape}" for each in of.outputs))


def _labelled(of: GesturePrediction | ClassificationPrediction) -> Text:
    if isinstance(of, GesturePrediction) and not of.detected:
        return Text("no hand found", style=_NOTHING)
    text = Text().append(of.label or "(below the wanted confidence)", style=_FOUND)
    if of.confidence is not None:
        text.append(f"  {of.confidence:.1%}")
    others = _scores(of.top[1:])
    text.append(f"   then {others}" if others else "", style="dim")
    if isinstance(of, ClassificationPrediction) and len(of.attributes) > 1:
        said = ", ".join(f"{each.name} {each.text or each.label or '?'}" for each in of.attributes)
        text.append(f"   {said}")
    return text


def _scores(scores: Iterable[Score]) -> str:
    return ", ".join(f"{score.label} {score.confidence:.1%}" for score in scores)


def _points(of: KeypointsPrediction | PosePrediction) -> Text:
    if isinstance(of, PosePrediction):
        seen = [f"{len(pose.keypoints)} points" for pose in of.poses]
        return Text(" and ".join(seen)) if seen else Text("nothing found", style=_NOTHING)
    hands = [f"{len(of.hands)} hand{'' if len(of.hands) == 1 else 's'}"] + ["a pose"] * (of.pose is not None)
    return Text(" and ".join(hands) if of.detected else "nothing found")


def _objects(of: DetectionPrediction) -> Text:
    if not of.objects:
        return Text("nothing found", style=_NOTHING)
    text = Text()
    for number, each in enumerate(of.objects[:_MOST_OBJECTS]):
        box = each.box
        text.append("; " if number else "").append(each.label, style=_FOUND)
        text.append(f" {each.confidence:.1%} at {box.x},{box.y} {box.width}x{box.height}")
    left = len(of.objects) - _MOST_OBJECTS
    return text.append(f"; … and {left} more" if left > 0 else "", style="dim")


def _lines(of: TextPrediction) -> Text:
    if not of.lines:
        return Text("no text found", style=_NOTHING)
    return Text(" / ", style="dim").join(Text(line.text, style=_FOUND) for line in of.lines)
