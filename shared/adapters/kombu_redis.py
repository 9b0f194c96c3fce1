# pyright: basic
"""kombu's Redis transport with one client object per connection pool.

kombu makes a new ``redis.Redis`` for nearly every command. That object holds nothing but its pool, and making
it took a quarter of the time of publishing a message, seen under a profiler.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.transport import redis as untyped

kombu_redis: Any = untyped


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
            return super()._create_client(asynchronous=True)
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()
        return self._kept


class Transport(kombu_redis.Transport):
    """Known to kombu as ``redis`` and ``rediss`` once ``register`` was called."""

    Channel = Channel


def register() -> None:
    """From now on this process's ``redis://`` and ``rediss://`` brokers use the transport."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"
