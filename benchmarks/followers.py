"""Thousands of WebSocket clients in one process, each as little as a client can be.

``python -m benchmarks.followers`` reads one line of JSON, ``{"host", "port", "paths"}``, opens a socket for each
path, prints ``open`` when every one has its first message and, at the end of its input or when all are closed, one
line of JSON: a ``Heard``.
"""

import json
import os
import resource
import selectors
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar

_AT_ONCE = 100
"""Handshakes in flight."""
_CLOSE = 0x88
_HEADERS = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13"
)


@dataclass
class Heard:
    """``late_ms``: events by the milliseconds since they happened, last ones of jobs apart. ``closed``: clients by
    code, 0 if cut.
    """

    late_ms: Counter[int] = field(default_factory=Counter[int])
    ends_late_ms: Counter[int] = field(default_factory=Counter[int])
    closed: Counter[int] = field(default_factory=Counter[int])
    lagged: int = 0
    unended: int = 0
    cpu_s: float = 0.0


class Client:
    """One socket. Knows from each event's JSON when it happened and whether it was the last."""

    __slots__ = ("_ended", "_rest", "_upgraded", "greeted", "socket")
    known: ClassVar[dict[bytes, tuple[int, str]]] = {}

    def __init__(self, host: str, port: int, path: str) -> None:
        self._rest = b""
        self._upgraded = self._ended = self.greeted = False
        self.socket = socket.create_connection((host, port))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{_HEADERS}\r\n\r\n".encode())
        self.socket.setblocking(False)  # noqa: FBT003  the standard library's

    def read(self, heard: Heard) -> bool:
        """Take what came; False when the connection is over."""
        try:
            content = self._rest + (got := self.socket.recv(65_536))
        except BlockingIOError:
            return True
        except OSError:
            got = content = b""
        if not got:
            return self._over(0, heard)
        at = self._after_handshake(content)
        now_ms = int(time.time() * 1_000)
        while (frame := _frame(content, at)) is not None:
            opcode, payload, at = frame
            if opcode == _CLOSE:
                return self._over(int.from_bytes(payload[:2]), heard)
            self._take(payload, now_ms, heard)
        self._rest = content[at:]
        return True

    def _after_handshake(self, content: bytes) -> int:
        if self._upgraded:
            return 0
        end = content.find(b"\r\n\r\n")
        if end < 0:
            return 0
        if not content.startswith(b"HTTP/1.1 101"):
            raise SystemExit(content.decode(errors="replace"))
        self._upgraded = True
        return end + 4

    def _take(self, payload: bytes, now_ms: int, heard: Heard) -> None:
        self.greeted = True
        if payload not in self.known:
            if len(self.known) > 5_000:
                self.known.clear()
            self.known[payload] = _meaning(json.loads(payload))
        at_ms, meaning = self.known[payload]
        if at_ms:
            late = heard.ends_late_ms if meaning == "terminal" else heard.late_ms
            late[max(0, now_ms - at_ms)] += 1
        self._ended |= meaning == "terminal"
        heard.lagged += meaning == "lagged"

    def _over(self, code: int, heard: Heard) -> bool:
        heard.closed[code] += 1
        heard.unended += not self._ended
        return False


def _meaning(event: dict[str, Any]) -> tuple[int, str]:
    ended = event.get("state") in {"COMPLETED", "FAILED", "CANCELLED"}
    return event.get("at_ms", 0), "terminal" if ended else event["type"]


def _frame(content: bytes, at: int) -> tuple[int, bytes, int] | None:
    """First byte, payload and end of a frame of a server that masks and splits nothing; None if it isn't whole."""
    if len(content) < at + 2:
        return None
    size, start = content[at + 1], at + 2
    if size > 125:
        more = 2 if size == 126 else 8
        size, start = int.from_bytes(content[start : start + more]), start + more
    return None if len(content) < start + size else (content[at], content[start : start + size], start + size)


class Crowd:
    """All clients of this process."""

    def __init__(self, host: str, port: int) -> None:
        self.heard = Heard()
        self._where = host, port
        self._selector = selectors.EpollSelector()
        self._open = 0

    def gather(self, paths: list[str]) -> None:
        """Open all, a few at a time; return when each was told something."""
        waiting = list(reversed(paths))
        greeting: set[Client] = set()
        while waiting or greeting:
            while waiting and len(greeting) < _AT_ONCE:
                client = Client(*self._where, waiting.pop())
                greeting.add(client)
                self._selector.register(client.socket, selectors.EVENT_READ, client)
                self._open += 1
            self._read_some(1.0)
            greeting = {each for each in greeting if not each.greeted}

    def listen(self) -> None:
        """Read until all are closed or nothing is left to wait for."""
        self._selector.register(sys.stdin, selectors.EVENT_READ, None)
        while self._open and self._read_some(None):
            pass

    def _read_some(self, within_s: float | None) -> bool:
        for key, _ in self._selector.select(within_s):
            if key.data is None:
                return False
            if not key.data.read(self.heard):
                self._selector.unregister(key.data.socket)
                key.data.socket.close()
                self._open -= 1
        return True


def main() -> None:
    """See the module."""
    asked = json.loads(sys.stdin.readline())
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    crowd = Crowd(asked["host"], asked["port"])
    crowd.gather(asked["paths"])
    print("open", flush=True)
    begun = time.process_time()
    crowd.listen()
    crowd.heard.cpu_s = time.process_time() - begun
    print(json.dumps(vars(crowd.heard)), flush=True)
    os._exit(0)  # closing thousands of sockets one by one helps nobody


if __name__ == "__main__":
    main()
