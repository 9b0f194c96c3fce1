# pyright: basic
"""Celery messages written but not sent, for a job store that pushes them together with the record.

They are what Celery itself would send: its own ``send_task`` publishes one per route through a transport that only
remembers what it was given. Of another job's only those fields differ that Celery's message protocol (version 2)
ties to the task's id.
"""

import threading
from base64 import b64encode
from collections.abc import Mapping
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


class Scribe:
    """Writes messages as they lie in Redis. Threads may share one; it waits for nothing outside."""

    def __init__(self, app: Celery, prefix: str) -> None:
        self._app = app
        self._prefix = prefix
        self._sheet: Any = Connection(transport=_Desk).channel()
        self._producer = app.amqp.Producer(self._sheet, auto_declare=False)
        self._alone = threading.Lock()
        self._forms: dict[Route, tuple[str, dict[str, Any], list[Any]]] = {}

    def write(self, route: Route, job_id: str, headers: Mapping[str, str]) -> Envelope:
        """The list it goes to is the queue's of its priority."""
        if route not in self._forms:
            self._forms[route] = self._form(route)
        key, form, (_, options, embedded) = self._forms[route]
        body = b64encode(dumps([[job_id], options, embedded]).encode()).decode()
        same = {"id": job_id, "root_id": job_id, "argsrepr": repr([job_id])}
        message = {
            **form,
            "body": body,
            "headers": {**form["headers"], **same, **headers},
            "properties": {**form["properties"], "correlation_id": job_id, "delivery_tag": str(uuid4())},
        }
        return Envelope(key, dumps(message).encode())

    def _form(self, route: Route) -> tuple[str, dict[str, Any], list[Any]]:
        """The list, a message, and what is in its body."""
        asked = task_message(route, "", {})
        with self._alone:
            self._app.send_task(**asked, producer=self._producer)
            written = self._sheet.written
        payload = loads(self._sheet.decode_body(written["body"], written["properties"]["body_encoding"]))
        # The first priority's list has no number.
        number = f"{kombu_redis.Channel.sep}{asked['priority']}" if asked["priority"] else ""
        return f"{self._prefix}{route.queue}{number}", written, payload
