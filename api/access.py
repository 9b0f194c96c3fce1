"""Asks each request and socket who calls, before anything of it is read."""

import re
from math import ceil

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.callers import ANYBODY, CALLER, STRANGER, Caller
from api.gateway import Gateway
from api.headers import header
from api.problems import of_error
from api.services.guests import may_stay
from api.sockets import came_with
from api.views import PREFIX
from shared.access_errors import TooManyRequests, Unauthenticated
from shared.errors import FramelaneError
from shared.ports.keys import Spent

PROTOCOL = "framelane"
"""The subprotocol that sockets answer with."""
_BEARER = "framelane.bearer."
_SCHEME = "bearer "
_LONGEST = 8_192
_OPEN = re.compile(rf"/|/health/(live|ready)|/docs|/redoc|/openapi\.json|/docs-assets/.*|{PREFIX}/files/.*")
"""Where what is open to anybody lies. Strangers get no further with other paths than to be asked who they are."""
_WINDOW_S = 60.0


class Access:
    """Knows the caller of a request by its token.

    That is in the header ``Authorization: Bearer`` or, for sockets of browsers, which can't send one, in a
    subprotocol ``framelane.bearer.<token>`` beside ``framelane``. Without one there are open pages and nothing
    else. Tokens in a query, which end in logs, aren't looked for.
    """

    def __init__(self, app: ASGIApp, *, asks: bool) -> None:
        self.app = app
        self.asks = asks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102  ASGI
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if not self.asks:
            CALLER.set(ANYBODY)
            await self.app(scope, receive, send)
            return
        here: Gateway = scope["app"].state.gateway
        # Never reset: each request is a task of its own, and a socket goes on after its request is over.
        CALLER.set(STRANGER)
        try:
            token = _token(scope)
            caller = await _caller(scope, here, token)
            CALLER.set(caller)
            spent = await _count(caller, here) if caller.limits.rate else None
        except FramelaneError as error:
            await _refusal(error, scope)(scope, receive, send)
            return
        if token is not None:
            may_stay(scope, here.guests, token)
        if scope["type"] == "websocket":
            came_with(scope, token)
            send = _greeting(scope, send)
        if spent is not None:
            send = _telling(spent, caller.limits.rate or 0, send)
        await self.app(scope, receive, send)


def known_caller(said: str, here: Gateway) -> Caller | None:
    """Whose the header ``Authorization`` is, where that was found out a moment ago."""
    if said[: len(_SCHEME)].lower() != _SCHEME or len(said) > _LONGEST:
        return None
    return here.gate.remembered(said[len(_SCHEME) :].strip())


async def _caller(scope: Scope, here: Gateway, token: str | None) -> Caller:
    if token is not None:
        return here.gate.remembered(token) or await here.gate.identify(token)
    if _is_open(scope["path"].removeprefix(scope.get("root_path", "")), here):
        return STRANGER
    raise Unauthenticated("send a key: Authorization: Bearer fl_…")


def _token(scope: Scope) -> str | None:
    said = header(scope, b"authorization")
    if said is not None:
        if said[: len(_SCHEME)].lower() != _SCHEME or len(said) > _LONGEST:
            raise Unauthenticated("the header Authorization must be: Bearer, a blank, and the key")
        return said[len(_SCHEME) :].strip()
    if scope["type"] == "websocket":
        for protocol in scope.get("subprotocols", ()):
            if protocol.startswith(_BEARER):
                return protocol[len(_BEARER) :]
    return None


async def _count(caller: Caller, here: Gateway) -> Spent:
    limit = caller.limits.rate or 0
    spent = await here.parts.keys.spend(caller.name, limit, _WINDOW_S)
    if not spent.allowed:
        error = TooManyRequests(
            f"at most {limit} requests a minute; there is room again in {spent.again_in_s:.1f} s"
        )
        error.retry_after_s = spent.again_in_s
        raise error
    return spent


def _refusal(error: FramelaneError, scope: Scope) -> Response:
    answer = of_error(error, scope["path"])
    if isinstance(error, Unauthenticated):
        answer.headers["WWW-Authenticate"] = 'Bearer realm="framelane"'
    return answer


def _greeting(scope: Scope, send: Send) -> Send:
    """Browsers go on only with a subprotocol that they offered."""
    if PROTOCOL not in scope.get("subprotocols", ()):
        return send

    async def greet(message: Message) -> None:
        if message["type"] == "websocket.accept" and not message.get("subprotocol"):
            message = {**message, "subprotocol": PROTOCOL}
        await send(message)

    return greet


def _telling(spent: Spent, limit: int, send: Send) -> Send:
    told = [
        (b"ratelimit-policy", f'"key";q={limit};w={_WINDOW_S:.0f}'.encode()),
        (b"ratelimit", f'"key";r={spent.left};t={ceil(_WINDOW_S)}'.encode()),
    ]

    async def tell(message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            message = {**message, "headers": [*message.get("headers", ()), *told]}
        await send(message)

    return tell


def _is_open(path: str, here: Gateway) -> bool:
    return bool(_OPEN.fullmatch(path)) or (path == "/metrics" and here.settings.web.open_metrics)
