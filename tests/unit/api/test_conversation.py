"""How sending to a socket and hearing from it end together."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from fastapi import WebSocket, WebSocketDisconnect

from api.hub import Follower, Note
from api.routes.stream import converse
from api.services.follow import PING, End, Frame
from shared.errors import StoreUnavailable


def silent_socket() -> WebSocket:
    """One whose client says nothing and takes everything."""
    connect: asyncio.Queue[Any] = asyncio.Queue()
    connect.put_nowait({"type": "websocket.connect"})

    async def send(_message: Any) -> None:
        return None

    return WebSocket({"type": "websocket", "path": "/", "headers": []}, connect.get, send)


async def test_failing_store_ends_the_conversation_and_leaves_no_task() -> None:
    async def frames() -> AsyncGenerator[Frame | End]:
        yield Frame("ping", PING)
        raise StoreUnavailable

    opened = silent_socket()
    await opened.accept()
    before = asyncio.all_tasks()
    with pytest.raises(StoreUnavailable):
        await converse(opened, frames(), lambda: None)
    assert asyncio.all_tasks() == before


async def test_client_that_left_is_no_error() -> None:
    async def frames() -> AsyncGenerator[Frame | End]:
        yield Frame("ping", PING)
        raise WebSocketDisconnect(1006)

    opened = silent_socket()
    await opened.accept()
    before = asyncio.all_tasks()
    await converse(opened, frames(), lambda: None)
    assert asyncio.all_tasks() == before


async def test_frames_end_when_the_client_leaves() -> None:
    follower = Follower(1)
    told: asyncio.Queue[Any] = asyncio.Queue()
    for kind in ("connect", "disconnect"):
        told.put_nowait({"type": f"websocket.{kind}", "code": 1000})

    async def frames() -> AsyncGenerator[Frame | End]:
        assert await follower.next(20) is Note.LEFT
        yield End.LEFT

    async def send(message: Any) -> None:
        assert message["type"] == "websocket.accept"

    opened = WebSocket({"type": "websocket", "path": "/", "headers": []}, told.get, send)
    await opened.accept()
    await converse(opened, frames(), follower.hang_up)
