"""Following jobs over real sockets, as a client does."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from shared.events import FRAME
from tests.support.gateway import SPEC, StartedServer


@asynccontextmanager
async def socket(server: StartedServer, path: str, **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://{server.address}/api/v1/ws/{path}", **options) as opened:
        yield opened


def parsed(text: str | bytes) -> dict[str, Any]:
    FRAME.validate_json(text)
    return json.loads(text)


async def frame(opened: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(30):
        return parsed(await opened.recv())


async def frames_to_end(opened: ClientConnection) -> tuple[list[dict[str, Any]], int | None, str | None]:
    """Everything up to the close, its code and reason."""
    told: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        with suppress(ConnectionClosedError):
            async for text in opened:
                told.append(parsed(text))  # noqa: PERF401  kept if the connection ends badly
    return told, opened.close_code, opened.close_reason


async def submitted(client: httpx2.AsyncClient, **changes: Any) -> str:
    return (await client.post("/api/v1/jobs", json=SPEC | changes)).json()["id"]


async def opened_feeds(server: StartedServer, count: int) -> None:
    """Return when the hub has that many followers."""
    async with asyncio.timeout(30):
        await server.gateway.hub.until(lambda followers: followers >= count)


def events_of(text: str) -> list[dict[str, str]]:
    """Server-sent events of a whole stream."""
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
