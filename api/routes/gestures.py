"""Gestures: which there are, and what somebody shows."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from api.dependencies import Here
from api.errors import MalformedDocument
from api.gateway import Gateway
from api.reference import problems, question_body
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
from api.services.plain import landmarks_of
from api.services.questions import Numbers
from api.uploads import MSGPACK, MULTIPART, OCTETS, PHOTOS, Upload, media_type, read_photo
from shared.errors import InvalidSpec
from shared.inputs import MAX_SEQUENCE_FRAMES, Frame, Hand, Point, Wire
from shared.msgpacked import unpacked
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
    def numbers(self) -> Numbers:
        """As they are packed."""
        return Numbers.of_hand(self.landmarks) if self.landmarks else Numbers.of_sequence(self.sequence or [])


class Prediction(Answered):
    """``prediction`` is null when the best class is below ``min_confidence``.

    From a photo: the hand it was read from; ``handedness`` assumes an unmirrored photo.
    """

    prediction: str | None
    confidence: float | None
    top: list[Score]
    handedness: Literal["Left", "Right"] | None = None
    landmarks: list[Point] | None = None


_TAKES = (JSON, OCTETS, MSGPACK, MULTIPART, *PHOTOS)

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
    openapi_extra=question_body(PHOTO_PART, "PredictRequest"),
)
async def predict_gesture(
    request: Request, here: Here, model: str, choices: Annotated[Choices, Query()]
) -> Response:
    """Name the gesture of one hand, one movement or one photo.

    The answer of a job with the wait inside; `Prefer: wait=N` shortens it. 404 if the photo shows no hand.
    """
    return await predict(request, here, model, choices)


async def predict(request: Request, here: Gateway, model: str, choices: Choices) -> Response:
    """The answer, or the problem of a job that failed; raises for one that can't be."""
    name = (await entry_of(here, model, "gesture")).name
    asked = await _question(request, here)
    record = await ask(request, here, name, asked, choices, PHOTO_PART)
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


async def _question(request: Request, here: Gateway) -> Numbers | Upload:
    kind = media_type(request)
    if kind == JSON:
        document = await request.body()
        plain = landmarks_of(document)
        return parse(_PREDICT, document).numbers if plain is None else Numbers(plain)
    if kind == OCTETS:
        return Numbers.of_bytes(await request.body())
    if kind == MSGPACK:
        return _unpacked(await request.body())
    return await read_photo(request, here.settings.limits, PHOTO_PART, _TAKES)


def _unpacked(document: bytes) -> Numbers:
    """A map of the one field, a binary string of float32."""
    try:
        name, raw = next(iter(unpacked(document, most_fields=1).items()), ("", None))
    except ValueError as error:
        raise MalformedDocument(f"not msgpack: {error}") from None
    if name not in {"landmarks", "sequence"} or not isinstance(raw, bytes):
        raise InvalidSpec(("", "give exactly one of landmarks or sequence, as a binary string of float32"))
    numbers = Numbers.of_bytes(raw, f"/{name}")
    if (name == "sequence") != bool(numbers.frames):
        raise InvalidSpec((f"/{name}", "that many bytes are of the other form"))
    return numbers
