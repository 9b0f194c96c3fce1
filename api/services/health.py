"""Whether everything is there that the gateway needs."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum

import structlog
from anyio import CapacityLimiter, to_thread

from api.parts import Parts
from shared.errors import Unavailable

CHECK_S = 0.9
OK = "ok"

_log = structlog.stdlib.get_logger()


class Phase(StrEnum):
    """What a gateway is at."""

    STARTING = "starting"  #: the process is there
    INITIALIZING = "initializing"  #: it looks for the parts it needs
    READY = "ready"  #: it has seen all of them
    SHUTDOWN = "shutdown"  #: it ends what it has begun


class Health:
    """Asks each part whether it answers; no answer within CHECK_S is none."""

    def __init__(self, parts: Parts, events_heard: Callable[[], bool]) -> None:
        self._parts = parts
        self._events_heard = events_heard
        # Of its own: blocking calls that hang must not keep the checks from being made.
        self._threads = CapacityLimiter(4)

    async def check(self) -> dict[str, str]:
        """``ok`` or what is wrong, by the part's name."""
        checks: dict[str, Callable[[], Awaitable[object]]] = {
            "store": self._parts.store.ping,
            "queue": lambda: self._in_thread(self._parts.queue.ping),
            "artifacts": lambda: self._in_thread(self._parts.artifacts.ping),
        }
        told = await asyncio.gather(*(_told(name, ask) for name, ask in checks.items()))
        events = OK if self._events_heard() else "events can't be heard"
        return dict(zip(checks, told, strict=True)) | {"events": events}

    async def _in_thread(self, ask: Callable[[], None]) -> None:
        await to_thread.run_sync(ask, limiter=self._threads, abandon_on_cancel=True)


async def _told(name: str, ask: Callable[[], Awaitable[object]]) -> str:
    try:
        async with asyncio.timeout(CHECK_S):
            await ask()
    except TimeoutError:
        return f"no answer within {CHECK_S:g} s"
    except Unavailable as error:
        _log.warning("part unavailable", part=name, reason=error.detail)
        return error.title()
    return OK
