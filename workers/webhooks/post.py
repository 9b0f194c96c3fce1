"""One POST to a stranger's URL: to an address that was looked at first, within a time that holds for all of it."""

import io
import socket
import ssl
import string
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, Self
from urllib.parse import quote, urlsplit

from typing_extensions import override

from shared.addresses import host_of, may_call
from workers.webhooks.schedule import Answer, NoAnswer, read_retry_after

USER_AGENT = "Framelane-Webhooks/1"

_READ_BYTES = 64 * 1024
_BODY_BYTES = 4 * 1024
_BODY_S = 0.5

Place = tuple[int, Any]
"""An address family, and what a socket of it connects to."""

LookUp = Callable[[str, int], list[Place]]


class Refused(Exception):
    """The host mustn't be called."""


class Deadline:
    """A moment ``seconds`` from now."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds. Raises TimeoutError when there are none."""
        seconds = self._at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in the parts that are needed; ``host`` in the form of ``host_of``."""

    tls: bool
    host: str
    port: int
    authority: str
    path: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Raises ValueError."""
        host, parts = host_of(url), urlsplit(url)
        tls = parts.scheme == "https"
        name = f"[{host}]" if ":" in host else host
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(
            tls=tls,
            host=host,
            port=parts.port or (443 if tls else 80),
            authority=f"{name}:{parts.port}" if parts.port else name,
            path=quote(path, safe=string.punctuation),
        )


def look_up(host: str, port: int) -> list[Place]:
    """What the system's resolver says. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [(family, address) for family, _, _, _, address in found]


class Poster:
    """Sends messages. ``timeout_s``: of a try, with name resolution and all. Threads may share one."""

    def __init__(
        self,
        timeout_s: float,
        private_hosts: Collection[str] = (),
        tls: ssl.SSLContext | None = None,
        resolve: LookUp = look_up,
    ) -> None:
        self._timeout_s = timeout_s
        self._private_hosts = private_hosts
        self._tls = tls or ssl.create_default_context()
        self._resolve = resolve

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer | NoAnswer:
        """One try. No redirect is followed, no proxy used. What the answer's body says is never kept."""
        try:
            return self._post(Target.of(url), body, headers)
        except TimeoutError:
            return NoAnswer(f"no answer within {self._timeout_s:g} s")
        except ssl.SSLError as error:
            return NoAnswer(f"no safe connection: {getattr(error, 'verify_message', '') or error.reason}")
        except OSError as error:
            return NoAnswer(f"it can't be reached: {error.strerror or type(error).__name__}")
        except HTTPException as error:
            return NoAnswer(f"its answer isn't HTTP: {type(error).__name__}")
        except (Refused, ValueError) as error:
            return NoAnswer(str(error))

    def _post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        deadline = Deadline(self._timeout_s)
        with closing(self._connect(target, deadline)) as connected:
            sock = connected
            if target.tls:
                sock.settimeout(deadline.left())
                sock = self._tls.wrap_socket(sock, server_hostname=target.host)
            with closing(sock):
                return _exchange(_Line(sock, deadline), target, body, headers)

    def _connect(self, target: Target, deadline: Deadline) -> socket.socket:
        """To the first of the addresses that answers; each gets its share of the time."""
        places = self._places(target, deadline)
        failure: OSError = TimeoutError()
        for number, (family, address) in enumerate(places):
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(deadline.left() / (len(places) - number))
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
            else:
                return sock
        raise failure

    def _places(self, target: Target, deadline: Deadline) -> list[Place]:
        """All addresses of the host, if each of them may be called."""
        places = _in_time(lambda: self._resolve(target.host, target.port), deadline)
        if not all(may_call(target.host, address[0], self._private_hosts) for _, address in places):
            # Which address it is, is nothing a stranger has to know.
            raise Refused("its host has an address that isn't public")
        return places


class _Line(io.RawIOBase):
    """A socket as http.client wants it, which gives every wait no more than what is left of the time."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._room = _READ_BYTES

    def hurry(self, seconds: float) -> None:
        """From now on only so long, at most."""
        self._deadline = Deadline(min(seconds, self._deadline.left()))

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._sock.settimeout(self._deadline.left())
            view = view[self._sock.send(view) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any, /) -> int:
        self._sock.settimeout(self._deadline.left())
        got = self._sock.recv_into(memoryview(buffer)[: self._room])
        self._room -= got
        return got


def _exchange(line: _Line, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
    connection = HTTPConnection(target.host, target.port)
    connection.sock = line  # not connected by itself: it would look the name up again
    said = {"Host": target.authority, "User-Agent": USER_AGENT, "Connection": "close", **headers}
    connection.request("POST", target.path, body, said)
    response = connection.getresponse()
    answer = Answer(response.status, read_retry_after(response.getheader("retry-after")))
    # A little patience, so that a receiver isn't cut off in the middle of its sentence.
    with suppress(OSError, HTTPException, ValueError):
        line.hurry(_BODY_S)
        response.read(_BODY_BYTES)
    return answer


def _in_time(ask: Callable[[], list[Place]], deadline: Deadline) -> list[Place]:
    """The C library's resolver can't be told how long it may take: a thread of its own waits for it."""
    answer: Future[list[Place]] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            answer.set_exception(error)

    threading.Thread(target=run, name="look-up", daemon=True).start()
    return answer.result(deadline.left())
