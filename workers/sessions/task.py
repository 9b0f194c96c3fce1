"""The task that Celery knows for frames of sessions."""

from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.exceptions import Reject

from shared.errors import Unavailable
from shared.sessions import FRAME_TASK


def register(app: Celery, run: Callable[[str], None]) -> None:
    """Make ``app`` work on frames with ``run``, which raises an error of Unavailable's tree if it did nothing."""

    def frame(session_id: str, *_newer: Any, **_options: Any) -> None:
        try:
            run(session_id)
        except Unavailable as error:
            raise Reject(error, requeue=True) from error

    app.task(name=FRAME_TASK, ignore_result=True)(frame)
