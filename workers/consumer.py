"""Celery's consumer, where its ways aren't ours: messages it doesn't know."""

from typing import Any

import structlog
from celery.worker.consumer import Consumer
from kombu.message import Message
from typing_extensions import override

LEAVE_S = 5.0
"""A message we can't read goes back to its queue after this: not at once, or it would come round and round."""

log = structlog.stdlib.get_logger()


class FramelaneConsumer(Consumer):
    """Leaves messages of unknown tasks to workers that know them; Celery's own throws them away."""

    # Set by Celery's start-up steps.
    qos: Any
    connection_errors: Any

    @override
    def on_unknown_task(self, body: Any, message: Message, exc: Exception) -> None:
        """Put the message back in a while, without taking up a slot until then."""
        log.error(
            "unknown_task_left_alone",
            task=str((message.headers or {}).get("task")),
            remedy="start a worker that knows it for this queue",
        )
        # As Celery does with tasks that wait for their time: else they'd fill the prefetch window.
        self.qos.increment_eventually()
        self.timer.call_after(LEAVE_S, self._put_back, (message,))

    def _put_back(self, message: Message) -> None:
        self.qos.decrement_eventually()
        message.reject_log_error(_Log(), self.connection_errors, requeue=True)


class _Log:
    """What kombu tells about a message that it couldn't put back."""

    def critical(self, text: str, *values: Any, **_options: Any) -> None:
        log.warning("message_not_put_back", reason=text % values)
