"""What the AsyncAPI document says of live sessions: both sides of their conversation."""

from typing import Any

from pydantic import BaseModel

from api.views import PREFIX
from shared.sessions import (
    Close,
    DroppedFrame,
    FrameFailed,
    FrameLost,
    FrameResult,
    RefusedFrame,
    Reset,
    Resume,
    SendFrame,
    SessionBegun,
    SessionEnded,
    SessionSpec,
    WindowReset,
)

_TOLD: dict[str, tuple[type[BaseModel], str]] = {
    "session": (SessionBegun, "First to come: the session, its token and its limits"),
    "result": (FrameResult, "What the model says of a frame"),
    "failed": (FrameFailed, "A frame that couldn't be worked on"),
    "lost": (FrameLost, "A frame that has no answer in time"),
    "dropped": (DroppedFrame, "A frame that made room for a newer one"),
    "refused": (RefusedFrame, "A message that isn't taken, and what to do about it"),
    "reset": (WindowReset, "The window is empty"),
    "ended": (SessionEnded, "Last to come, unless the client ended the session"),
}
_SAID: dict[str, tuple[type[BaseModel], str]] = {
    "sendFrame": (SendFrame, "One hand, or one moment of a movement; as msgpack also a photo, or floats"),
    "sendReset": (Reset, "Empty the window"),
    "sendClose": (Close, "End the session"),
    "resume": (Resume, "First words of who goes on with a session"),
}
MESSAGES = _TOLD | _SAID

_DESCRIPTION = (
    "Frames in, an answer for each out. With `model` in the query a session begins; without it, the first message "
    "is `resume`. Text messages are JSON. A binary one is a JPEG, PNG or WebP photo as it is, or a msgpack map of "
    "the fields of `SendFrame` with bytes: `image` a photo, `landmarks` 63, `moment` 258 little-endian float32. "
    "Answers (`result`, `failed`, `lost`) have rising `seq` and come in the order of frames; a frame that wasn't "
    "begun when too many newer ones came is `dropped`. A lost connection isn't the end: any gateway goes on with "
    "the session for whoever has its id and token."
)
_CLOSE_CODES = {
    "1000": "the client ended the session",
    "1001": "the gateway stops: resume, and another goes on",
    "1009": "a message of more than twice the largest frame",
    "4401": "the key was revoked, or its time is over",
    "4404": "no such model or session, or another's token",
    "4408": "no frame came for too long",
    "4409": "the model isn't installed, or another connection has the session now",
    "4410": "the session's time is up",
    "4422": "the session can't be as asked for, or its frames are lost again and again",
    "4429": "frames came too fast for too long, or the client doesn't read its answers",
    "4503": "no worker, no room, or no store now: come back",
}


def channel() -> dict[str, Any]:
    """The WebSocket of a session."""
    schema = SessionSpec.model_json_schema()
    fields = {name: _plain(about) for name, about in schema["properties"].items()}
    query = {"type": "object", "properties": fields}
    return {
        "address": f"{PREFIX}/ws/sessions",
        "description": _DESCRIPTION,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in MESSAGES},
        "bindings": {"ws": {"method": "GET", "query": query, "bindingVersion": "0.1.0"}},
        "x-close-codes": _CLOSE_CODES,
    }


def operations() -> dict[str, Any]:
    """What the gateway sends there, and what it takes."""
    return {"send_session": _operation("send", _TOLD), "receive_session": _operation("receive", _SAID)}


def _operation(action: str, messages: dict[str, tuple[type[BaseModel], str]]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/session"},
        "messages": [{"$ref": f"#/channels/session/messages/{name}"} for name in messages],
    }


def _plain(about: dict[str, Any]) -> dict[str, Any]:
    """Without the null that stands for what isn't in a query."""
    forms: list[dict[str, Any]] = about.pop("anyOf", [about])
    given = next(form for form in forms if form.get("type") != "null")
    return {name: value for name, value in {**about, **given}.items() if name != "title" and value is not None}
