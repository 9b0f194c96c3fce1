"""One POST to a stranger's URL: to an address that was looked at first, within a time that holds for all of it."""

import io
import socket
import ssl
from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from typing import Any

from typing_extensions import override

from workers.dialing import Deadline, Dialer, LookUp, Refused, Target, look_up
from workers.webhooks.schedule import Answer, NoAnswer, read_retry_after

USER_AGENT = "Framelane-Webhooks/1"

_READ_BYTES = 64 * 1024
_BODY_BYTES = 4 * 1024
_BODY_S = 0.5


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
        self._dialer = Dialer(private_hosts, tls, resolve)

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
        with closing(self._dialer.dial(target, deadline)) as sock:
            return _exchange(_Line(sock, deadline), target, body, headers)


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
