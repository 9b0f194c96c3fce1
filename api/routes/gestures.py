"""Gestures: which there are, and what somebody shows."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from api.dependencies import Here
from api.reference import photo_body, problems
from api.routes.asking import (
    JSON,
    PENDING,
    Answered,
    PhotoChoices,
    about,
    ask,
    completed,
    json_response,
    nothing_detected,
)
from api.routes.models import ModelList, catalogue, entry_of
from api.services.documents import parse
from api.uploads import MULTIPART, Upload, media_type, read_photo
from shared.inputs import MAX_SEQUENCE_FRAMES, FileInput, Frame, Hand, LandmarksInput, Point, SequenceInput, Wire
from shared.results import GesturePrediction, Score
from shared.specs import Runtime

router = APIRouter(tags=["gestures"])

PHOTO_PART = "image"


class Classes(BaseModel):
    """What a model can answer, in the order of its outputs."""

    classes: list[str]


class Choices(PhotoChoices):
    """What the query can say."""

    top_k: Annotated[int, Field(ge=1, le=50)] = 3
    min_confidence: Annotated[float, Field(ge=0, le=1, description="labels below it are left out")] = 0.0
    runtime: Runtime = "auto"


class PredictRequest(Wire):
    """One hand, or one movement."""

    landmarks: Hand | None = None
    sequence: Annotated[list[Frame], Field(min_length=1, max_length=MAX_SEQUENCE_FRAMES)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.landmarks is None) == (self.sequence is None):
            raise PydanticCustomError("one_input", "give exactly one of landmarks or sequence")
        return self

    @property
    def item(self) -> LandmarksInput | SequenceInput:
        """As an input of a job."""
        # Checked already, point by point; a second time would cost as much again.
        if self.landmarks is not None:
            return LandmarksInput.model_construct(landmarks=self.landmarks)
        return SequenceInput.model_construct(sequence=self.sequence)


class Prediction(Answered):
    """``prediction`` is null when the best class is below ``min_confidence``.

    From a photo: the hand it was read from; ``handedness`` assumes an unmirrored photo.
    """

    prediction: str | None
    confidence: float | None
    top: list[Score]
    handedness: Literal["Left", "Right"] | None = None
    landmarks: list[Point] | None = None


_PREDICT: TypeAdapter[PredictRequest] = TypeAdapter(PredictRequest)


@router.get("/gestures/models", responses=problems(503))
async def list_gesture_models(here: Here) -> ModelList:
    """Models that name gestures."""
    return ModelList(models=await catalogue(here, "gesture"))


@router.get("/gestures/{model}/classes", responses=problems(404))
async def list_classes(here: Here, model: str) -> Classes:
    """What the model can answer."""
    return Classes(classes=(await entry_of(here, model, "gesture")).labels)


@router.post(
    "/gestures/{model}/predict",
    responses={200: {"model": Prediction}} | PENDING | problems(400, 404, 409, 413, 415, 422, 429, 503, 504),
    openapi_extra=photo_body(PHOTO_PART, "PredictRequest"),
)
async def predict_gesture(
    request: Request, here: Here, model: str, choices: Annotated[Choices, Query()]
) -> Response:
    """Name the gesture of one hand, one movement or one photo.

    The answer of a job with the wait inside; `Prefer: wait=N` shortens it. 404 if the photo shows no hand.
    """
    name = (await entry_of(here, model, "gesture")).name
    item, upload = await _question(request, here)
    record = await ask(request, here, name, item, upload, choices)
    result = completed(record, request)
    if isinstance(result, Response):
        return result
    found = result.predictions[0]
    if not isinstance(found, GesturePrediction) or not found.detected:
        return nothing_detected(record, request)
    return json_response(
        Prediction(
            prediction=found.label,
            confidence=found.confidence,
            top=found.top,
            handedness=found.hand.handedness if found.hand else None,
            landmarks=found.hand.landmarks if found.hand else None,
            **about(record, result, request),
        )
    )


async def _question(request: Request, here: Here) -> tuple[LandmarksInput | SequenceInput | FileInput, Upload]:
    limits = here.settings.limits
    if media_type(request) == JSON:
        upload = Upload(await request.body())
        return parse(_PREDICT, upload.document).item, upload
    return FileInput(file=PHOTO_PART), await read_photo(request, limits, PHOTO_PART, (JSON, MULTIPART))
