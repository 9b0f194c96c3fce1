"""GET, with every address looked at, every redirection judged and every wait interrupted."""

import io
import socket
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urljoin

from typing_extensions import override

from shared.errors import SourceRefused, SourceUnavailable
from shared.settings import SourceSettings
from shared.sources import url_refused
from workers.dialing import LOOK_S, Deadline, Dialer, LookUp, Refused, Target, awaited, look_up

USER_AGENT = "Framelane/1"

_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_BUFFER = 1 << 16

OnWait = Callable[[], None]


class Getter:
    """Threads may share one. It trusts what the machine trusts (``SSL_CERT_FILE``: another file of certificates).

    ``trusted``: a URL whose host an operator's setting names, so that it may be private. No proxy is used.
    """

    def __init__(self, settings: SourceSettings, trusted: str = "", resolve: LookUp = look_up) -> None:
        host = [Target.of(trusted).host] if trusted else []
        self._settings = settings.model_copy(update={"private_hosts": [*settings.private_hosts, *host]})
        self._dialer = Dialer(self._settings.private_hosts, resolve=resolve)

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str], on_wait: OnWait) -> Generator[HTTPResponse]:
        """The answer where the redirections lead; a header ``Authorization`` isn't sent elsewhere than first.

        ``on_wait`` is called four times a second while nothing comes. Raises SourceRefused, SourceUnavailable and
        what ``on_wait`` raises; reading the answer also OSError and HTTPException.
        """
        first = target = self._judged(url)
        for _ in range(_REDIRECTS + 1):
            sent = {name: said for name, said in headers.items() if target == first or not _is_secret(name)}
            with closing(self._call(target, on_wait)) as sock:
                got = self._ask(sock, target, sent, on_wait)
                if got.status not in _MOVED:
                    yield got
                    return
            url = urljoin(url, got.getheader("location") or "")
            target = self._judged(url)
        raise SourceUnavailable(f"{first.authority}: redirections without end")

    def _judged(self, url: str) -> Target:
        if refused := url_refused(url, self._settings):
            raise SourceRefused(refused)
        return Target.of(url)

    def _call(self, target: Target, on_wait: OnWait) -> socket.socket:
        deadline = Deadline(self._settings.connect_s)
        try:
            return awaited(lambda: self._dialer.dial(target, deadline), on_wait, lambda late: late.close())
        except Refused as error:
            raise SourceRefused(f"{target.authority}: {error}") from error
        except OSError as error:
            said = getattr(error, "verify_message", "") or error.strerror or "no answer"
            raise SourceUnavailable(f"{target.authority} can't be reached: {said}") from error

    def _ask(
        self, sock: socket.socket, target: Target, headers: Mapping[str, str], on_wait: OnWait
    ) -> HTTPResponse:
        connection = HTTPConnection(target.host, target.port)
        # Not connected by itself: it would look the name up again.
        connection.sock = wire = _Wire(sock, self._settings.silence_s, on_wait)
        said = {"Host": target.authority, "User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers}
        try:
            connection.request("GET", target.path, headers={**said, "Connection": "close"})
            response = connection.getresponse()
        except (OSError, HTTPException) as error:
            raise SourceUnavailable(f"{target.authority}: {said_by(error)}") from error
        wire.head_is_over()
        return response


def said_by(error: OSError | HTTPException) -> str:
    """What became of a connection, for people."""
    if isinstance(error, TimeoutError):
        return "it fell silent"
    return str(error) or type(error).__name__


def _is_secret(header: str) -> bool:
    return header.lower() in {"authorization", "cookie"}


class _Wire:
    """A socket as http.client wants it; whoever made the socket closes it."""

    def __init__(self, sock: socket.socket, silence_s: float, on_wait: OnWait) -> None:
        self._sock = sock
        self._read = _Reading(sock, silence_s, on_wait)

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._read, _BUFFER)

    def head_is_over(self) -> None:
        """From now on it may take its time, as long as something comes."""
        self._read.until = float("inf")

    def close(self) -> None:
        """Not yet: the answer is still to be read."""


class _Reading(io.RawIOBase):
    """What comes; four times a second the question whether to go on. ``until``: nothing is awaited after that."""

    def __init__(self, sock: socket.socket, silence_s: float, on_wait: OnWait) -> None:
        self._sock = sock
        self._silence_s = silence_s
        self._on_wait = on_wait
        self._asked_at = time.monotonic()
        self.until = self._asked_at + silence_s
        sock.settimeout(LOOK_S)

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any, /) -> int:
        give_up_at = time.monotonic() + self._silence_s
        while (now := time.monotonic()) < min(give_up_at, self.until):
            if now - self._asked_at >= LOOK_S:
                self._asked_at = now
                self._on_wait()
            with suppress(TimeoutError):
                return self._sock.recv_into(buffer)
        raise TimeoutError
