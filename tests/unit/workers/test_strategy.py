"""What becomes of the message of a batch, by how its work ends."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import Reject

from workers.strategy import direct

PLACE = "5:cpu:inference:asl"


class Message:
    """As kombu hands it over."""

    def decode(self) -> list[Any]:
        return [[PLACE], {}, {"chord": None}]


class Pool:
    """Runs at once."""

    def apply_async(self, target: Callable[..., Any], args: tuple[Any, ...], callback: Callable[..., Any]) -> None:
        callback(target(*args))


def delivered(run: Callable[..., None]) -> list[tuple[Any, ...]]:
    """How the message was answered."""
    told: list[tuple[Any, ...]] = []
    consumer = SimpleNamespace(event_dispatcher=None, connection_errors=(OSError,), pool=Pool())
    begin = direct(SimpleNamespace(run=run), None, consumer)

    def ack(_logger: object, errors: object) -> None:
        told.append(("ack", errors))

    def reject(_logger: object, errors: object, requeue: bool) -> None:
        told.append(("reject", errors, requeue))

    begin(Message(), None, ack, reject, ())
    return told


def test_work_that_ends_takes_the_message_with_it() -> None:
    ran: list[str] = []
    assert delivered(ran.append) == [("ack", (OSError,))]
    assert ran == [PLACE]


@pytest.mark.parametrize("requeue", [True, False])
def test_work_that_cannot_begin_gives_it_back(requeue: bool) -> None:
    def run(_place: str) -> None:
        raise Reject("leased", requeue=requeue)

    assert delivered(run) == [("reject", (OSError,), requeue)]


def test_work_that_breaks_does_not_come_again() -> None:
    def run(_place: str) -> None:
        raise ZeroDivisionError

    assert delivered(run) == [("ack", (OSError,))]


def test_who_watches_events_gets_celerys_own_way() -> None:
    app = Celery("watched", set_as_current=False)

    @app.task(name="some")
    def task() -> None:
        """Never run."""

    consumer = SimpleNamespace(
        hostname="here",
        connection_errors=(OSError,),
        event_dispatcher=SimpleNamespace(enabled=True, send=print),
        timer=SimpleNamespace(call_at=print),
        apply_eta_task=print,
        disable_rate_limits=True,
        task_buckets={},
        on_task_request=print,
        _limit_task=print,
        _limit_post_eta=print,
        pool=Pool(),
        controller=SimpleNamespace(state=SimpleNamespace(revoked=set())),
    )
    assert direct(task, app, consumer).__module__ == "celery.worker.strategy"
