"""Both clients behind one face, so that one suite holds for the blocking and for the awaited one."""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

from client.sdk import AsyncFramelane, Framelane


class Hand:
    """Calls a client by name; ``collect`` reads an iterator to its end, ``first`` its beginning."""

    def __init__(self, client: Framelane | AsyncFramelane) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        if isinstance(self.client, AsyncFramelane):
            return method
        return lambda *given, **named: asyncio.to_thread(method, *given, **named)

    async def each(self, name: str, *given: Any, **named: Any) -> AsyncIterator[Any]:
        """The items of an iterator as they come."""
        items = getattr(self.client, name)(*given, **named)
        if isinstance(items, AsyncIterator):
            async for item in items:
                yield item
            return
        missing = object()
        while (item := await asyncio.to_thread(_next, items, missing)) is not missing:
            yield item

    async def collect(self, name: str, *given: Any, **named: Any) -> list[Any]:
        """All items of an iterator."""
        return [item async for item in self.each(name, *given, **named)]


def _next(items: Iterator[Any] | Generator[Any], missing: object) -> Any:
    return next(items, missing)
