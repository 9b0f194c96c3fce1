"""What is published on a pattern of channels, over as many connections as it takes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog

from shared.adapters.redis_subscription import Subscription
from shared.errors import StoreUnavailable
from shared.settings import Settings

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0

_log = structlog.stdlib.get_logger()


class Line:
    """A subscription that is made anew when its connection breaks."""

    def __init__(self, settings: Settings, pattern: str) -> None:
        self._settings = settings
        self._pattern = pattern
        self._subscription = Subscription(settings, pattern)

    async def next(self) -> tuple[bytes, bytes] | None:
        """Channel and message; None after a gap, once it is heard again."""
        try:
            return await self._subscription.next()
        except StoreUnavailable as error:
            _log.warning("events_lost", reason=error.detail)
            await self._again()
            _log.info("events_found")
            return None

    async def open(self) -> None:
        """Everything published after this returns is heard. Raises StoreUnavailable."""
        try:
            await self._subscription.open()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Hang up."""
        await self._subscription.close()

    async def _again(self) -> None:
        pause = _FIRST_PAUSE_S
        await self.close()
        while True:
            self._subscription = Subscription(self._settings, self._pattern)
            try:
                await self.open()
            except StoreUnavailable:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                return


@asynccontextmanager
async def listening(settings: Settings, pattern: str) -> AsyncGenerator[Line]:
    """A line that is open inside. Raises StoreUnavailable."""
    line = Line(settings, pattern)
    await line.open()
    try:
        yield line
    finally:
        await line.close()
