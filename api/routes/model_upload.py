"""Files of callers that become models."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import TypeAdapter
from pydantic_core import from_json
from starlette.responses import Response

from api.dependencies import Here, Prefer, caller_of, preferred_wait, travelling_headers
from api.gateway import Gateway
from api.receiving import Received, receive
from api.reference import ACCEPTED, problems
from api.routes.submit import answer
from api.services.documents import validated
from api.services.submit import Ticket
from api.uploads import JSON, media_type, read_json
from shared import model_files
from shared.errors import InvalidSpec
from shared.routing import Needs
from shared.specs import CommonSpec, ModelUploadSpec, UploadedModel

router = APIRouter(tags=["models"])

_FIELDS = (
    "name", "category", "display_name", "description", "licence", "architecture", "labels", "model_proc"
)  # fmt: skip
_MOST = 16
_ANY_SUM = "0" * 64

_MODEL: TypeAdapter[UploadedModel] = TypeAdapter(UploadedModel)
_SPEC: TypeAdapter[ModelUploadSpec] = TypeAdapter(ModelUploadSpec)

_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["file", "name", "category"],
    "properties": {
        "file": {
            "type": "array",
            "maxItems": _MOST,
            "items": {"type": "string", "format": "binary"},
            "description": "xml and bin, or one onnx, tflite, pb, safetensors or zip",
        },
        "name": {"type": "string"},
        "category": {"type": "string"},
        "display_name": {"type": "string"},
        "description": {"type": "string"},
        "licence": {"type": "string"},
        "architecture": {"type": "string", "default": "network"},
        "labels": {"type": "string", "description": "one a line, or a JSON list"},
        "model_proc": {"type": "string", "description": "JSON: how input is prepared and output read"},
        "sha256": {"type": "string", "description": "the only file must have it"},
    },
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _FORM},
            "application/json": {"schema": {"$ref": "#/components/schemas/UploadedModel"}},
        },
    }
}


@router.post(
    "/models/upload",
    status_code=202,
    responses=ACCEPTED | problems(400, 404, 409, 413, 415, 422, 429, 503),
    openapi_extra=_BODY,
)
async def upload_model(request: Request, here: Here, prefer: Prefer = None) -> Response:
    """Take the files of a model, or finished uploads of them; the job looks into them and installs the model.

    The body is stored as it comes. 202 with the job, 200 if it ended within `Prefer: wait=N`.
    """
    # Before anything is sent in vain.
    await here.lanes.route("model_upload", CommonSpec(), Needs())
    if media_type(request) == JSON:
        model = await read_json(request, _MODEL)
        return await _submit(request, here, ModelUploadSpec(model=model), prefer)
    received = await receive(request, here.uploads, _FIELDS, _accepting(here), _MOST)
    try:
        return await _submit(request, here, _spec(received), prefer)
    except BaseException:
        for upload in received.uploads:
            await here.uploads.delete(upload.id)
        raise


def _accepting(here: Gateway) -> Any:
    def accept(filename: str) -> int | None:
        # Its sha256 may come later in the body: whether there is one is seen then.
        if why := model_files.refused(filename, _ANY_SUM, pickles=here.rules.pickles):
            raise InvalidSpec(("/file", why))
        return None

    return accept


def _spec(received: Received) -> ModelUploadSpec:
    files = [{"upload": each.id, "sha256": received.sha256 or None} for each in received.uploads]
    told: dict[str, Any] = {name: value for name, value in received.fields.items() if value} | {"files": files}
    if "labels" in told:
        told["labels"] = _labels(told["labels"])
    if "model_proc" in told:
        told["model_proc"] = _json("model_proc", told["model_proc"])
    return validated(_SPEC, {"model": told})


def _labels(text: str) -> Any:
    if text.startswith("["):
        return _json("labels", text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def _json(name: str, text: str) -> Any:
    try:
        return from_json(text)
    except ValueError as error:
        raise InvalidSpec((f"/{name}", f"not JSON: {error}")) from None


async def _submit(request: Request, here: Gateway, spec: ModelUploadSpec, prefer: str | None) -> Response:
    prepared = await here.submitter.prepare(0, lambda preparer: preparer.from_spec(spec, {}))
    wait_s = preferred_wait(prefer, here.settings.limits.wait_s)
    ticket = Ticket(headers=travelling_headers(request), caller=caller_of(request))
    return answer(request, await here.intake.accept(prepared, ticket, wait_s or 0), wait_s)
