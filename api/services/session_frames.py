"""Messages of a live session, read and checked. Pure."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import from_json

from api.services.documents import plainly
from shared.inputs import FRAME_COLUMNS, LANDMARK_COLUMNS, MAX_COORDINATE
from shared.msgpacked import unpacked
from shared.packing import all_moderate, frame_floats, hand_floats
from shared.ports.sessions import NewFrame
from shared.session_errors import FrameRefused, FramesTooFast, FrameTooLarge, FrameUnreadable
from shared.sessions import FROM_CLIENT, Close, FrameKind, Reset, Resume, SendFrame

_PHOTOS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF")
_COLUMNS: dict[str, int] = {"landmarks": LANDMARK_COLUMNS, "moment": FRAME_COLUMNS}
_MOST_FIELDS = 8
_NOTHING = '"frame":null,"captured":null'

Told = NewFrame | Reset | Close


class FrameReader:
    """Reads what clients send. ``check_image`` raises ValueError for bytes that aren't a photo we take."""

    def __init__(
        self, model: str, takes: Sequence[FrameKind], frame_bytes: int, check_image: Callable[[bytes], None]
    ) -> None:
        self._model = model
        self._takes = takes
        self._most = frame_bytes
        self._check_image = check_image

    def read(self, message: str | bytes) -> Told:
        """Raises FrameRefused saying what to do; its ``meta`` names the frame as far as it can be told."""
        if len(message) > self._most:
            raise FrameTooLarge(
                f"{len(message):,} bytes; at most {self._most:,} are taken (FRAMELANE_SESSIONS__FRAME_BYTES): "
                "send smaller pictures or a lower quality"
            )
        if isinstance(message, str):
            return self._document(message)
        if message.startswith(_PHOTOS):
            return self._frame("image", message, _NOTHING)
        return self._packed(message)

    def _document(self, text: str) -> Told:
        try:
            said = FROM_CLIENT.validate_json(text)
        except ValidationError as error:
            raise _named(FrameUnreadable(_plainly(error)), _meta_in(text)) from None
        match said:
            case SendFrame():
                return self._points(said)
            case Resume():
                raise FrameUnreadable("`resume` is for the first message of a connection without `model`")
            case _:
                return said

    def _points(self, said: SendFrame) -> NewFrame:
        meta = meta_of(said.frame, said.captured)
        if (said.landmarks is None) == (said.moment is None):
            raise _named(FrameUnreadable("give exactly one of landmarks or moment; photos are binary"), meta)
        if said.landmarks is not None:
            return self._frame("landmarks", hand_floats(said.landmarks), meta)
        return self._frame("moment", frame_floats([said.moment] if said.moment else []), meta)

    def _packed(self, message: bytes) -> NewFrame:
        fields = _unpacked(message)
        content = {name: fields.pop(name) for name in ("image", *_COLUMNS) if name in fields}
        meta = _meta_of(fields)
        if len(content) != 1:
            raise _named(FrameUnreadable("give exactly one of image, landmarks or moment, as bytes"), meta)
        ((kind, value),) = content.items()
        if not isinstance(value, bytes):
            raise _named(FrameUnreadable(f"{kind} must be bytes"), meta)
        columns = _COLUMNS.get(kind)
        if columns is not None and (len(value) != columns * 4 or not all_moderate(value)):
            says = f"{kind} must be {columns} little-endian float32, finite and within ±{MAX_COORDINATE:,.0f}"
            raise _named(FrameUnreadable(says), meta)
        return self._frame(cast("FrameKind", kind), value, meta)

    def _frame(self, kind: FrameKind, content: bytes, meta: str) -> NewFrame:
        if kind not in self._takes:
            says = f"{self._model} takes {' or '.join(self._takes)} frames, not {kind}"
            raise _named(FrameUnreadable(says), meta)
        if kind == "image":
            try:
                self._check_image(content)
            except ValueError as error:
                raise _named(FrameUnreadable(str(error)), meta) from None
        return NewFrame(kind, content, meta)


class Pace:
    """Lets ``per_s`` frames a second through, and a second's worth at once."""

    def __init__(self, per_s: float, most_refusals: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._most = most_refusals
        self._clock = clock
        self._left = self._burst = max(per_s, 1.0)
        self._at = clock()
        self._refused = 0

    @property
    def hopeless(self) -> bool:
        """So many in a row came too fast that nobody listens."""
        return self._refused >= self._most

    def take(self) -> None:
        """Raises FramesTooFast."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1.0:
            self._refused += 1
            raise FramesTooFast(
                f"at most {self._per_s:g} frames a second are taken (FRAMELANE_SESSIONS__FRAMES_PER_S): send fewer"
            )
        self._left -= 1.0
        self._refused = 0


def meta_of(frame: int | str | None, captured: float | None) -> str:
    """The client's own members, as they stand in answers."""
    return f'"frame":{json.dumps(frame)},"captured":{json.dumps(captured)}'


def _meta_of(fields: dict[str, Any]) -> str:
    try:
        said = SendFrame.model_validate(fields)
    except ValidationError as error:
        raise FrameUnreadable(_plainly(error)) from None
    return meta_of(said.frame, said.captured)


def _meta_in(text: str) -> str:
    """Of a message that isn't a frame, which it was meant to be."""
    try:
        fields: Any = from_json(text)
        return _meta_of({name: fields[name] for name in ("frame", "captured") if name in fields})
    except (ValueError, TypeError, FrameRefused):
        return FrameRefused.meta


def _named(error: FrameRefused, meta: str) -> FrameRefused:
    error.meta = meta
    return error


def _unpacked(message: bytes) -> dict[str, Any]:
    try:
        return unpacked(message, _MOST_FIELDS)
    except ValueError as error:
        raise FrameUnreadable(f"neither a JPEG, PNG or WebP photo nor a msgpack map: {error}") from None


def _plainly(error: ValidationError) -> str:
    first = error.errors()[0]
    where = "/".join(map(str, first["loc"]))
    return f"/{where}: {plainly(first)}"
