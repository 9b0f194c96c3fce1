"""What Celery is told to send for a job."""

from collections.abc import Mapping
from typing import Any

from shared.ports.queue import ABOUT
from shared.routing import Route

PRIORITIES = range(10)
"""Celery's, on Redis: 0 goes first."""


def task_message(route: Route, job_id: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of ``send_task``. The message has the job's id: sent again, it is the same task to who watches.

    Celery's own tools show what the job is about where they show keyword arguments, of which there are none.
    """
    return {
        "name": route.task,
        "args": [job_id],
        "kwargsrepr": headers.get(ABOUT, ""),
        "task_id": job_id,
        "queue": route.queue,
        "priority": PRIORITIES[-1] - route.priority,
        "headers": dict(headers),
        "retry": False,
        "ignore_result": True,
    }
