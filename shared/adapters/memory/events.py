"""Events between threads and the event loops that listen."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from shared.ports import Published


class MemoryEventBus:
    """EventBus; ``publish`` and ``interrupt`` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[asyncio.Queue[Published | None], asyncio.AbstractEventLoop] = {}

    def publish(self, job_id: str, event: str) -> None:
        """Tell every listener."""
        self._tell(Published(job_id, event))

    def interrupt(self) -> None:
        """What a lost and found connection looks like to listeners."""
        self._tell(None)

    @asynccontextmanager
    async def listen(
        self, wanted: Callable[[str], bool] | None = None
    ) -> AsyncGenerator[AsyncIterator[Published | None]]:
        """See the port."""
        queue: asyncio.Queue[Published | None] = asyncio.Queue()
        with self._lock:
            self._listeners[queue] = asyncio.get_running_loop()
        try:
            async with aclosing(_drain(queue, wanted)) as events:
                yield events
        finally:
            with self._lock:
                del self._listeners[queue]

    def _tell(self, item: Published | None) -> None:
        with self._lock:
            for queue, loop in self._listeners.items():
                loop.call_soon_threadsafe(queue.put_nowait, item)


async def _drain(
    queue: asyncio.Queue[Published | None], wanted: Callable[[str], bool] | None
) -> AsyncGenerator[Published | None]:
    while True:
        told = await queue.get()
        if told is None or wanted is None or wanted(told.job_id):
            yield told
