# pyright: basic
"""Celery messages written but not sent, for a job store that pushes them together with the record.

They are what Celery itself would send: its own ``send_task`` publishes one per route through a transport that only
remembers what it was given. Of another job's only those fields differ that Celery's message protocol (version 2)
ties to the task's id.
"""

import json
import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

from celery import Celery
from kombu import Connection
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.utils.json import dumps, loads
from typing_extensions import override

from shared.adapters.celery_task import task_message
from shared.ports import Envelope
from shared.ports.queue import ABOUT
from shared.routing import Route


class _Sheet(virtual.Channel):
    """Remembers the last message."""

    do_restore = False
    written: dict[str, Any]

    @override
    def _put(self, queue: str, message: dict[str, Any], **_options: Any) -> None:
        self.written = message


class _Desk(virtual.Transport):
    Channel = _Sheet


_PLACES = 1_000
_OURS = str(uuid4())
_BODY, _ID, _ARGUMENTS, _KEYWORDS, _TAG, _MORE = (
    f"@{name}-{uuid4().hex}@" for name in ("body", "id", "arguments", "keywords", "tag", "more")
)
"""What stands in a form where messages differ; nobody's text can say the same."""


@dataclass(frozen=True, slots=True)
class _Form:
    """``key``: the list it goes to; ``text``: the message; ``rest``: what is in its body after the arguments."""

    key: str
    text: str
    rest: str


class Scribe:
    """Writes messages as they lie in Redis. Threads may share one; it waits for nothing outside."""

    def __init__(self, app: Celery, prefix: str) -> None:
        self._app = app
        self._prefix = prefix
        self._sheet: Any = Connection(transport=_Desk).channel()
        self._producer = app.amqp.Producer(self._sheet, auto_declare=False)
        self._alone = threading.Lock()
        self._forms: dict[Route, _Form] = {}
        self._number = count()
        self._summons: dict[tuple[Route, str], tuple[str, tuple[bytes, ...]]] = {}

    def write(self, route: Route, job_id: str, headers: Mapping[str, str]) -> Envelope:
        """The list it goes to is the queue's of its priority."""
        key, text = self._addressed(route, job_id, headers)
        return Envelope(key, text.replace(_ID, job_id).replace(_TAG, str(uuid4())).encode())

    def summon(self, route: Route, place: str) -> Envelope:
        """The same to a place. There are few of them, and messages to each differ by their id only."""
        if (route, place) not in self._summons:
            if len(self._summons) >= _PLACES:
                self._summons.clear()
            key, text = self._addressed(route, place, {})
            self._summons[route, place] = key, tuple(text.replace(_ID, _TAG).encode().split(_TAG.encode()))
        key, form = self._summons[route, place]
        return Envelope(key, form=form, tag=f"{_OURS}-{next(self._number)}".encode())

    def _addressed(self, route: Route, argument: str, headers: Mapping[str, str]) -> tuple[str, str]:
        """The list, and the message without its ids."""
        form = self._forms.get(route)
        if form is None:
            form = self._forms[route] = self._form(route)
        body = b64encode(f"[[{json.dumps(argument)}], {form.rest}".encode()).decode()
        more = "".join(f"{json.dumps(name)}: {json.dumps(value)}, " for name, value in headers.items())
        text = (
            form.text.replace(_BODY, body)
            .replace(_ARGUMENTS, json.dumps(repr([argument]))[1:-1])
            .replace(_KEYWORDS, json.dumps(headers.get(ABOUT, ""))[1:-1])
            .replace(f'"{_MORE}": null, ', more)
        )
        return form.key, text

    def _form(self, route: Route) -> _Form:
        asked = task_message(route, _ID, {})
        with self._alone:
            self._app.send_task(**asked, producer=self._producer)
            written = self._sheet.written
        _, *rest = loads(self._sheet.decode_body(written["body"], written["properties"]["body_encoding"]))
        headers = {_MORE: None, **written["headers"], "argsrepr": _ARGUMENTS, "kwargsrepr": _KEYWORDS}
        message = {
            **written,
            "body": _BODY,
            "headers": headers,
            "properties": {**written["properties"], "delivery_tag": _TAG},
        }
        # The first priority's list has no number.
        number = f"{kombu_redis.Channel.sep}{asked['priority']}" if asked["priority"] else ""
        return _Form(f"{self._prefix}{route.queue}{number}", dumps(message), dumps(rest)[1:])
