"""The client reads what the gateway writes: its types ask for no field that the gateway's don't have."""

import types
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from api import views
from api.routes import asking, devices, gestures, health, keypoints, media, models, uploads
from client.sdk import answers

PAIRS = [
    (answers.JobList, views.JobList),
    (answers.ArtifactList, views.ArtifactList),
    (answers.WorkerList, devices.WorkerList),
    (answers.DeviceList, devices.DeviceList),
    (answers.ModelList, models.ModelList),
    (answers.MediumView, media.MediumView),
    (answers.UploadView, uploads.UploadView),
    (answers.Status, health.Status),
    (answers.Answered, asking.Answered),
    (answers.GestureAnswer, gestures.Prediction),
    (answers.HandsAnswer, keypoints.HandKeypoints),
    (answers.PoseAnswer, keypoints.PoseKeypoints),
]


def inner(annotation: Any) -> Any:
    """``list[X]`` and ``X | None`` as X."""
    kinds = [each for each in get_args(annotation) if each is not types.NoneType]
    if get_origin(annotation) in {list, types.UnionType} and len(kinds) == 1:
        return inner(kinds[0])
    return annotation


def missing(reader: type[BaseModel], writer: type[BaseModel], where: str = "") -> list[str]:
    """Places of the reader that the writer has nothing for, or may leave null where the reader doesn't."""
    found: list[str] = []
    for name, wanted in reader.model_fields.items():
        given = writer.model_fields.get(name)
        if given is None:
            found.append(f"{where}/{name}")
            continue
        ours, theirs = inner(wanted.annotation), inner(given.annotation)
        if ours is theirs:
            continue
        if isinstance(ours, type) and isinstance(theirs, type) and issubclass(ours, BaseModel):
            found += missing(ours, theirs, f"{where}/{name}")
        nullable = types.NoneType in get_args(given.annotation)
        if nullable and types.NoneType not in get_args(wanted.annotation):
            found.append(f"{where}/{name} may be null")
    return found


@pytest.mark.parametrize(("reader", "writer"), PAIRS)
def test_nothing_is_read_that_is_not_written(reader: type[BaseModel], writer: type[BaseModel]):
    assert missing(reader, writer) == []


def test_a_difference_would_be_seen():
    class Reader(BaseModel):
        here: list[answers.LaneView]
        gone: int

    class Writer(BaseModel):
        here: list[views.Links]

    assert "/gone" in missing(Reader, Writer)
    assert "/here/depth" in missing(Reader, Writer)
