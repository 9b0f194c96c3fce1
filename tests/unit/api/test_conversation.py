"""How sending to a socket and hearing from it end together."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from fastapi import WebSocket, WebSocketDisconnect

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
        await converse(opened, frames(), 20)
    assert asyncio.all_tasks() == before


async def test_client_that_left_is_no_error() -> None:
    async def frames() -> AsyncGenerator[Frame | End]:
        yield Frame("ping", PING)
        raise WebSocketDisconnect(1006)

    opened = silent_socket()
    await opened.accept()
    before = asyncio.all_tasks()
    await converse(opened, frames(), 20)
    assert asyncio.all_tasks() == before
