"""Waiting for what nobody tells."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def soon(holds: Callable[[], Awaitable[bool]], within_s: float = 10.0) -> None:
    """Return once it holds. For what other processes do without telling."""
    deadline = time.monotonic() + within_s
    while not await holds():
        assert time.monotonic() < deadline, "it didn't happen in time"
        await asyncio.sleep(0.01)
