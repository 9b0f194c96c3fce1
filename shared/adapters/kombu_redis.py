# pyright: basic
"""kombu's Redis transport: takes no message that isn't ours, and has one client object per connection pool.

What a stranger put into a queue never gets as far as Celery, which would run it, or end with it: it is noted and
kept in a list of the newest such messages, where an operator can look at it.

kombu makes a new ``redis.Redis`` for nearly every command. That object holds nothing but its pool, and making
it took a quarter of the time of publishing a message, seen under a profiler.
"""

import json
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import redis
import structlog
from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.transport import redis as untyped
from kombu.utils.json import loads

from shared.adapters.celery_messages import fault_of, fault_of_announcement

kombu_redis: Any = untyped

REJECTED = "_rejected"
"""The list's key, after the prefix; with ``_total`` behind it: how many there ever were."""
REJECTED_KEPT = 100
_ANSWERS = b".reply.celery.pidbox"
_SHOWN = 2_048
"""Bytes of such a message that are kept."""

_REPLIES, _EVENTS = "celery.pidbox", "celeryev."
"""End and beginning of names of queues where Celery's own news wait, for Flower and whoever asks workers."""

_log = structlog.stdlib.get_logger()


class QoS(virtual.QoS):
    """Queues again, when its channel closes, what it gave out and nobody acknowledged.

    Where that fails, because the connection was lost, kombu's own writes the messages to a file in the folder for
    temporary files. Ours forgets them: the records tell which jobs have lost theirs.
    """

    def restore_unacked(self) -> list[Any]:
        """No message is told not to have been restored."""
        super().restore_unacked()
        return []


class Channel(kombu_redis.Channel):
    """Keeps the client until kombu replaces the pool, as it does when the connection was lost."""

    _kept: Any = None

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        if not self.ack_emulation:
            self.QoS = QoS

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            client = super()._create_client(asynchronous=True)
            client.parse_response = self._only_ours(client.parse_response)
            return client
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()
        return self._kept

    @cached_property
    def subclient(self) -> Any:
        """Deaf to what isn't a message."""
        client = self._create_client(asynchronous=True).pubsub()
        parse: Callable[..., Any] = client.parse_response

        def parsed(*given: Any, **named: Any) -> Any:
            reply = parse(*given, **named)
            if not isinstance(reply, list | tuple) or not bytes(reply[0]).endswith(b"message"):
                return reply
            fault = fault_of_announcement(reply[-1])
            return reply if fault is None else self._reject(bytes(reply[-2]), reply[-1], fault)

        client.parse_response = parsed
        return client

    def _only_ours(self, parse: Callable[..., Any]) -> Callable[..., Any]:
        """No message (None), as when the time to wait for one is over, instead of a stranger's."""

        def parsed(connection: Any, command: str, **options: Any) -> Any:
            reply = parse(connection, command, **options)
            if command != "BRPOP" or not reply:
                return reply
            fault = _fault_in(reply[0], reply[1])
            return reply if fault is None else self._reject(reply[0], reply[1], fault)

        return parsed

    def _get(self, queue: str) -> Any:
        """The same where a queue is asked without waiting."""
        with self.conn_or_acquire() as client:
            for priority in self.priority_steps:
                if item := client.rpop(self._q_for_pri(queue, priority)):
                    if fault := _fault_in(queue.encode(), item):
                        self._reject(queue.encode(), item, fault)
                        break
                    return loads(item.decode())
        raise kombu_redis.Empty

    def _fault(self, queue: str, message: bytes) -> str | None:
        name = queue.partition(self.sep)[0]
        if name.endswith(_REPLIES) or name.startswith(_EVENTS):
            return fault_of_announcement(message)
        return fault_of(message)

    def _reject(self, queue: bytes, message: bytes, fault: str) -> None:
        """Keep it for whoever wants to know; nothing of it is logged, for it may say anything."""
        name = queue.decode(errors="replace").partition(self.sep)[0][:200]
        _log.error("message_rejected", queue=name, bytes=len(message), reason=fault)
        told = {
            "at": time.time(),
            "queue": name,
            "reason": fault,
            "bytes": len(message),
            "beginning": message[:_SHOWN].decode(errors="backslashreplace"),
        }
        key = f"{self.global_keyprefix}{REJECTED}"
        try:
            # A plain client: kombu's puts the prefix before some commands' keys only.
            steps: Any = redis.Redis(connection_pool=self.pool).pipeline()
            steps.lpush(key, json.dumps(told)).ltrim(key, 0, REJECTED_KEPT - 1).incr(f"{key}_total").execute()
        except redis.RedisError as error:
            _log.warning("rejected_message_not_kept", reason=type(error).__name__)


def _fault_in(queue: bytes, message: bytes) -> str | None:
    # Answers of workers to who looks at them lie in a queue of their own.
    judge = fault_of_announcement if queue.partition(b"\x06")[0].endswith(_ANSWERS) else fault_of
    return judge(message)


class Transport(kombu_redis.Transport):
    """Known to kombu as ``redis`` and ``rediss`` once ``register`` was called."""

    Channel = Channel


def register() -> None:
    """From now on this process's ``redis://`` and ``rediss://`` brokers use the transport."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"
