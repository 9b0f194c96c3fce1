"""Waiting for what nobody tells: what other processes do by themselves."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 30.0
"""Far longer than anything waited for takes on a slow machine: only what never comes takes longer."""


async def soon(holds: Callable[[], Awaitable[T]], within_s: float = PATIENCE_S) -> T:
    """What it tells as soon as that is something true."""
    deadline = time.monotonic() + within_s
    while not (told := await holds()):
        assert time.monotonic() < deadline, "it didn't happen in time"
        await asyncio.sleep(0.01)
    return told


def eventually(probe: Callable[[], T | None], within_s: float = PATIENCE_S) -> T:
    """What ``probe`` gives as soon as it gives something true."""
    deadline, pause = time.monotonic() + within_s, threading.Event()
    while not (found := probe()):
        assert time.monotonic() < deadline, "it didn't happen in time"
        pause.wait(0.02)
    return found
