"""The requests that come most often, past the machinery that serves all kinds of them."""

import re
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from api.gateway import Gateway
from api.headers import header
from api.problems import of_exception
from api.routes.gestures import Choices, predict
from api.routes.submit import submit
from api.uploads import JSON, MSGPACK, OCTETS
from api.views import PREFIX
from shared.errors import FramelaneError

Answer = Callable[[Request, Gateway], Awaitable[Response]]

_JOBS = f"{PREFIX}/jobs"
_PREDICT = re.compile(rf"{PREFIX}/gestures/([^/]+)/predict")
_PLAIN = frozenset({JSON, MSGPACK, OCTETS})
_SPECS = frozenset({JSON, MSGPACK})
_CHOICES = Choices()


class _Plain(Request):
    """Its body is small, and read once."""

    @override
    async def body(self) -> bytes:
        chunks: list[bytes] = []
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(chunks)


class Express:
    """Answers plain questions for gestures and plain new jobs, with what answers them behind the routes.

    Plain: numbers, or a spec without a key of the client's; no query, at the root. For those FastAPI has nothing
    to check, and finding that out takes it longer than everything that we do. All else goes on to it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102  ASGI
        answer = _plain(scope)
        if answer is None:
            await self.app(scope, receive, send)
            return
        request = _Plain(scope, receive)
        try:
            response = await answer(request, scope["app"].state.gateway)
        except (FramelaneError, HTTPException) as error:
            response = of_exception(request, error)
        await response(scope, receive, send)


def _plain(scope: Scope) -> Answer | None:
    """What answers the request, if its path and media type are all there is to know."""
    if scope["type"] != "http" or scope["method"] != "POST" or scope["query_string"] or scope.get("root_path"):
        return None
    path, kind = scope["path"], header(scope, b"content-type")
    if path == _JOBS:
        return submit if kind in _SPECS and header(scope, b"idempotency-key") is None else None
    found = _PREDICT.fullmatch(path) if kind in _PLAIN else None
    return partial(predict, model=found[1], choices=_CHOICES) if found else None
