"""Live sessions as they stand on the wire: what a client sends, and what it is told.

A text message is JSON; a binary one is a JPEG, PNG or WebP photo as it is, or a msgpack map of the fields of
``SendFrame`` whose arrays may be bytes: ``image`` a photo, ``landmarks`` 63 and ``moment`` 258 little-endian
float32.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, TypeAdapter

from shared.catalogue import CatalogueEntry
from shared.common import Name
from shared.devices import AUTO, DeviceRequest
from shared.inputs import WORD_FRAMES, Frame, Hand, Wire
from shared.jobs import ErrorInfo
from shared.predictions import Answer, Prediction
from shared.specs import InferenceOptions, Runtime

FRAME_TASK = "framelane.frame"
"""Wire name of the task that looks after one frame of a session."""

FrameKind = Literal["image", "landmarks", "moment"]
FrameId = Annotated[int, Field(strict=True, ge=0, lt=2**53)] | Annotated[str, Field(strict=True, max_length=100)]
"""The client's own name for a frame."""

Captured = Annotated[FiniteFloat, Field(strict=True)]
"""When the client took the frame, on a clock of its own; it comes back as it is."""


class SessionSpec(Wire):
    """What a session asks for. ``priority`` is above that of most jobs: somebody looks at the camera's picture."""

    model: Name
    device: DeviceRequest = AUTO
    priority: Annotated[int, Field(ge=0, le=9)] = 7
    top_k: Annotated[int | None, Field(ge=1, le=50)] = None
    min_confidence: Annotated[float | None, Field(ge=0, le=1)] = None
    mirror: bool = False
    runtime: Runtime = "auto"
    record: bool = False

    @property
    def options(self) -> InferenceOptions:
        """As of a job."""
        return InferenceOptions(
            top_k=self.top_k, min_confidence=self.min_confidence, mirror=self.mirror, runtime=self.runtime
        )


class SendFrame(Wire):
    """A frame that is no photo: one hand, or one moment of a movement."""

    type: Literal["frame"] = "frame"
    frame: FrameId | None = None
    captured: Captured | None = None
    landmarks: Hand | None = None
    moment: Frame | None = None


class Reset(Wire):
    """Empty the window: frames that were sent before this add nothing to it any more."""

    type: Literal["reset"]


class Close(Wire):
    """End the session. Frames that run or wait get no answer."""

    type: Literal["close"]


class Resume(Wire):
    """Go on with a session. ``after``: the ``seq`` of the last answer that is known, 0 for none."""

    type: Literal["resume"]
    session: Annotated[str, Field(max_length=100)]
    token: Annotated[str, Field(max_length=200)]
    after: Annotated[int, Field(ge=0)] = 0


FromClient = Annotated[SendFrame | Reset | Close | Resume, Field(discriminator="type")]
FROM_CLIENT: TypeAdapter[FromClient] = TypeAdapter(FromClient)


class SessionLimits(Answer):
    """What a client may send. ``left_s``: until the session ends, whatever it does.

    ``lost_s``: a frame that has no answer by then is told as lost.
    """

    in_flight: int
    frame_bytes: int
    frames_per_s: float
    lost_s: float
    idle_s: float
    left_s: float


class SessionBegun(Answer):
    """First to come. ``token``: with the session's id it lets anyone resume it; told once, null when resumed.

    ``window``: frames that a windowed model looks at; null for others. ``seq``: of the last answer so far.
    ``open``: the client's names of frames that run or wait. One that isn't among them, nor among the answers up to
    ``seq``, never came.
    """

    type: Literal["session"] = "session"
    session: str
    token: str | None
    resumed: bool
    model: str
    device: str
    lane: str
    takes: list[FrameKind]
    window: int | None
    record: bool
    seq: int
    open: list[FrameId | None] = Field(default_factory=list[FrameId | None])
    limits: SessionLimits


class FrameTimings(Answer):
    """Seconds since the epoch on the store's clock, then milliseconds.

    ``received``: by the gateway; ``queued``: in the store; ``started`` and ``done``: by the worker. ``wait_ms`` is
    from received to started, ``run_ms`` from there to done; the last three are inside of it.
    """

    received: float
    queued: float
    started: float
    done: float
    wait_ms: float
    run_ms: float
    decode_ms: float
    landmarks_ms: float
    model_ms: float


class FrameAnswer(Answer):
    """What became of a frame. Answers have rising ``seq``, without gaps; ``number`` counts frames as they came.

    ``frame`` and ``captured`` are the client's own; ``dropped``: frames of the session so far that were dropped.
    """

    seq: int
    number: int
    frame: FrameId | None = None
    captured: float | None = None
    dropped: int


class FrameSaid(Answer):
    """What the model says. ``window``: frames it looked at, of a windowed model."""

    model: str
    version: str
    runtime: str
    device: str
    prediction: Prediction
    window: int | None = None
    timings: FrameTimings


class FrameResult(FrameAnswer, FrameSaid):
    """What the model says of a frame."""

    type: Literal["result"] = "result"


class FrameFailed(FrameAnswer):
    """The frame couldn't be worked on; the session goes on."""

    type: Literal["failed"] = "failed"
    error: ErrorInfo


class FrameLost(FrameAnswer):
    """No answer came in time: its worker is gone, or no worker took it. The session goes on."""

    type: Literal["lost"] = "lost"
    error: ErrorInfo


class DroppedFrame(Answer):
    """A newer frame came before it was begun."""

    type: Literal["dropped"] = "dropped"
    number: int
    frame: FrameId | None = None
    captured: float | None = None
    dropped: int


class RefusedFrame(Answer):
    """The frame wasn't taken. Nothing else changes."""

    type: Literal["refused"] = "refused"
    frame: FrameId | None = None
    error: ErrorInfo


class WindowReset(Answer):
    """The window is empty. ``after``: number of the last frame that doesn't count any more."""

    type: Literal["reset"] = "reset"
    after: int


class SessionEnded(Answer):
    """Last to come. If ``error.retryable``, coming back helps: the session, if there was one, is still there.

    ``status``: the HTTP status that the error has elsewhere.
    """

    type: Literal["ended"] = "ended"
    error: ErrorInfo
    status: int = 500
    errors: list[tuple[str, str]] = Field(default_factory=list[tuple[str, str]])


FromGateway = Annotated[
    SessionBegun
    | FrameResult
    | FrameFailed
    | FrameLost
    | DroppedFrame
    | RefusedFrame
    | WindowReset
    | SessionEnded,
    Field(discriminator="type"),
]
FROM_GATEWAY: TypeAdapter[FromGateway] = TypeAdapter(FromGateway)

POSE_MODEL = "pose_landmarker"
"""Makes a moment of a photo, for models of movements."""


def windowed(entry: CatalogueEntry) -> bool:
    """Whether the model looks at frames before the newest."""
    return entry.architecture == "word_lstm"


def window_of(entry: CatalogueEntry) -> int:
    """Frames that it looks at, 0 for a model without a window."""
    return WORD_FRAMES if windowed(entry) else 0


def takes(entry: CatalogueEntry) -> list[FrameKind]:
    """Kinds of frames that sessions of the model take."""
    if windowed(entry):
        return ["image", "moment"]
    known: tuple[FrameKind, ...] = ("image", "landmarks")
    return [kind for kind in known if kind in entry.accepts]


def needed(entry: CatalogueEntry, kind: FrameKind, entries: Mapping[str, CatalogueEntry]) -> list[str]:
    """Models that must be installed for frames of this kind, itself included."""
    if kind != "image":
        return [entry.name]
    if windowed(entry):
        pose = entries.get(POSE_MODEL)
        return [entry.name, POSE_MODEL, *(pose.requires.get("image", []) if pose else [])]
    return [entry.name, *entry.requires.get("image", [])]


SESSIONS_FOLDER = "sessions/"
"""Below it lie files of recorded sessions."""


def hashed(token: str) -> str:
    """How a token is kept. It is long and random, so that a plain digest is enough."""
    return sha256(token.encode()).hexdigest()


def record_key(session_id: str, name: str) -> str:
    """Where a file of a recorded session lies."""
    return f"{SESSIONS_FOLDER}{session_id}/{name}"


def part_name(first: int) -> str:
    """Name of a file of answers; ``first``: how many lines are in those before it."""
    return f"results-{first:08d}.jsonl"
