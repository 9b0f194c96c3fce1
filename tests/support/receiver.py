"""A receiver of webhooks on a free port of 127.0.0.1 that does as it is told, and remembers what it got."""

import base64
import hashlib
import hmac
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.https import make_certificate

Conduct = Callable[["Request"], None]


@dataclass
class Got:
    """A request. ``at``: seconds on the monotonic clock."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)


class Request(BaseHTTPRequestHandler):
    receiver: "Receiver"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.receiver.handle(self, Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's
        """Silent."""


class Receiver:
    """``conducts`` are used up one by one, the last again and again."""

    def __init__(self, *conducts: Conduct) -> None:
        self.conducts = list(conducts) or [status(204)]
        self.got: list[Got] = []
        self.over = threading.Event()
        self._changed = threading.Condition()
        self.url = ""
        self.certificate: Path | None = None

    def handle(self, request: Request, got: Got) -> None:
        with self._changed:
            self.got.append(got)
            conduct = self.conducts.pop(0) if len(self.conducts) > 1 else self.conducts[0]
            self._changed.notify_all()
        with suppress(OSError):  # the sender may have left
            conduct(request)

    def wait_for(self, count: int, timeout_s: float = 30.0) -> list[Got]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.got) >= count, timeout_s), f"got {len(self.got)}"
            return list(self.got)


def status(number: int, body: bytes = b"", **headers: str) -> Conduct:
    def answer(request: Request) -> None:
        request.send_response(number)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def hang(request: Request) -> None:
    """Say nothing until the end of the test."""
    request.receiver.over.wait(60)


def drip(sentence: bytes, pause_s: float = 0.05) -> Conduct:
    """Say it again and again, a byte at a time."""

    def answer(request: Request) -> None:
        while not request.receiver.over.is_set():
            for at in range(len(sentence)):
                request.wfile.write(sentence[at : at + 1])
                if request.receiver.over.wait(pause_s):
                    return

    return answer


def flood(request: Request) -> None:
    """A line that never ends."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not request.receiver.over.is_set():
        request.wfile.write(b"x-more: " + b"x" * 8_000 + b"\r\n")


@contextmanager
def receiving(*conducts: Conduct, tls: Path | None = None) -> Iterator[Receiver]:
    """``tls``: a folder for its certificate, which is for 127.0.0.1."""
    receiver = Receiver(*conducts)
    handler = type("Handler", (Request,), {"receiver": receiver})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        scheme = "http"
        if tls is not None:
            receiver.certificate, key = make_certificate(tls)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(receiver.certificate, key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            server.handle_error = lambda *_refused: None  # handshakes that clients break off
            scheme = "https"
        receiver.url = f"{scheme}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.over.set()
            server.shutdown()
            thread.join()


def verify(secret: str, headers: dict[str, str], body: bytes, now: float, tolerance_s: float = 300) -> bool:
    """What a receiver does, written by hand from the Standard Webhooks specification."""
    if abs(now - int(headers["webhook-timestamp"])) > tolerance_s:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body.decode()}"
    expected = base64.b64encode(hmac.new(key, content.encode(), hashlib.sha256).digest()).decode()
    versions = (part.split(",", 1) for part in headers["webhook-signature"].split(" "))
    return any(version == "v1" and hmac.compare_digest(given, expected) for version, given in versions)
