"""Live sessions of the blocking client."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from client.sdk.credentials import Credentials
from client.sdk.following import MAX_FRAME_BYTES
from client.sdk.problems import problem_of, reason
from client.sdk.session_track import SessionTrack, Told
from shared.inputs import Frame, Point
from shared.sessions import SessionBegun, SessionSpec

_OPEN_S = 30.0


class LiveSession:
    """A session, from ``with`` to its end. One thread may send while another receives.

    A lost connection is made again, to whichever gateway answers, and the session goes on there.
    Methods raise ApiProblem when the session can't go on, ConnectionFailed when no gateway answers.
    """

    def __init__(self, url: str, spec: SessionSpec, headers: Mapping[str, str] | None = None) -> None:
        """``headers``: sent with each connection; they may say who calls."""
        self._track = SessionTrack(url, spec)
        self._headers = headers
        self._socket: ClientConnection | None = None
        self._line = ExitStack()

    @property
    def begun(self) -> SessionBegun:
        """What the gateway said of it: its id, kinds of frames that it takes, limits. Inside of ``with`` alone."""
        assert self._track.begun is not None  # noqa: S101  set by __enter__
        return self._track.begun

    @property
    def unanswered(self) -> int:
        """Frames that were sent and whose fate isn't known."""
        return self._track.unanswered

    @property
    def has_room(self) -> bool:
        """Whether a frame that is sent now drives no other out."""
        return self._track.room

    def __enter__(self) -> Self:
        self._connect()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def send(
        self,
        image: bytes | Path | None = None,
        *,
        landmarks: Sequence[Point | Mapping[str, float]] | None = None,
        moment: Frame | Mapping[str, Any] | None = None,
        frame: int | str | None = None,
        captured: float | None = None,
    ) -> None:
        """Send exactly one photo, hand or moment, and don't wait for its answer.

        ``frame``: its name in the answer, by default its number from 0 on; ``captured``: comes back as it is.
        When more frames are on their way than fit, the oldest that waits goes: see ``has_room``.
        """
        photo = image.read_bytes() if isinstance(image, Path) else image
        self._say(self._track.message(photo, landmarks, moment, frame, captured))

    def reset(self) -> None:
        """Empty the window of a model that has one."""
        self._say('{"type":"reset"}')

    def receive(self, timeout_s: float | None = None) -> Told | None:
        """What became of a frame; None when nothing came in time.

        A FrameLost with number 0: the connection broke before the frame came to a gateway.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            socket = self._connected()
            if (lost := self._track.never_came()) is not None:
                return lost
            left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                told = self._track.hear(socket.recv(left_s))
            except TimeoutError:
                return None
            except (OSError, WebSocketException) as error:
                self._again(error)
                continue
            if told is not None:
                return told

    def answers(self) -> Generator[Told]:
        """What becomes of frames, as long as some are unanswered."""
        while self.unanswered:
            told = self.receive(timeout_s=0.2)
            if told is not None:
                yield told

    def close(self) -> None:
        """End the session. May be repeated."""
        socket, self._socket = self._socket, None
        if socket is None:
            return
        self._track.ended = True
        try:
            socket.send('{"type":"close"}')
        except (OSError, WebSocketException):
            pass  # it lapses by itself
        finally:
            self._hang_up()

    def _say(self, message: str | bytes) -> None:
        while True:
            try:
                self._connected().send(message)
            except (OSError, WebSocketException) as error:
                self._again(error)
            else:
                return

    def _connected(self) -> ClientConnection:
        if self._socket is None:
            self._connect()
        assert self._socket is not None  # noqa: S101  as _connect returns
        return self._socket

    def _connect(self) -> None:
        while self._socket is None:
            self._track.refuse()
            try:
                self._socket = self._open()
            except InvalidStatus as refused:
                answer = refused.response
                raise problem_of(answer.status_code, answer.headers, answer.body or b"") from refused
            except (OSError, WebSocketException) as error:
                self._again(error)

    def _open(self) -> ClientConnection:
        track = self._track
        connecting = connect(
            track.address,
            max_size=MAX_FRAME_BYTES,
            compression=None,
            open_timeout=_OPEN_S,
            additional_headers=self._headers,
        )
        with ExitStack() as line:
            socket = line.enter_context(connecting)
            if track.first_words is not None:
                socket.send(track.first_words)
            track.hear(socket.recv(_OPEN_S))
            track.refuse()
            self._line = line.pop_all()
        return socket

    def _hang_up(self) -> None:
        self._socket = None
        with suppress(OSError, WebSocketException):
            self._line.close()

    def _again(self, error: Exception) -> None:
        self._hang_up()
        code = error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd else None
        self._track.closed(code, reason(error))
        self._track.refuse()
        time.sleep(self._track.pause())


class SessionMethods:
    """What ``Framelane`` can do about live sessions."""

    url: str
    _who: Credentials

    def session(self, model: str, **asked: Any) -> LiveSession:
        """A live session, to be entered with ``with``.

        ``asked``: further fields of SessionSpec: ``device``, ``priority``, ``top_k``, ``min_confidence``,
        ``mirror``, ``runtime``, ``record``. Raises pydantic.ValidationError for others.
        """
        return LiveSession(self.url, SessionSpec(model=model, **asked), self._who.headers)
