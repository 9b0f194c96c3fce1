"""Celery as transport: job ids in, job ids out. States, retries and results are the job store's."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import redis
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared.adapters import kombu_redis
from shared.adapters.celery_envelope import Scribe
from shared.adapters.celery_task import PRIORITIES, task_message
from shared.adapters.records import micros
from shared.adapters.redis_jobs.scripts import ALLOW_OOM, read_lua
from shared.adapters.redis_tls import tls_options
from shared.errors import BrokerUnavailable
from shared.ports.queue import Envelope, Rejected, RejectedMessage
from shared.routing import Route
from shared.settings import Settings

DEFAULT_QUEUE = "cpu"

_DOWN = (OperationalError, RedisError, OSError)


def make_celery(settings: Settings) -> Celery:
    """The one Celery application of gateways and workers, configured; tasks are registered by the worker."""
    kombu_redis.register()
    app = Celery("framelane", broker=settings.broker_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        result_accept_content=["json"],
        task_serializer="json",
        event_serializer="json",
        result_backend=None,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_default_queue=DEFAULT_QUEUE,
        task_create_missing_queues=True,
        task_create_missing_queue_exchange_type="direct",
        enable_utc=True,
        timezone="UTC",
        broker_pool_limit=settings.limits.threads,
        broker_connection_timeout=settings.redis.connect_timeout_s,
        broker_transport_options=_transport(settings),
        broker_use_ssl=tls_options(settings.broker_url, settings) or None,
        worker_send_task_events=settings.broker.events,
        **_worker(),
    )
    return app


def _transport(settings: Settings) -> dict[str, Any]:
    return {
        # Two systems on one Redis must not take each other's messages.
        "global_keyprefix": _key_prefix(settings),
        "priority_steps": list(PRIORITIES),
        "queue_order_strategy": "priority",
        # A message is gone once a worker has it: the job's record is the truth, and tells what must be sent again.
        "ack_emulation": False,
        "socket_timeout": settings.redis.socket_timeout_s,
        "socket_connect_timeout": settings.redis.connect_timeout_s,
        "socket_keepalive": True,
        "health_check_interval": 10,
        # A caller wants to hear at once that the broker is gone; workers have a loop of their own that reconnects.
        "max_retries": 0,
        "interval_start": 0,
    }


def _key_prefix(settings: Settings) -> str:
    return f"{settings.redis.prefix}:broker:"


def _worker() -> dict[str, Any]:
    return {
        "task_acks_late": True,
        "task_reject_on_worker_lost": False,  # the lease tells a lost worker, and counts its attempts
        "worker_prefetch_multiplier": 1,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # The work goes on: its commit goes through the job store, and a second delivery finds no claim.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_soft_shutdown_timeout": 10.0,
        "worker_enable_soft_shutdown_on_idle": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
    }


class CeleryJobQueue:
    """JobQueue on Celery's broker."""

    def __init__(self, settings: Settings) -> None:
        self.app = make_celery(settings)
        self._prefix = _key_prefix(settings)
        self._scribe = Scribe(self.app, self._prefix)
        self._with_the_store = settings.broker_url == settings.store_url

    def envelope(self, route: Route, job_id: str, headers: Mapping[str, str]) -> Envelope | None:
        """See the port."""
        return self._scribe.write(route, job_id, headers) if self._with_the_store else None

    def summons(self, route: Route, place: str) -> Envelope | None:
        """See the port."""
        return self._scribe.summon(route, place) if self._with_the_store else None

    def send(self, route: Route, job_id: str, headers: Mapping[str, str]) -> None:
        """The message's id is the job's: published again, it is the same task to whoever watches."""
        try:
            self.app.send_task(**task_message(route, job_id, headers))
        except _DOWN as error:
            msg = f"the broker doesn't take messages: {error}"
            raise BrokerUnavailable(msg) from error

    def age(self, queue: str, after_s: float, limit: int = 10) -> int:
        """See the port. What waited between once and twice the time may still wait."""
        # The first priority's list has no number.
        lists = [queue, *(f"{queue}{kombu_redis.kombu_redis.Channel.sep}{number}" for number in PRIORITIES[1:])]
        keys = [f"{self._prefix}{name}" for name in (*lists, f"_ages.{queue}")]
        with self._channel() as channel:
            return channel.client.eval(ALLOW_OOM + read_lua("age"), len(keys), *keys, micros(after_s), limit)

    def depth(self, queue: str) -> int:
        """See the port."""
        with self._channel() as channel:
            return channel.queue_declare(queue).message_count

    def rejected(self, limit: int) -> Rejected:
        """See the port."""
        key = f"{self._prefix}{kombu_redis.REJECTED}"
        with self._channel() as channel:
            client: Any = redis.Redis(connection_pool=channel.pool)
            steps = client.pipeline()
            total, newest = steps.get(f"{key}_total").lrange(key, 0, limit - 1).execute()
        return Rejected(int(total or 0), [RejectedMessage.model_validate_json(each) for each in newest])

    def ping(self) -> None:
        """A round trip over one of the connections that messages take."""
        with self._channel() as channel:
            channel.client.ping()

    @contextmanager
    def _channel(self) -> Generator[Any]:
        try:
            with self.app.producer_pool.acquire(block=True) as producer:
                yield producer.channel
        except _DOWN as error:
            msg = f"the broker doesn't answer: {error}"
            raise BrokerUnavailable(msg) from error

    def close(self) -> None:
        """Let go of connections."""
        self.app.close()
