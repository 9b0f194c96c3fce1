"""Tells the audit log of every call that changes something, once it is answered."""

import re
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.gateway import Gateway
from api.meters import OPERATION
from api.views import PREFIX
from shared.audit import AuditEntry, outcome_of
from shared.audit_settings import AuditSettings
from shared.quick import assembled

_READING = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_PREDICTION = re.compile(rf"{PREFIX}/(?:gestures|keypoints)/.+")
_TARGET = 300
"""Characters of a path that are kept. A query isn't: nothing says what it holds."""

Who = Callable[[], tuple[str, str]]
"""Name and tenant of the caller of this request, after it was answered; empty where nobody was asked."""


class Recording:
    """``who`` is asked in the context of the request."""

    def __init__(self, app: ASGIApp, *, settings: AuditSettings, who: Who) -> None:
        self.app = app
        self._settings = settings
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102  ASGI
        if not self._concerns(scope):
            await self.app(scope, receive, send)
            return
        status = 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, told)
        except Exception:
            status = status or 500
            raise
        finally:
            self._note(scope, status)

    def note(self, scope: Scope, status: int) -> None:
        """The call was answered, 0: wasn't; it is told if it is one of those that are."""
        if self._concerns(scope):
            self._note(scope, status)

    def _note(self, scope: Scope, status: int) -> None:
        gateway: Gateway = scope["app"].state.gateway
        gateway.recorder.note(self._entry(scope, status))

    def _concerns(self, scope: Scope) -> bool:
        if scope["type"] != "http" or scope["method"] in _READING or not self._settings.enabled:
            return False
        return self._settings.predictions or _PREDICTION.fullmatch(scope["path"]) is None

    def _entry(self, scope: Scope, status: int) -> AuditEntry:
        who, tenant = self._who()
        client = scope.get("client")
        route = scope.get("route")
        told = {
            "at_ms": round(time.time() * 1000),
            "who": who,
            "tenant": tenant,
            "address": client[0] if client else "",
            "action": scope.get(OPERATION) or getattr(route, "name", "") or "",
            "target": f"{scope['method'][:20]} {scope['path'][:_TARGET]}",
            "status": status,
            "outcome": outcome_of(status),
            "request_id": scope["state"]["request_id"],
        }
        return assembled(AuditEntry, told)
