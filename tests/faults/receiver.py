"""A receiver of webhooks that behaves as its path says, and writes down what it gets."""

import base64
import hmac
import json
import threading
import time
from collections import Counter
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.faults.field import CALLBACK_SECRET
from tests.faults.ledger import Pen

_HOSTS = ("127.0.0.1", "127.0.0.2")
_HANG_S = 3.0
"""Longer than a try may take."""


class Receiver:
    """Paths: ``/ok``, ``/fail2`` (500, 500, then well), ``/slow`` (hangs, then well), ``/gone``, ``/redirect``.

    The last one points to ``/inside``, where nobody should come. It listens at 127.0.0.1 and 127.0.0.2.
    """

    def __init__(self, row: str, pen: Pen) -> None:
        self._row = row
        self._pen = pen
        self._tries: Counter[str] = Counter()
        self._lock = threading.Lock()
        handler = type("_Bound", (_Handler,), {"receiver": self})
        self._servers = [ThreadingHTTPServer((host, 0), handler) for host in _HOSTS]
        self._stopping = threading.Event()

    def url(self, path: str, host: int = 0) -> str:
        """``host`` 1: at the other address, which isn't allowed."""
        return f"http://{_HOSTS[host]}:{self._servers[host].server_port}/{path}"

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> int:
        """The status; what came is in the ledger."""
        message, path = request.headers.get("webhook-id", ""), request.path.strip("/")
        with self._lock:
            self._tries[message] += 1
            tries = self._tries[message]
        status = _status(path, tries)
        if status == 0:
            self._stopping.wait(_HANG_S)
        event: dict[str, Any] = json.loads(body or b"{}").get("data", {})
        self._pen.note(
            "hook",
            row=self._row,
            job=event.get("job_id") or (event.get("job") or {}).get("id"),
            state=event.get("state"),
            path=path,
            message=message,
            tried=tries,
            status=status,
            host=request.headers.get("host", "").partition(":")[0],
            signed=_is_signed(request, body),
        )
        return status or 200


def _status(path: str, tries: int) -> int:
    match path:
        case "ok":
            return 200
        case "fail2":
            return 500 if tries <= 2 else 204
        case "slow":
            return 0 if tries == 1 else 200
        case "gone":
            return 410
        case "redirect":
            return 302
        case _:
            return 200


def _is_signed(request: BaseHTTPRequestHandler, body: bytes) -> bool:
    """As https://www.standardwebhooks.com says a receiver should look."""
    message = request.headers.get("webhook-id", "")
    timestamp = request.headers.get("webhook-timestamp", "0")
    key = base64.b64decode(CALLBACK_SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, f"{message}.{timestamp}.".encode() + body, sha256)).decode()
    fresh = abs(time.time() - int(timestamp)) < 60
    return fresh and f"v1,{expected}" in request.headers.get("webhook-signature", "").split()


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True  # the sender was killed in the middle of it
            return
        status = self.receiver.answer(self, body)
        try:
            self.send_response(status)
            if status == 302:
                self.send_header("Location", self.receiver.url("inside"))
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            """Whoever called didn't wait."""

    do_GET = do_POST  # noqa: N815  the name is the library's

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's
        """The ledger has it."""
