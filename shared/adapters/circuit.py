"""Spares callers the wait for a server that has fallen silent."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from shared.errors import StoreUnavailable

_PAUSE_S = 0.2

_log = structlog.stdlib.get_logger()


class Circuit:
    """Closed: calls go through. Open: they are refused at once, while one look after the other asks the server.

    Without it many calls, or several of one request, would wait one after the other for an answer that doesn't
    come. Shared by everything of a process that asks the same server, on one event loop.
    """

    def __init__(self) -> None:
        self._looking: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Raises StoreUnavailable while it is open."""
        if self._looking is not None:
            msg = "the job store fell silent a moment ago"
            raise StoreUnavailable(msg)

    def open(self, look: Callable[[], Awaitable[object]]) -> None:
        """The server gave no answer in time. Closes by itself once ``look`` doesn't raise StoreUnavailable."""
        if self._looking is None:
            _log.warning("store_silent")
            self._looking = asyncio.create_task(self._until_seen(look))

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
            self._looking = None

    async def _until_seen(self, look: Callable[[], Awaitable[object]]) -> None:
        try:
            while True:
                if await _answers(look):
                    _log.info("store_answers_again")
                    return
                await asyncio.sleep(_PAUSE_S)
        finally:
            self._looking = None


async def _answers(look: Callable[[], Awaitable[object]]) -> bool:
    try:
        await look()
    except StoreUnavailable:
        return False
    return True
