"""The requests that come most often, past the machinery that serves all kinds of them."""

import re

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from api.headers import header
from api.meters import TEMPLATE
from api.permissions import require
from api.problems import of_exception
from api.routes.gestures import Choices, predict, predict_gesture
from api.uploads import JSON, MSGPACK, OCTETS
from api.views import PREFIX
from shared.errors import FramelaneError

_PREDICT = re.compile(rf"{PREFIX}/gestures/([^/]+)/predict")
_TEMPLATE = f"{PREFIX}/gestures/{{model}}/predict"
_PLAIN = frozenset({JSON, MSGPACK, OCTETS})
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
    """Answers plain questions for gestures, with what answers them behind the route; all else goes on to it.

    Plain: numbers, no query, at the root. For those FastAPI has nothing to check, and finding that out takes it
    longer than everything that we do.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102  ASGI
        asked = _plain(scope)
        if asked is None:
            await self.app(scope, receive, send)
            return
        scope[TEMPLATE] = _TEMPLATE
        request = _Plain(scope, receive)
        try:
            require(predict_gesture.__name__)
            response = await predict(request, scope["app"].state.gateway, asked, _CHOICES)
        except (FramelaneError, HTTPException) as error:
            response = of_exception(request, error)
        await response(scope, receive, send)


def _plain(scope: Scope) -> str | None:
    """The model that is asked, if that is all there is to know."""
    if scope["type"] != "http" or scope["method"] != "POST" or scope["query_string"] or scope.get("root_path"):
        return None
    found = _PREDICT.fullmatch(scope["path"])
    if found is None or header(scope, b"content-type") not in _PLAIN:
        return None
    return found[1]
