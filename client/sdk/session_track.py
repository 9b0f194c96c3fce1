"""What a client knows of its live session: who it is, what has no answer yet, where to go on. No I/O."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from pydantic import TypeAdapter

from client.sdk.calls import API
from client.sdk.following import Line
from client.sdk.problems import ApiProblem, BrokenRule, ConnectionFailed
from shared.inputs import Frame, Hand, Point
from shared.jobs import ErrorInfo
from shared.msgpacked import packed
from shared.packing import frame_floats, hand_floats
from shared.sessions import (
    FROM_GATEWAY,
    DroppedFrame,
    FrameFailed,
    FrameLost,
    FrameResult,
    RefusedFrame,
    Resume,
    SessionBegun,
    SessionEnded,
    SessionSpec,
    WindowReset,
)

Told = FrameResult | FrameFailed | FrameLost | DroppedFrame | RefusedFrame | WindowReset
"""What becomes of frames, and that the window was reset."""

_HAND: TypeAdapter[list[Point]] = TypeAdapter(Hand)
_GOING_AWAY, _OURS = 1001, 4000
_KNOWN = frozenset({"session", "result", "failed", "lost", "dropped", "refused", "reset", "ended"})
_SLACK = 2.0
_NEVER_CAME = "the connection broke before it came to a gateway"


class SessionTrack(Line[Told]):
    """``begun`` is set once the gateway has answered; ``unanswered`` are frames whose fate isn't known."""

    def __init__(self, url: str, spec: SessionSpec, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(url, 0)
        self.begun: SessionBegun | None = None
        self.failure: ApiProblem | None = None
        self.sent = 0
        self._spec = spec
        self._token = ""
        self._clock = clock
        self._open: dict[int | str, float] = {}
        self._never_came: list[int | str] = []

    @property
    def address(self) -> str:
        """Of the WebSocket: of a new session, or of one that goes on."""
        place = f"{self._url.replace('http', 'ws', 1)}{API}/ws/sessions"
        if self.begun is not None:
            return place
        fields = self._spec.model_dump(mode="json", exclude_defaults=True)
        return f"{place}?{urlencode({name: _plain(value) for name, value in fields.items()})}"

    @property
    def first_words(self) -> str | None:
        """What to send first: how to go on with a session that was lost."""
        if self.begun is None:
            return None
        said = Resume(type="resume", session=self.begun.session, token=self._token, after=self.after_seq or 0)
        return said.model_dump_json()

    @property
    def unanswered(self) -> int:
        """Frames whose fate isn't known; those that never reached a gateway are given up in time."""
        limit_s = _SLACK * (1 + self.begun.limits.lost_s) if self.begun else 0.0
        now = self._clock()
        self._open = {frame: at for frame, at in self._open.items() if now - at < limit_s}
        return len(self._open)

    @property
    def room(self) -> bool:
        """Whether a frame that is sent now drives no other out."""
        return self.begun is not None and self.unanswered < self.begun.limits.in_flight

    def message(
        self,
        image: bytes | None,
        landmarks: Sequence[Point | Mapping[str, float]] | None,
        moment: Frame | Mapping[str, Any] | None,
        frame: int | str | None,
        captured: float | None,
    ) -> bytes:
        """The message of exactly one of the three; its name is its number where it has none. Raises ValueError."""
        content = {
            "image": image,
            "landmarks": None if landmarks is None else hand_floats(_HAND.validate_python(landmarks)),
            "moment": None if moment is None else frame_floats([Frame.model_validate(moment)]),
        }
        given = {name: value for name, value in content.items() if value is not None}
        if len(given) != 1:
            msg = "give exactly one of image, landmarks or moment"
            raise ValueError(msg)
        name = self.sent if frame is None else frame
        self.sent += 1
        self._open[name] = self._clock()
        return packed({"frame": name, "captured": captured, **given})

    def hear(self, text: str | bytes) -> Told | None:
        """See the base."""
        if json.loads(text).get("type") not in _KNOWN:
            return None
        told = FROM_GATEWAY.validate_json(text)
        match told:
            case SessionBegun():
                self._begin(told)
                return None
            case SessionEnded():
                self._end(told)
                return None
            case FrameResult() | FrameFailed() | FrameLost():
                if told.seq <= (self.after_seq or 0):
                    return None
                self.after_seq = told.seq
            case _:
                pass
        self._failures = 0
        if not isinstance(told, WindowReset) and told.frame is not None:
            self._open.pop(told.frame, None)
        return told

    def never_came(self) -> FrameLost | None:
        """A frame that was sent into a connection that broke, and that no gateway got."""
        begun = self.begun
        if begun is None or (self.after_seq or 0) < begun.seq:
            return None  # answers that are still to come may name it
        while self._never_came:
            frame = self._never_came.pop(0)
            if self._open.pop(frame, None) is not None:
                error = ErrorInfo(code="lost", title="The frame is lost", detail=_NEVER_CAME, retryable=True)
                return FrameLost(seq=self.after_seq or 0, number=0, frame=frame, dropped=0, error=error)
        return None

    def closed(self, code: int | None, why: str) -> None:
        """The connection ended. Raises ConnectionFailed when there never was one."""
        if self.failure is None:
            if code == 1000:  # noqa: PLR2004  a normal end
                self.ended = True
            else:
                self.lost(why)

    def refuse(self) -> None:
        """Raise why the session can't go on, if so."""
        if self.failure is not None:
            raise self.failure
        if self.ended:
            raise ConnectionFailed(self._url, "the session has ended")

    def _begin(self, begun: SessionBegun) -> None:
        self.connected()
        self._token = begun.token or self._token
        self.begun = begun
        self._never_came = [frame for frame in self._open if frame not in begun.open]

    def _end(self, ended: SessionEnded) -> None:
        error = ended.error
        if error.retryable and self.begun is not None:
            return  # the connection closes now, and another goes on
        self.ended = True
        self.failure = ApiProblem(
            status=ended.status,
            code=error.code,
            title=error.title,
            detail=error.detail,
            errors=tuple(BrokenRule(*each) for each in ended.errors),
        )


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
