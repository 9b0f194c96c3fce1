"""All jobs' events over one pattern subscription."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import structlog

from shared.adapters.redis_subscription import Subscription
from shared.errors import StoreUnavailable
from shared.ports import Published
from shared.settings import Settings

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0

_log = structlog.stdlib.get_logger()


@dataclass(slots=True)
class _Line:
    """The connection of the moment; whoever opened the line hangs it up, whether or not anybody listened."""

    subscription: Subscription


class RedisEventBus:
    """EventBus on Redis pub/sub. Entering ``listen()`` raises StoreUnavailable; later losses are repaired."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._channel = f"{settings.redis.prefix}:events:"

    @asynccontextmanager
    async def listen(
        self, wanted: Callable[[str], bool] | None = None
    ) -> AsyncGenerator[AsyncIterator[Published | None]]:
        """See the port."""
        line = _Line(await self._subscribe())
        try:
            async with aclosing(self._follow(line, wanted)) as events:
                yield events
        finally:
            await line.subscription.close()

    async def _follow(
        self, line: "_Line", wanted: Callable[[str], bool] | None
    ) -> AsyncGenerator[Published | None]:
        prefix = len(self._channel)
        while True:
            try:
                channel, message = await line.subscription.next()
            except StoreUnavailable as error:
                _log.warning("events_lost", reason=error.detail)
                await line.subscription.close()
                line.subscription = await self._subscribe_again()
                _log.info("events_found")
                yield None
            else:
                job_id = channel[prefix:].decode()
                if wanted is None or wanted(job_id):
                    yield Published(job_id, message.decode())

    async def _subscribe(self) -> Subscription:
        subscription = Subscription(self._settings, self._channel + "*")
        try:
            await subscription.open()
        except BaseException:
            await subscription.close()
            raise
        return subscription

    async def _subscribe_again(self) -> Subscription:
        pause = _FIRST_PAUSE_S
        while True:
            try:
                return await self._subscribe()
            except StoreUnavailable:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
