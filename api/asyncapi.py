"""The AsyncAPI document: what is told live, from the same models that tell it."""

from typing import Any

from pydantic.json_schema import models_json_schema

from api import asyncapi_sessions as sessions
from api.gateway import own_version
from api.routes.events import MOST_SEQ
from api.routes.metadata import MetadataEnd, MetadataRecord, MissedRecords, RecordsRestarted
from api.views import PREFIX
from shared.events import CancelRequested, Gone, Lagged, Measured, Ping, Progressed, Snapshot, StateChanged

_MESSAGES = {
    "snapshot": (Snapshot, "The job as it is; first to come, and again where missed events are no longer kept"),
    "state": (StateChanged, "The job entered a state"),
    "progress": (Progressed, "The running attempt got further"),
    "figures": (Measured, "How fast the streams of a running pipeline are, or were in a run of a measurement"),
    "cancel_requested": (CancelRequested, "A running job was asked to stop"),
    "ping": (Ping, "Nothing else happened for a while"),
    "lagged": (Lagged, "The reader was too slow; the connection closes"),
    "record": (MetadataRecord, "What a pipeline found in a frame"),
    "missed": (MissedRecords, "Records that weren't kept until the reader came for them"),
    "restarted": (RecordsRestarted, "Another attempt began: the records before are void"),
    "end": (MetadataEnd, "The job has ended and every record was told"),
    "gone": (Gone, "The job isn't kept any more; the connection closes"),
}
_EVENTS = ("state", "progress", "figures", "cancel_requested")
_TOPICS = {
    "job": (*_EVENTS, "snapshot", "ping", "lagged", "gone"),
    "feed": (*_EVENTS, "snapshot", "ping", "lagged"),
    "jobEvents": (*_EVENTS, "snapshot", "lagged", "gone"),
    "jobMetadata": ("record", "missed", "restarted", "end", "gone"),
}
_CLOSE_CODES = {
    "1000": "the job has ended; its last event came before",
    "1001": "the gateway stops: come back with after_seq",
    "1013": "too slow, after a lagged message, or the store doesn't answer: come back with after_seq",
    "4401": "the key was revoked, or its time is over",
    "4404": "there is no such job, or, after a gone message, no longer",
}
_FEED_CLOSE_CODES = {
    "1001": "the gateway stops: come back and get snapshots anew",
    "1013": "events were missed, after a lagged message, or the store doesn't answer: come back as above",
}
_FEED = (
    "All jobs that match, by WebSocket: a snapshot of each that hasn't ended (the newest, if there are many), "
    "newest first, then events. Those of one job have rising `seq`, higher than that of its snapshot. Jobs are "
    "numbered each for itself, so a feed isn't resumed by `after_seq`, and `lagged` has none: come back and get "
    "snapshots anew."
)
_DESCRIPTION = (
    "Events of a job are numbered by `seq`, from 1 without gaps. A follower that comes back with the last `seq` "
    "it knows misses nothing: it gets the events after it (of `progress` and `figures` the newest), or a snapshot "
    "that stands for those no longer kept. "
    "Readers ignore fields and types they don't know."
)
_JOB_ID = {"job_id": {"description": "the job's id, a UUID"}}
_AFTER_SEQ = {"type": "integer", "minimum": 0, "maximum": MOST_SEQ, "description": "the last event already known"}


def render() -> dict[str, Any]:
    """The document, as JSON types."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Framelane", "version": own_version(), "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": {f"send_{name}": _operation(name) for name in _TOPICS} | sessions.operations(),
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _channels() -> dict[str, Any]:
    job = {"type": "object", "properties": {"after_seq": _AFTER_SEQ}}
    text = {"type": "string"}
    feed = {
        "type": "object",
        "properties": {
            "kind": text,
            "device": text,
            "label": {"type": "array", "items": text, "description": "name:value; all must hold"},
        },
    }
    return {
        "job": _channel("job", f"{PREFIX}/ws/jobs/{{job_id}}", "One job, by WebSocket", _socket(job, _CLOSE_CODES))
        | {"parameters": _JOB_ID},
        "feed": _channel("feed", f"{PREFIX}/ws/events", _FEED, _socket(feed, _FEED_CLOSE_CODES)),
        "jobEvents": _channel(
            "jobEvents",
            f"{PREFIX}/jobs/{{job_id}}/events",
            "One job, as server-sent events: `id` is the seq, `event` the type, `data` the message. "
            "Resumes by `after_seq` or `Last-Event-ID`; pings are comments; the stream ends with the job.",
            {},
        )
        | {"parameters": _JOB_ID},
        "jobMetadata": _channel(
            "jobMetadata",
            f"{PREFIX}/jobs/{{job_id}}/metadata/stream",
            "The records of a pipeline, as server-sent events: `id` is the record's number, `event` the message's "
            "name, `data` the message. Resumes by `after` or `Last-Event-ID`; pings are comments; the stream ends "
            "with `end`.",
            {},
        )
        | {"parameters": _JOB_ID},
        "session": sessions.channel(),
    }


def _channel(name: str, address: str, description: str, more: dict[str, Any]) -> dict[str, Any]:
    messages = {each: {"$ref": f"#/components/messages/{each}"} for each in _TOPICS[name]}
    return {"address": address, "description": description, "messages": messages} | more


def _socket(query: dict[str, Any], close_codes: dict[str, str]) -> dict[str, Any]:
    binding = {"method": "GET", "query": query, "bindingVersion": "0.1.0"}
    return {"bindings": {"ws": binding}, "x-close-codes": close_codes}


def _operation(name: str) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{each}"} for each in _TOPICS[name]],
    }


def _messages() -> dict[str, Any]:
    return {
        name: {
            "name": name,
            "summary": summary,
            "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        }
        for name, (model, summary) in (_MESSAGES | sessions.MESSAGES).items()
    }


def _schemas() -> dict[str, Any]:
    _, definitions = models_json_schema(
        [(model, "serialization") for model, _ in (_MESSAGES | sessions.MESSAGES).values()],
        ref_template="#/components/schemas/{model}",
    )
    return dict(sorted(definitions["$defs"].items()))
