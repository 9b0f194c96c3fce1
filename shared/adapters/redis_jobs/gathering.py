"""Calls that come while one is on its way go together in the next."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

Call = TypeVar("Call")

SMALL_BYTES = 32 * 1024
"""Larger calls go alone, so that nobody waits behind them."""
_MOST = 256


class Gathering(Generic[Call]):
    """Nobody waits while nothing is on its way. Used from one event loop."""

    def __init__(self, send: Callable[[list[Call]], Awaitable[Sequence[Any]]]) -> None:
        """``send`` makes several calls together, and gives the answer of each."""
        self._send = send
        self._waiting: deque[tuple[Call, asyncio.Future[Any]]] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def ask(self, call: Call, size: int) -> Any:
        """The answer of a call of ``size`` bytes. Raises what sending raises, for all that were sent together."""
        if size > SMALL_BYTES:
            return (await self._send([call]))[0]
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((call, answer))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_all())
        return await answer

    async def close(self) -> None:
        """Return once all that was asked is answered."""
        if self._sender is not None:
            await self._sender

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                together = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST))]
                # Who gave up before it was sent is left out.
                await self._send_some([each for each in together if not each[1].done()])
        finally:
            self._sender = None

    async def _send_some(self, together: Sequence[tuple[Call, "asyncio.Future[Any]"]]) -> None:
        if not together:
            return
        try:
            answers = await self._send([call for call, _ in together])
        except Exception as error:  # noqa: BLE001  it is told to whom it concerns
            for _, answer in together:
                if not answer.done():
                    answer.set_exception(_own(error))
            return
        for (_, answer), said in zip(together, answers, strict=True):
            if not answer.done():
                answer.set_result(said)


def _own(error: Exception) -> Exception:
    """The same error for one of several who hear it: each adds its own trace to it."""
    try:
        copy = type(error)(*error.args)
    except TypeError:
        return error
    copy.__cause__ = error
    return copy
