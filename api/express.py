"""The requests that come most often, past the machinery that serves all kinds of them."""

import re
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from typing import NamedTuple
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from api.gateway import Gateway
from api.headers import header
from api.meters import OPERATION, TEMPLATE
from api.permissions import require
from api.problems import of_exception
from api.routes.gestures import Choices, predict, predict_gesture
from api.routes.submit import submit, submit_job
from api.uploads import JSON, MSGPACK, OCTETS
from api.views import PREFIX
from shared.errors import FramelaneError

Answer = Callable[[Request, Gateway], Awaitable[Response]]

_JOBS = f"{PREFIX}/jobs"
_PREDICT = re.compile(rf"{PREFIX}/gestures/([^/]+)/predict")
_PLAIN = frozenset({JSON, MSGPACK, OCTETS})
_SPECS = frozenset({JSON, MSGPACK})
_LONGEST_QUERY = 200


class Way(NamedTuple):
    """Past the routes: what answers, for which operation, at which address (as metrics and traces name it)."""

    operation: str
    template: str
    answer: Answer

    def mark(self, scope: Scope) -> None:
        """Say so to whoever looks for a route."""
        scope[TEMPLATE] = self.template
        scope[OPERATION] = self.operation


_SUBMIT = Way(submit_job.__name__, _JOBS, submit)
_PREDICTS = f"{PREFIX}/gestures/{{model}}/predict"


class Plain(Request):
    """Its body is small, and read once."""

    def __init__(self, scope: Scope, receive: Receive, whole: bytes | None = None) -> None:
        """``whole``: its body, if that has come."""
        super().__init__(scope, receive)
        self._whole = whole

    @override
    async def body(self) -> bytes:
        if self._whole is not None:
            return self._whole
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

    Plain, and at the root: numbers with nothing wrong in their query, or a spec with neither query nor
    ``Idempotency-Key``. FastAPI takes longer to find that out than we take for everything. All else goes on.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102  ASGI
        way = way_of(scope)
        if way is None:
            await self.app(scope, receive, send)
            return
        way.mark(scope)
        request = Plain(scope, receive)
        try:
            require(way.operation)
            response = await way.answer(request, scope["app"].state.gateway)
        except (FramelaneError, HTTPException) as error:
            response = of_exception(request, error)
        await response(scope, receive, send)


def way_of(scope: Scope) -> Way | None:
    """What answers the request, if path, query and media type are all there is to know."""
    if scope["type"] != "http" or scope["method"] != "POST" or scope.get("root_path"):
        return None
    path, kind, query = scope["path"], header(scope, b"content-type"), scope["query_string"]
    if path == _JOBS:
        plain = kind in _SPECS and not query and header(scope, b"idempotency-key") is None
        return _SUBMIT if plain else None
    found = _PREDICT.fullmatch(path) if kind in _PLAIN and len(query) <= _LONGEST_QUERY else None
    choices = _choices(query) if found else None
    if not found or not choices:
        return None
    return Way(predict_gesture.__name__, _PREDICTS, partial(predict, model=found[1], choices=choices))


@lru_cache(maxsize=256)
def _choices(query: bytes) -> Choices | None:
    """What a query says; None where there is something wrong with it, which the route tells."""
    said = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    named = dict(said)
    if len(named) < len(said):
        return None
    try:
        return Choices.model_validate(named)
    except ValidationError:
        return None
