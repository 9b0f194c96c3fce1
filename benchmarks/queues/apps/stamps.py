"""What all queues' programs do alike: the job says when it starts, the submitter hands in as many as it is told.

``QUEUE_URL`` is the Valkey, ``QUEUE_STAMPS`` a pipe that jobs write their time to. A submitter reads numbers from
its standard input and answers each with a line of JSON.
"""

import asyncio
import json
import os
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Iterator

URL = os.environ["QUEUE_URL"]
TOGETHER = 64
"""Submits in flight at once, where a queue's client is asynchronous."""

_STAMPS = os.environ["QUEUE_STAMPS"]
_pipe: list[int] = []


def stamp() -> None:
    """The body of a job."""
    if not _pipe:
        _pipe.append(os.open(_STAMPS, os.O_WRONLY))
    os.write(_pipe[0], struct.pack("d", time.time()))


def submit(one: Callable[[], object]) -> None:
    """Hand in jobs as told, one after the other, until the input ends."""
    for count in _told():
        begun, cpu = time.time(), time.process_time()
        for _ in range(count):
            one()
        _answer(begun, cpu)


async def submit_async(one: Callable[[], Awaitable[object]]) -> None:
    """The same, several at once."""
    for count in _told():
        begun, cpu = time.time(), time.process_time()
        for first in range(0, count, TOGETHER):
            await asyncio.gather(*(one() for _ in range(min(TOGETHER, count - first))))
        _answer(begun, cpu)


def _told() -> Iterator[int]:
    print("ready", flush=True)
    return (int(line) for line in sys.stdin)


def _answer(begun: float, cpu: float) -> None:
    print(json.dumps({"begun": begun, "ended": time.time(), "cpu_s": time.process_time() - cpu}), flush=True)
