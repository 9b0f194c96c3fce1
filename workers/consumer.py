"""Celery's consumer, where its ways aren't ours: messages it doesn't know."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from celery.worker.consumer import Consumer
from kombu.message import Message
from typing_extensions import override

from workers.intake import Intake

LEAVE_S = 5.0
"""A message we can't read goes back to its queue after this: not at once, or it would come round and round."""

log = structlog.stdlib.get_logger()


class FramelaneConsumer(Consumer):
    """Leaves messages of unknown tasks to workers that know them; Celery's own throws them away."""

    # Set by Celery's start-up steps.
    qos: Any
    connection_errors: Any
    task_consumer: Any

    def heed(self, intake: Intake, queues: Sequence[str]) -> None:
        """Ask for messages of ``queues`` as long as the intake is open, from now on. From any thread."""
        follow = partial(self.call_soon, self._follow, intake, tuple(queues))
        intake.on_change(follow)
        if not intake.open:
            follow()

    def _follow(self, intake: Intake, queues: Sequence[str]) -> None:
        known: Any = self.app.amqp.queues
        for queue in queues:
            if self.task_consumer is None:  # no connection now: the next one asks for what is selected
                _ = known.select_add(known[queue]) if intake.open else known.deselect(queue)
            elif intake.open:
                self.add_task_queue(queue)
            else:
                self.cancel_task_queue(queue)

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
