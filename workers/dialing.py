"""Connections to strangers: to an address that was looked at first, within a time that holds for all of it."""

import socket
import ssl
import string
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

from shared.addresses import host_of, may_call

LOOK_S = 0.25
"""So often somebody who waits is asked whether to go on."""

Place = tuple[int, Any]
"""An address family, and what a socket of it connects to."""

LookUp = Callable[[str, int], list[Place]]

_Got = TypeVar("_Got")


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


class Dialer:
    """Connects. ``private_hosts``: names, addresses and networks that may be called although they are private."""

    def __init__(
        self,
        private_hosts: Collection[str] = (),
        tls: ssl.SSLContext | None = None,
        resolve: LookUp = look_up,
    ) -> None:
        self._private_hosts = private_hosts
        self._tls = tls or ssl.create_default_context()
        self._resolve = resolve

    def dial(self, target: Target, deadline: Deadline) -> socket.socket:
        """A connection, safe if the target asks for it. The name is resolved once: it can't flip meanwhile.

        Raises Refused, TimeoutError, OSError.
        """
        sock = self._connect(target, deadline)
        if not target.tls:
            return sock
        try:
            sock.settimeout(deadline.left())
            return self._tls.wrap_socket(sock, server_hostname=target.host)
        except BaseException:
            sock.close()
            raise

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
        # The C library's resolver can't be told how long it may take: a thread of its own waits for it.
        places = aside(lambda: self._resolve(target.host, target.port)).result(deadline.left())
        if not all(may_call(target.host, address[0], self._private_hosts) for _, address in places):
            # Which address it is, is nothing a stranger has to know.
            raise Refused("its host has an address that isn't public")
        return places


def aside(call: Callable[[], _Got]) -> Future[_Got]:
    """What ``call`` gives, in a thread of its own; nobody has to wait for it."""
    answer: Future[_Got] = Future()

    def run() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            answer.set_exception(error)

    threading.Thread(target=run, name="aside", daemon=True).start()
    return answer


def awaited(
    call: Callable[[], _Got], on_wait: Callable[[], None], discard: Callable[[_Got], object] = lambda _got: None
) -> _Got:
    """What ``call`` gives; ``on_wait`` is called meanwhile, four times a second.

    What ``on_wait`` raises ends the wait, not the call: what that gives later is passed to ``discard``.
    """
    answer = aside(call)
    while not wait([answer], LOOK_S).done:
        try:
            on_wait()
        except BaseException:
            answer.add_done_callback(lambda late: late.exception() or discard(late.result()))
            raise
    return answer.result()
