"""The tasks Celery knows: one per kind of job, which hands the job's id to the runner, and one for batches."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, Protocol

from celery import Celery
from celery.exceptions import Reject

from shared.errors import Unavailable
from shared.routing import BATCH_TASK, task_name
from shared.specs import JobKind
from shared.telemetry import bound
from shared.upkeep import ALONE
from workers.strategy import DIRECT

_TRAVELLING = ("request_id", "traceparent")
"""Headers of a message that its job's log lines carry. One that is sent again has none."""


class Run(Protocol):
    """Runs an attempt of a job; ``alone``: while nothing else runs in this process."""

    def __call__(self, job_id: str, *, alone: bool) -> None:
        """Raises an error of the tree of Unavailable if nothing was begun."""
        ...


def register(app: Celery, kinds: Iterable[JobKind], run: Run, run_batch: Callable[[str], None]) -> None:
    """Make ``app`` run these kinds, and no others: with ``run``, or together with ``run_batch``."""

    def attempt(self: Any, job_id: str, *_newer: Any, **_options: Any) -> None:
        # What newer gateways may add to the message isn't needed: the record says everything.
        said = {name: self.request.get(name) for name in _TRAVELLING}
        with bound(**{name: value for name, value in said.items() if isinstance(value, str)}), _given_back():
            run(job_id, alone=self.request.get(ALONE) is not None)

    def batch(place: str, *_newer: Any, **_options: Any) -> None:
        with _given_back():
            run_batch(place)

    for kind in kinds:
        app.task(name=task_name(kind), ignore_result=True, bind=True)(attempt)
    app.task(name=BATCH_TASK, ignore_result=True, Strategy=DIRECT)(batch)


@contextmanager
def _given_back() -> Generator[None]:
    """A message whose work can't be begun goes back to its queue."""
    try:
        yield
    except Unavailable as error:
        raise Reject(error, requeue=True) from error
