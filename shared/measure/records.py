"""What pipelines say of frames, as boxes to compare: the JSON of gvametaconvert, a line for each frame."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from shared.measure.matching import Agreement, Box, agree

Frames = Mapping[int, Sequence[Box]]
"""By stream time in nanoseconds; by their number where the records tell no time."""


def frames_of(lines: Iterable[str]) -> dict[int, list[Box]]:
    """Boxes of each frame that has a record; several records of one time are one frame. Raises ValueError."""
    frames: dict[int, list[Box]] = {}
    for number, line in enumerate(lines):
        record = record_of(line)
        frames.setdefault(record.get("timestamp", number), []).extend(boxes(record))
    return frames


def record_of(line: str) -> dict[str, Any]:
    """A record of the right shape. Raises ValueError with what is wrong."""
    try:
        record: Any = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise ValueError("a record isn't a JSON object")  # noqa: TRY004 - one error for all that is wrong with it
    found = cast("dict[str, Any]", record)
    objects = found.get("objects", [])
    if not isinstance(objects, list) or not all(map(_has_box, cast("list[Any]", objects))):
        raise ValueError("an object of a record has no box")
    return found


def _has_box(each: Any) -> bool:
    return isinstance(each, dict) and all(name in each for name in ("x", "y", "w", "h"))


def boxes(record: Mapping[str, Any]) -> list[Box]:
    """The objects of a record, in pixels. What was classified is a part of the label."""
    return [
        Box(_label(each), each["x"], each["y"], each["x"] + each["w"], each["y"] + each["h"])
        for each in record.get("objects", [])
    ]


def labels_of(record: Mapping[str, Any]) -> Counter[str]:
    """How often each label was given to an object, be it by a detector or by a classifier."""
    counts: Counter[str] = Counter()
    for each in record.get("objects", []):
        counts.update(label for label in (_detected(each), *_classified(each).values()) if label)
    return counts


def agreement(expected: Frames, found: Frames, until: int | None = None) -> Agreement:
    """Over all frames of either, up to ``until``; a frame that one of them lacks has no objects there."""
    total = Agreement(0, 0, 0)
    for at in sorted(expected.keys() | found.keys()):
        if until is None or at <= until:
            total += agree(expected.get(at, ()), found.get(at, ()))
    return total


def _label(each: Mapping[str, Any]) -> str:
    said = (f"{name}={label}" for name, label in sorted(_classified(each).items()))
    return " ".join([_detected(each), *said])


def _detected(each: Mapping[str, Any]) -> str:
    return str(each.get("detection", {}).get("label") or each.get("roi_type") or "")


def _classified(each: Mapping[str, Any]) -> dict[str, str]:
    """What classifiers said, by the attribute."""
    told: dict[str, str] = {}
    for name, value in each.items():
        if name != "detection" and isinstance(value, dict) and "label" in value:
            told[name] = str(cast("dict[str, Any]", value)["label"])
    return told
