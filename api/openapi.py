"""The OpenAPI document: FastAPI's, with the bodies that routes read themselves."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, TypeAdapter

from api.permissions import NEEDED
from api.problems import Problem
from api.reference import problems
from api.routes.gestures import PredictRequest
from api.routes.jobs import CancelRequest
from api.routes.media_upload import UploadUse
from api.routes.metrics import MetricsNews
from api.routes.uploads import DirectUpload
from api.services.definitions import (
    GraphToConvert,
    PipelineChange,
    PipelineDefinition,
    TextToConvert,
    VariantChange,
    VariantDefinition,
)
from shared.log_levels import NewLogLevels
from shared.new_keys import NewKey
from shared.specs import JOB_SPEC

_DESCRIPTION = (
    "Hand in vision work, follow it live, fetch what it made. Every error is `application/problem+json`; "
    "live events (WebSocket, server-sent events) are described in asyncapi.json."
)
_BODIES: tuple[type[BaseModel], ...] = (
    DirectUpload,
    GraphToConvert,
    MetricsNews,
    NewKey,
    NewLogLevels,
    PipelineChange,
    PipelineDefinition,
    TextToConvert,
    UploadUse,
    VariantChange,
    VariantDefinition,
)
_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "an API key, `fl_…`: `framelane keys create`"},
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "of an identity provider"},
}
_REF = "#/components/schemas/{model}"
_TAGS = [
    {"name": "jobs", "description": "One way in for all work"},
    {"name": "dead", "description": "Jobs that failed although they were tried again, and how to bring them back"},
    {"name": "events", "description": "What happens to a job, as it happens"},
    {"name": "artifacts", "description": "Files of jobs"},
    {"name": "gestures", "description": "Questions answered at once"},
    {"name": "sessions", "description": "What live sessions recorded"},
    {"name": "models", "description": "What can be installed, and what is"},
    {"name": "pipelines", "description": "Pipelines, variants and templates; text to graph and back"},
    {"name": "media", "description": "The library of videos, photos and image sets"},
    {"name": "cameras", "description": "Live sources that the operator has named"},
    {"name": "uploads", "description": "Files on their way in: in parts, resumed by tus, or straight to S3"},
    {"name": "metadata", "description": "What pipelines told of each frame"},
    {"name": "benchmarks", "description": "What was measured, and how two results differ"},
    {"name": "devices", "description": "Hardware and workers"},
    {"name": "keys", "description": "Who may call"},
    {"name": "oversight", "description": "Who changed what, and messages that nobody takes"},
    {"name": "operation", "description": "How the gateway is"},
]


def install(app: FastAPI) -> None:
    """Make ``/openapi.json`` complete."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _render(app)
        return app.openapi_schema

    app.openapi = document


def _render(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes, tags=_TAGS
    )
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    for adapter, name in (
        (JOB_SPEC, "JobSpec"),
        (TypeAdapter(PredictRequest), "PredictRequest"),
        (TypeAdapter(CancelRequest), "CancelRequest"),
        (TypeAdapter(Problem), "Problem"),
        *((TypeAdapter(model), model.__name__) for model in _BODIES),
    ):
        schema = adapter.json_schema(ref_template=_REF)
        for other, definition in schema.pop("$defs", {}).items():
            schemas.setdefault(other, definition)
        schemas[name] = schema
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["securitySchemes"] = _SCHEMES
    for operation in _operations(document):
        _guard(operation)
    return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from (operation for operation in path.values() if "operationId" in operation)


def _guard(operation: dict[str, Any]) -> None:
    """Say who may do it, and what is told of whatever is behind it: to others, of its query and of its body."""
    role = NEEDED.get(operation["operationId"])
    operation["security"] = [] if role is None else [{name: []} for name in _SCHEMES]
    always: set[int] = set()
    if role is not None:
        operation["x-role"] = role.value
        always |= {401, 403, 422, 429, 503}  # 503: nobody knows who calls
    if "requestBody" in operation:
        always |= {400, 413, 415}
    told = {str(status): answer for status, answer in problems(*always).items()} | operation["responses"]
    operation["responses"] = dict(sorted(told.items()))
