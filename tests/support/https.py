"""Web servers with the answers of a test, on free ports; https with a certificate of their own."""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class HttpsServer:
    """``url`` has no slash at the end; ``certificate`` is what a client has to trust."""

    url: str
    certificate: Path


def send(content: bytes, *, announced: int | None = None, status: int = 200) -> Answer:
    """Answer with these bytes; ``announced``: the length to claim instead of the true one."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(content) if announced is None else announced))
        request.end_headers()
        request.wfile.write(content)

    return answer


@dataclass
class Ranged:
    """A file that can be had in parts. ``stop_at``: of the next answers, each breaks off at such a byte.

    ``asked``: the Range and If-Range of every request.
    """

    content: bytes
    tag: str | None = '"v1"'
    stop_at: list[int] = field(default_factory=list[int])
    asked: list[tuple[str | None, str | None]] = field(default_factory=list[tuple[str | None, str | None]])
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        wanted, condition = request.headers["Range"], request.headers["If-Range"]
        self.asked.append((wanted, condition))
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and condition in {None, self.tag} else 0
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if self.tag:
            request.send_header("ETag", self.tag)
        for name, said in self.headers.items():
            request.send_header(name, said)
        request.send_header("Content-Length", str(len(self.content) - start))
        request.end_headers()
        end = self.stop_at.pop(0) if self.stop_at else len(self.content)
        request.wfile.write(self.content[start:end])
        request.close_connection = True


def redirect(to: str) -> Answer:
    """Answer that the file is somewhere else."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", to)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def have_openssl() -> bool:
    """Whether a certificate can be made here."""
    return shutil.which("openssl") is not None


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key; no earlier one of the folder is written over."""
    own = Path(mkdtemp(prefix="certificate-", dir=folder))
    certificate, key = own / "cert.pem", own / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@contextmanager
def https_server(folder: Path, answers: Mapping[str, Answer]) -> Iterator[HttpsServer]:
    """Serve ``answers`` by path; anything else is 404."""
    certificate, key = make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _serving(answers, context) as port:
        yield HttpsServer(f"https://127.0.0.1:{port}", certificate)


@contextmanager
def http_server(answers: Mapping[str, Answer], host: str = "127.0.0.1") -> Iterator[str]:
    """The same without TLS; the URL that it has."""
    with _serving(answers, None, host) as port:
        yield f"http://{host}:{port}"


@contextmanager
def _serving(
    answers: Mapping[str, Answer], context: ssl.SSLContext | None, host: str = "127.0.0.1"
) -> Iterator[int]:

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.get(self.path.partition("?")[0], send(b"nothing here", status=404))(self)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's
            """Silent."""

    with _Server((host, 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked is gone, which is what some tests are about."""
