"""What is published on one pattern of channels, over as many connections as it takes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import structlog

from shared.adapters.redis_subscription import Subscription
from shared.errors import StoreUnavailable
from shared.settings import Settings

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0

_log = structlog.stdlib.get_logger()


@dataclass(slots=True)
class _Line:
    """The connection of the moment; whoever opened the line hangs it up, whether or not anybody listened."""

    subscription: Subscription


@asynccontextmanager
async def follow_channels(settings: Settings, pattern: str) -> AsyncGenerator[AsyncGenerator[bytes | None]]:
    """Messages from when the context is entered; None after a gap. Raises StoreUnavailable if it can't be."""
    line = _Line(await _subscribe(settings, pattern))
    try:
        async with aclosing(_follow(settings, pattern, line)) as messages:
            yield messages
    finally:
        await line.subscription.close()


async def _follow(settings: Settings, pattern: str, line: _Line) -> AsyncGenerator[bytes | None]:
    while True:
        try:
            _, message = await line.subscription.next()
        except StoreUnavailable as error:
            _log.warning("answers_lost", reason=error.detail)
            await line.subscription.close()
            line.subscription = await _subscribe_again(settings, pattern)
            yield None
        else:
            yield message


async def _subscribe(settings: Settings, pattern: str) -> Subscription:
    subscription = Subscription(settings, pattern)
    try:
        await subscription.open()
    except BaseException:
        await subscription.close()
        raise
    return subscription


async def _subscribe_again(settings: Settings, pattern: str) -> Subscription:
    pause = _FIRST_PAUSE_S
    while True:
        try:
            return await _subscribe(settings, pattern)
        except StoreUnavailable:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
