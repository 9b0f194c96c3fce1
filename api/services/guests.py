"""Connections that stay open, and away with those whose key is no good any more."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Final

import structlog
from starlette.types import Scope

from api.services.gate import Gate
from shared.access_errors import Unauthenticated
from shared.errors import FramelaneError

_log = structlog.stdlib.get_logger()

Leave = Callable[[], None]
"""Ends a connection, soon. May be called again; doesn't raise."""

_STAYING: Final = "framelane.staying"
"""Where a scope says by whose token it came, if one was asked for."""


class Guests:
    """Sockets and event streams by the token they were opened with.

    Each token is looked at every ``every_s`` seconds, once for all that came with it. While nobody can tell
    whether it is good still, they stay.
    """

    def __init__(self, gate: Gate, every_s: float) -> None:
        self._gate = gate
        self._every_s = every_s
        self._open: dict[str, set[Leave]] = {}

    @property
    def open(self) -> int:
        """How many stay."""
        return sum(map(len, self._open.values()))

    def come(self, token: str, leave: Leave) -> None:
        """One more. ``leave`` is called once its token is no good any more."""
        self._open.setdefault(token, set()).add(leave)

    def go(self, token: str, leave: Leave) -> None:
        """It has ended. May be said twice."""
        others = self._open.get(token, set())
        others.discard(leave)
        if not others:
            self._open.pop(token, None)

    @contextmanager
    def staying(self, token: str, leave: Leave) -> Generator[None]:
        """The same, for as long as a block lasts."""
        self.come(token, leave)
        try:
            yield
        finally:
            self.go(token, leave)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.look()

    async def look(self) -> None:
        """Look at each token once."""
        for token in list(self._open):
            try:
                await self._gate.identify(token)
            except Unauthenticated as error:
                self._send_away(token, error.detail)
            except FramelaneError as error:
                _log.warning("guests_not_looked_at", reason=error.detail)
            except Exception:  # noqa: BLE001  without this task nobody would be sent away any more
                _log.exception("unexpected error while looking at guests")

    def _send_away(self, token: str, why: str) -> None:
        guests = list(self._open.get(token, ()))
        for leave in guests:
            leave()
        _log.info("guests_sent_away", connections=len(guests), reason=why)


def may_stay(scope: Scope, guests: Guests, token: str) -> None:
    """The request came with this token."""
    scope[_STAYING] = partial(guests.staying, token)


def staying(scope: Scope, leave: Leave) -> AbstractContextManager[None]:
    """As in ``Guests``, for a response that doesn't end by itself; nothing where nobody is asked for a token."""
    stay: Callable[[Leave], AbstractContextManager[None]] | None = scope.get(_STAYING)
    return nullcontext() if stay is None else stay(leave)
