"""Landmarks of a photo: what a client app feeds to gestures later."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.dependencies import Here
from api.reference import photo_body, problems
from api.routes.asking import (
    PENDING,
    Answered,
    PhotoChoices,
    about,
    ask,
    completed,
    json_response,
    nothing_detected,
)
from api.routes.gestures import PHOTO_PART
from api.uploads import read_photo
from shared.inputs import FileInput, Point, PosePoint
from shared.jobs import JobRecord
from shared.results import DetectedHand, InferenceResult, KeypointsPrediction

router = APIRouter(tags=["gestures"])

HANDS, POSE = "hand_landmarker", "pose_landmarker"

_REFUSALS = problems(400, 404, 409, 413, 415, 422, 503, 504)


class HandKeypoints(Answered):
    """``landmarks``, ``handedness`` and ``score`` are of the first hand; ``hands`` has all."""

    landmarks: list[Point]
    handedness: Literal["Left", "Right"]
    score: float
    hands: list[DetectedHand]


class PoseKeypoints(Answered):
    """One frame of a sequence: it can be sent to a model that takes sequences. A part that wasn't seen is null."""

    pose: list[PosePoint] | None
    left_hand: list[Point] | None
    right_hand: list[Point] | None


@router.post(
    "/keypoints/hands",
    responses={200: {"model": HandKeypoints}} | PENDING | _REFUSALS,
    openapi_extra=photo_body(PHOTO_PART),
)
async def find_hands(request: Request, here: Here, choices: Annotated[PhotoChoices, Query()]) -> Response:
    """Find the 21 points of each hand in a photo. 404 if it shows none."""
    record, found = await _look(request, here, HANDS, choices)
    if isinstance(found, Response):
        return found
    result, keypoints = found
    if not keypoints.hands:
        return nothing_detected(record, request)
    first = keypoints.hands[0]
    return json_response(
        HandKeypoints(
            landmarks=first.landmarks,
            handedness=first.handedness,
            score=first.score,
            hands=keypoints.hands,
            **about(record, result, request),
        )
    )


@router.post(
    "/keypoints/pose",
    responses={200: {"model": PoseKeypoints}} | PENDING | _REFUSALS,
    openapi_extra=photo_body(PHOTO_PART),
)
async def find_pose(request: Request, here: Here, choices: Annotated[PhotoChoices, Query()]) -> Response:
    """Find the 33 points of a person in a photo, and both hands. 404 if it shows nobody."""
    record, found = await _look(request, here, POSE, choices)
    if isinstance(found, Response):
        return found
    result, keypoints = found
    if not keypoints.detected:
        return nothing_detected(record, request)
    return json_response(
        PoseKeypoints(
            pose=keypoints.pose,
            left_hand=keypoints.left_hand,
            right_hand=keypoints.right_hand,
            **about(record, result, request),
        )
    )


async def _look(
    request: Request, here: Here, model: str, choices: PhotoChoices
) -> tuple[JobRecord, tuple[InferenceResult, KeypointsPrediction] | Response]:
    upload = await read_photo(request, here.settings.limits, PHOTO_PART)
    record = await ask(request, here, model, FileInput(file=PHOTO_PART), upload, choices)
    result = completed(record, request)
    if isinstance(result, Response):
        return record, result
    keypoints = result.predictions[0]
    if not isinstance(keypoints, KeypointsPrediction):
        msg = f"{model} answered a {keypoints.type} prediction"
        raise TypeError(msg)
    return record, (result, keypoints)
