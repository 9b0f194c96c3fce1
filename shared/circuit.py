"""Spares callers the wait for a part that has fallen silent."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from shared.errors import Unavailable

_PAUSE_S = 0.2

_log = structlog.stdlib.get_logger()


class Circuit:
    """Closed: calls go through. Open: they are refused at once, while one look after the other asks the server.

    Without it many calls, or several of one request, would wait one after the other for an answer that doesn't
    come. Shared by everything of a process that asks the same server, on one event loop. ``error`` is raised.
    """

    def __init__(self, error: type[Unavailable]) -> None:
        self._error = error
        self._looking: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Raises the error while it is open."""
        if self._looking is not None:
            msg = "it fell silent a moment ago"
            raise self._error(msg)

    def open(self, look: Callable[[], Awaitable[object]]) -> None:
        """The server gave no answer in time. Closes by itself once ``look`` doesn't raise the error."""
        if self._looking is None:
            _log.warning("part_silent", code=self._error.code)
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
                if await self._answers(look):
                    _log.info("part_answers_again", code=self._error.code)
                    return
                await asyncio.sleep(_PAUSE_S)
        finally:
            self._looking = None

    async def _answers(self, look: Callable[[], Awaitable[object]]) -> bool:
        try:
            await look()
        except self._error:
            return False
        return True
