"""What every job queue promises: Celery's is read as a worker's library reads it, the twin as it is."""

import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import ANY

import pytest
import redis
from celery import Celery
from kombu import Exchange, Queue

from client.local.embedded import EmbeddedValkey
from shared.adapters.celery_queue import CeleryJobQueue, make_celery
from shared.adapters.memory import MemoryJobQueue
from shared.adapters.redis_jobs import RedisJobStore
from shared.errors import BrokerUnavailable
from shared.ports import JobQueue
from shared.routing import Route
from shared.settings import BrokerSettings, RedisSettings, Settings
from tests.support.jobs import new_job

PATIENCE_S = 30
TOLD_S = 10
"""Celery's own patience with a broker that is away has no end."""

TAKE_AND_HOLD = """
import sys, threading
from kombu import Exchange, Queue
from shared.adapters.celery_queue import make_celery
from shared.settings import Settings
app = make_celery(Settings.model_validate_json(sys.argv[1]))
with app.connection_for_read() as connection:
    connection.SimpleQueue(Queue("cpu", Exchange("cpu", "direct"), "cpu")).get(timeout=30)
    print("taken", flush=True)
    threading.Event().wait()
"""


class Reader(Protocol):
    queue: JobQueue

    def take(self, name: str) -> tuple[str, str, dict[str, Any]]:
        """Task, job id and headers of the next message."""
        ...


class MemoryReader:
    def __init__(self) -> None:
        self.queue = MemoryJobQueue()

    def take(self, name: str) -> tuple[str, str, dict[str, Any]]:
        message = self.queue.take(name, PATIENCE_S)
        assert message is not None
        return message.task, message.job_id, dict(message.headers)


class CeleryReader:
    def __init__(self, settings: Settings) -> None:
        self.queue = CeleryJobQueue(settings)
        self.app = self.queue.app

    def take(self, name: str) -> tuple[str, str, dict[str, Any]]:
        message = receive(self.app, name)
        args, kwargs, _ = message.payload
        assert kwargs == {}
        assert message.content_type == "application/json"
        assert message.headers["id"] == args[0]
        return message.headers["task"], args[0], message.headers


def receive(app: Celery, name: str) -> Any:
    """The next message as a worker's consumer gets it, acknowledged. One at a time: prefetched ones keep no order."""
    taken: list[Any] = []
    with app.connection_for_read() as connection:
        channel = connection.default_channel
        channel.basic_qos(prefetch_count=1)
        consumer = app.amqp.TaskConsumer(channel, queues=[Queue(name, Exchange(name, "direct"), name)])
        consumer.on_message = taken.append
        with consumer:
            deadline = time.monotonic() + PATIENCE_S
            while not taken:
                connection.drain_events(timeout=max(0.01, deadline - time.monotonic()))
        taken[0].ack()
    return taken[0]


@pytest.fixture(params=["memory", "celery"])
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    if request.param == "memory":
        yield MemoryReader()
        return
    made = CeleryReader(request.getfixturevalue("settings"))
    yield made
    made.queue.close()


def test_a_message_carries_task_id_and_headers(reader: Reader):
    reader.queue.ping()
    job_id = str(uuid.uuid4())

    reader.queue.send(Route("framelane.inference", "gpu.1", 5), job_id, {"traceparent": "00-é", "request_id": "r"})

    task, sent, headers = reader.take("gpu.1")
    assert (task, sent) == ("framelane.inference", job_id)
    assert (headers["traceparent"], headers["request_id"]) == ("00-é", "r")


def test_nine_goes_first_and_equals_keep_their_order(reader: Reader):
    for number, priority in enumerate([5, 0, 9, 5, 3, 9, 1, 8, 2, 4, 6, 7, 5]):
        reader.queue.send(Route("framelane.inference", "cpu", priority), f"{priority}-{number}", {})

    taken = [reader.take("cpu")[1] for _ in range(13)]

    assert taken == [
        "9-2", "9-5", "8-7", "7-11", "6-10", "5-0", "5-3", "5-12", "4-9", "3-4", "2-8", "1-6", "0-1",
    ]  # fmt: skip


def aged(queue: JobQueue, limit: int = 10) -> int:
    """How many went up; the first call may only look."""
    return queue.age("cpu", 0, limit) or queue.age("cpu", 0, limit)


def test_what_waits_long_goes_one_priority_up_to_its_front(reader: Reader):
    for job, priority in (("top", 9), ("a", 8), ("b", 8), ("c", 7)):
        reader.queue.send(Route("framelane.inference", "cpu", priority), job, {})
    assert aged(reader.queue) == 3
    reader.queue.send(Route("framelane.inference", "cpu", 8), "new", {})
    assert [reader.take("cpu")[1] for _ in range(5)] == ["a", "b", "top", "c", "new"]


def test_what_has_not_waited_stays(reader: Reader):
    reader.queue.send(Route("framelane.inference", "cpu", 3), "old", {})
    reader.queue.send(Route("framelane.inference", "cpu", 4), "new", {})
    assert [reader.queue.age("cpu", 100) for _ in range(3)] == [0, 0, 0]
    assert reader.take("cpu")[1] == "new"
    assert [reader.queue.age("gpu", 0) for _ in range(2)] == [0, 0], "an empty queue"


def test_who_went_up_is_not_overtaken_by_the_next(reader: Reader):
    for job in "abcd":
        reader.queue.send(Route("framelane.inference", "cpu", 8), job, {})
    assert aged(reader.queue, limit=2) == 2
    assert aged(reader.queue, limit=2) == 0
    assert [reader.take("cpu")[1] for _ in range(2)] == ["a", "b"]
    assert aged(reader.queue, limit=2) == 2
    assert [reader.take("cpu")[1] for _ in range(2)] == ["c", "d"]


def test_the_lowest_reaches_the_top(reader: Reader):
    reader.queue.send(Route("framelane.inference", "cpu", 0), "old", {})
    for _ in range(9):
        assert aged(reader.queue) == 1
    reader.queue.send(Route("framelane.inference", "cpu", 9), "new", {})
    assert aged(reader.queue) == 0
    assert reader.take("cpu")[1] == "old"


def test_lanes_do_not_mix(reader: Reader):
    reader.queue.send(Route("framelane.inference", "cpu", 5), "a", {})
    reader.queue.send(Route("framelane.model_download", "io", 5), "b", {})
    assert reader.take("io")[:2] == ("framelane.model_download", "b")
    assert reader.take("cpu")[:2] == ("framelane.inference", "a")


def test_the_same_job_may_be_sent_again(reader: Reader):
    route = Route("framelane.inference", "cpu", 5)
    reader.queue.send(route, "a", {})
    reader.queue.send(route, "a", {})
    assert [reader.take("cpu")[1] for _ in range(2)] == ["a", "a"]


def test_two_systems_on_one_redis_keep_their_messages_apart(valkey: EmbeddedValkey):
    readers = [
        CeleryReader(Settings(REDIS_URL=valkey.url, redis=RedisSettings(prefix=uuid.uuid4().hex)))
        for _ in range(2)
    ]
    for number, each in enumerate(readers):
        each.queue.send(Route("framelane.inference", "cpu", 5), str(number), {})
    assert [each.take("cpu")[1] for each in reversed(readers)] == ["1", "0"]
    for each in readers:
        each.queue.close()


def test_pickles_are_not_given_out(settings: Settings):
    queue = CeleryJobQueue(settings)
    with queue.app.connection_for_write() as connection:
        connection.Producer().publish({}, routing_key="cpu", exchange="", serializer="pickle")
    queue.send(Route("framelane.inference", "cpu", 5), "after", {})
    assert receive(queue.app, "cpu").payload[0] == ["after"]
    (told,) = (rejected := queue.rejected(5)).newest
    assert (rejected.total, told.queue) == (1, "cpu")
    assert told.reason.startswith("content-type:")
    queue.close()


def test_nothing_is_rejected_of_ours(reader: Reader):
    reader.queue.send(Route("framelane.inference", "cpu", 5), "a", {})
    assert reader.take("cpu")[1] == "a"
    assert (reader.queue.rejected(5).total, reader.queue.rejected(5).newest) == (0, [])


def test_nothing_is_kept_of_results(settings: Settings):
    app = make_celery(settings)
    assert type(app.backend).__name__ == "DisabledBackend"
    app.close()


async def test_a_message_pushed_with_its_record_is_the_one_that_is_sent(settings: Settings):
    reader, store = CeleryReader(settings), RedisJobStore(settings)
    route, headers = Route("framelane.inference", "cpu", 7), {"request_id": "r", "traceparent": "00-é"}
    job_id = str(uuid.uuid4())

    message = reader.queue.envelope(route, job_id, headers)
    await store.create(new_job(id=job_id, lane="cpu", message=message))
    pushed = receive(reader.app, "cpu")
    reader.queue.send(route, job_id, headers)
    sent = receive(reader.app, "cpu")

    assert (pushed.headers, pushed.payload) == (sent.headers, sent.payload)
    own_tags = {"delivery_tag": ANY, "reply_to": ANY}
    assert pushed.properties == sent.properties | own_tags
    assert pushed.delivery_info == sent.delivery_info
    assert (pushed.content_type, pushed.content_encoding) == (sent.content_type, sent.content_encoding)
    assert pushed.delivery_tag != sent.delivery_tag
    reader.queue.close()
    await store.close()


def test_a_broker_elsewhere_gets_its_messages_sent(valkey: EmbeddedValkey, own: EmbeddedValkey):
    queue = CeleryJobQueue(Settings(REDIS_URL=valkey.url, broker=BrokerSettings(url=own.url)))
    assert queue.envelope(Route("framelane.inference", "cpu", 5), "a", {}) is None
    queue.close()


@pytest.mark.parametrize("priority", range(10))
def test_pushed_messages_keep_the_order_of_priorities(settings: Settings, priority: int):
    queue = CeleryJobQueue(settings)
    message = queue.envelope(Route("framelane.inference", "cpu", priority), "a", {})
    queue.send(Route("framelane.inference", "cpu", priority), "a", {})
    with redis.Redis.from_url(settings.store_url) as client:
        assert message is not None
        assert client.llen(message.key) == 1
    assert queue.depth("cpu") == 1
    queue.close()


def test_depth_counts_all_priorities_of_one_queue(reader: Reader):
    for priority in (0, 5, 9):
        reader.queue.send(Route("framelane.inference", "cpu", priority), str(priority), {})
    reader.queue.send(Route("framelane.model_download", "io", 5), "b", {})
    assert (reader.queue.depth("cpu"), reader.queue.depth("io"), reader.queue.depth("npu")) == (3, 1, 0)


def test_a_message_is_gone_once_a_worker_has_it(settings: Settings):
    """The record is what tells that it must be sent again; Celery would do so for work that goes on."""
    reader = CeleryReader(settings)
    reader.queue.send(Route("framelane.inference", "cpu", 3), "a", {})
    with subprocess.Popen(
        [sys.executable, "-c", TAKE_AND_HOLD, settings.model_dump_json()], stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"taken\n"
        worker.kill()
    with redis.Redis.from_url(settings.store_url) as client:
        assert not [key for key in client.keys(f"{settings.redis.prefix}:broker:*") if b"_kombu" not in key]
    reader.queue.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "valkey").start()
    yield server
    server.stop()


def test_a_broker_that_is_gone_is_told_at_once_and_found_again(own: EmbeddedValkey):
    queue = CeleryJobQueue(Settings(REDIS_URL=own.url))
    route = Route("framelane.inference", "cpu", 5)
    queue.send(route, "a", {})
    own.stop()

    for call in (lambda: queue.send(route, "b", {}), queue.ping):
        begin = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            call()
        assert time.monotonic() - begin < TOLD_S

    own.start()
    queue.send(route, "c", {})
    queue.ping()
    queue.close()


def test_a_broker_that_was_never_there(own: EmbeddedValkey):
    own.stop()
    queue = CeleryJobQueue(Settings(REDIS_URL=own.url))
    begin = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        queue.send(Route("framelane.inference", "cpu", 5), "a", {})
    assert time.monotonic() - begin < TOLD_S
    queue.close()


def test_a_broker_that_hangs_is_told_within_the_timeout(own: EmbeddedValkey):
    queue = CeleryJobQueue(Settings(REDIS_URL=own.url, redis=RedisSettings(socket_timeout_s=0.5)))
    queue.ping()
    assert own.process is not None
    own.process.send_signal(signal.SIGSTOP)
    try:
        begin = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            queue.send(Route("framelane.inference", "cpu", 5), "a", {})
        assert time.monotonic() - begin < TOLD_S
    finally:
        own.process.send_signal(signal.SIGCONT)
    queue.ping()
    queue.close()


def test_the_twin_can_be_down():
    queue = MemoryJobQueue()
    queue.down = True
    with pytest.raises(BrokerUnavailable):
        queue.send(Route("framelane.inference", "cpu", 5), "a", {})
    with pytest.raises(BrokerUnavailable):
        queue.ping()
    with pytest.raises(BrokerUnavailable):
        queue.depth("cpu")
    queue.down = False
    assert queue.depth("cpu") == 0
