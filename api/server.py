"""uvicorn, told to let go of sockets and event streams before it waits for them to close."""

import logging
import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import uvicorn
from fastapi import FastAPI

from api.connection import GuardedHttp
from api.gateway import Gateway
from api.sockets import KERNEL_WATCHES, LeanSocket
from shared.settings import Settings

_LEAVE_S = 2
_TOLD_SIZE = 2
"""Frames up to so many times what is taken are told that they are too large; others close their socket."""


class Server(uvicorn.Server):
    """Ends within ``timeout_graceful_shutdown``, followers told.

    uvicorn alone closes WebSockets with a code of its own, and waits for event streams, which never end by
    themselves.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, tell who follows that we stop, then do as uvicorn does."""
        for server in self.servers:
            server.close()
        gateway: Gateway | None = self.lifespan.state.get("gateway")
        if gateway is not None:
            await gateway.leave(_LEAVE_S)
        await super().shutdown(sockets)


def _is_ours(record: logging.LogRecord) -> bool:
    # uvicorn says so, as of an error, of every WebSocket that was refused with an answer.
    return record.getMessage() != "ASGI callable returned without completing handshake."


def configuration(make_app: Callable[[], FastAPI], settings: Settings, host: str, port: int) -> uvicorn.Config:
    """How uvicorn runs us."""
    logging.getLogger("uvicorn.error").addFilter(_is_ours)
    return uvicorn.Config(
        make_app,
        factory=True,
        host=host,
        port=port,
        http=partial(GuardedHttp, limits=settings.limits),  # type: ignore[arg-type]  called as the class would be
        ws=LeanSocket,
        ws_max_size=_TOLD_SIZE * settings.sessions.frame_bytes,
        ws_per_message_deflate=settings.sockets.compression,
        # Followers are sent a frame of ours when nothing else was; the kernel sees whether a peer takes it.
        ws_ping_interval=None if KERNEL_WATCHES else 20.0,
        timeout_graceful_shutdown=max(1, settings.limits.shutdown_s - _LEAVE_S),
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
    )


def serve(config: uvicorn.Config, listening: list[socket.socket] | None = None) -> int:
    """Serve until a signal, at sockets of others if they are given; the exit status."""
    server = Server(config)
    with suppress(KeyboardInterrupt):  # the signal comes once more after everything has ended
        server.run(listening)
    return 0 if server.started else 1


def allow_files() -> None:
    """As many open files as this process may have: each follower is one, and usual limits are meant for others."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
