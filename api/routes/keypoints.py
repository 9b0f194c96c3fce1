"""Landmarks of a photo: what a client app feeds to gestures later."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

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
from shared.inputs import Point, PosePoint
from shared.results import DetectedHand, KeypointsPrediction

router = APIRouter(tags=["gestures"])

HANDS, POSE = "hand_landmarker", "pose_landmarker"

_REFUSALS = problems(400, 404, 409, 413, 415, 422, 429, 503, 504)


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

    def said(seen: KeypointsPrediction, of_job: dict[str, Any]) -> HandKeypoints:
        first = seen.hands[0]
        return HandKeypoints(
            landmarks=first.landmarks, handedness=first.handedness, score=first.score, hands=seen.hands, **of_job
        )

    return await _look(request, here, HANDS, choices, said)


@router.post(
    "/keypoints/pose",
    responses={200: {"model": PoseKeypoints}} | PENDING | _REFUSALS,
    openapi_extra=photo_body(PHOTO_PART),
)
async def find_pose(request: Request, here: Here, choices: Annotated[PhotoChoices, Query()]) -> Response:
    """Find the 33 points of a person in a photo, and both hands. 404 if it shows nobody."""

    def said(seen: KeypointsPrediction, of_job: dict[str, Any]) -> PoseKeypoints:
        return PoseKeypoints(pose=seen.pose, left_hand=seen.left_hand, right_hand=seen.right_hand, **of_job)

    return await _look(request, here, POSE, choices, said)


async def _look(
    request: Request,
    here: Here,
    model: str,
    choices: PhotoChoices,
    said: Callable[[KeypointsPrediction, dict[str, Any]], Answered],
) -> Response:
    upload = await read_photo(request, here.settings.limits, PHOTO_PART)
    record = await ask(request, here, model, upload, choices, PHOTO_PART)
    result = completed(record, request)
    if isinstance(result, Response):
        return result
    seen = result.predictions[0]
    if not isinstance(seen, KeypointsPrediction):
        msg = f"{model} answered a {seen.type} prediction"
        raise TypeError(msg)
    if not seen.detected or (model == HANDS and not seen.hands):
        return nothing_detected(record, request)
    return json_response(said(seen, about(record, result, request)))
