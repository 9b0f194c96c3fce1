"""The scripts of sessions, with the limits written into them, and the message they push."""

import json
from dataclasses import dataclass, fields
from importlib import resources

from shared.adapters.redis_connection import Script
from shared.adapters.redis_jobs.scripts import ALLOW_OOM
from shared.jobs import ErrorInfo
from shared.ports import Envelope
from shared.session_errors import NOT_FINISHED, NOT_TAKEN
from shared.settings import SessionSettings

TAG = "@framelane-frame@"
"""Stands in a message for what makes each of them another."""

AGAIN_S = 2.0
"""A message that nobody answered is sent again after this, then twice that, and so on."""

_LEAST_MS = 1_000

_REFUSED = {"open", "offer"}
"""A full server takes no more frames; what it has can still be answered."""


@dataclass(frozen=True, slots=True)
class Scripts:
    """Arguments and answers stand at the top of each file."""

    open: Script
    resume: Script
    offer: Script
    take: Script
    finish: Script
    look: Script
    reset: Script
    move: Script
    end: Script
    record_part: Script
    filed: Script


def load_scripts(settings: SessionSettings) -> Scripts:
    """The scripts, ready to send."""
    constants = {
        "IN_FLIGHT": settings.in_flight,
        "IDLE_MS": round(settings.idle_s * 1_000),
        "BLOB_MS": max(_LEAST_MS, round(settings.lost_s * 4_000)),
        "LOST_US": round(settings.lost_s * 1_000_000),
        "AGAIN_US": round(AGAIN_S * 1_000_000),
        "ANSWERS_KEPT": settings.answers_kept,
        "TAG": _quoted(TAG),
        "NOT_TAKEN": _quoted(lost_members(NOT_TAKEN)),
        "NOT_FINISHED": _quoted(lost_members(NOT_FINISHED)),
    }
    head = "".join(f"local {name} = {value}\n" for name, value in constants.items()) + _read("prelude")
    texts = {field.name: head + _read(field.name) for field in fields(Scripts)}
    return Scripts(
        **{name: Script.of(text if name in _REFUSED else ALLOW_OOM + text) for name, text in texts.items()}
    )


def lost_members(why: str) -> str:
    """Members of the answer about a lost frame, and its end."""
    error = ErrorInfo(code="lost", title="The frame is lost", detail=why, retryable=True)
    return f'"error":{error.model_dump_json()}}}'


def template(message: Envelope | None) -> tuple[str, bytes]:
    """The list and the message, whose tag every push fills anew; empty where others send it."""
    if message is None:
        return "", b""
    said = json.loads(message.body)
    said["properties"]["delivery_tag"] = TAG
    return message.key, json.dumps(said).encode()


def _quoted(text: str) -> str:
    return "[=[" + text + "]=]"


def _read(name: str) -> str:
    return resources.files("shared.adapters.redis_sessions").joinpath(f"{name}.lua").read_text("utf-8")
