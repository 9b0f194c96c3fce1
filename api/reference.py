"""Pieces of the OpenAPI document that routes share."""

from typing import Any

from api import examples, measurement_examples
from api.problems import MEDIA_TYPE
from api.uploads import PHOTOS
from api.views import JobView

Responses = dict[int | str, dict[str, Any]]

_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_TITLES = {
    400: "Malformed",
    401: "Say who you are: `Authorization: Bearer`",
    403: "Refused, or not what your role may do",
    404: "There is no such thing",
    409: "Conflict",
    410: "No longer kept",
    413: "Too large",
    412: "Somebody else changed it meanwhile",
    415: "Wrong media type",
    416: "Nothing of the file lies there; `Content-Range` has its size",
    422: "Well formed but wrong; `errors` lists every broken rule",
    428: "Say with `If-Match` what you have seen of it",
    429: "Too many at once; `Retry-After` says when to try again",
    503: "A part doesn't answer, or no live worker serves the device",
    504: "It took too long",
}

ACCEPTED: Responses = {
    200: {"model": JobView, "description": "The job: it ended in time, or was known already"},
    202: {"model": JobView, "description": "The job, accepted"},
}

ONE_JOB: Responses = {200: {"model": JobView, "description": "The job"}}

_SPEC = {"$ref": "#/components/schemas/JobSpec"}

SPEC_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _SPEC, "examples": examples.SPECS | measurement_examples.SPECS},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["spec"],
                    "properties": {"spec": _SPEC},
                    "additionalProperties": {
                        "type": "string",
                        "format": "binary",
                        "description": "a photo that an input names: `{file: <part>}`",
                    },
                },
                "encoding": {"spec": {"contentType": "application/json"}},
            },
            "application/msgpack": {
                "schema": {
                    "type": "string",
                    "format": "binary",
                    "description": "as in JSON; `data` of an input or tensor may be a binary string",
                }
            },
        },
    }
}


def problems(*statuses: int) -> Responses:
    """Descriptions of the problems a route can answer, and of any other."""
    known: Responses = {status: {"description": _TITLES[status], "content": _PROBLEM} for status in statuses}
    return known | {"default": {"description": "Any other problem", "content": _PROBLEM}}


def photo_body(part: str, alternative: str | None = None) -> dict[str, Any]:
    """A photo, alone or as a part; ``alternative``: the schema of JSON taken instead."""
    content: dict[str, Any] = {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [part],
                "properties": {part: {"type": "string", "format": "binary", "description": "JPEG, PNG or WebP"}},
                "additionalProperties": False,
            }
        },
        **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in PHOTOS},
    }
    if alternative is not None:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{alternative}"}}} | content
    return {"requestBody": {"required": True, "content": content}}


def question_body(part: str, model: str) -> dict[str, Any]:
    """A photo in any form, or numbers: JSON, the same in msgpack, or float32."""
    binary = {"type": "string", "format": "binary"}
    numbers = "little-endian float32: 63 of a hand, or 258 of each frame of a movement"
    content: dict[str, Any] = photo_body(part, model)["requestBody"]["content"] | {
        "application/octet-stream": {"schema": binary | {"description": numbers}},
        "application/msgpack": {
            "schema": binary | {"description": f"a map of one field, as in JSON, with a binary string: {numbers}"}
        },
    }
    return {"requestBody": {"required": True, "content": content}}


def optional_body(model: str) -> dict[str, Any]:
    """A JSON body that may be left out."""
    schema = {"$ref": f"#/components/schemas/{model}"}
    return {"requestBody": {"required": False, "content": {"application/json": {"schema": schema}}}}


def json_body(model: str) -> dict[str, Any]:
    """A JSON body."""
    schema = {"$ref": f"#/components/schemas/{model}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def yaml_body() -> dict[str, Any]:
    """A YAML file as the body."""
    return {"requestBody": {"required": True, "content": {"application/yaml": {"schema": {"type": "object"}}}}}


EVENT_STREAM: Responses = {
    200: {
        "description": "Server-sent events; asyncapi.json describes them",
        "content": {"text/event-stream": {}},
    },
    204: {"description": "The job has ended and nothing was missed"},
}

REDIRECT: Responses = {307: {"description": "`Location`: where the file is, for a short time"}}

BINARY: Responses = {
    200: {
        "description": "The file",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

PART: Responses = {206: {**BINARY[200], "description": "The part of it that `Range` asks for"}}
