"""What a message of ours looks like. Whatever else lies in a queue was put there by a stranger. Pure.

Read with a parser that knows JSON and nothing else: nothing that is sent can make it build an object, or go deeper
than it lets.
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from shared.routing import BATCH_TASK

LARGEST = 64 * 1024
"""Bytes. Ours have one or two thousand."""

_SMALL = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_FORMS: Mapping[str, re.Pattern[str]] = {
    BATCH_TASK: re.compile(r"[0-9]:[A-Za-z0-9._-]{1,64}:[!-~]{1,1000}\Z"),
}
_ID = re.compile(r"[A-Za-z0-9._-]{1,100}\Z")
_TAKEN = frozenset({"self", "job_id", "session_id", "place"})


class _Headers(BaseModel):
    """Newer gateways may add to them. What isn't named here Celery does nothing with that we don't want."""

    task: Annotated[str, StringConstraints(pattern=r"^framelane\.[a-z0-9_.]{1,100}$")]
    id: _SMALL
    compression: None = None
    eta: None = None
    expires: None = None
    group: None = None
    chord: None = None
    reply_to: None = None
    retries: Annotated[int, Field(ge=0, le=1_000)] = 0
    timelimit: tuple[None, None] | None = None
    stamped_headers: None = None


class _Delivery(BaseModel):
    exchange: Annotated[str, StringConstraints(max_length=200)]
    routing_key: Annotated[str, StringConstraints(max_length=200)]


class _Properties(BaseModel):
    delivery_tag: _SMALL
    body_encoding: Literal["base64"]
    delivery_info: _Delivery
    priority: Annotated[int, Field(ge=0, le=255)] = 0


class _Message(BaseModel):
    model_config = ConfigDict(strict=True)

    body: str
    content_type: Annotated[Literal["application/json"], Field(alias="content-type")]
    content_encoding: Annotated[Literal["utf-8"], Field(alias="content-encoding")]
    headers: _Headers
    properties: _Properties


class _Afterwards(BaseModel):
    """Other tasks that Celery would call."""

    callbacks: None = None
    errbacks: None = None
    chain: None = None
    chord: None = None


_BODY: TypeAdapter[tuple[list[Any], dict[str, Any], _Afterwards]] = TypeAdapter(
    tuple[Annotated[list[Any], Field(min_length=1, max_length=16)], dict[str, Any], _Afterwards]
)


class _Announced(BaseModel):
    """A message for all workers, of Celery's own: to look at them, or to stop one."""

    body: str
    content_type: Annotated[Literal["application/json"], Field(alias="content-type")]
    content_encoding: Annotated[Literal["utf-8"], Field(alias="content-encoding")]
    headers: dict[str, Any]
    properties: _Properties


def fault_of(text: bytes) -> str | None:
    """Why this message of a queue is none that our tasks take; None if it is one."""
    if len(text) > LARGEST:
        return f"it has {len(text):,} bytes; ours have {LARGEST:,} at most"
    try:
        message = _Message.model_validate_json(text, strict=False)
        args, kwargs, _ = _BODY.validate_json(b64decode(message.body, validate=True))
    except ValidationError as error:
        return _first(error)
    except ValueError:
        return "its body isn't base64"
    form = _FORMS.get(message.headers.task, _ID)
    if not isinstance(args[0], str) or not form.match(args[0]):
        return "its first argument isn't an id of ours"
    return "it names an argument twice" if _TAKEN & set(kwargs) else None


def fault_of_announcement(text: bytes) -> str | None:
    """The same for a message to all workers."""
    if len(text) > LARGEST:
        return f"it has {len(text):,} bytes; at most {LARGEST:,} are taken"
    try:
        message = _Announced.model_validate_json(text)
        _TOLD.validate_json(b64decode(message.body, validate=True))
    except ValidationError as error:
        return _first(error)
    except ValueError:
        return "its body isn't base64"
    return "it is compressed" if message.headers.get("compression") else None


_TOLD: TypeAdapter[dict[str, Any] | list[dict[str, Any]]] = TypeAdapter(dict[str, Any] | list[dict[str, Any]])
"""A list: events of tasks come several at once."""


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, found["loc"])) or "it"
    return f"{place[:100]}: {found['msg'][:200]}"
