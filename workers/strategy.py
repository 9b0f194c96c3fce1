# pyright: basic
"""How Celery begins a batch: without a request object and what goes with it, which cost more than a small batch.

What stays: the message counts against the prefetch window, is acknowledged when its work is done, and goes back to
its queue when that can't be begun or the process ends before.
"""

from collections.abc import Callable
from typing import Any

import structlog
from celery.exceptions import Reject
from celery.utils.log import get_logger
from celery.worker.strategy import default

DIRECT = f"{__name__}:direct"
"""Its name, as tasks have it."""

_celery = get_logger(__name__)
log = structlog.stdlib.get_logger()


def direct(task: Any, app: Any, consumer: Any, **options: Any) -> Callable[..., Any]:
    """Hands messages of the task to the pool as they come. Who watches Celery's events gets Celery's own way."""
    if consumer.event_dispatcher and consumer.event_dispatcher.enabled:
        return default(task, app, consumer, **options)
    errors = consumer.connection_errors

    def begin(message: Any, _body: Any, ack: Any, reject: Any, _callbacks: Any, **_more: Any) -> None:
        given, named, *_ = message.decode()
        consumer.pool.apply_async(_run, (task.run, given, named, ack, reject), callback=_done)

    def _run(run: Any, given: Any, named: Any, ack: Any, reject: Any) -> None:
        try:
            run(*given, **named)
        except Reject as rejected:
            reject(_celery, errors, rejected.requeue)  # pyright: ignore[reportAttributeAccessIssue]  untyped
            return
        except Exception:
            log.exception("batch_broke")
        ack(_celery, errors)

    return begin


def _done(_answer: Any) -> None:
    """The pool wants to tell somebody."""
