# pyright: basic
"""Celery messages written but not sent, for a job store that pushes them together with the record.

They are what Celery itself would send: its own ``send_task`` publishes them through a transport that only
remembers what it was given.
"""

import threading
from collections.abc import Mapping
from typing import Any

from celery import Celery
from kombu import Connection
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.utils.json import dumps
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

    def write(self, route: Route, job_id: str, headers: Mapping[str, str]) -> Envelope:
        """The list it goes to is the queue's of its priority."""
        message = task_message(route, job_id, headers)
        with self._alone:
            self._app.send_task(**message, producer=self._producer)
            body = dumps(self._sheet.written)
        # The list of a queue's messages of one priority; that of its first priority has no number.
        number = f"{kombu_redis.Channel.sep}{message['priority']}" if message["priority"] else ""
        return Envelope(f"{self._prefix}{route.queue}{number}", body.encode())
