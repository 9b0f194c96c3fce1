"""uvicorn's HTTP protocol with limits that it has none for: on the time a request takes to come, and on its head.

A client that sends its request one byte after the other, or a head that never ends, would else hold a connection,
and memory, for as long as it likes.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from weakref import ref

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared.settings import LimitSettings

_SLACK = 512 * 1024
"""Bytes that may come beside a body before its chunks are looked at: the socket is read in pieces as large."""
_OVERHEAD = 1.5
"""Times as large as its content a body may be on its way: chunks of a few bytes each cost more than they bring."""
_MEANT = 1_024
"""Bytes that must come within ``limits.body_s``."""
_BESIDE = 4
"""Bytes of a header beside its name and value."""

WHOLE = "framelane.whole"
"""The extension of a scope that is a ``Whole``: for answers that are there at once, in one piece."""

_MALFORMED, _TOO_SLOW, _HEAD_TOO_LARGE = 400, 408, 431


def _answer(status: int, phrase: str, code: str, detail: str) -> bytes:
    problem = {"type": f"urn:framelane:error:{code}", "title": phrase, "status": status, "detail": detail}
    body = json.dumps(problem | {"instance": "", "errors": []})
    head = (
        f"HTTP/1.1 {status} {phrase}",
        "content-type: application/problem+json",
        f"content-length: {len(body)}",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
        "connection: close",
    )
    return "\r\n".join((*head, "", body)).encode("ascii")


_ANSWERS: Mapping[int, bytes] = {
    _MALFORMED: _answer(400, "Bad Request", "malformed-request", "this isn't HTTP as it should be"),
    _TOO_SLOW: _answer(408, "Request Timeout", "request-timeout", "the request didn't come in time"),
    _HEAD_TOO_LARGE: _answer(
        431, "Request Header Fields Too Large", "headers-too-large", "the headers are over the limit"
    ),
}


class Whole:
    """A request that has come, and an answer that is sent, in one piece each."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        # Whose scope holds this: else each request would be left to Python's collector.
        self._cycle = ref(cycle)

    def body(self) -> bytes | None:
        """Of the request; None while it hasn't come, or its client wants to be told to send it."""
        cycle = self._cycle()
        if cycle is None or cycle.more_body or cycle.disconnected or cycle.waiting_for_100_continue:
            return None
        body, cycle.body = bytes(cycle.body), bytearray()
        cycle.flow.resume_reading()
        return body

    def answer(self, head: bytes, body: bytes) -> bool:
        """Send it; False, and nothing is sent, where that isn't possible now.

        ``head``: the lines before the body, but for the empty one, and whether the connection is kept.
        """
        cycle = self._cycle()
        if cycle is None or cycle.response_started or cycle.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        if cycle.disconnected:
            return True
        cycle.transport.write(head + (b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n") + body)
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True


class GuardedHttp(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *given: Any, limits: LimitSettings, **named: Any) -> None:
        super().__init__(*given, **named)
        self._limits = limits
        self._fault = _MALFORMED
        self._timer: asyncio.TimerHandle | None = None
        self._in_head, self._in_body = True, False
        self._first = True
        self._head = self._named = self._headers = 0
        self._raw = self._content = self._window = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """The first request has its time, too."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Most requests come whole: they cost no timer."""
        waited_for = self._in_head, self._in_body
        self._head += len(data) if self._in_head else 0
        self._raw += len(data)
        self._window += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            self._stop_waiting()
        elif self._in_head and self._head > self._limits.header_bytes:
            self._refuse(_HEAD_TOO_LARGE)
        elif self._in_body and self._raw > _OVERHEAD * self._content + _SLACK:
            self._refuse(_MALFORMED)
        elif self._timer is None or waited_for != (self._in_head, self._in_body):
            self._wait()

    def handle_websocket_upgrade(self) -> None:
        """The connection is another protocol's from now on."""
        self._in_head = self._in_body = False
        self._stop_waiting()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """Of a request."""
        super().on_message_begin()
        self._in_head, self._in_body = True, False
        # What else lies in this piece of a connection's later requests isn't known; it is one piece at most.
        self._head = self._head if self._first else 1
        self._first = False
        self._named = self._headers = self._raw = self._content = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of them is complete."""
        self._headers += 1
        self._named += len(name) + len(value) + _BESIDE
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """All of them are."""
        self._in_head, self._in_body = False, True
        limits = self._limits
        if self._headers > limits.headers or self._named + len(self.url) > limits.header_bytes:
            self._fault = _HEAD_TOO_LARGE
            raise httptools.HttpParserError
        super().on_headers_complete()
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        if cycle is not None and cycle.scope is self.scope:
            cycle.scope["extensions"] = {WHOLE: Whole(cycle)}

    def on_body(self, body: bytes) -> None:
        """A piece of it."""
        self._content += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It has come."""
        self._in_head = self._in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  the parser's own words aren't repeated
        """What the parser couldn't read, or didn't because of a limit."""
        self._refuse(self._fault)

    def _wait(self) -> None:
        self._stop_waiting()
        if self._in_head:
            self._timer = self.loop.call_later(self._limits.header_s, self._too_slow)
        elif self._in_body:
            self._window = 0
            self._timer = self.loop.call_later(self._limits.body_s, self._look_at_body)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at_body(self) -> None:
        self._timer = None
        # Who isn't read from can't send.
        if self._window >= _MEANT or self.flow.read_paused or self.cycle.response_complete:
            self._wait()
        else:
            self._too_slow()

    def _too_slow(self) -> None:
        self._timer = None
        if self._in_head and self._head == 0:
            self.transport.close()  # it asked for nothing, so nothing is answered
        else:
            self._refuse(_TOO_SLOW)

    def _refuse(self, status: int) -> None:
        """Say so, unless an answer has begun, and hang up."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(_ANSWERS[status])
        self.transport.close()
